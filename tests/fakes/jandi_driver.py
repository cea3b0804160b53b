"""Jandi as the shared stories drive it: the real adapter, a fake of its service, our own pages.

Owns: Jandi's ``Driver``. Its users have no buttons and no files: they open the links, sign in on
our pages, press and drop there.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from aiohttp import web
from pydantic import SecretStr

from adapters.jandi.adapter import ACKNOWLEDGE_S, PATH, JandiAdapter
from adapters.jandi.settings import JandiSettings
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.people import ExternalId
from bot.core.messenger_ports import ConsoleLinks
from bot.core.ports import Receiver
from tests.fakes.console import ConsoleParts, ConsoleServer
from tests.fakes.jandi_service import JandiService, Shown
from tests.fakes.messenger_driver import VOICES, Drop, Heard, Parts, Seen

TEAM = "acme"
TOPIC = "ops"
_LINK = re.compile(r"\[\[([^\]]*)\]\]\((http[^)\s]+)\)")


class JandiDriver:
    """See ``Driver``."""

    grace_s = ACKNOWLEDGE_S
    has_strangers = True
    has_outages = True

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        # The stories talk faster than people do; the limit of a minute has its own test.
        self.service = JandiService(most_a_minute=100_000)
        self.console = ConsoleServer(
            ConsoleParts(
                directory=parts.directory,
                jobs=parts.jobs,
                files=parts.files,
                memory=parts.memory,
                audit=parts.audit,
                clock=parts.clock,
                codes=parts.codes,
                approve=parts.approve,
            )
        )
        self._again: Callable[[], Awaitable[Heard]] | None = None
        self._moments = itertools.count(1)
        for voice in VOICES:
            if voice != "stranger":
                web_identity = ExternalId(adapter="web", tenant="local", user_id=voice)
                parts.directory.externals[web_identity] = voice
        rooms = {
            TOPIC: {"token": self.service.topic(TOPIC).token, "url": self.service.hook_url(TOPIC)}
        }
        self.adapter = JandiAdapter(
            JandiSettings(mode="webhook", team=TEAM, rooms=SecretStr(json.dumps(rooms))),
            memory=parts.memory,
            texts=parts.texts,
            clock=parts.clock,
        )

    @property
    def links(self) -> ConsoleLinks | None:
        return self.console.links

    def identity(self, voice: str) -> ExternalId:
        return ExternalId(adapter="jandi", tenant=TEAM, user_id=str(self._writer(voice)["id"]))

    async def start(self, receive: Receiver) -> None:
        await self.service.start()
        app = web.Application()
        self.adapter.attach(app)
        await self.console.start(receive, app)
        self._running = asyncio.create_task(self.adapter.run(receive))
        await asyncio.sleep(0)  # let run() take its receiver

    async def stop(self) -> None:
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running
        await self.console.stop()
        await self.service.stop()

    # --- what people do ----------------------------------------------------------------------

    async def mention(
        self, by: str, text: str, *, files: Sequence[Drop] = (), thread: str = ""
    ) -> Heard:
        if files:
            return await self._drop(by, text, files)
        topic = self.service.topic(TOPIC)
        # The stories' clock stands still; nobody says two things in one millisecond.
        at = self._parts.clock.now() + timedelta(milliseconds=next(self._moments))
        payload = self.service.payload(topic, self._writer(by), text, at=at)
        return await self._sent(
            lambda: self.service.call(f"{self.console.url}{PATH}", payload, topic=topic)
        )

    async def command(self, by: str, name: str, text: str) -> Heard:
        return await self.mention(by, f"/{name} {text}")

    async def _drop(self, by: str, text: str, files: Sequence[Drop]) -> Heard:
        place = ConversationRef(adapter="jandi", channel=TOPIC)
        address = self.console.links.upload(place, life=timedelta(hours=1))
        status, page = await self.console.open(by, address)
        assert status == 200, page
        contents = {file.name: file.content for file in files}
        form = re.search(r'name="form" value="([^"]+)"', page)
        assert form is not None
        return await self._sent(
            lambda: self.console.send_files(by, address, contents, text=text, form=form[1])
        )

    async def press(self, by: str, message: str, label: str) -> Heard:
        shown = next(one for one in self.service.topic(TOPIC).shown if one.message_id == message)
        address = _links_of(shown)[label]
        status, page = await self.console.open(by, address)
        if status != 200:
            return Heard(status=status, seconds=0.0)
        form = re.search(r'name="form" value="([^"]+)"', page)
        assert form is not None
        values = {"form": form[1]}
        return await self._sent(lambda: self.console.send(by, address, values))

    async def redeliver(self, times: int) -> None:
        assert self._again is not None
        await asyncio.gather(*(self._again() for _ in range(times)))

    async def _sent(self, act: Callable[[], Awaitable[int]]) -> Heard:
        async def send() -> Heard:
            begun = time.monotonic()
            status = await act()
            return Heard(status=status, seconds=time.monotonic() - begun)

        self._again = send
        return await send()

    # --- what people see ---------------------------------------------------------------------

    async def seen(self, viewer: str) -> list[Seen]:
        return [await self._as_seen(viewer, one) for one in self.service.topic(TOPIC).shown]

    async def _as_seen(self, viewer: str, shown: Shown) -> Seen:
        links = _links_of(shown)
        files = {label: url for label, url in links.items() if "/file/" in url}
        return Seen(
            message=shown.message_id,
            text=shown.text.replace("\u200b", ""),
            buttons=tuple(label for label, url in links.items() if "/act/" in url),
            links=links,
            files=tuple([(name, await self._fetched(viewer, url)) for name, url in files.items()]),
        )

    async def _fetched(self, viewer: str, url: str) -> bytes:
        browser = await self.console.browser("" if viewer == "stranger" else viewer)
        async with browser.get(url) as response:
            return await response.read() if response.status == 200 else b""

    # --- trouble -----------------------------------------------------------------------------

    def limit_rate(self, times: int, *, retry_after_s: float) -> None:
        self.service.limit_rate(times, retry_after_s=retry_after_s)

    def fail(self, times: int) -> None:
        self.service.fail(times)

    # --- parts -------------------------------------------------------------------------------

    @staticmethod
    def _writer(voice: str) -> dict[str, Any]:
        number = 20_000 + VOICES.index(voice)
        # A display name that is somebody else's: it counts for nothing.
        return {"id": number, "name": "pm씨", "email": f"{voice}@example.com"}


def _links_of(shown: Shown) -> dict[str, str]:
    return dict(_LINK.findall(shown.text))
