"""The Teams adapter behind a server of its own, with Microsoft's side faked.

Owns: starting and stopping both; what the adapter is made from; who and what its tests speak of.
Tests speak to ``service``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from aiohttp import web

from adapters.teams.adapter import TeamsAdapter
from adapters.teams.door import PATH
from adapters.teams.settings import TeamsSettings
from bot.core.domain.conversation import ConversationRef, Inbound
from bot.core.domain.report import Button, ButtonStyle, Report, Tone
from bot.core.messenger_ports import ConsoleLinks
from bot.core.ports import Receiver
from tests.fakes.adaptive_cards import card_in
from tests.fakes.messenger_driver import Parts
from tests.fakes.teams_service import BOT, TEAM_CHANNEL, TeamsService

LEE = "aaaaaaaa-0000-4000-8000-000000000001"
PERSONAL = "a:1lee"
AT_BOT: dict[str, Any] = {
    "text": "<at>GUARDiA</at> 기재부 예산시스템 점검해 줘",
    "entities": [{"type": "mention", "mentioned": {"id": BOT}, "text": "<at>GUARDiA</at>"}],
}
CHANNEL = ConversationRef(adapter="teams", channel=TEAM_CHANNEL)
ASK = Report(
    title="어느 노드입니까?",
    summary="노드를 골라 주십시오.",
    tone=Tone.ASK,
    buttons=(
        Button(button="choose", value="1", label="1번", style=ButtonStyle.PRIMARY),
        Button(button="cancel", value="J1", label="취소", confirm="정말 취소합니까?"),
    ),
)


class Links:
    """ConsoleLinks whose addresses say what they are for."""

    def action(self, button: Button, message: ConversationRef, *, life: timedelta) -> str:
        return f"https://console.test/act/{button.button}"

    def upload(self, conversation: ConversationRef, *, life: timedelta) -> str:
        return f"https://console.test/upload/{conversation.thread}"

    def file(self, digest: str, name: str, conversation: ConversationRef) -> str:
        return f"https://console.test/file/{digest}"


class TeamsWorld:
    """``received`` is what the core would have got. ``async with`` runs it."""

    def __init__(
        self,
        parts: Parts | None = None,
        *,
        links: ConsoleLinks | None = None,
        receive: Receiver | None = None,
        **settings: Any,
    ) -> None:
        self.parts = parts or Parts()
        self.service = TeamsService(self.parts.clock)
        self.received: list[Inbound] = []
        self._links = links
        self._receive = receive or self._keep
        self._changes = settings
        self.adapter: TeamsAdapter

    async def __aenter__(self) -> TeamsWorld:
        await self.service.start()
        await self.start_bot()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop_bot()
        await self.service.stop()

    async def start_bot(self) -> None:
        """Also after ``stop_bot``: a new life with the same memory."""
        self.adapter = TeamsAdapter(
            settings=TeamsSettings(**self.service.settings(**self._changes)),
            files=self.parts.files,
            memory=self.parts.memory,
            links=self._links,
            texts=self.parts.texts,
            clock=self.parts.clock,
        )
        app = web.Application(client_max_size=1024 * 1024)
        self.adapter.attach(app)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        port = self._runner.addresses[0][1]
        self.service.bot_url = f"http://127.0.0.1:{port}{PATH}"
        self._running = asyncio.create_task(self.adapter.run(self._receive))
        await asyncio.sleep(0)  # let run() take its receiver

    async def stop_bot(self) -> None:
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running
        await self._runner.cleanup()

    async def _keep(self, event: Inbound) -> None:
        self.received.append(event)

    def card_of_only_message(self) -> dict[str, Any]:
        """The card of the one message that there is."""
        (stored,) = self.service.messages.values()
        return card_in(stored.activity)


async def until(condition: Callable[[], object]) -> None:
    """Wait for what is on its way."""
    async with asyncio.timeout(120):
        while not condition():
            await asyncio.sleep(0.02)
