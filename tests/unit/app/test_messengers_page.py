"""docs/messengers.md says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.app.cli import main
from bot.app.commands.messengers import capabilities, messengers_page
from bot.core.texts import load_texts

PAGE = Path(__file__).parents[3] / "docs" / "messengers.md"


def test_the_page_is_what_the_code_makes_it() -> None:
    made = messengers_page(load_texts("en"))
    assert PAGE.read_text("utf-8") == made, "run: guardia messengers > docs/messengers.md"


def test_every_messenger_of_the_bot_is_in_it() -> None:
    assert list(capabilities()) == ["web", "slack", "teams", "jandi"]


def test_the_command_prints_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["messengers"]) == 0
    assert capsys.readouterr().out == messengers_page(load_texts("en"))


def test_the_pages_that_it_points_to_exist() -> None:
    for name in ("slack", "teams", "jandi", "web-api"):
        assert (PAGE.parent / f"{name}.md").is_file(), name
