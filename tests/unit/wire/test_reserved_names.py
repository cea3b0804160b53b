"""No script takes the name of what ``/sm`` says already."""

from __future__ import annotations

from agent.wire.scripts import RESERVED_NAMES, is_reserved
from bot.core.macros import _RESERVED
from intents.command import _HELP
from intents.command_book import BOOK
from intents.schema import CATALOGUE, COMMANDS


def test_the_list_is_what_there_is_to_say() -> None:
    words = {word for word in _HELP | _RESERVED if word.isascii() and word.isalpha()}
    assert set(CATALOGUE) | set(COMMANDS) | set(BOOK) | words == RESERVED_NAMES


def test_case_makes_no_other_name_of_it() -> None:
    assert is_reserved("Deploy")
    assert not is_reserved("deploy-static")
