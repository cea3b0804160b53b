"""What only a command asks for: no words, classifier or model can come to it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from bot.core.domain.intent import Intent, Utterance
from bot.core.texts import load_texts
from intents.grammar import answer_schema, read_answer
from intents.rules import RuleParser
from intents.schema import CATALOGUE, COMMANDS, validated
from tests.fakes.engine import a_vocabulary

NOW = datetime(2026, 4, 1, 9, tzinfo=UTC)
SAID = [
    "run_script 기재부 예산시스템 운영 WAS 1번",
    "@guardia run_script script=clean-temp 기획재정부 예산시스템 운영 WAS",
    "기재부 예산시스템 운영 WAS 1번에서 run_script clean-temp 돌려줘",
    "기재부 예산시스템 운영 WAS 스크립트 clean-temp 실행해줘",
]


def test_the_catalogue_of_talk_does_not_have_it() -> None:
    assert COMMANDS.keys() & CATALOGUE.keys() == set()
    assert "run_script" in COMMANDS


@pytest.mark.parametrize("text", SAID)
def test_no_words_come_to_it(text: str) -> None:
    answer = RuleParser(load_texts("ko")).understand(
        Utterance(text=text, now=NOW, vocabulary=a_vocabulary())
    )
    action = answer.action if isinstance(answer, Intent) else None
    assert action not in COMMANDS


@pytest.mark.parametrize("action", sorted(COMMANDS))
def test_neither_classifier_nor_model_can_propose_it(action: str) -> None:
    # What the classifier proposes goes through ``intent_for``, as the model's does.
    with pytest.raises(ValueError, match="no action"):
        RuleParser(load_texts("ko")).intent_for(
            action, Utterance(text=SAID[0], now=NOW, vocabulary=a_vocabulary())
        )
    assert action not in json.dumps(answer_schema())
    assert read_answer(json.dumps({"action": action, "params": {}})) is None


def test_takes_arguments_by_their_names() -> None:
    params = {"script": "clean-temp", "arg.days": "30", "arg.path": "/app/tmp"}
    assert validated("run_script", params) == params


@pytest.mark.parametrize(
    "params",
    [
        {"script": "clean-temp", "days": "30"},
        {"script": "clean-temp", "arg.": "30"},
        {"script": "clean-temp", "arg.Days": "30"},
        {"script": "clean-temp", "arg.days;x": "30"},
        {"script": "../clean"},
    ],
)
def test_takes_nothing_else(params: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="run_script"):
        validated("run_script", params)
