"""A wish that does not say what is asked back, whatever another source would make of it."""

from __future__ import annotations

import pytest

from bot.core.domain.intent import Clarification
from bot.core.texts import load_texts
from intents.agreement import Stance
from intents.rules import RuleParser
from tests.fakes.model import uttered


@pytest.mark.parametrize(
    "text",
    ["그거 좀 해줘", "이거 어떻게 좀 해주세요!", "제발 뭐라도 해봐요", "빨리 처리 부탁드립니다"],
)
def test_nobody_else_is_heard_about_a_wish_without_content(text: str) -> None:
    heard = RuleParser(load_texts("ko")).hear(uttered(text))
    assert heard.stance is Stance.FINAL
    assert isinstance(heard.answer, Clarification)
    assert len(heard.answer.choices) >= 2


def test_a_wish_with_content_stays_open() -> None:
    heard = RuleParser(load_texts("ko")).hear(uttered("묵은 기록 좀 치워줘"))
    assert heard.stance is not Stance.FINAL
