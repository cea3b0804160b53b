"""The seams that messengers need besides the Adapter: memory, links to the console, identities.

Owns: the ports. ``bot.app.wiring`` names the implementations; adapters are given what they need.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bot.core.domain.conversation import ConversationRef
from bot.core.domain.people import ExternalId
from bot.core.domain.report import Button


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that ``guardia doctor`` looked at. ``remedy``: what to do where it is not well."""

    name: str
    well: bool
    found: str
    remedy: str = ""


class MessengerMemory(Protocol):
    """What an adapter must still know after a restart, as small JSON values under keys: which
    report was posted where, which event was taken, how a conversation is reached."""

    async def keep(
        self, adapter: str, key: str, value: Mapping[str, object], *, at: datetime
    ) -> Mapping[str, object]:
        """Keep it unless there is a value under that key already; returns the one that is there."""

    async def replace(
        self, adapter: str, key: str, value: Mapping[str, object], *, at: datetime
    ) -> None:
        """Keep it instead of what was there."""

    async def recall(self, adapter: str, key: str) -> Mapping[str, object] | None:
        """What is kept under that key."""

    async def forget(self, adapter: str, *, before: datetime) -> None:
        """Drop what was kept before that."""


class ConsoleLinks(Protocol):
    """Addresses of our own pages, for messengers that lack buttons, edits or files.

    A link alone does nothing: opening it shows what would be done, the person signs in, and only
    their POST acts, once. It carries no secret but its own signature.
    """

    def action(self, button: Button, message: ConversationRef, *, life: timedelta) -> str:
        """Where that button of that message can be pressed."""

    def upload(self, conversation: ConversationRef, *, life: timedelta) -> str:
        """Where files for that conversation can be dropped; what is sent there is a mention."""

    def file(self, digest: str, name: str, conversation: ConversationRef) -> str:
        """Where a file that the bot has made can be fetched."""


class IdentityLinks(Protocol):
    """Single-use codes by which a person says that a messenger identity is theirs."""

    async def issue(self, person_id: str, code_digest: str, *, until: datetime) -> None:
        """Keep the SHA-256 of a code; an older one of that person is void."""

    async def redeem(self, code_digest: str, external: ExternalId, *, now: datetime) -> str | None:
        """Spend the code and map the identity to its person, whose id is returned. None: the code
        is unknown, spent or lapsed, or the identity is somebody else's. Whatever comes of it, that
        code is good for nobody any more: a room may have read it.

        Raises:
            UserError: that identity, unknown as yet, has said too many wrong codes lately
                (``link_paused``); counted over restarts and replicas, whatever the code.
        """

    async def void(self, code_digest: str) -> None:
        """That code has been said where it does nothing: it is good for nobody any more."""
