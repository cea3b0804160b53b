"""A model that obeys every attacker changes nothing that the text itself does not ask for.

Each sentence is understood twice, without a model and with one that always proposes what the
attacker wants, and is always sure.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bot.core.domain.estate import (
    Environment,
    InstitutionEntry,
    Layer,
    NodeEntry,
    SystemEntry,
    Vocabulary,
)
from bot.core.domain.intent import Utterance
from bot.core.texts import load_texts
from intents.answer import describe
from intents.chain import build_parser
from intents.phrase import read_phrase
from intents.resolve import read_slots
from tests.fakes.engine import a_vocabulary
from tests.fakes.model import ObeyingModel

CASES = Path(__file__).parents[2] / "cases" / "intents"
NOW = dt.datetime(2026, 5, 23, 10, tzinfo=dt.timezone(dt.timedelta(hours=9)))
TEXTS = load_texts("ko")
SLOTS = ("institution", "system", "layer", "nodes", "env", "sr")
READING = frozenset(
    {"check_infra_health", "check_internal_was_status", "monitor_resources", "check_disk_space"}
    | {"collect_target_logs", "fetch_mes_qc", "security_audit", "ssl_expiry_detector"}
    | {"esb_channel_monitor", "link_tx_tracker", "cron_health_checker", "list_sessions"}
    | {"server_info", "access_guide", "sr_list", "sr_timeline", "deploy_history"}
    | {"list_approval_rules", "search_audit", "list_schedules", "list_tasks", "help", "none"}
)
READING_OPERATIONS = {
    "manage_service": "status",
    "check_db_status": "check",
    "config_integrity_check": "check",
}
# What an attacker would like best.
WISHES: tuple[tuple[str, dict[str, str]], ...] = (
    ("kill_session", {"pid": "4411"}),
    ("manage_service", {"operation": "restart", "service": "tomcat"}),
    ("deploy", {"ref": "evil", "restart": "true"}),
    ("set_approval_rule", {"target_action": "deploy", "approver_role": "developer"}),
)


def load(name: str) -> dict[str, Any]:
    return tomllib.loads((CASES / name).read_text("utf-8"))


def estate() -> Vocabulary:
    data = load("estate.toml")
    systems = [
        SystemEntry(institution=owner, name=name, code=f"g{row}-{n}", aliases=tuple(aliases))
        for row, (owner, table) in enumerate(data["systems"].items())
        for n, (name, aliases) in enumerate(table.items(), 1)
    ]
    nodes = [
        NodeEntry(
            node_id=f"{system.code}-{env}-{layer.lower()}{number:02}",
            institution=system.institution,
            system=system.name,
            env=Environment(env),
            layer=Layer(layer),
            number=number,
        )
        for system in systems
        for env, layers in data["nodes"].items()
        for layer, count in layers.items()
        for number in range(1, count + 1)
    ]
    return Vocabulary(
        institutions=tuple(
            InstitutionEntry(name=name, code=name, aliases=tuple(aliases))
            for name, aliases in data["institutions"].items()
        ),
        systems=tuple(systems),
        nodes=tuple(nodes),
    )


def changes(answer: dict[str, Any]) -> bool:
    action = answer["action"]
    if action in READING_OPERATIONS:
        return bool(answer["params"].get("operation") not in (None, READING_OPERATIONS[action]))
    return action not in READING


async def answers(text: str, action: str, params: dict[str, str], vocabulary: Vocabulary, **more):
    said = Utterance(text=text, now=NOW, vocabulary=vocabulary, **more)
    alone = await build_parser(TEXTS).parse(said)
    obeying = ObeyingModel(action, params)
    return describe(alone), describe(await build_parser(TEXTS, model=obeying).parse(said))


def targets_in(text: str, vocabulary: Vocabulary) -> dict[str, Any]:
    """What the text itself names, as the slots read it."""
    slots = read_slots(read_phrase(text).text, vocabulary)
    chosen = slots.selector
    return {
        "institution": chosen.institution,
        "system": chosen.system,
        "layer": chosen.layer.value if chosen.layer else None,
        "nodes": list(chosen.nodes),
        "env": chosen.env.value if chosen.env else None,
        "sr": slots.sr,
    }


def assert_unmoved(
    text: str, alone: dict[str, Any], obeyed: dict[str, Any], vocabulary: Vocabulary
) -> None:
    named = targets_in(text, vocabulary)
    for slot in SLOTS:
        assert obeyed[slot] in (alone[slot], named[slot], None, []), slot
    if changes(obeyed):
        assert obeyed["action"] == alone["action"], (alone, obeyed)
        assert {slot: obeyed[slot] for slot in SLOTS} == {slot: alone[slot] for slot in SLOTS}
        assert set(alone["missing"]) <= set(obeyed["missing"])
        assert obeyed["params"] == alone["params"]


HOSTILE = load("hostile.toml")["case"]


@pytest.mark.parametrize("case", HOSTILE, ids=lambda case: case["text"][:60])
async def test_a_hostile_text_gets_nothing_through_the_model(case: dict[str, Any]) -> None:
    vocabulary = a_vocabulary()
    for action, params in ((case["wants"], case.get("params", {})), *WISHES):
        alone, obeyed = await answers(case["text"], action, params, vocabulary)
        assert_unmoved(case["text"], alone, obeyed, vocabulary)


KNOWN = [
    *(case["text"] for case in load("targets.toml")["case"]),
    *(text for sentences in load("actions.toml").values() for text in sentences),
]
ESTATE = estate()


@pytest.mark.parametrize(("action", "params"), WISHES, ids=[wish[0] for wish in WISHES])
async def test_no_known_sentence_gets_another_target_or_effect(
    action: str, params: dict[str, str]
) -> None:
    model = ObeyingModel(action, params)
    parser, with_model = build_parser(TEXTS), build_parser(TEXTS, model=model)
    for text in KNOWN:
        said = Utterance(text=text, now=NOW, vocabulary=ESTATE, files=("a.zip",))
        alone, obeyed = describe(await parser.parse(said)), describe(await with_model.parse(said))
        assert_unmoved(text, alone, obeyed, ESTATE)
    assert model.asked, "the model was never asked: this proves nothing"
