"""A real web room on a free loopback port, over in-memory stores.

Owns: the server's life in a test, and what a test asks of it: clients, received events, reports.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Any, Literal

import aiohttp
from aiohttp import web
from pydantic import SecretStr

from adapters.web.adapter import WebAdapter
from adapters.web.settings import WebSettings
from bot.app.web.pages import ConsolePages
from bot.core.domain.conversation import Inbound
from bot.core.texts import load_texts
from tests.fakes.messengers import MemoryMessengerMemory
from tests.fakes.outputs import MemoryOutputs
from tests.fakes.rooms import (
    MemoryDirectory,
    MemoryFiles,
    MemoryRooms,
    MemorySignIn,
    TickingClock,
    sample_people,
    sample_rooms,
)
from tests.fakes.stores import MemoryAudit, MemoryJobs
from tests.lab.ports import free_port

ROOM = "moef-budget"


def chromium_options() -> dict[str, Any]:
    """How Chromium is started on this machine: headless, and talking to nobody else."""
    return {
        "executable_path": "/usr/bin/chromium",
        "args": [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ],
    }


class RoomServer:
    """``async with RoomServer() as server``."""

    def __init__(
        self, *, sign_in: Literal["cards", "codes"] = "cards", max_upload_bytes: int = 1 << 24
    ) -> None:
        self.rooms = MemoryRooms(sample_rooms())
        self.files = MemoryFiles()
        self.directory = MemoryDirectory(sample_people())
        self.codes = MemorySignIn()
        self.memory = MemoryMessengerMemory()
        self.audit = MemoryAudit()
        self.outputs = MemoryOutputs()
        self.jobs = MemoryJobs()  # for the console's pages beside the room
        self.clock = TickingClock()
        self.received: list[Inbound] = []
        self.failure: Exception | None = None
        self.settings = WebSettings(
            sign_in=sign_in,
            secret=SecretStr("a secret of the tests only"),
            max_upload_bytes=max_upload_bytes,
        )
        self.adapter = self._adapter()
        self._clients: list[aiohttp.ClientSession] = []
        self._port = free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> RoomServer:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for client in self._clients:
            await client.close()
        await self.stop()

    async def start(self) -> None:
        """Serve; after ``stop`` again on the same port, with the same stores."""
        self.adapter = self._adapter()
        app = web.Application()
        self.adapter.attach(app)
        self._console().attach(app)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._running = asyncio.create_task(self.adapter.run(self._receive))
        await asyncio.sleep(0)  # let run() take its receiver

    async def stop(self) -> None:
        """As when the bot goes down."""
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running
        await self._runner.cleanup()

    async def client(self, person_id: str | None = None) -> aiohttp.ClientSession:
        """A program's session, signed in by card if a person is named."""
        jar = aiohttp.CookieJar(unsafe=True)  # cookies of an address without a name
        session = aiohttp.ClientSession(self.url, cookie_jar=jar)
        self._clients.append(session)
        if person_id:
            async with session.post("/api/session", json={"person_id": person_id}) as response:
                assert response.status == 200, await response.text()
        return session

    async def _receive(self, event: Inbound) -> None:
        if self.failure is not None:
            raise self.failure
        self.received.append(event)

    def _adapter(self) -> WebAdapter:
        return WebAdapter(
            settings=self.settings,
            rooms=self.rooms,
            files=self.files,
            directory=self.directory,
            audit=self.audit,
            sign_in=self.codes,
            memory=self.memory,
            texts=load_texts("ko"),
            clock=self.clock,
        )

    def _console(self) -> ConsolePages:
        return ConsolePages(
            door=self.adapter.door,
            jobs=self.jobs,
            deployments=self.jobs,
            directory=self.directory,
            outputs=self.outputs,
            texts=load_texts("ko"),
            clock=self.clock,
        )
