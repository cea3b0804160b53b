"""The one message with which a request is answered, first as work in progress.

Owns: posting it once and replacing it by what comes of it.
"""

from __future__ import annotations

from bot.core.domain.conversation import ConversationRef
from bot.core.domain.report import Report
from bot.engine.outbound import Outbound


class Reply:
    """The answer to one request. ``key`` names the request over all messengers."""

    def __init__(self, outbound: Outbound, thread: ConversationRef, key: str) -> None:
        self._outbound = outbound
        self._thread = thread
        self._key = key
        self._posted: ConversationRef | None = None

    async def say(self, report: Report) -> ConversationRef:
        """Post the answer, or replace what has been said for it."""
        if self._posted is None:
            self._posted = await self._outbound.post(
                report, self._thread, key=f"{self._key}:answer"
            )
        else:
            await self._outbound.edit(report, self._posted)
        return self._posted

    async def refuse(self, report: Report) -> None:
        """Say why not, instead of what has been said.

        A request that was cut off may have posted its first words before: posting under their
        key would bring those back and lose the refusal, so that this one has its own.
        """
        if self._posted is None:
            self._posted = await self._outbound.post(
                report, self._thread, key=f"{self._key}:refusal"
            )
        else:
            await self._outbound.edit(report, self._posted)
