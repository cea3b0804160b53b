"""The seams of talk: watching it, remembering it, summing it up.

Owns: the protocols for advice and room memory. Nothing behind them starts a job or reads a server.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.core.domain.advice import Advice, AdviceRoom, CardClaim, RoomOrder
from bot.core.domain.job import Job
from bot.core.domain.memory import Mark, RoomRef, RoomSummary, TalkMessage


class Adviser(Protocol):
    """Reads talk. It reads no server, remembers nothing, and never makes an intent."""

    async def advise(self, recent: Sequence[str]) -> Advice | None:
        """At most one advice for the newest message, the last of ``recent`` (oldest first)."""

    def mark(self, text: str) -> Mark | None:
        """What a message tells about an incident; None for ordinary talk."""

    def order(self, text: str) -> RoomOrder | None:
        """What an addressed message tells the bot to do in this room, if it says nothing else."""


class AdviceStore(Protocol):
    """Which rooms want advice, and which cards they have had."""

    async def room(self, room: RoomRef) -> AdviceRoom:
        """The room's switch; off where nothing is stored."""

    async def put_room(self, room: RoomRef, state: AdviceRoom) -> None:
        """Set the switch."""

    async def claim(self, claim: CardClaim) -> bool:
        """Take the right to post this card, atomically. False: a pause has not passed. The same
        key and topic are granted again, so that a post that was cut off can be repeated."""


class RoomMemoryStore(Protocol):
    """A room's talk, redacted and bounded, and its one summary."""

    async def hear(self, message: TalkMessage) -> TalkMessage:
        """Keep it at the room's next position; the same key returns the first."""

    async def since(self, room: RoomRef, position: int, limit: int) -> tuple[TalkMessage, ...]:
        """Messages after that position, oldest first, at most ``limit``."""

    async def summary(self, room: RoomRef) -> RoomSummary | None:
        """The latest summary."""

    async def keep(self, summary: RoomSummary) -> None:
        """Replace the summary, unless the stored one reaches further."""

    async def forget(self, before: datetime) -> int:
        """Drop messages and summary lines older than that; how many messages went."""


class RoomJobs(Protocol):
    """What was asked for in a room."""

    async def jobs(self, room: RoomRef, since: datetime) -> tuple[Job, ...]:
        """Jobs of that room created since then, oldest first, the newest 50."""


class Narrator(Protocol):
    """A language model that words the state of a room. Its words are shown, never acted upon."""

    async def narrate(self, summary: Sequence[str], latest: Sequence[str]) -> str | None:
        """A few sentences from summary lines and the latest messages (five for an answer, fifty for
        the summary), never the whole room; None when it is down, late or has nothing usable."""
