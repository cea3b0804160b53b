"""What the web room can be told.

Owns: the settings model and the limits of one request. Knows nothing of requests or stores.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

MAX_TEXT_CHARACTERS = 20_000  # a long log excerpt fits; a whole log belongs into a file
MAX_JSON_BYTES = 256 * 1024  # twice the longest text with every character escaped
MAX_FILES = 20
MIN_SECRET_CHARACTERS = 16


class WebSettings(BaseModel):
    """The web room.

    ``sign_in``: ``cards`` shows the people as cards and lets anybody be anybody, so it answers
    only to a loopback address; ``codes`` asks for a single-use code. ``public_origin`` is the
    address in the browser where a TLS proxy stands in front (``https://room.example``).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sign_in: Literal["cards", "codes"] = "codes"
    secret: SecretStr
    session_hours: int = Field(default=12, ge=1, le=24 * 7)
    max_upload_bytes: int = Field(default=512 * 1024 * 1024, ge=1)
    public_origin: str | None = None

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr) -> SecretStr:
        if len(secret.get_secret_value()) < MIN_SECRET_CHARACTERS:
            raise ValueError(f"the secret needs at least {MIN_SECRET_CHARACTERS} characters")
        return secret
