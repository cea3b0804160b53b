"""What Jandi can be told.

Owns: the settings model. Knows nothing of requests or stores.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

HOSTS = frozenset({"wh.jandi.com"})
_LOOPBACK = frozenset({"127.0.0.1", "localhost"})


class Room(BaseModel):
    """One topic of Jandi with its two webhooks.

    ``token``: what Jandi sends along with messages of the topic (Webhook 발신); ``url``: where we
    post into it (Webhook 수신). Both are secrets: whoever has them can speak in the topic.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: SecretStr
    url: SecretStr

    @field_validator("token")
    @classmethod
    def _given(cls, token: SecretStr) -> SecretStr:
        if len(token.get_secret_value()) < 8:
            raise ValueError("token: as Jandi shows it, at least 8 characters")
        return token

    @field_validator("url")
    @classmethod
    def _of_jandi(cls, url: SecretStr) -> SecretStr:
        parts = urlsplit(url.get_secret_value())
        of_jandi = parts.scheme == "https" and parts.netloc in HOSTS
        of_tests = parts.scheme == "http" and parts.hostname in _LOOPBACK
        if not (of_jandi or of_tests) or len(parts.path) < 2:
            raise ValueError("url: https://wh.jandi.com/connect-api/webhook/…, as Jandi shows it")
        return url


_ROOMS = TypeAdapter(dict[str, Room])


class JandiSettings(BaseModel):
    """One Jandi team.

    ``team`` is our own name for it: identities are kept under it. ``rooms`` is JSON, from the
    environment only: ``{"ops": {"token": "…", "url": "https://wh.jandi.com/…"}}``; the key is what
    the bot calls the topic, for good.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal["off", "webhook"] = "off"
    team: str = Field(default="", pattern=r"^[a-z0-9-]{0,63}$")
    rooms: SecretStr | None = None
    stale_minutes: int = Field(default=15, ge=1, le=24 * 60)

    @property
    def enabled(self) -> bool:
        return self.mode != "off"

    @property
    def life(self) -> timedelta:
        """How old a message may be."""
        return timedelta(minutes=self.stale_minutes)

    def topics(self) -> dict[str, Room]:
        """The topics by our names for them."""
        return _ROOMS.validate_json(self.rooms.get_secret_value()) if self.rooms else {}

    @model_validator(mode="after")
    def _whole(self) -> JandiSettings:
        if not self.enabled:
            return self
        if not self.team:
            raise ValueError("team: a short name for your Jandi team, in small letters")
        try:
            topics = self.topics()
        except ValidationError as error:
            # Its own text would repeat the secrets.
            where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "JSON"
            problem = error.errors()[0]["msg"]
            raise ValueError(f"rooms (GUARDIA_JANDI__ROOMS): {where}: {problem}") from None
        if not topics:
            raise ValueError("rooms (GUARDIA_JANDI__ROOMS): at least one topic")
        tokens = {room.token.get_secret_value() for room in topics.values()}
        if len(tokens) < len(topics):
            raise ValueError("rooms (GUARDIA_JANDI__ROOMS): two topics have the same token")
        return self
