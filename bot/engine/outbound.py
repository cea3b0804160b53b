"""Everything the bot says goes out through here.

Owns: finding the adapter of a conversation, and the pace of edits (at most one a second and
message; what comes faster is merged into the next). Knows nothing of what a report says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field

import structlog

from bot.core.domain.conversation import ConversationRef
from bot.core.domain.report import Report
from bot.core.errors import OperationError
from bot.core.ports import Adapter

log = structlog.get_logger(__name__)

Render = Callable[[], Awaitable[Report]]


@dataclass(slots=True, kw_only=True)
class _Pace:
    """The edits of one message: ``turn`` keeps them in order, ``last`` is the loop's time."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    last: float = float("-inf")
    waiting: Render | None = None

    def rests(self, since: float) -> bool:
        return self.waiting is None and not self.turn.locked() and self.last <= since


class Outbound:
    """Posts at once, edits in a measured pace.

    Args:
        adapters: by name.
        spawn: starts a background task that the owner's TaskGroup keeps.
        edit_interval_s: seconds between two edits of one message.
    """

    def __init__(
        self,
        adapters: Mapping[str, Adapter],
        *,
        spawn: Callable[[Coroutine[object, object, None]], object],
        edit_interval_s: float = 1.0,
    ) -> None:
        self._adapters = adapters
        self._spawn = spawn
        self._interval_s = edit_interval_s
        self._paces: dict[ConversationRef, _Pace] = {}

    async def post(self, report: Report, to: ConversationRef, *, key: str) -> ConversationRef:
        """Post; the same key posts once.

        Raises:
            OperationError: the messenger did not take it, or there is no such messenger.
        """
        return await self._adapter(to).post(report, to, key=key)

    async def edit(self, report: Report, message: ConversationRef) -> None:
        """Edit as soon as the pace allows, instead of any edit that still waits, and after any
        that is on its way.

        Raises:
            OperationError: as ``post``.
        """
        pace = self._pace(message)
        pace.waiting = None
        async with pace.turn:
            await self._due(pace)
            pace.last = asyncio.get_running_loop().time()
            await self._adapter(message).edit(report, message)

    def edit_soon(self, message: ConversationRef, render: Render) -> None:
        """Edit when the pace allows, with what ``render`` says then. Failing is only logged:
        the next edit, or the final report, says it again."""
        pace = self._pace(message)
        idle = pace.waiting is None
        pace.waiting = render
        if idle:
            self._spawn(self._paced(message, pace))

    async def _paced(self, message: ConversationRef, pace: _Pace) -> None:
        loop = asyncio.get_running_loop()
        await self._due(pace)
        async with pace.turn:
            await self._due(pace)
            render, pace.waiting = pace.waiting, None
            if render is None:
                return
            pace.last = loop.time()
            try:
                await self._adapter(message).edit(await render(), message)
            except Exception:
                # The owner's TaskGroup holds the whole bot: an edit that fails must not end it.
                log.exception("edit_failed", message=message.message)

    async def _due(self, pace: _Pace) -> None:
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, pace.last + self._interval_s - now))

    def _pace(self, message: ConversationRef) -> _Pace:
        """The pace of that message; those that have come to rest are dropped on the way."""
        since = asyncio.get_running_loop().time() - self._interval_s
        for resting in [key for key, pace in self._paces.items() if pace.rests(since)]:
            if resting != message:
                del self._paces[resting]
        return self._paces.setdefault(message, _Pace())

    def _adapter(self, conversation: ConversationRef) -> Adapter:
        adapter = self._adapters.get(conversation.adapter)
        if adapter is None:
            raise OperationError("chat_unavailable", adapter=conversation.adapter)
        return adapter
