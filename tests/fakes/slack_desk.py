"""The Slack adapter at a desk: Slack before it and, behind it, somebody who notes what arrives.

Owns: starting and stopping both; who and what its tests speak of.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from adapters.slack.adapter import SlackAdapter
from adapters.slack.settings import SlackSettings
from bot.core.domain.conversation import ConversationRef, Inbound
from bot.core.texts import load_texts
from tests.fakes.engine import FakeClock
from tests.fakes.files import MemoryFileStore
from tests.fakes.messengers import MemoryMessengerMemory
from tests.fakes.slack_driver import settings_for
from tests.fakes.slack_service import SlackService
from tests.fakes.slack_workspace import BOT, CHANNEL, Json, Message

TEXTS = load_texts("ko")
DEV, LEADER = "U0DEV", "U0LEADER"
PLACE = ConversationRef(adapter="slack", channel=CHANNEL)


class Desk:
    """``received`` is what the core would have got; ``open`` cleared: the bot behind is stuck."""

    def __init__(self, service: SlackService, clock: FakeClock) -> None:
        self.service = service
        self.clock = clock
        self.files = MemoryFileStore()
        self.memory = MemoryMessengerMemory()
        self.received: list[Inbound] = []
        self.failures: list[Exception] = []
        self.open = asyncio.Event()  # closed: the bot behind is stuck
        self.open.set()
        self.adapter = self.made()
        self._running: asyncio.Task[None] | None = None

    def made(self, **changes: object) -> SlackAdapter:
        settings: SlackSettings = settings_for(self.service, "socket").model_copy(update=changes)
        return SlackAdapter(
            settings,
            files=self.files,
            memory=self.memory,
            texts=TEXTS,
            clock=self.clock,
            grace_s=0.5,
        )

    async def receive(self, event: Inbound) -> None:
        await self.open.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.received.append(event)

    async def start(self) -> None:
        self._running = asyncio.create_task(self.adapter.run(self.receive))
        await until(lambda: self.service.connected > 0)

    async def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running

    def said(self) -> list[Message]:
        return [m for m in self.service.messages.values() if m.user == BOT]


async def until(done: Callable[[], object]) -> None:
    async with asyncio.timeout(120):
        while not done():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def open_desk() -> AsyncIterator[Desk]:
    """A desk with two people in the channel."""
    clock = FakeClock()
    async with SlackService(now=lambda: clock.now().timestamp()) as service:
        service.join(CHANNEL, DEV, LEADER)
        desk = Desk(service, clock)
        await desk.start()
        yield desk
        await desk.stop()


def mention(desk: Desk, text: str = "재기동해줘", *files: Json) -> tuple[Message, Json]:
    said = desk.service.say(DEV, f"<@{BOT}> {text}")
    return said, desk.service.mention_of(said, *files)
