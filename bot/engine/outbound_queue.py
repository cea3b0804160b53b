"""Whose turn it is: one after another in a conversation, at the channel's pace.

Owns: the order within conversations, the pace of channels, and how long a channel is left alone
after its service has said so. Knows no adapter and no report.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bot.core.domain.conversation import ConversationRef
from bot.core.errors import OperationError

_Line = tuple[str, str, str | None]


@dataclass(slots=True)
class _Queue:
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # asyncio's locks are fair
    people: int = 0


class Lines:
    """One queue a conversation. None holds another."""

    def __init__(self) -> None:
        self._queues: dict[_Line, _Queue] = {}

    def __len__(self) -> int:
        return len(self._queues)

    @asynccontextmanager
    async def turn(self, at: ConversationRef) -> AsyncIterator[None]:
        """After whoever asked before, in that thread, or in the open channel."""
        line = (at.adapter, at.channel, at.thread)
        queue = self._queues.setdefault(line, _Queue())
        queue.people += 1
        try:
            async with queue.turn:
                yield
        finally:
            queue.people -= 1
            if not queue.people:
                del self._queues[line]


@dataclass(slots=True)
class Channel:
    """When a channel may be called next; times are the loop's."""

    gate: asyncio.Lock = field(default_factory=asyncio.Lock)
    next_at: float = float("-inf")
    held_until: float = float("-inf")

    async def due(self, pace_s: float, *, patience_s: float) -> None:
        """Wait for the pace, and for the end of a hold that is not longer than the patience.

        Raises:
            OperationError: ``chat_unavailable``: it is held for longer.
        """
        loop = asyncio.get_running_loop()
        async with self.gate:
            while (now := loop.time()) < max(self.next_at, self.held_until):
                if self.held_until - now > patience_s:
                    raise OperationError(
                        "chat_unavailable", retry_after_s=round(self.held_until - now, 1)
                    )
                await asyncio.sleep(max(self.next_at, self.held_until) - now)
            self.next_at = now + pace_s

    def hold(self, seconds: float) -> None:
        """Leave the channel alone for so long."""
        now = asyncio.get_running_loop().time()
        self.held_until = max(self.held_until, now + seconds)

    def rests(self, now: float) -> bool:
        return not self.gate.locked() and max(self.next_at, self.held_until) <= now


class Channels:
    """The channels that have a pace or a hold to keep; others are forgotten."""

    def __init__(self) -> None:
        self._channels: dict[tuple[str, str], Channel] = {}

    def __len__(self) -> int:
        return len(self._channels)

    def of(self, at: ConversationRef) -> Channel:
        """The channel of that conversation."""
        now = asyncio.get_running_loop().time()
        for resting in [key for key, channel in self._channels.items() if channel.rests(now)]:
            del self._channels[resting]
        return self._channels.setdefault((at.adapter, at.channel), Channel())
