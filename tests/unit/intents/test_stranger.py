"""A name that no system of this person has is said back, and nobody is asked whose it is."""

from __future__ import annotations

import datetime as dt

import pytest

from bot.core.domain.estate import (
    Environment,
    InstitutionEntry,
    Layer,
    NodeEntry,
    SystemEntry,
    Vocabulary,
)
from bot.core.domain.intent import Clarification, Intent, Utterance
from intents.chain import build_parser
from intents.stranger import unknown_system

NOW = dt.datetime(2026, 5, 23, 10, tzinfo=dt.timezone(dt.timedelta(hours=9)))
PARSER = build_parser(classifier=None)
ESTATE = Vocabulary(
    institutions=(InstitutionEntry(name="기획재정부", code="MOEF", aliases=("기재부",)),),
    systems=(
        SystemEntry(institution="기획재정부", name="예산시스템", code="B", aliases=("예산",)),
        SystemEntry(institution="기획재정부", name="국고시스템", code="T", aliases=("국고",)),
    ),
    nodes=tuple(
        NodeEntry(
            node_id=f"moef-{system}-prod-was{number:02}",
            institution="기획재정부",
            system=f"{system}시스템",
            env=Environment.PROD,
            layer=Layer.WAS,
            number=number,
        )
        for system in ("예산", "국고")
        for number in (1, 2)
    ),
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("홈택스 WAS 1번 재기동해줘", "홈택스"),
        ("홈택스는 운영 WAS 상태 확인해줘", "홈택스"),
        ("@guardia 나라장터 헬스체크", "나라장터"),
        ("관세청 수출입신고시스템 디스크 용량 확인해줘", "수출입신고시스템"),
        ("기재부 홈택스 WAS 로그 보여줘", "홈택스"),
        ("지금 바로 발사시스템 WAS 재기동해줘", "발사시스템"),
    ],
)
def test_a_name_that_is_none_of_theirs_is_found(text: str, name: str) -> None:
    assert unknown_system(text, ESTATE) == name


@pytest.mark.parametrize(
    "text",
    [
        "재기동해줘",
        "WAS 1번 24817 세션 끊어줘",
        "느린데 WAS 재기동해줘",
        "어제부터 WAS 로그 보여줘",
        "예산시스템 운영 WAS 1번 재기동해줘",
        "국고 디스크 확인해줘",
        "급하게 재기동해줘",
        "일단 운영 WAS 재기동해줘",
        "느려지는 WAS 재기동해줘",
        "고장난 서버 재기동해줘",
        "",
    ],
)
def test_no_other_word_is_taken_for_one(text: str) -> None:
    assert unknown_system(text, ESTATE) is None


async def test_the_answer_says_the_name_back_and_is_still_a_question() -> None:
    asked = await PARSER.parse(
        Utterance(text="홈택스 WAS 1번 재기동해줘", now=NOW, vocabulary=ESTATE)
    )
    assert isinstance(asked, Clarification)
    assert "‘홈택스’" in asked.question
    assert asked.partial is not None
    named = await PARSER.parse(
        Utterance(text="예산시스템이요", now=NOW, vocabulary=ESTATE, pending=asked.partial)
    )
    assert isinstance(named, Intent)
    assert (named.action, named.selector.system) == ("manage_service", "예산시스템")
    assert named.selector.nodes == (1,)


async def test_a_name_that_is_none_of_theirs_does_not_slip_into_an_open_question() -> None:
    asked = await PARSER.parse(
        Utterance(text="예산시스템 WAS 1번 재기동해줘", now=NOW, vocabulary=ESTATE)
    )
    assert isinstance(asked, Intent)
    other = await PARSER.parse(
        Utterance(text="홈택스 WAS 재기동해줘", now=NOW, vocabulary=ESTATE, pending=asked)
    )
    assert isinstance(other, Clarification)
    assert "‘홈택스’" in other.question
    assert other.partial is not None
    assert other.partial.selector.system is None
