"""What Slack can be told.

Owns: the settings model. Knows nothing of requests or stores.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

SLACK_HOSTS = frozenset({"slack.com", "slack-gov.com"})
_LOOPBACK = frozenset({"127.0.0.1", "localhost"})


class SlackSettings(BaseModel):
    """One Slack workspace.

    ``mode``: ``socket`` dials out and needs no open port (``app_token``); ``http`` is called by
    Slack at ``/slack/events`` (``signing_secret``). The three secrets come from the environment.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal["off", "socket", "http"] = "off"
    bot_token: SecretStr | None = None  # xoxb-…
    app_token: SecretStr | None = None  # xapp-…, for Socket Mode
    signing_secret: SecretStr | None = None  # for HTTP mode
    # Another address is for tests and demonstrations only.
    api_url: str = "https://slack.com/api/"
    max_file_mb: int = Field(default=300, ge=1, le=1024)

    @property
    def enabled(self) -> bool:
        return self.mode != "off"

    @property
    def api_host(self) -> str:
        """Name, and port where one is given, of the API's address."""
        return urlsplit(self.api_url).netloc

    @field_validator("api_url")
    @classmethod
    def _of_slack(cls, url: str) -> str:
        parts = urlsplit(url)
        of_slack = parts.scheme == "https" and parts.netloc in SLACK_HOSTS
        of_tests = parts.scheme == "http" and parts.hostname in _LOOPBACK
        if not (of_slack or of_tests) or not url.endswith("/api/"):
            raise ValueError("https://slack.com/api/, or http://127.0.0.1:PORT/api/ in tests")
        return url

    @model_validator(mode="after")
    def _whole(self) -> SlackSettings:
        if not self.enabled:
            return self
        _require(self.bot_token, "bot_token", "xoxb-")
        if self.mode == "socket":
            _require(self.app_token, "app_token", "xapp-")
        else:
            _require(self.signing_secret, "signing_secret", "")
        return self


def _require(secret: SecretStr | None, name: str, prefix: str) -> None:
    given = secret.get_secret_value().strip() if secret is not None else ""
    if not given:
        raise ValueError(f"{name}: this mode needs it (GUARDIA_SLACK__{name.upper()})")
    if not given.startswith(prefix):
        raise ValueError(f"{name}: it begins with {prefix}")
