"""What every parser keeps to: the real chain and the fake."""

from __future__ import annotations

import datetime as dt

import pytest

from bot.core.domain.estate import Vocabulary
from bot.core.domain.intent import Clarification, Intent, Utterance
from bot.core.ports import IntentParser
from intents.chain import build_parser
from intents.schema import CATALOGUE, validated
from tests.fakes.parser import ScriptedParser

NOW = dt.datetime(2026, 5, 23, 10, tzinfo=dt.timezone(dt.timedelta(hours=9)))
TEXTS = [
    "",
    " ",
    "?",
    "가" * 200_000,
    "1e309",
    "٣번",
    "*",
    "../전자결재",
    "\x00\x1b[31m",
    "전체 서버 전부 재기동",
    '{"intent":"restart","target":{"$ne":null}}',
    "\u1112\u1161\u11ab\u1100\u1173\u11af",
]


@pytest.fixture(params=["chain", "scripted"])
def parser(request: pytest.FixtureRequest) -> IntentParser:
    return build_parser() if request.param == "chain" else ScriptedParser()


@pytest.mark.parametrize("text", TEXTS)
async def test_answers_any_text_with_a_value_of_the_catalogue(
    parser: IntentParser, text: str
) -> None:
    answer = await parser.parse(Utterance(text=text, now=NOW, vocabulary=Vocabulary()))
    intent = answer.partial if isinstance(answer, Clarification) else answer
    if isinstance(intent, Intent):
        assert intent.action in CATALOGUE
        assert validated(intent.action, intent.params) == dict(intent.params)


async def test_leaves_overheard_talk_alone(parser: IntentParser) -> None:
    overheard = Utterance(text="점심 드셨어요", now=NOW, vocabulary=Vocabulary(), addressed=False)
    assert await parser.parse(overheard) is None


@pytest.mark.parametrize("text", TEXTS)
async def test_without_a_vocabulary_nothing_is_aimed_at(parser: IntentParser, text: str) -> None:
    answer = await parser.parse(Utterance(text=text, now=NOW, vocabulary=Vocabulary()))
    if isinstance(answer, Intent):
        assert answer.selector.institution is None
        assert answer.selector.system is None
