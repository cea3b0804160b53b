"""Two wishes in one message, conditions, and words that are misspelled."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from bot.core.domain.estate import Layer
from bot.core.domain.intent import Clarification, Intent, Utterance
from bot.core.texts import load_texts
from cmdb.importers.estate import vocabulary_of
from cmdb.importers.estate_csv import read_estate
from intents.answer import describe
from intents.rules import RuleParser
from intents.spelling import put_right

VOCABULARY = vocabulary_of(read_estate(Path(__file__).parents[3] / "bot/app/demo/data"), None)
NOW = dt.datetime(2026, 5, 23, 10, tzinfo=dt.timezone(dt.timedelta(hours=9)))
RULES = RuleParser(load_texts("ko"))


def understood(text: str, pending: Intent | None = None) -> Intent | Clarification | None:
    return RULES.understand(Utterance(text=text, now=NOW, vocabulary=VOCABULARY, pending=pending))


def test_two_wishes_are_named_and_a_person_says_which_is_first() -> None:
    answer = understood("홈택스 운영 DB 백업하고 WAS 1번 재기동해줘")
    assert isinstance(answer, Clarification)
    assert "DB 백업" in answer.question
    assert "재기동" in answer.question
    assert answer.partial is not None
    assert answer.partial.action == "backup_db"
    assert (answer.partial.selector.layer, answer.partial.selector.nodes) == (Layer.DB, ())
    chosen = understood(answer.choices[0].value, answer.partial)
    assert isinstance(chosen, Intent)
    assert (chosen.action, chosen.selector.system) == ("backup_db", "홈택스")
    assert chosen.missing == ()


def test_what_only_the_second_half_names_is_not_the_first_ones_target() -> None:
    answer = describe(understood("홈택스 운영 WAS 1번 내리고 DB 백업해줘"))
    assert (answer["action"], answer["layer"], answer["nodes"]) == ("manage_service", "WAS", [1])


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("홈택스 클래스 파일 반영하고 재기동해줘", "deploy"),
        ("홈택스 운영 WAS 로그 30일 지난거 압축하고 90일 지난건 지워줘", "backup_and_clear"),
        ("홈택스 디스크 확인하고 알려줘", "check_disk_space"),
    ],
)
def test_one_wish_in_two_verbs_is_one(text: str, action: str) -> None:
    answer = understood(text)
    assert isinstance(answer, Intent)
    assert answer.action == action


@pytest.mark.parametrize(
    "text",
    [
        "홈택스 로그 보고 이상하면 재기동해줘",
        "홈택스 운영 WAS cpu 높으면 재기동",
        "홈택스 배포 실패하면 롤백해줘",
    ],
)
def test_a_change_that_waits_for_a_condition_is_never_made(text: str) -> None:
    answer = describe(understood(text))
    assert answer["params"].get("operation") != "restart"  # type: ignore[attr-defined]
    assert answer["action"] != "rollback"


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("와스 제기동 해조", "와스 재기동 해줘"),
        ("운영에 베포 부탁드려오", "운영에 배포 부탁드려요"),
        ("디스쿠 확인해주세여", "디스크 확인해주세요"),
        ("메모지 사 주세요", "메모지 사 주세요"),
    ],
)
def test_common_words_are_put_right_in_their_place(text: str, right: str) -> None:
    assert put_right(text) == right
    assert len(put_right(text)) == len(text)


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        ("what was deployed to KCS-REFUND this month?", None),
        ("restart the was of KCS-REFUND", "WAS"),
    ],
)
def test_the_english_verb_is_no_layer(text: str, layer: str | None) -> None:
    assert describe(understood(text))["layer"] == layer
