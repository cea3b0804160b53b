"""agent.toml and the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

import agent
from agent.settings import LINK_PATH, AgentSettings, SettingsError, load_settings

EXAMPLE = Path(agent.__file__).parent / "agent.example.toml"
LEAST = 'name = "a1"\nbot_url = "wss://bot.example"\nstate_dir = "state"\n'


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NAME", "BOT_URL", "STATE_DIR", "LOG_LEVEL"):
        monkeypatch.delenv(f"GUARDIA_AGENT__{name}", raising=False)


def load(folder: Path, text: str) -> AgentSettings:
    path = folder / "agent.toml"
    path.write_text(text)
    return load_settings(path)


def test_the_example_holds_and_names_every_setting() -> None:
    settings = load_settings(EXAMPLE)
    assert settings.guard.allowed_hosts == ("10.20.0.0/16",)
    text = EXAMPLE.read_text()
    for name in (*AgentSettings.model_fields, *type(settings.guard).model_fields):
        assert name in text


def test_fills_in_defaults_and_the_path_of_the_link(tmp_path: Path) -> None:
    settings = load(tmp_path, LEAST)
    assert settings.bot_url == f"wss://bot.example{LINK_PATH}"
    assert settings.state_dir == tmp_path / "state"
    assert settings.guard.approval_environments == ("prod",)


def test_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUARDIA_AGENT__NAME", "a2")
    monkeypatch.setenv("GUARDIA_AGENT__GUARD__ALLOWED_HOSTS", '["127.0.0.0/8"]')
    settings = load(tmp_path, LEAST)
    assert settings.name == "a2"
    assert settings.guard.allowed_hosts == ("127.0.0.0/8",)


@pytest.mark.parametrize("name", ["GUARDIA_AGENT__NMAE", "GUARDIA_AGENT_NAME", "guardia_agent_x"])
def test_an_unknown_variable_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "x")
    with pytest.raises(SettingsError, match=name):
        load(tmp_path, LEAST)


@pytest.mark.parametrize(
    "url",
    ["ws://localhost:1", "ws://127.0.0.1:8080", "ws://127.9.9.9/x", "ws://[::1]:80", "wss://h:1/x"],
)
def test_accepts_plain_text_on_loopback_only(tmp_path: Path, url: str) -> None:
    assert load(tmp_path, LEAST.replace("wss://bot.example", url)).bot_url.startswith(url)


@pytest.mark.parametrize(
    "url",
    [
        "ws://bot.example",
        "ws://10.0.0.1",
        "ws://localhost.example",
        "ws://127.0.0.1.example",
        "ws://0.0.0.0",
        "ws://localhost@bot.example",
        "http://localhost",
        "wss://",
        "wss://user:pass@bot.example",
        "bot.example",
    ],
)
def test_refuses_the_address(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="bot_url"):
        load(tmp_path, LEAST.replace("wss://bot.example", url))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("colour = 1\n", "colour"),
        ('[guard]\nallow = ["x"]\n', "guard.allow"),
        ('[guard]\nallowed_hosts = ["10.0.0.300"]\n', "guard.allowed_hosts"),
        ('log_level = "loud"\n', "log_level"),
        ('ca_file = "absent.pem"\n', "ca_file"),
        ("name = \n", "TOML"),
        ('enrolment_token = "secret"\n', "enrolment_token"),
    ],
)
def test_names_file_and_key_of_a_mistake(tmp_path: Path, more: str, told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, LEAST + more)
    assert told in str(caught.value) or told == "TOML"
    assert "agent.toml" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_says_when_there_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        load_settings(tmp_path / "agent.toml")
