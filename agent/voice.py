"""What a long step says, between the operation that hears it and the line that carries it.

Owns: how much of it waits, and what is left out when it cannot go: the middle, counted by the
offsets. Knows neither servers nor the link; never keeps more than its bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

HELD_BYTES = 512 * 1024
_PIECE_BYTES = 48 * 1024  # of one message; at most so many characters
_GATHER_S = 0.1  # small pieces that follow each other go out together
_PATIENCE_S = 2.0  # for a line that takes nothing
_PATIENCE_IN_ALL_S = 60.0  # of one step: a slow line must not slow a script down for ever
_LINE_BYTES = 4096


def _silent() -> None:
    """Nobody listens."""


class Voice:
    """One step's output on its way: ``say`` never waits, ``tell`` waits for room, but not long."""

    def __init__(self, *, held_bytes: int = HELD_BYTES, patience_s: float = _PATIENCE_S) -> None:
        self.wake: Callable[[], None] = _silent  # called when there is something to take
        self._limit = held_bytes
        self._patience_s = patience_s
        self._left_s = _PATIENCE_IN_ALL_S
        self._held = bytearray()
        self._at = 0  # the place of the first held byte in all that was said
        self._gap_at = 0  # in ``_held``, where ``_gap`` bytes have been left out
        self._gap = 0
        self._taken = asyncio.Event()
        self._stalled = False  # nothing was taken for too long: from now on nobody waits
        self._took_at = float("-inf")

    @property
    def held(self) -> int:
        """Bytes that wait."""
        return len(self._held)

    def say(self, text: str) -> None:
        """Add to what is said. What does not fit is left out in the middle."""
        self._held += text.encode(errors="replace")
        if len(self._held) > self._limit:
            self._shorten()
        if self._held:
            self.wake()

    async def tell(self, text: str) -> None:
        """As ``say``, part by part; after each wait until half of the room is free again, as long
        as something is taken at all."""
        part = max(1, self._limit // 8)  # a character has at most four bytes
        for start in range(0, len(text), part):
            self.say(text[start : start + part])
            await self._room()

    async def _room(self) -> None:
        loop = asyncio.get_running_loop()
        while len(self._held) > self._limit // 2 and not self._stalled and self._left_s > 0:
            began = loop.time()
            self._taken.clear()
            try:
                async with asyncio.timeout(min(self._patience_s, self._left_s)):
                    await self._taken.wait()
            except TimeoutError:
                self._stalled = True
            self._left_s -= loop.time() - began

    def due_at(self) -> float | None:
        """When the next piece should go, in the loop's time; None: there is none."""
        if not self._held:
            return None
        if len(self._held) >= _PIECE_BYTES:
            return 0.0
        return self._took_at + _GATHER_S

    def take(self) -> tuple[int, str] | None:
        """The next piece and its offset, whole lines where they are not too long; None: nothing
        is left."""
        if not self._held:
            return None
        if self._gap and not self._gap_at:
            self._at, self._gap = self._at + self._gap, 0
        bound = self._gap_at if self._gap else len(self._held)
        cut = bound if bound <= _PIECE_BYTES else _line_end(self._held, _PIECE_BYTES)
        offset, piece = self._at, self._held[:cut].decode(errors="replace")
        del self._held[:cut]
        self._at += cut
        self._gap_at -= cut if self._gap else 0
        self._took_at = asyncio.get_running_loop().time()
        self._stalled = False
        self._taken.set()
        return offset, piece

    def _shorten(self) -> None:
        """Down to three quarters, so that it is not done with every piece."""
        if not self._gap:
            self._gap_at = _line_end(self._held, self._limit // 4)
        excess = len(self._held) - self._limit * 3 // 4
        end = _next_line(self._held, self._gap_at + excess)
        del self._held[self._gap_at : end]
        self._gap += end - self._gap_at


def _line_end(held: bytearray, at: int) -> int:
    """The end of the line before ``at``, or of the character, where that line is too long."""
    end = held.rfind(b"\n", max(0, at - _LINE_BYTES), at) + 1
    if end > 0:
        return end
    while at > 0 and at < len(held) and held[at] & 0xC0 == 0x80:
        at -= 1
    return at


def _next_line(held: bytearray, at: int) -> int:
    """The beginning of the next line, or of the next character, where that is too far."""
    end = held.find(b"\n", at, at + _LINE_BYTES) + 1
    if end > 0:
        return end
    while at < len(held) and held[at] & 0xC0 == 0x80:
        at += 1
    return at
