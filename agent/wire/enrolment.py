"""The token that enrols an agent once.

Owns: its text form. The token carries the fingerprint of the bot's key beside the secret, so
that the agent knows the bot before it shows the secret. Knows nothing of where tokens are kept.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field

from nacl.signing import VerifyKey

_FORM = re.compile(r"gat1\.([A-Za-z0-9_-]{43})\.([0-9a-f]{16})")


class TokenError(ValueError):
    """The text is no enrolment token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentToken:
    """``secret``: 32 random bytes, URL-safe base64. ``fingerprint``: see ``fingerprint_of``."""

    secret: str = field(repr=False)
    fingerprint: str

    @classmethod
    def issue(cls, bot_key: VerifyKey) -> EnrolmentToken:
        """A new token for the bot of that key."""
        return cls(secret=secrets.token_urlsafe(32), fingerprint=fingerprint_of(bot_key))

    @classmethod
    def decode(cls, text: str) -> EnrolmentToken:
        """The token of a text as ``encode`` writes it; white space around it does no harm.

        Raises:
            TokenError: the text has another form.
        """
        match = _FORM.fullmatch(text.strip())
        if match is None:
            raise TokenError("not an enrolment token")
        return cls(secret=match[1], fingerprint=match[2])

    def encode(self) -> str:
        """The text that is handed to the agent's owner, once."""
        return f"gat1.{self.secret}.{self.fingerprint}"

    @property
    def digest(self) -> str:
        """What the bot keeps of it: ``secret_digest`` of the secret."""
        return secret_digest(self.secret)


def secret_digest(secret: str) -> str:
    """SHA-256 of the secret's text, in lower-case hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()


def fingerprint_of(bot_key: VerifyKey) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the bot's verify key."""
    return hashlib.sha256(bot_key.encode()).hexdigest()[:16]
