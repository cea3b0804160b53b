"""Our own room as the shared stories drive it: a real server, people with sessions of their own.

Owns: the web room's ``Driver``. There is no service behind the room: nobody limits its rate, and
there is nobody in it whom we do not know.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import aiohttp
from aiohttp import web
from pydantic import SecretStr

from adapters.web.adapter import WebAdapter
from adapters.web.settings import WebSettings
from bot.core.domain.people import ExternalId
from bot.core.domain.room import Room
from bot.core.ports import Receiver
from tests.fakes.messenger_driver import STRANGER, VOICES, Drop, Heard, Parts, Seen
from tests.fakes.rooms import MemoryRooms

ROOM = "ops"
_POST = f"/api/rooms/{ROOM}/messages"


class WebDriver:
    """See ``Driver``."""

    grace_s = None
    has_strangers = False
    has_outages = False
    links = None

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        people = tuple(voice for voice in VOICES if voice != STRANGER)
        self._rooms = MemoryRooms([Room(room_id=ROOM, name="운영", members=people)])
        self._clients: dict[str, aiohttp.ClientSession] = {}
        self._opened: list[aiohttp.ClientSession] = []
        self._numbers = itertools.count(1)
        self._again: Callable[[], Awaitable[Heard]] | None = None
        self._port = 0
        self.adapter = self._made()

    def identity(self, voice: str) -> ExternalId:
        return ExternalId(adapter="web", tenant="local", user_id=voice)

    async def start(self, receive: Receiver) -> None:
        app = web.Application()
        self.adapter.attach(app)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self._running = asyncio.create_task(self.adapter.run(receive))
        await asyncio.sleep(0)  # let run() take its receiver

    async def stop(self) -> None:
        for client in self._opened:
            await client.close()
        self._clients.clear()
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running
        await self._runner.cleanup()

    # --- what people do ----------------------------------------------------------------------

    async def mention(
        self, by: str, text: str, *, files: Sequence[Drop] = (), thread: str = ""
    ) -> Heard:
        words = text if thread else f"@guardia {text}"
        return await self._say(by, words, files=files, thread=thread)

    async def command(self, by: str, name: str, text: str) -> Heard:
        return await self._say(by, f"/{name} {text}")

    async def _say(
        self, by: str, text: str, *, files: Sequence[Drop] = (), thread: str = ""
    ) -> Heard:
        client = await self._client(by)
        body: dict[str, Any] = {"text": text, "client_id": f"c{next(self._numbers)}"}
        body["files"] = [await self._upload(client, file) for file in files]
        if thread:
            body["thread"] = thread
        return await self._sent(client, _POST, body)

    async def _upload(self, client: aiohttp.ClientSession, file: Drop) -> str:
        path = f"/api/rooms/{ROOM}/files"
        async with client.post(path, params={"name": file.name}, data=file.content) as response:
            return str((await response.json())["files"][0]["upload"])

    async def press(self, by: str, message: str, label: str) -> Heard:
        client = await self._client(by)
        # What a screen that is behind still shows counts too: any revision's buttons.
        shown = [*self._rooms.history(message)]
        row = next(
            row
            for body in reversed(shown)
            for row in body.get("buttons", ())
            if row["label"] == label
        )
        body = {"button": row["button"], "value": row["value"]}
        body["client_id"] = f"p{next(self._numbers)}"
        return await self._sent(client, f"/api/messages/{message}/press", body)

    async def redeliver(self, times: int) -> None:
        assert self._again is not None
        await asyncio.gather(*(self._again() for _ in range(times)))

    async def _sent(
        self, client: aiohttp.ClientSession, path: str, body: Mapping[str, Any]
    ) -> Heard:
        async def send() -> Heard:
            begun = time.monotonic()
            async with client.post(path, json=body) as response:
                answer = await response.json()
                took = time.monotonic() - begun
                message = answer.get("message") or {}
                thread = message.get("thread") or message.get("id") or ""
                return Heard(status=response.status, seconds=took, thread=thread)

        self._again = send
        return await send()

    # --- what people see ---------------------------------------------------------------------

    async def seen(self, viewer: str) -> list[Seen]:
        client = await self._client(viewer)
        async with client.get(_POST, params={"since": 0}) as response:
            rows = (await response.json())["messages"]
        bots = [row for row in rows if row["author"] == "bot"]
        return [await self._as_seen(client, row) for row in sorted(bots, key=lambda row: row["id"])]

    async def _as_seen(self, client: aiohttp.ClientSession, row: Mapping[str, Any]) -> Seen:
        body = row["body"]
        return Seen(
            message=row["id"],
            text="\n".join(_words({k: v for k, v in body.items() if k != "buttons"})),
            thread=row["thread"] or "",
            buttons=tuple(button["label"] for button in body["buttons"]),
            links={link["label"]: link["url"] for link in body["links"]},
            files=tuple([(f["name"], await self._fetched(client, row, f)) for f in body["files"]]),
            revision=row["revision"],
            private=row["private"],
        )

    async def _fetched(
        self, client: aiohttp.ClientSession, row: Mapping[str, Any], file: Mapping[str, Any]
    ) -> bytes:
        async with client.get(f"/api/messages/{row['id']}/files/{file['digest']}") as response:
            assert response.status == 200, await response.text()
            return await response.read()

    # --- trouble -----------------------------------------------------------------------------

    def limit_rate(self, times: int, *, retry_after_s: float) -> None:
        raise NotImplementedError("there is no service that could")

    def fail(self, times: int) -> None:
        raise NotImplementedError("there is no service that could")

    # --- parts -------------------------------------------------------------------------------

    async def _client(self, voice: str) -> aiohttp.ClientSession:
        if voice not in self._clients:
            jar = aiohttp.CookieJar(unsafe=True)  # cookies of an address without a name
            client = aiohttp.ClientSession(f"http://127.0.0.1:{self._port}", cookie_jar=jar)
            self._opened.append(client)
            async with client.post("/api/session", json={"person_id": voice}) as response:
                assert response.status == 200, await response.text()
            self._clients[voice] = client  # only now: two may come at once
        return self._clients[voice]

    def _made(self) -> WebAdapter:
        return WebAdapter(
            settings=WebSettings(sign_in="cards", secret=SecretStr("a secret of the tests only")),
            rooms=self._rooms,
            files=self._parts.files,
            directory=self._parts.directory,
            audit=self._parts.audit,
            sign_in=None,
            memory=self._parts.memory,
            texts=self._parts.texts,
            clock=self._parts.clock,
        )


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [word for one in value.values() for word in _words(one)]
    if isinstance(value, list | tuple):
        return [word for one in value for word in _words(one)]
    return []
