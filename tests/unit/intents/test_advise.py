"""Overheard talk, and the few words about it: both are data in ``tests/cases/advice``."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bot.core.domain.advice import Order
from bot.core.domain.intent import Intent, Source, Utterance
from bot.core.domain.memory import Telling
from bot.core.texts import load_texts
from intents.advise import SymptomAdviser
from intents.orders import read_order
from intents.proposal import Proposal
from intents.rules import RuleParser
from intents.schema import CATALOGUE
from intents.symptoms import load_symptoms
from tests.fakes.engine import MOEF, SYSTEM, a_vocabulary

CASES = Path(__file__).parents[2] / "cases" / "advice"
READING = {
    "check_infra_health",
    "check_internal_was_status",
    "monitor_resources",
    "check_disk_space",
    "check_db_status",
    "collect_target_logs",
    "ssl_expiry_detector",
}


def cases(name: str, table: str) -> list[Any]:
    data = tomllib.loads((CASES / name).read_text("utf-8"))[table]
    return [pytest.param(case, id=str(case["text"]).strip()[:40]) for case in data]


async def advice_for(adviser: SymptomAdviser, text: str, *before: str) -> str | None:
    advice = await adviser.advise([*before, text])
    return advice.topic if advice else None


@pytest.mark.parametrize("case", [*cases("talk.toml", "talk"), *cases("styles.toml", "talk")])
async def test_talk_is_recognised_or_left_alone(case: Mapping[str, Any]) -> None:
    advice = await SymptomAdviser().advise([*case.get("before", ()), case["text"]])
    assert (advice.topic if advice else None) == case.get("topic")
    quoted = "\n".join(advice.evidence) if advice else ""
    assert case.get("evidence", "") in quoted
    assert "hidden" not in case or case["hidden"] not in quoted


@pytest.mark.parametrize("case", cases("orders.toml", "said"))
def test_an_order_is_a_whole_message(case: Mapping[str, Any]) -> None:
    order = read_order(case["text"])
    assert (order.order.value if order else None) == case.get("order")
    if "minutes" in case:
        assert order is not None
        assert order.span == dt.timedelta(minutes=case["minutes"])


def test_every_topic_checks_only_by_reading_and_has_its_words() -> None:
    for language in ("ko", "en"):
        texts = load_texts(language)
        for symptom in load_symptoms().topics:
            assert texts.has(f"advice.topic.{symptom.topic}")
            assert set(symptom.checks) <= READING & set(CATALOGUE)
            assert symptom.checks[-1] == "check_infra_health"  # exists on every site
            for check in symptom.checks:
                assert texts.has(f"advice.check.{check}")
                assert texts.has(f"advice.says.{check}")


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("check", sorted(READING))
async def test_a_buttons_sentence_is_understood_as_its_check(language: str, check: str) -> None:
    texts = load_texts(language)
    target = f"{MOEF} {SYSTEM.name}"
    said = Utterance(
        text=texts.say(f"advice.says.{check}", target=target),
        now=dt.datetime(2026, 4, 1, tzinfo=dt.UTC),
        vocabulary=a_vocabulary(),
    )
    intent = await RuleParser(texts).parse(said)
    assert isinstance(intent, Intent), intent
    assert (intent.action, intent.params.get("operation", "check")) == (check, "check")
    assert (intent.selector.institution, intent.selector.system) == (MOEF, SYSTEM.name)


async def test_evidence_is_short() -> None:
    text = "ORA-01555 " + "x" * 3000 + "\n" + "\n".join(["at a"] * 500)
    advice = await SymptomAdviser().advise([text])
    assert advice is not None
    assert len(advice.evidence) == 3
    assert max(len(line) for line in advice.evidence) <= 200


async def test_a_huge_message_is_read_quickly() -> None:
    began = time.perf_counter()
    for filler in ("가" * 100_000, "a." * 50_000, "안 " * 50_000, "1" * 100_000, "A" * 100_000):
        await advice_for(SymptomAdviser(), filler)
    assert time.perf_counter() - began < 60


class Steady:
    """A source that always says the same, after a while."""

    def __init__(self, proposal: Proposal | None, *, wait_s: float = 0) -> None:
        self.proposal = proposal
        self.wait_s = wait_s
        self.asked: list[Utterance] = []

    async def propose(self, utterance: Utterance) -> Proposal | None:
        self.asked.append(utterance)
        await asyncio.sleep(self.wait_s)
        return self.proposal


def surely(action: str, probability: float = 0.99) -> Proposal:
    return Proposal(action=action, probability=probability, source=Source.LLM)


async def test_a_source_may_take_an_alarm_away_but_not_a_programs_own_word() -> None:
    source = Steady(surely("none"))
    adviser = SymptomAdviser(proposers=[source])
    assert await advice_for(adviser, "화면이 안 떠요") is None
    assert await advice_for(adviser, "ORA-01555 나요") == "database_error"
    assert source.asked[0].addressed is False


@pytest.mark.parametrize("proposal", [None, surely("none", 0.5), surely("manage_service")])
async def test_a_source_that_is_down_unsure_or_hostile_changes_nothing(
    proposal: Proposal | None,
) -> None:
    adviser = SymptomAdviser(proposers=[Steady(proposal)])
    assert await advice_for(adviser, "화면이 안 떠요") == "unreachable"
    assert await advice_for(adviser, "점심 뭐 드실래요") is None


async def test_a_source_that_is_late_is_not_waited_for() -> None:
    adviser = SymptomAdviser(proposers=[Steady(surely("none"), wait_s=60)])
    assert await advice_for(adviser, "화면이 안 떠요") == "unreachable"


@pytest.mark.parametrize(
    ("text", "telling"),
    [
        ("화면이 안 떠요", Telling.SYMPTOM),
        ("ORA-01555 해결됐습니다", Telling.RESOLVED),
        ("원인은 인덱스 누락이었습니다", Telling.RESOLVED),
        ("18시에 롤백하기로 했습니다", Telling.DECISION),
        ("제가 보겠습니다", Telling.DECISION),
        ("점심 먹으러 갑시다", None),
    ],
)
def test_marks_what_is_worth_remembering(text: str, telling: Telling | None) -> None:
    mark = SymptomAdviser().mark(text)
    assert (mark.telling if mark else None) == telling


def test_orders_are_all_known() -> None:
    assert {order.value for order in Order} == {"advise", "stop", "mute", "summarise"}


async def test_nothing_said_is_nothing_advised() -> None:
    assert await SymptomAdviser().advise([]) is None
