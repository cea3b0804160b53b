"""Slack as the shared stories drive it: the real adapter, the real client, Slack on loopback.

Owns: Slack's ``Driver``, over Socket Mode and over HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from math import inf
from typing import Literal

from aiohttp import web
from pydantic import SecretStr

from adapters.slack.adapter import SlackAdapter
from adapters.slack.door import PATH
from adapters.slack.doorman import GRACE_S
from adapters.slack.settings import SlackSettings
from bot.core.domain.people import ExternalId
from bot.core.ports import Receiver
from tests.fakes.block_kit import buttons_of, links_of, words_of
from tests.fakes.messenger_driver import VOICES, Drop, Heard, Parts, Seen
from tests.fakes.slack_service import NotAcknowledgedError, SlackService
from tests.fakes.slack_workspace import (
    APP_TOKEN,
    BOT,
    BOT_TOKEN,
    CHANNEL,
    SECRET,
    TEAM,
    Json,
    Message,
    Stored,
)
from tests.lab.ports import free_port


def user_of(voice: str) -> str:
    """How Slack names that person."""
    return f"U0{voice.upper()}"


def settings_for(service: SlackService, mode: Literal["socket", "http"]) -> SlackSettings:
    """What a site would set, with the fake's address."""
    return SlackSettings(
        mode=mode,
        bot_token=SecretStr(BOT_TOKEN),
        app_token=SecretStr(APP_TOKEN),
        signing_secret=SecretStr(SECRET),
        api_url=service.api_url,
    )


class SlackDriver:
    """See ``Driver``."""

    grace_s = GRACE_S
    has_strangers = True
    has_outages = True
    links = None
    mode: Literal["socket", "http"] = "socket"

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.service = SlackService(port=free_port(), now=lambda: parts.clock.now().timestamp())
        self.service.join(CHANNEL, *(user_of(voice) for voice in VOICES))
        self._latest: Json = {}
        self._runner: web.AppRunner | None = None
        self.adapter = SlackAdapter(
            settings_for(self.service, self.mode),
            files=parts.files,
            memory=parts.memory,
            texts=parts.texts,
            clock=parts.clock,
        )

    def identity(self, voice: str) -> ExternalId:
        return ExternalId(adapter="slack", tenant=TEAM, user_id=user_of(voice))

    async def start(self, receive: Receiver) -> None:
        await self.service.start()
        if self.mode == "http":
            await self._open_http()
        self._running = asyncio.create_task(self.adapter.run(receive))
        await self._until_up()

    async def stop(self) -> None:
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running
        if self._runner is not None:
            await self._runner.cleanup()
        await self.service.stop()

    # --- what people do ----------------------------------------------------------------------

    async def mention(
        self, by: str, text: str, *, files: Sequence[Drop] = (), thread: str = ""
    ) -> Heard:
        words = text if thread else f"<@{BOT}> {text}"
        said = self.service.say(user_of(by), words, thread=thread)
        rows = [self.service.share(file.name, file.content) for file in files]
        kind = "message" if thread else "app_mention"
        heard = await self._deliver(self.service.event(kind, said, *rows))
        return Heard(status=heard.status, seconds=heard.seconds, thread=thread or said.ts)

    async def command(self, by: str, name: str, text: str) -> Heard:
        heard = await self._deliver(self.service.command(user_of(by), name, text))
        own = [m for m in self.service.messages.values() if m.user == BOT and not m.thread_ts]
        said = [m.ts for m in own if f"@{user_of(by)}" in words_of(m.blocks)]
        return Heard(status=heard.status, seconds=heard.seconds, thread=said[-1] if said else "")

    async def press(self, by: str, message: str, label: str) -> Heard:
        shown = next(m for m in self.service.messages.values() if m.ts == message)
        return await self._deliver(self.service.press(user_of(by), shown, label))

    async def redeliver(self, times: int) -> None:
        await asyncio.gather(
            *(self.service.deliver(self._latest, retry=n) for n in range(1, times + 1))
        )

    async def _deliver(self, payload: Json) -> Heard:
        self._latest = payload
        try:
            taken = await self.service.deliver(payload)
        except NotAcknowledgedError:
            return Heard(status=503, seconds=inf)
        return Heard(status=taken.status, seconds=taken.seconds)

    # --- what people see ---------------------------------------------------------------------

    async def seen(self, viewer: str) -> list[Seen]:
        person = user_of(viewer)
        said = [
            _seen(message)
            for message in self.service.messages.values()
            if message.user == BOT and message.only_for in ("", person)
        ]
        shared = [_seen_file(file) for file in self.service.files.values() if file.channel]
        return [*said, *shared]

    # --- trouble -----------------------------------------------------------------------------

    def limit_rate(self, times: int, *, retry_after_s: float) -> None:
        self.service.limit_rate(times, retry_after_s=retry_after_s)

    def fail(self, times: int) -> None:
        self.service.fail(times)

    # --- parts -------------------------------------------------------------------------------

    async def _open_http(self) -> None:
        app = web.Application()
        self.adapter.attach(app)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.service.http_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}{PATH}"

    async def _until_up(self) -> None:
        async with asyncio.timeout(120):
            while not await self._up():
                await asyncio.sleep(0.02)

    async def _up(self) -> bool:
        if self.mode == "socket":
            return self.service.connected > 0
        return await self.service.verify_url()


class SlackHttpDriver(SlackDriver):
    """Where Slack calls us."""

    mode = "http"


def _seen(message: Message) -> Seen:
    return Seen(
        message=message.ts,
        text=f"{message.text}\n{words_of(message.blocks)}",
        thread=message.thread_ts,
        buttons=tuple(button["text"]["text"] for button in buttons_of(message.blocks)),
        links=links_of(message.blocks),
        revision=message.revision,
        private=bool(message.only_for),
    )


def _seen_file(file: Stored) -> Seen:
    """In Slack a shared file is a message of its own."""
    return Seen(
        message=file.file_id,
        text=file.name,
        thread=file.thread_ts,
        files=((file.name, file.data),),
        private=file.channel.startswith("D"),
    )
