"""Taking in what Slack tells us: acknowledged in time, handed on once, never lost silently.

Owns: the three seconds, duplicates that arrive while the first is still on its way, another try
where the bot could not take it, and telling the person where it could not at all. What an event
becomes is decided by ``hand_on``; how it came is the adapter's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from adapters.slack.inbound import Heard, Said
from bot.core.errors import UserError

# Slack wants its acknowledgement within 3 s; one and a half are for us, the rest for the way.
GRACE_S = 1.5
RETRY_S = (1.0, 5.0, 15.0)
DRAIN_S = 5.0
MAX_PENDING = 2000
log = structlog.get_logger(__name__)

HandOn = Callable[[Heard], Awaitable[None]]
TellWhy = Callable[[Heard, UserError | None], Awaitable[None]]


class Doorman:
    """Everything that is on its way from Slack to the bot.

    Args:
        hand_on: gives one event to the bot; returns when it is durably taken.
        tell_why: tells the person that it was not taken; None: for no reason of theirs.
    """

    def __init__(self, hand_on: HandOn, tell_why: TellWhy, *, grace_s: float = GRACE_S) -> None:
        self._hand_on = hand_on
        self._tell_why = tell_why
        self._grace_s = grace_s
        self._pending: dict[str, asyncio.Task[bool]] = {}
        self._acknowledged: set[str] = set()

    async def take(self, heard: Heard) -> bool:
        """Whether to acknowledge. False: Slack shall send it again.

        What is not durably taken within the grace is acknowledged and goes on.
        """
        key = heard.event_id
        task = self._pending.get(key)
        if task is None:
            if len(self._pending) >= MAX_PENDING:
                return False
            task = asyncio.create_task(self._carry(heard))
            self._pending[key] = task
            task.add_done_callback(lambda _: self._done(key))
        done, _ = await asyncio.wait({task}, timeout=self._grace_s)
        if not done:
            self._acknowledged.add(key)
            return True
        return not task.cancelled() and task.result()

    async def drain(self) -> None:
        """Give what is on its way a last moment, then end it."""
        tasks = list(self._pending.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=DRAIN_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _done(self, key: str) -> None:
        self._pending.pop(key, None)
        self._acknowledged.discard(key)

    async def _carry(self, heard: Heard) -> bool:
        """Whether it has been dealt with. Slack sends messages again, and nothing else."""
        for pause_s in (*RETRY_S, None):
            try:
                await self._hand_on(heard)
            except UserError as error:
                await self._tell(heard, error)
                return True
            except Exception:  # the adapter loop: one event's failure must not end the room
                log.exception("event_not_taken", event_id=heard.event_id)
            else:
                return True
            if isinstance(heard, Said) and heard.event_id not in self._acknowledged:
                return False
            if pause_s is not None:
                await asyncio.sleep(pause_s)
        await self._tell(heard, None)
        return True

    async def _tell(self, heard: Heard, error: UserError | None) -> None:
        try:
            await self._tell_why(heard, error)
        except Exception:  # the adapter loop, as above: it is in the log
            log.exception("person_not_told", event_id=heard.event_id)
