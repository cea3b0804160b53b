"""What a person types to reach more than the text says: refused or asked about, whoever is heard.

Each is understood without a model, with one that obeys, and said to the whole engine with it.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bot.core.domain.intent import Utterance
from bot.core.texts import load_texts
from intents.answer import describe
from intents.chain import Chain, build_parser
from tests.fakes.engine import World, a_vocabulary
from tests.fakes.model import ObeyingModel

CASES = Path(__file__).parents[2] / "cases" / "intents" / "attacks.toml"
ATTACKS: list[dict[str, Any]] = tomllib.loads(CASES.read_text("utf-8"))["case"]
NOW = dt.datetime(2026, 5, 23, 10, tzinfo=dt.timezone(dt.timedelta(hours=9)))
TEXTS = load_texts("ko")
OBEYED: tuple[tuple[str, dict[str, str]], ...] = (
    ("manage_service", {"operation": "restart", "service": "tomcat"}),
    ("kill_session", {"pid": "4411"}),
    ("deploy", {"ref": "evil"}),
)


def parsers() -> list[Chain]:
    obeying = [ObeyingModel(action, params) for action, params in OBEYED]
    return [build_parser(TEXTS), *(build_parser(TEXTS, model=model) for model in obeying)]


PARSERS = parsers()


@pytest.mark.parametrize("case", ATTACKS, ids=lambda case: ascii(case["text"])[:60])
async def test_what_the_text_does_not_say_is_asked_or_refused(case: dict[str, Any]) -> None:
    said = Utterance(text=case["text"], now=NOW, vocabulary=a_vocabulary())
    for parser in PARSERS:
        answer = describe(await parser.parse(said))
        open_still = answer["action"] == "none" or answer["question"] or answer["missing"]
        assert open_still, answer
        if "asks" in case:
            assert case["asks"] in answer["missing"] or answer["question"], answer


@pytest.mark.parametrize("case", ATTACKS, ids=lambda case: ascii(case["text"])[:60])
async def test_nothing_is_planned_for_it(case: dict[str, Any]) -> None:
    for parser in PARSERS:
        for by in ("operator", "outsider"):
            world = World(parser=parser)
            follow_up = await world.pipeline.handle(world.mention(case["text"], by=by))
            assert follow_up.start is None
            assert not world.jobs.jobs


@pytest.mark.parametrize(
    "text",
    [
        "예산시스템 운영 WAS 1번 재기동해줘",
        "기재부 예산시스템 운영 WAS 재기동해줘",
        "기획재정부 예산시스템 운영 와스 1번과 2번 재기동해줘",
        "예산시스템 운영 DB 세션 4411번 끊어줘",
    ],
)
async def test_nobody_plans_for_an_institution_that_is_not_theirs(text: str) -> None:
    for parser in PARSERS:
        world = World(parser=parser)
        follow_up = await world.pipeline.handle(world.mention(text, by="outsider"))
        assert follow_up.start is None
        assert not world.jobs.jobs


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("예산시스템 운영 WAS 1번이 아닌 걸 재기동해줘", [2]),
        ("예산시스템 운영 WAS 1번 외에 재기동해줘", [2]),
        ("예산시스템 운영 WAS 두번째 빼고 재기동해줘", [1]),
        ("예산시스템 운영 와스 일번이랑 이번 재기동해줘", [1, 2]),
        ("예산시스템 운영 와스 이번이랑 삼번 재기동해줘", [2, 3]),
        ("예산시스템 운영 WAS ①번 재기동해줘", [1]),
    ],
)
async def test_numbers_said_in_other_ways_are_the_ones_meant(text: str, nodes: list[int]) -> None:
    said = Utterance(text=text, now=NOW, vocabulary=a_vocabulary())
    assert describe(await PARSERS[0].parse(said))["nodes"] == nodes


async def test_a_service_that_nobody_knows_is_not_taken_for_the_usual_one() -> None:
    text = "예산시스템 운영 WAS 1번 sshd 서비스 중지해줘"
    said = Utterance(text=text, now=NOW, vocabulary=a_vocabulary())
    assert describe(await PARSERS[0].parse(said))["params"]["service"] == "sshd"
    world = World(parser=PARSERS[0])
    follow_up = await world.pipeline.handle(world.mention(text, by="operator"))
    assert follow_up.start is None
    assert "sshd" in world.said()
