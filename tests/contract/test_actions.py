"""What every action of the catalogue keeps, and what a fake one must keep too."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import pytest

from actions.catalog import ACTIONS, action_of, actions_in
from agent.wire.operations import Operation, effect_of
from bot.core.domain.guide import GuideAnswer
from bot.core.domain.people import Actor, Role
from bot.core.domain.plan import Plan, Risk
from bot.core.domain.report import Report
from bot.core.errors import GuardiaError, UserError
from bot.core.ports import Action, ActionRequest
from bot.core.texts import load_texts
from tests.fakes.planning import deploy_request, deployment_of, pair, request_for

SLOTS = {
    "institution",
    "system",
    "layer",
    "env",
    "sr",
    "files",
    "guides",
    "seen",
    "scripts",
    "permitted",
    "or:crontab",
}
TEXTS = load_texts("ko")


@pytest.fixture(params=ACTIONS, ids=lambda action: action.action_id)
def action(request: pytest.FixtureRequest) -> Action:
    found: Action = request.param
    return found


def _asked() -> ActionRequest:
    two = pair()
    asked = deploy_request({"a.class": "changed"}, two)
    history = (deployment_of("J260401-AAAAAA", two.nodes),)
    asked = request_for(two, artifact=asked.artifact, facts=asked.facts, history=history)
    return replace(asked, guides=GuideAnswer())


def _made(action: Action) -> Plan | Report | tuple[str, str]:
    """What it makes of that request; or why it cannot, in words."""
    try:
        return action.plan(_asked())
    except UserError as refused:
        return TEXTS.explain(refused)


def test_ids_are_unique_and_found() -> None:
    assert len({action.action_id for action in ACTIONS}) == len(ACTIONS)
    assert all(action_of(action.action_id) is action for action in ACTIONS)
    assert action_of("rm") is None


def test_needs_only_slots_that_exist(action: Action) -> None:
    assert action.needs <= SLOTS
    assert action.risk in Risk


def test_is_pure_and_synchronous(action: Action) -> None:
    assert not inspect.iscoroutinefunction(action.plan)
    assert not inspect.iscoroutinefunction(action.survey)
    assert _made(action) == _made(action)


def test_surveys_by_reading_only(action: Action) -> None:
    looks: Sequence[Operation] = ()
    with suppress(UserError):  # it cannot be done there: nothing is looked at
        looks = action.survey(_asked())
    assert all(effect_of(operation) == "read" for operation in looks)


def test_answers_with_a_plan_of_its_own_or_a_report(action: Action) -> None:
    made = _made(action)
    if isinstance(made, tuple):
        assert all(made)
        return
    if isinstance(made, Report):
        assert made.summary
        return
    assert isinstance(made, Plan)
    assert made.action == made.wire.action == action.action_id
    assert made.digest == made.wire.digest()
    assert made.wire.job_id == _asked().job_id
    assert made.wire.requested_by == _asked().actor.person_id


def test_refuses_a_missing_target_in_words(action: Action) -> None:
    if "system" not in action.needs:
        pytest.skip("needs no target")
    with pytest.raises(GuardiaError) as refused:
        action.plan(request_for(None))
    assert refused.value.code == "target_unknown"


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("role", list(Role))
def test_help_has_examples_for_every_role(language: str, role: Role) -> None:
    texts = load_texts(language)
    found = {action.action_id: action for action in actions_in(texts)}
    asked = _asked()
    report = found["help"].plan(request_for(None, actor=_with_role(asked.actor, role)))
    assert isinstance(report, Report)
    assert report.sections


def test_server_info_never_shows_a_whole_address() -> None:
    found = action_of("server_info")
    assert found is not None
    shown = repr(found.plan(_asked()))
    assert "10.100.x.x" in shown
    assert "10.100.1." not in shown


def _with_role(actor: Actor, role: Role) -> Actor:
    return replace(actor, role=role)
