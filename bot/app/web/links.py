"""Addresses of our own pages that stand in for what a messenger lacks.

Owns: what such an address says, its signature and its end. Pure but for the clock. An address
gives no right: who opens it signs in, and what they do is judged by their own rights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from adapters.web.session import Signer
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.report import Button
from bot.core.ports import Clock

ACT, UPLOAD, FILE = "act", "upload", "file"
FILE_LIFE = timedelta(days=7)
_CONFIRM_CHARACTERS = 600  # an address of 4,096 characters is the longest that we open


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed:
    """A button behind an address. ``mark`` names this very address."""

    button: Button
    message: ConversationRef
    mark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file behind an address."""

    digest: str
    name: str
    conversation: ConversationRef


class SignedLinks:
    """ConsoleLinks. ``origin`` is where browsers reach our pages, without a slash at its end."""

    def __init__(self, origin: str, secret: str, clock: Clock) -> None:
        self._origin = origin.rstrip("/")
        self._clock = clock
        self._signers = {
            kind: Signer(secret, f"console {kind}") for kind in (ACT, UPLOAD, FILE, "form")
        }

    # --- the port ----------------------------------------------------------------------------

    def action(self, button: Button, message: ConversationRef, *, life: timedelta) -> str:
        """As the port."""
        claims = {
            "at": _packed(message),
            "b": [button.button, button.value, button.label, button.confirm[:_CONFIRM_CHARACTERS]],
        }
        return self._address(ACT, claims, life)

    def upload(self, conversation: ConversationRef, *, life: timedelta) -> str:
        """As the port."""
        return self._address(UPLOAD, {"at": _packed(conversation)}, life)

    def file(self, digest: str, name: str, conversation: ConversationRef) -> str:
        """As the port."""
        claims = {"d": digest, "n": name, "at": _packed(conversation)}
        return self._address(FILE, claims, FILE_LIFE)

    # --- what our pages ask ------------------------------------------------------------------

    def pressed(self, token: str) -> Pressed | None:
        """The button; None: forged, damaged, for another purpose, or lapsed."""
        claims = self._open(ACT, token)
        if claims is None:
            return None
        button, value, label, confirm = _strings(claims["b"])
        return Pressed(
            button=Button(button=button, value=value, label=label, confirm=confirm),
            message=_unpacked(claims["at"]),
            mark=hashlib.sha256(token.encode()).hexdigest()[:32],
        )

    def dropped(self, token: str) -> ConversationRef | None:
        """The conversation that files are for; None as for ``pressed``."""
        claims = self._open(UPLOAD, token)
        return None if claims is None else _unpacked(claims["at"])

    def fetched(self, token: str) -> Fetched | None:
        """The file; None as for ``pressed``."""
        claims = self._open(FILE, token)
        if claims is None:
            return None
        return Fetched(
            digest=str(claims["d"]), name=str(claims["n"]), conversation=_unpacked(claims["at"])
        )

    def form(self, token: str, person_id: str, *, nonce: str = "") -> str:
        """What a form of ours carries, so that no other page can send it for this person."""
        claims = {"t": _digest(token), "p": person_id, "n": nonce}
        until = self._clock.now() + timedelta(hours=2)
        return self._signers["form"].sign(claims, until=until)

    def sent_by(self, form: str, token: str, person_id: str) -> str | None:
        """The form's nonce; None: it is not a form that this person was given for that address."""
        claims = self._signers["form"].open(form, now=self._clock.now())
        if claims is None or (claims["t"], claims["p"]) != (_digest(token), person_id):
            return None
        return str(claims["n"])

    def _address(self, kind: str, claims: Mapping[str, object], life: timedelta) -> str:
        token = self._signers[kind].sign(claims, until=self._clock.now() + life)
        return f"{self._origin}/{kind}/{token}"

    def _open(self, kind: str, token: str) -> dict[str, object] | None:
        return self._signers[kind].open(token, now=self._clock.now())


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _packed(at: ConversationRef) -> list[str | None]:
    return [at.adapter, at.channel, at.thread, at.message]


def _unpacked(packed: object) -> ConversationRef:
    adapter, channel, thread, message = packed if isinstance(packed, list) else (None,) * 4
    return ConversationRef(
        adapter=str(adapter), channel=str(channel), thread=thread, message=message
    )


def _strings(packed: object) -> list[str]:
    return [str(each) for each in packed] if isinstance(packed, list) else []
