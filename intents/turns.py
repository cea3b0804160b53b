"""Whose turn it is at the one model: people who wait for an answer before the bot's own questions.

Owns: that nothing is generated beside something else, and that a person's request ends what the
bot asked of its own accord. Knows nothing of what is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_MOST_OWN = 3  # of the bot's own questions, waiting ones included


class Turns:
    """One model's queue. ``ready``: it has been loaded."""

    def __init__(self) -> None:
        self.ready = False
        self._turn = asyncio.Lock()
        self._own: set[asyncio.Timeout] = set()

    @asynccontextmanager
    async def person(self) -> AsyncIterator[None]:
        """A turn for somebody who waits. Whatever the bot asks for itself ends now, as late."""
        for limit in tuple(self._own):
            if not limit.expired():
                limit.reschedule(asyncio.get_running_loop().time())
        async with self._turn:
            yield

    @asynccontextmanager
    async def own(self, deadline_s: float) -> AsyncIterator[None]:
        """A turn for what nobody waits for, waiting included.

        Raises:
            TimeoutError: it took too long, a person came first, or too many wait already.
        """
        if not self.ready or len(self._own) >= _MOST_OWN:
            raise TimeoutError
        async with asyncio.timeout(deadline_s) as limit:
            self._own.add(limit)
            try:
                async with self._turn:
                    yield
            finally:
                self._own.discard(limit)
