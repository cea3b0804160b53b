"""A start imports no messenger: their client libraries cost it more than half a second of a core
and 26 MB, also where the site has none of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.app.adapters import MESSENGERS
from bot.app.settings import GuardiaSettings
from bot.core.ports import Capabilities

ROOT = Path(__file__).parents[3]
NAMES = [each.name for each in MESSENGERS]


def imported_at_once(file: Path) -> Iterator[str]:
    """What importing that file imports: not what its functions do once they are called."""
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            yield str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_of_a_messenger_only_its_settings_are_imported_before_it_is_asked_for() -> None:
    found = {
        (str(file.relative_to(ROOT)), module)
        for file in (ROOT / "bot").rglob("*.py")
        for module in imported_at_once(file)
        if any(module.startswith(f"adapters.{name}") for name in NAMES)
    }
    settings = {("bot/app/settings.py", f"adapters.{name}.settings") for name in NAMES}
    assert found == settings


@pytest.mark.parametrize("name", NAMES)
def test_the_settings_of_a_messenger_need_none_of_its_clients(name: str) -> None:
    folder = ROOT / "adapters" / name
    imported = {
        *imported_at_once(folder / "settings.py"),
        *imported_at_once(folder / "__init__.py"),
    }
    roots = {module.partition(".")[0] for module in imported}
    assert roots <= {"__future__", "datetime", "pathlib", "pydantic", "re", "typing", "urllib"}


def test_a_site_has_no_messenger_before_it_says_so() -> None:
    settings = GuardiaSettings()
    assert not any(each.enabled(settings) for each in MESSENGERS)
    assert all(isinstance(each.load().capabilities, Capabilities) for each in MESSENGERS)
