"""Everything the bot says goes out through here.

Owns: finding the adapter of a conversation, and the pace of edits (at most one a second and
message; what comes faster is merged into the next). Knows nothing of what a report says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping

import structlog

from bot.core.domain.conversation import ConversationRef
from bot.core.domain.report import Report
from bot.core.errors import GuardiaError, OperationError
from bot.core.ports import Adapter

log = structlog.get_logger(__name__)

Render = Callable[[], Awaitable[Report]]


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
        self._waiting: dict[ConversationRef, Render] = {}
        self._last: dict[ConversationRef, float] = {}

    async def post(self, report: Report, to: ConversationRef, *, key: str) -> ConversationRef:
        """Post; the same key posts once.

        Raises:
            OperationError: the messenger did not take it, or there is no such messenger.
        """
        return await self._adapter(to).post(report, to, key=key)

    async def edit(self, report: Report, message: ConversationRef) -> None:
        """Edit now, instead of any edit that still waits.

        Raises:
            OperationError: as ``post``.
        """
        self._waiting.pop(message, None)
        self._last[message] = asyncio.get_running_loop().time()
        await self._adapter(message).edit(report, message)

    def edit_soon(self, message: ConversationRef, render: Render) -> None:
        """Edit when the pace allows, with what ``render`` says then. Failing is only logged:
        the next edit, or the final report, says it again."""
        idle = message not in self._waiting
        self._waiting[message] = render
        if idle:
            self._spawn(self._paced(message))

    async def _paced(self, message: ConversationRef) -> None:
        loop = asyncio.get_running_loop()
        due = self._last.get(message, 0.0) + self._interval_s
        await asyncio.sleep(max(0.0, due - loop.time()))
        render = self._waiting.pop(message, None)
        if render is None:
            return
        self._last[message] = loop.time()
        try:
            await self._adapter(message).edit(await render(), message)
        except GuardiaError as error:
            log.warning("edit_failed", code=error.code, message=message.message)

    def forget(self, message: ConversationRef) -> None:
        """The message is final: keep no pace for it."""
        self._waiting.pop(message, None)
        self._last.pop(message, None)

    def _adapter(self, conversation: ConversationRef) -> Adapter:
        adapter = self._adapters.get(conversation.adapter)
        if adapter is None:
            raise OperationError("chat_unavailable", adapter=conversation.adapter)
        return adapter
