"""Waking the open streams when a room has something new.

Owns: who listens, and which rooms are new to each of them. It carries no messages: a woken stream
reads the store from its own position, so that order, edits and restarts need no second truth, and
a slow reader costs one flag instead of a queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Listener:
    """One open stream's wake-up call."""

    def __init__(self) -> None:
        self._rooms: set[str] = set()
        self._woken = asyncio.Event()
        self.closing = False

    def wake(self, room: str) -> None:
        self._rooms.add(room)
        self._woken.set()

    def close(self) -> None:
        self.closing = True
        self._woken.set()

    async def wait(self, timeout_s: float) -> frozenset[str]:
        """The rooms that are new since the last call; empty after ``timeout_s`` of silence."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._woken.wait()
        except TimeoutError:
            return frozenset()
        self._woken.clear()
        rooms, self._rooms = frozenset(self._rooms), set()
        return rooms


class Hub:
    """All listeners of this process."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    @contextmanager
    def listen(self) -> Iterator[Listener]:
        listener = Listener()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def wake(self, room: str) -> None:
        """Something in this room is new or has changed."""
        for listener in self._listeners:
            listener.wake(room)

    def close(self) -> None:
        """End every stream; clients come back with their position."""
        for listener in self._listeners:
            listener.close()
