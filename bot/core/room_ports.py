"""The seams of the web room, which has no chat service behind it: messages and sign-in codes.

Owns: the ports. ``cmdb`` implements them, the web adapter stands on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from bot.core.domain.room import Room, RoomMessage


class RoomStore(Protocol):
    """Rooms and their messages, for the adapter that has no chat service behind it."""

    async def rooms(self, person_id: str) -> tuple[Room, ...]:
        """The rooms this person is a member of."""

    async def put(self, message: RoomMessage, *, key: str) -> RoomMessage:
        """Insert; the same ``key`` returns the first message. The store sets the position."""

    async def edit(self, message_id: str, body: Mapping[str, object]) -> RoomMessage:
        """Replace the body; the store sets revision and position.

        Raises:
            OperationError: there is no such message (``message_missing``).
        """

    async def since(self, room: str, position: int, limit: int) -> tuple[RoomMessage, ...]:
        """Messages whose position is greater, oldest first, at most ``limit``."""

    async def find(self, message_id: str) -> RoomMessage | None:
        """One message."""


class SignInStore(Protocol):
    """Single-use sign-in codes for our own room, issued on the command line."""

    async def issue(self, person_id: str, code_digest: str, *, until: datetime) -> None:
        """Keep the SHA-256 of a code; an older one of that person is void."""

    async def redeem(self, code_digest: str, *, now: datetime) -> str | None:
        """Spend the code. The person's id; None: unknown, spent or lapsed."""
