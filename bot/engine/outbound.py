"""Everything the bot says goes out through here.

Owns: finding the adapter of a conversation, one queue per conversation, the pace of channels and
of edits, waiting where a service says when to come again, and having a report degraded for its
messenger. Knows nothing of what a report says.

What is posted or edited by a durable step is not lost: where the messenger does not take it, the
error goes up and the step is done again, also in the bot's next life; the key posts once.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog

from bot.core.domain.conversation import ConversationRef
from bot.core.domain.report import Report
from bot.core.errors import OperationError
from bot.core.ports import Adapter, Capabilities
from bot.engine.outbound_queue import Channels, Lines

log = structlog.get_logger(__name__)

Render = Callable[[], Awaitable[Report]]
Shape = Callable[[Report, Capabilities, ConversationRef], Report]
_T = TypeVar("_T")

_CALL_S = 60.0  # a call that takes longer has failed; nobody knows whether it took effect
_TRIES = 3  # of a call that failed without a word of when to come again


@dataclass(slots=True, kw_only=True)
class _Pace:
    """The edits of one message: ``last`` is the loop's time."""

    last: float = float("-inf")
    waiting: Render | None = None
    busy: int = 0

    def rests(self, since: float) -> bool:
        return self.waiting is None and not self.busy and self.last <= since


class Outbound:
    """Posts in order, edits in a measured pace, waits where the service says so.

    Args:
        adapters: by name.
        spawn: starts a background task that the owner's TaskGroup keeps.
        edit_interval_s: seconds between two edits of one message.
        shape: makes of a report what its messenger can show; None: it can show everything.
        patience_s: how long a call waits for its service before the error goes up.
        retry_s: seconds before a failed call is tried again, doubled each time.
    """

    def __init__(
        self,
        adapters: Mapping[str, Adapter],
        *,
        spawn: Callable[[Coroutine[object, object, None]], object],
        edit_interval_s: float = 1.0,
        shape: Shape | None = None,
        patience_s: float = 60.0,
        retry_s: float = 0.2,
    ) -> None:
        self._adapters = adapters
        self._spawn = spawn
        self._interval_s = edit_interval_s
        self._shape = shape
        self._patience_s = patience_s
        self._retry_s = retry_s
        self._lines = Lines()
        self._channels = Channels()
        self._paces: dict[ConversationRef, _Pace] = {}

    async def post(self, report: Report, to: ConversationRef, *, key: str) -> ConversationRef:
        """Post, after what was said before in that conversation; the same key posts once.

        Raises:
            OperationError: the messenger did not take it, or there is no such messenger.
        """
        adapter = self._adapter(to)
        shaped = self._shaped(report, to)
        async with self._lines.turn(to):
            return await self._send(to, lambda: adapter.post(shaped, to, key=key))

    async def edit(self, report: Report, message: ConversationRef, *, echo: bool = False) -> None:
        """Edit as soon as the pace allows, instead of any edit that still waits, and after
        whatever is on its way in that conversation.

        Where the messenger cannot edit, or the message is gone, it is posted instead; not so an
        ``echo``, whose news a message of its own tells as well.

        Raises:
            OperationError: as ``post``.
        """
        adapter = self._adapter(message)
        if not adapter.capabilities.edits:
            await self._post_instead(report, message, echo=echo)
            return
        shaped = self._shaped(report, message)
        pace = self._pace(message)
        pace.waiting = None
        async with self._lines.turn(message), self._at_pace(pace):
            try:
                await self._send(message, lambda: adapter.edit(shaped, message))
            except OperationError as error:
                if error.code != "message_missing":
                    raise
            else:
                return
        await self._post_instead(report, message, echo=echo)

    def edit_soon(self, message: ConversationRef, render: Render) -> None:
        """Edit when the pace allows, with what ``render`` says then. Failing is only logged:
        the next edit, or the final report, says it again."""
        adapter = self._adapters.get(message.adapter)
        if adapter is None or not adapter.capabilities.edits:
            return
        pace = self._pace(message)
        idle = pace.waiting is None
        pace.waiting = render
        if idle:
            self._spawn(self._paced(adapter, message))

    # --- edits -----------------------------------------------------------------------------

    async def _paced(self, adapter: Adapter, message: ConversationRef) -> None:
        pace = self._pace(message)
        render: Render | None = None

        async def newest() -> None:
            """Also after a wait: what came meanwhile is merged into this edit."""
            nonlocal render
            render, pace.waiting = pace.waiting or render, None
            if render is not None:
                await adapter.edit(self._shaped(await render(), message), message)

        await self._due(pace)
        async with self._lines.turn(message):
            if pace.waiting is None:
                return
            async with self._at_pace(pace):
                try:
                    await self._send(message, newest)
                except Exception:  # the loop of edits: one that fails must not end the whole bot
                    log.exception("edit_failed", message=message.message)

    @asynccontextmanager
    async def _at_pace(self, pace: _Pace) -> AsyncIterator[None]:
        pace.busy += 1
        try:
            await self._due(pace)
            pace.last = asyncio.get_running_loop().time()
            yield
        finally:
            pace.busy -= 1

    async def _post_instead(self, report: Report, message: ConversationRef, *, echo: bool) -> None:
        if not echo:
            said = repr((report.title, report.summary, report.tone, report.sections))
            digest = hashlib.sha256(said.encode()).hexdigest()[:16]
            key = f"edit:{message.message}:{digest}"
            await self.post(report, replace(message, message=None), key=key)

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

    # --- calls -----------------------------------------------------------------------------

    async def _send(self, at: ConversationRef, call: Callable[[], Awaitable[_T]]) -> _T:
        """Call at the channel's pace, and again where that can help."""
        tries, waited_s = 0, 0.0
        pace_s = self._adapter(at).capabilities.pace_s
        while True:
            left_s = self._patience_s - waited_s
            await self._channels.of(at).due(pace_s, patience_s=left_s)
            try:
                return await self._called(at, call)
            except OperationError as error:
                if error.code != "chat_unavailable":
                    raise
                tries += 1
                told_s = _retry_after_s(error)
                pause_s = max(told_s or 0.0, self._retry_s * 2 ** (tries - 1))
                if told_s is not None:
                    self._channels.of(at).hold(pause_s)
                if (told_s is None and tries >= _TRIES) or waited_s + pause_s > self._patience_s:
                    raise
            waited_s += pause_s
            if told_s is None:
                await asyncio.sleep(pause_s)  # this conversation only: nobody has named the channel

    async def _called(self, at: ConversationRef, call: Callable[[], Awaitable[_T]]) -> _T:
        try:
            async with asyncio.timeout(_CALL_S):
                return await call()
        except TimeoutError as error:
            raise OperationError("chat_unavailable", adapter=at.adapter) from error

    def _shaped(self, report: Report, at: ConversationRef) -> Report:
        if self._shape is None:
            return report
        return self._shape(report, self._adapter(at).capabilities, at)

    def _adapter(self, conversation: ConversationRef) -> Adapter:
        adapter = self._adapters.get(conversation.adapter)
        if adapter is None:
            raise OperationError("chat_unavailable", adapter=conversation.adapter)
        return adapter


def _retry_after_s(error: OperationError) -> float | None:
    try:
        return max(0.0, float(error.values["retry_after_s"]))
    except (KeyError, ValueError):
        return None
