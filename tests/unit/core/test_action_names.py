"""Every action has a name that people read; its id is for the audit."""

from __future__ import annotations

import pytest

from bot.core.errors import UserError
from bot.core.texts import LANGUAGES, load_texts
from intents.schema import CATALOGUE


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_action_of_the_catalogue_has_a_name(language: str) -> None:
    texts = load_texts(language)
    for action in CATALOGUE:
        assert texts.say(f"action.{action}") != action or action in ("help", "none", "rollback")


@pytest.mark.parametrize("code", ["no_rule", "not_yet"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refusal_names_the_action_as_people_do(code: str, language: str) -> None:
    texts = load_texts(language)
    said = " ".join(texts.explain(UserError(code, action="manage_service")))
    assert texts.say("action.manage_service") in said
    assert "manage_service" not in said


def test_what_is_no_action_stays_as_it_is() -> None:
    summary, _ = load_texts("ko").explain(UserError("no_rule", action="a_site_script"))
    assert "a_site_script" in summary
