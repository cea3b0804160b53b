"""A site that has set Slack up half is told which half is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from adapters.slack.settings import SlackSettings
from bot.app.settings import load_settings
from bot.core.errors import ConfigurationError


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"mode": "socket"}, "GUARDIA_SLACK__BOT_TOKEN"),
        ({"mode": "socket", "bot_token": "xoxb-1"}, "GUARDIA_SLACK__APP_TOKEN"),
        ({"mode": "socket", "bot_token": "xoxb-1", "app_token": "xoxb-1"}, "begins with xapp-"),
        ({"mode": "socket", "bot_token": "xoxp-1", "app_token": "xapp-1"}, "begins with xoxb-"),
        ({"mode": "http", "bot_token": "xoxb-1"}, "GUARDIA_SLACK__SIGNING_SECRET"),
        ({"mode": "http", "bot_token": "xoxb-1", "signing_secret": " "}, "SIGNING_SECRET"),
        ({"api_url": "https://slack.example.com/api/"}, "https://slack.com/api/"),
        ({"api_url": "http://slack.com/api/"}, "https://slack.com/api/"),
        ({"api_url": "https://slack.com"}, "https://slack.com/api/"),
        ({"mode": "other"}, "socket"),
    ],
)
def test_what_is_missing_is_named(given: dict[str, str], word: str) -> None:
    with pytest.raises(ValidationError, match=word):
        SlackSettings.model_validate(given)


def test_without_a_word_slack_is_off() -> None:
    assert not SlackSettings().enabled


@pytest.mark.parametrize("secret", ["bot_token", "app_token", "signing_secret"])
def test_a_secret_in_the_file_is_refused(tmp_path: Path, secret: str) -> None:
    file = tmp_path / "guardia.toml"
    file.write_text(f'[slack]\n{secret} = "xoxb-secret"\n', "utf-8")
    with pytest.raises(ConfigurationError) as refused:
        load_settings(file)
    assert refused.value.values["key"] == f"slack.{secret}"
    assert refused.value.values["problem"] == f"give it as GUARDIA_SLACK__{secret.upper()}"
    assert "xoxb-secret" not in str(refused.value)


def test_the_environment_switches_it_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GUARDIA_SLACK__MODE", "socket")
    monkeypatch.setenv("GUARDIA_SLACK__BOT_TOKEN", "xoxb-1")
    monkeypatch.setenv("GUARDIA_SLACK__APP_TOKEN", "xapp-1")
    settings = load_settings(None)
    assert settings.slack.enabled
    assert "xoxb-1" not in repr(settings)
