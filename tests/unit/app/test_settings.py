"""Settings come from the environment, then the file, then defaults; nothing unknown passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.app import settings as module
from bot.app.settings import GuardiaSettings, ServerSettings, WebRoomSettings, load_settings
from bot.core.errors import ConfigurationError

EXAMPLE = Path(module.__file__).with_name("guardia.example.toml")


def written(folder: Path, text: str) -> Path:
    file = folder / "guardia.toml"
    file.write_text(text, "utf-8")
    return file


def test_the_example_is_the_defaults() -> None:
    assert load_settings(EXAMPLE) == GuardiaSettings()


def test_the_environment_comes_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, '[server]\nport = 9001\nhost = "127.0.0.1"\n')
    monkeypatch.setenv("GUARDIA_SERVER__PORT", "9002")
    assert load_settings(file).server.port == 9002


@pytest.mark.parametrize(
    "text",
    [
        "unknown = 1",
        "[server]\nprot = 1",
        '[web]\nsign_in = "nobody"',
        "not toml",
        'database_url = "postgresql+asyncpg://guardia:secret@127.0.0.1/guardia"',
        '[server]\nhost = "0.0.0.0"',
        '[server]\nhost = "0.0.0.0"\ntls_certificate = "a"\ntls_key = "b"\n'
        '[web]\nsign_in = "cards"',
    ],
)
def test_refuses_what_is_unknown_or_unsafe_and_names_the_file(tmp_path: Path, text: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigurationError) as refused:
        load_settings(file)
    assert refused.value.values["file"] == str(file)
    assert "secret@" not in str(refused.value.values)


def test_refuses_a_variable_that_names_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUARDIA_SERVR__PORT", "1")
    with pytest.raises(ConfigurationError, match="settings"):
        load_settings(None)


def test_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        load_settings(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("server", "web", "expected"),
    [
        ({}, {}, "http://127.0.0.1:8300"),
        ({"port": 9000}, {"public_origin": "https://bot.example"}, "https://bot.example"),
        ({"host": "::1"}, {}, None),
    ],
)
def test_pages_are_linked_only_where_their_address_is_known(
    server: dict[str, Any], web: dict[str, Any], expected: str | None
) -> None:
    settings = GuardiaSettings(server=ServerSettings(**server), web=WebRoomSettings(**web))
    assert settings.console_url == expected
