"""What is said behind a plan that waits: the cases are data in ``tests/cases/intents``."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.core.domain.estate import Environment, Layer
from bot.core.domain.intent import Clarification, Intent, Selector, Utterance
from cmdb.importers.estate import vocabulary_of
from cmdb.importers.estate_csv import read_estate
from intents.chain import build_parser
from intents.corrections import CorrectingParser
from tests.fakes.model import ObeyingModel

ROOT = Path(__file__).parents[3]
VOCABULARY = vocabulary_of(read_estate(ROOT / "bot/app/demo/data"), None)
CASES = tomllib.loads((ROOT / "tests/cases/intents/corrections.toml").read_text("utf-8"))["said"]
PLANNED = Intent(
    action="manage_service",
    selector=Selector(
        institution="기획재정부",
        system="예산시스템",
        layer=Layer.WAS,
        env=Environment.PROD,
        nodes=(1,),
    ),
    params={"operation": "restart"},
    corrects="J260523-AAAAAA",
)


def heard(text: str, **values: Any) -> Utterance:
    now = dt.datetime(2026, 5, 23, 10, tzinfo=dt.UTC)
    values = {"planned": PLANNED} | values
    return Utterance(text=text, now=now, vocabulary=VOCABULARY, **values)


def shown(selector: Selector) -> list[object]:
    layer, env = selector.layer or "", selector.env or ""
    return [selector.system, str(layer), str(env), list(selector.nodes)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"])
async def test_a_correction_is_told_from_everything_else(case: Mapping[str, Any]) -> None:
    nodes = tuple(case.get("nodes", (1,)))
    planned = replace(PLANNED, selector=replace(PLANNED.selector, nodes=nodes))
    answer = await CorrectingParser(build_parser()).parse(heard(case["text"], planned=planned))
    intent = answer.partial if isinstance(answer, Clarification) else answer
    corrects = intent.corrects if intent else ""
    assert corrects == (PLANNED.corrects if "target" in case else "")
    if "target" in case:
        assert isinstance(answer, Intent)
        assert (answer.action, dict(answer.params)) == (PLANNED.action, dict(PLANNED.params))
        assert shown(answer.selector) == case["target"]
        assert list(answer.missing) == case.get("missing", [])


async def test_without_a_waiting_plan_nothing_is_corrected() -> None:
    parser = CorrectingParser(build_parser())
    for values in ({"planned": None}, {"addressed": False}):
        answer = await parser.parse(heard("아니 2번", **values))
        intent = answer.partial if isinstance(answer, Clarification) else answer
        assert intent is None or not intent.corrects


async def test_an_open_question_is_answered_before_a_plan_is_corrected() -> None:
    pending = replace(PLANNED, action="monitor_resources", params={}, corrects="")
    pending = replace(pending, missing=("env",), selector=replace(pending.selector, env=None))
    answer = await CorrectingParser(build_parser()).parse(heard("운영이요", pending=pending))
    assert isinstance(answer, Intent)
    assert (answer.action, answer.corrects) == ("monitor_resources", "")


async def test_dropped_files_are_a_request_of_their_own() -> None:
    parser = CorrectingParser(build_parser())
    answer = await parser.parse(heard("아니 2번", files=("a.zip",)))
    intent = answer.partial if isinstance(answer, Clarification) else answer
    assert intent is None or not intent.corrects


async def test_a_process_of_one_server_is_none_of_another() -> None:
    planned = replace(PLANNED, action="kill_session", params={"pid": 3321})
    answer = await CorrectingParser(build_parser()).parse(heard("아니 2번", planned=planned))
    intent = answer.partial if isinstance(answer, Clarification) else answer
    assert intent is None or not intent.corrects


async def test_a_deployment_is_not_taken_along_to_another_system() -> None:
    params = {"deployment": "J260401-AB12CD"}
    planned = replace(PLANNED, action="rollback", params=params)
    parser = CorrectingParser(build_parser())
    same = await parser.parse(heard("아니 2번", planned=planned))
    other = await parser.parse(heard("아니 홈택스로", planned=planned))
    assert isinstance(same, Intent)
    assert isinstance(other, Intent)
    assert (dict(same.params), dict(other.params)) == (params, {})
    assert other.corrects == PLANNED.corrects


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"])
async def test_a_model_that_obeys_an_attacker_changes_no_correction(
    case: Mapping[str, Any],
) -> None:
    model = ObeyingModel("manage_service", {"operation": "stop"})
    nodes = tuple(case.get("nodes", (1,)))
    planned = replace(PLANNED, selector=replace(PLANNED.selector, nodes=nodes))
    answer = await CorrectingParser(build_parser(model=model)).parse(
        heard(case["text"], planned=planned)
    )
    intent = answer.partial if isinstance(answer, Clarification) else answer
    corrects = intent.corrects if intent else ""
    assert corrects == (PLANNED.corrects if "target" in case else "")
    if intent is not None and corrects:
        assert dict(intent.params) == dict(PLANNED.params)
        assert shown(intent.selector) == case["target"]
