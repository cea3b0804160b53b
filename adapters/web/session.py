"""Signed values that the browser keeps for us: the session cookie and upload tickets.

Owns: signing, opening, the digest of a sign-in code, and which sessions have been ended. No
clock, no request. Rights are never in a signed value; it only says who, and the directory says
what they may.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from bot.core.domain.conversation import ReceivedFile
from bot.core.messenger_ports import MessengerMemory

COOKIE = "guardia_session"
REMEMBERED_AS = "web"  # whose the ended sessions are in the messengers' memory
MAX_TOKEN_CHARACTERS = 4096


class Signer:
    """Signs small JSON objects for one purpose; a token of another purpose does not open."""

    def __init__(self, secret: str, purpose: str) -> None:
        self._key = hmac.digest(secret.encode(), f"guardia web {purpose}".encode(), "sha256")

    def sign(self, claims: Mapping[str, object], *, until: datetime) -> str:
        """A token that carries ``claims`` and lapses at ``until``."""
        payload = {**claims, "until": int(until.timestamp())}
        text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        packed = _pack(text.encode())
        return f"{packed}.{self._seal(packed)}"

    def open(self, token: str, *, now: datetime) -> dict[str, object] | None:
        """The claims; None: forged, damaged, for another purpose, or lapsed."""
        if len(token) > MAX_TOKEN_CHARACTERS or not token.isascii():
            return None
        packed, _, seal = token.partition(".")
        if not hmac.compare_digest(seal, self._seal(packed)):
            return None
        try:
            claims = json.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
        except (ValueError, binascii.Error):
            return None
        if not isinstance(claims, dict) or claims.get("until", 0) <= now.timestamp():
            return None
        return claims

    def _seal(self, packed: str) -> str:
        return _pack(hmac.digest(self._key, packed.encode(), "sha256"))


class Sessions:
    """Who is signed in, as the cookie says."""

    def __init__(self, secret: str, *, hours: int) -> None:
        self._signer = Signer(secret, "session")
        self.lifetime = timedelta(hours=hours)

    def issue(self, person_id: str, *, now: datetime) -> str:
        """The cookie's value for this person; no two are the same."""
        claims = {"person": person_id, "session": secrets.token_urlsafe(9)}
        return self._signer.sign(claims, until=now + self.lifetime)

    def person(self, token: str, *, now: datetime) -> str | None:
        """The person id; None: nobody is signed in."""
        claims = self._signer.open(token, now=now)
        return str(claims["person"]) if claims and "person" in claims else None

    def lapses(self, token: str, *, now: datetime) -> datetime | None:
        """When this session ends."""
        claims = self._signer.open(token, now=now)
        return datetime.fromtimestamp(int(str(claims["until"])), UTC) if claims else None


class EndedSessions:
    """Sessions that their people have ended: a copy of the cookie opens nothing any more. By
    digest, on every replica, until long after the cookie would have lapsed."""

    def __init__(self, memory: MessengerMemory) -> None:
        self._memory = memory

    async def end(self, token: str, *, now: datetime) -> None:
        """The session of that cookie is over."""
        await self._memory.keep(REMEMBERED_AS, _mark(token), {}, at=now)

    async def has(self, token: str) -> bool:
        """Whether it is over."""
        return await self._memory.recall(REMEMBERED_AS, _mark(token)) is not None


def _mark(token: str) -> str:
    return f"ended:{hashlib.sha256(token.encode()).hexdigest()}"


class UploadTickets:
    """A stored file in one person's hands for one room. Signed rather than remembered, so that
    a file uploaded before a restart can still be sent after it."""

    LIFETIME = timedelta(hours=12)

    def __init__(self, secret: str) -> None:
        self._signer = Signer(secret, "upload")

    def issue(self, file: ReceivedFile, *, person_id: str, room: str, now: datetime) -> str:
        """The upload id."""
        claims = {
            "digest": file.digest,
            "name": file.name,
            "size": file.size,
            "person": person_id,
            "room": room,
        }
        return self._signer.sign(claims, until=now + self.LIFETIME)

    def redeem(
        self, ticket: str, *, person_id: str, room: str, now: datetime
    ) -> ReceivedFile | None:
        """The file; None: it is not this person's file of this room."""
        claims = self._signer.open(ticket, now=now)
        if not claims or claims.get("person") != person_id or claims.get("room") != room:
            return None
        return ReceivedFile(
            digest=str(claims["digest"]), name=str(claims["name"]), size=int(str(claims["size"]))
        )


def code_digest(code: str) -> str:
    """SHA-256 (hexadecimal) of a sign-in code as a person types it: blanks and hyphens do not
    count, nor does the case."""
    plain = "".join(code.split()).replace("-", "").upper()
    return hashlib.sha256(plain.encode()).hexdigest()


def _pack(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
