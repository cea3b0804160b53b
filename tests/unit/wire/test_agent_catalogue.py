"""The wording of what the link tells people."""

from __future__ import annotations

import pytest

from bot.core.errors import UserError
from bot.core.texts import load_texts


@pytest.mark.parametrize("language", ["ko", "en"])
def test_an_agent_that_is_offline_is_named_with_its_servers(language: str) -> None:
    error = UserError("agent_offline", agent="moef-agent-1", nodes="was1, was2")
    summary, hint = load_texts(language).explain(error)
    assert "moef-agent-1" in summary
    assert "was1, was2" in summary
    assert hint


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize(
    "code", ["plan_too_large", "outcome_too_large", "agent_silent", "plan_unknown", "step_unknown"]
)
def test_every_code_of_the_hub_has_a_sentence(language: str, code: str) -> None:
    assert load_texts(language).has(f"steps.code.{code}")
