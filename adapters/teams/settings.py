"""What the Teams adapter can be told.

Owns: names, defaults and the limits of the service. Knows nothing of requests or reports.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class TeamsSettings(BaseModel):
    """Microsoft Teams. Every address is https, here as in the tests: nothing relaxes a check.

    ``service_urls``: where the bot's token may be sent; an activity that names another service
    is refused. ``file_hosts``: from and to where files may go; ``*.`` stands for any one name
    under that domain. ``tenant_id``: whose people are heard.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = False
    app_id: str = ""
    app_password: SecretStr | None = None
    tenant_id: str = ""
    # Where nobody has spoken yet, the first of them is called: the service's own global address.
    service_urls: tuple[str, ...] = ("https://smba.trafficmanager.net/teams/",)
    login_url: str = "https://login.microsoftonline.com/"
    openid_url: str = "https://login.botframework.com/v1/.well-known/openidconfiguration"
    file_hosts: tuple[str, ...] = ("*.sharepoint.com",)
    ca_file: Path | None = None  # PEM; where the site's proxy signs with an authority of its own
    max_file_mb: int = Field(default=300, ge=1, le=4096)

    @field_validator("app_id", "tenant_id")
    @classmethod
    def _as_the_service_writes_it(cls, given: str) -> str:
        return given.strip().lower()

    @field_validator("service_urls", "login_url", "openid_url")
    @classmethod
    def _https(cls, given: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for url in (given,) if isinstance(given, str) else given:
            parts = urlsplit(url)
            if parts.scheme != "https" or not parts.hostname or parts.username is not None:
                raise ValueError(f"{url!r} is not an https address")
        return given

    @model_validator(mode="after")
    def _whole(self) -> TeamsSettings:
        # With an empty app id the service's client libraries switch authentication off.
        if self.enabled and not _GUID.fullmatch(self.app_id):
            raise ValueError("app_id: the bot's Microsoft app id (a GUID) is needed")
        if self.enabled and not _GUID.fullmatch(self.tenant_id):
            raise ValueError("tenant_id: the organisation's tenant id (a GUID) is needed")
        if self.enabled and not (self.app_password and self.app_password.get_secret_value()):
            raise ValueError("app_password: the bot's client secret is needed")
        if self.enabled and not self.service_urls:
            raise ValueError("service_urls: at least one is needed")
        return self

    @property
    def bot_id(self) -> str:
        """How Teams names the bot in activities."""
        return f"28:{self.app_id}"

    @property
    def authority(self) -> str:
        return f"{self.login_url.rstrip('/')}/{self.tenant_id}"

    def trusts_service(self, url: str) -> bool:
        """Whether the bot's token may go there."""
        origin = origin_of(url)
        return origin is not None and origin in {origin_of(each) for each in self.service_urls}

    def trusts_file_host(self, url: str) -> bool:
        """Whether a file may be fetched from or sent to there."""
        origin = origin_of(url)
        if origin is None:
            return False
        host, port = origin
        place = host if port == 443 else f"{host}:{port}"
        return any(_matches(place, pattern.lower()) for pattern in self.file_hosts)


def origin_of(url: str) -> tuple[str, int] | None:
    """Host and port of an https address; None for anything else or anything odd in it."""
    if not url.isascii() or any(c.isspace() or c == "\\" for c in url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError:
        return None
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc:
        return None
    return parts.hostname.lower(), port


def _matches(place: str, pattern: str) -> bool:
    if pattern.startswith("*."):
        first, dot, rest = place.partition(".")
        return bool(first and dot) and rest == pattern[2:]
    return place == pattern
