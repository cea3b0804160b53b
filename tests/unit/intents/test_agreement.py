"""Who decides what becomes of a message: the table is data in ``tests/cases/intents``."""

from __future__ import annotations

import itertools
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bot.core.domain.intent import Intent, Source
from intents.agreement import READS, Heard, Kind, Stance, decide, label_of, labelled, wants_model
from intents.proposal import Proposal
from prompts import load_examples

CASES = Path(__file__).parents[2] / "cases" / "intents"
TABLE = tomllib.loads((CASES / "agreement.toml").read_text("utf-8"))["case"]
LABELS = tuple(load_examples())


def heard(told: str) -> Heard:
    stance, _, label = told.partition(" ")
    action, _, operation = label.partition("/")
    params = {"operation": operation} if operation else {}
    answer = Intent(action=action, params=params) if label else Intent(action="none")
    return Heard(answer=answer, stance=Stance(stance))


def proposed(label: str, probability: float, source: Source, others: Any = ()) -> Proposal:
    action, _, operation = label.partition("/")
    return Proposal(
        action=action,
        probability=probability,
        source=source,
        params={"operation": operation} if operation else {},
        others=tuple((name, share) for name, share in others),
    )


def guess(label: str, probability: float, others: Any = ()) -> Proposal:
    return proposed(label, probability, Source.CLASSIFIER, others)


def opinion(label: str) -> Proposal:
    return proposed(label, 0.8, Source.LLM)


@pytest.mark.parametrize("case", TABLE, ids=[case["why"] for case in TABLE])
def test_decides_as_the_table_says(case: dict[str, Any]) -> None:
    classifier = (
        guess(*case["classifier"], case.get("others", ())) if "classifier" in case else None
    )
    model = opinion(case["model"]) if "model" in case else None
    decision = decide(heard(case["rules"]), classifier, model)
    assert (decision.kind, decision.reason) == (Kind(case["kind"]), case["reason"])
    assert decision.label == case.get("label")
    assert list(decision.choices) == case.get("choices", [])


@pytest.mark.parametrize("stance", [stance for stance in Stance if stance is not Stance.NAMED])
def test_nothing_is_changed_without_the_rules_or_two_others(stance: Stance) -> None:
    for label, voice, share in itertools.product(LABELS, (None, *LABELS), (0.2, 0.5, 0.7, 1.0)):
        model = opinion(voice) if voice else None
        decision = decide(heard(stance.value), guess(label, share), model)
        if decision.kind is Kind.ACT and decision.label not in READS:
            assert voice == label == decision.label
            assert share >= 0.6
            assert stance in (Stance.OPEN, Stance.SILENT)


def test_the_model_alone_never_acts() -> None:
    for stance, voice in itertools.product(Stance, LABELS):
        told = "named deploy" if stance is Stance.NAMED else stance.value
        assert decide(heard(told), None, opinion(voice)).kind is not Kind.ACT


def test_what_the_rules_named_never_becomes_a_change_unasked() -> None:
    for named, label, voice in itertools.product(
        ("deploy", "server_info"), LABELS, (None, *LABELS)
    ):
        model = opinion(voice) if voice else None
        decision = decide(heard(f"named {named}"), guess(label, 1.0), model)
        if decision.kind is Kind.ACT:
            assert named in READS
            assert decision.label in READS
        if named == "deploy":
            assert decision.kind in (Kind.KEEP, Kind.ASK)


def test_the_model_is_only_asked_where_it_can_change_something() -> None:
    for stance, label, share in itertools.product(Stance, LABELS, (0.2, 0.5, 0.9, 1.0)):
        told = "named deploy" if stance is Stance.NAMED else stance.value
        if wants_model(heard(told), guess(label, share)):
            continue
        alone = decide(heard(told), guess(label, share), None)
        for voice in LABELS:
            together = decide(heard(told), guess(label, share), opinion(voice))
            assert (together.kind, together.label) == (alone.kind, alone.label), (told, label)


def test_an_operation_that_is_not_told_is_the_one_that_only_looks() -> None:
    assert labelled("check_db_status") == "check_db_status/check"
    assert labelled("deploy", "restart") == "deploy"
    assert label_of(opinion("manage_service")) == "manage_service/status"
