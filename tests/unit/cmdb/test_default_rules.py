"""What a new site's rules come to, together with policy."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from bot.core.domain.decision import Deny, Permit, RequireApproval
from bot.core.domain.people import Actor, Role
from bot.core.domain.plan import Risk
from bot.core.policy import Asked, decide
from cmdb.rules import DEFAULT_RULES

CASES = tomllib.loads(
    (Path(__file__).parents[2] / "cases" / "cmdb" / "default_rules.toml").read_text("utf-8")
)["case"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(map(str, case.values())))
def test_default_rules_decide(case) -> None:
    asked = Asked(
        action=case["action"],
        risk=Risk(case["risk"]),
        institution="기획재정부",
        environments=tuple(case["env"].split()),
    )
    for role in (Role(name) for name in case["roles"].split()):
        actor = Actor(person_id="u", name="n", role=role, institutions=frozenset({"기획재정부"}))
        decision = decide(asked, actor, DEFAULT_RULES)
        kinds = {Permit: "permit", RequireApproval: "approve", Deny: "deny"}
        assert kinds[type(decision)] == case["decision"], role
        if isinstance(decision, RequireApproval):
            (stage,) = decision.stages
            assert (set(stage.roles), stage.quorum) == ({Role.PART_LEADER, Role.PM}, 1)


def test_every_rule_names_its_roles() -> None:
    assert all(rule.roles for rule in DEFAULT_RULES)


def test_nobody_has_rights_elsewhere() -> None:
    asked = Asked(action="help", risk=Risk.READ, institution="법무부", environments=())
    actor = Actor(person_id="u", name="n", role=Role.PM, institutions=frozenset({"기획재정부"}))
    assert isinstance(decide(asked, actor, DEFAULT_RULES), Deny)
