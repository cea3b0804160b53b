"""Teams as the shared stories drive it: the real adapter, the real client, Microsoft on loopback.

Owns: Teams' ``Driver``. A bot gets no files of a channel: people drop them on our upload page,
whose address the bot tells them, and open there what the bot has made.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from aiohttp import web

from adapters.teams.adapter import ACKNOWLEDGE_S, TeamsAdapter
from adapters.teams.door import PATH
from adapters.teams.settings import TeamsSettings
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.people import ExternalId
from bot.core.domain.report import Button
from bot.core.ports import Receiver
from tests.fakes.adaptive_cards import actions_of, card_in, words_of
from tests.fakes.console import ConsoleParts, ConsoleServer, form_of
from tests.fakes.engine import two_behind_one
from tests.fakes.messenger_driver import STRANGER, Drop, Heard, Parts, Seen
from tests.fakes.planning import SYSTEM
from tests.fakes.teams_login import TENANT
from tests.fakes.teams_service import (
    BOT,
    TEAM_CHANNEL,
    Stored,
    TeamsService,
)
from tests.lab.ports import free_port

_AT = "<at>GUARDiA</at>"
_MENTION = {"entities": [{"type": "mention", "mentioned": {"id": BOT}, "text": _AT}]}
_FILE_IN_CHANNEL = {
    "contentType": "text/html",
    "content": '<div><attachment id="1"></attachment></div>',
}


class PageLinks:
    """ConsoleLinks of pages whose address is known only once they run."""

    def __init__(self, pages: ConsoleServer) -> None:
        self._pages = pages

    def action(self, button: Button, message: ConversationRef, *, life: timedelta) -> str:
        return self._pages.links.action(button, message, life=life)

    def upload(self, conversation: ConversationRef, *, life: timedelta) -> str:
        return self._pages.links.upload(conversation, life=life)

    def file(self, digest: str, name: str, conversation: ConversationRef) -> str:
        return self._pages.links.file(digest, name, conversation)


class TeamsDriver:
    """See ``Driver``."""

    grace_s = ACKNOWLEDGE_S
    has_strangers = True
    has_outages = True

    def __init__(self, parts: Parts) -> None:
        self.service = TeamsService(parts.clock, port=free_port())
        inventory = two_behind_one()
        inventory.channels["teams", TEAM_CHANNEL] = SYSTEM
        self._pages = ConsoleServer(
            ConsoleParts(
                directory=parts.directory,
                inventory=inventory,
                files=parts.files,
                memory=parts.memory,
                audit=parts.audit,
                clock=parts.clock,
                codes=parts.codes,
                approve=parts.approve,
            )
        )
        self.links = PageLinks(self._pages)
        self._again: Callable[[], Awaitable[object]] | None = None
        self.adapter = TeamsAdapter(
            settings=TeamsSettings(**self.service.settings()),
            files=parts.files,
            memory=parts.memory,
            links=self.links,
            texts=parts.texts,
            clock=parts.clock,
        )

    def identity(self, voice: str) -> ExternalId:
        return ExternalId(adapter="teams", tenant=TENANT, user_id=person_of(voice))

    async def start(self, receive: Receiver) -> None:
        await self.service.start()
        app = web.Application(client_max_size=1024 * 1024)
        self.adapter.attach(app)
        self._running = asyncio.create_task(self.adapter.run(receive))
        await self._pages.start(receive, app)
        self.service.bot_url = f"{self._pages.url}{PATH}"

    async def stop(self) -> None:
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running
        await self._pages.stop()
        await self.service.stop()

    # --- what people do ----------------------------------------------------------------------

    async def mention(
        self, by: str, text: str, *, files: Sequence[Drop] = (), thread: str = ""
    ) -> Heard:
        if not files:
            return await self._say(by, text, thread=thread)
        heard = await self._say(by, "", thread=thread, attachments=[_FILE_IN_CHANNEL])
        address = await self._upload_page(heard.thread)
        status = await self._drop(by, address, files, text)
        return Heard(status=max(status, heard.status), seconds=heard.seconds, thread=heard.thread)

    async def command(self, by: str, name: str, text: str) -> Heard:
        return await self._say(by, f"/{name} {text}", thread="")

    async def press(self, by: str, message: str, label: str) -> Heard:
        stored = self.service.messages[message]
        shown = (actions_of(card_in(activity)) for activity in reversed(stored.history))
        data = next(actions[label]["data"] for actions in shown if label in actions)
        activity = self.service.activity(
            stored.conversation,
            person_of(by),
            type="invoke",
            name="adaptiveCard/action",
            replyToId=message,
            value={"action": {"type": "Action.Execute", "verb": "guardia", "data": data}},
        )
        return await self._delivered(activity)

    async def redeliver(self, times: int) -> None:
        assert self._again is not None
        await asyncio.gather(*(self._again() for _ in range(times)))

    async def _say(self, by: str, text: str, *, thread: str, **fields: Any) -> Heard:
        conversation = f"{TEAM_CHANNEL};messageid={thread}" if thread else TEAM_CHANNEL
        words = {"text": f"{_AT} {text}"} | _MENTION | fields
        return await self._delivered(self.service.activity(conversation, person_of(by), **words))

    async def _delivered(self, activity: Mapping[str, Any]) -> Heard:
        async def send() -> Heard:
            answer = await self.service.deliver(activity)
            root = activity["conversation"]["id"].partition(";messageid=")[2]
            return Heard(
                status=answer.status, seconds=answer.seconds, thread=root or activity["id"]
            )

        self._again = send
        return await send()

    async def _upload_page(self, thread: str) -> str:
        async with asyncio.timeout(120):
            while True:
                for stored in self.service.messages.values():
                    for action in actions_of(card_in(stored.activity)).values():
                        url = str(action.get("url", ""))
                        if "/upload/" in url and stored.conversation.endswith(thread):
                            return url
                await asyncio.sleep(0.02)

    async def _drop(self, by: str, address: str, files: Sequence[Drop], text: str) -> int:
        _, page = await self._pages.open(by, address)
        contents, form = {file.name: file.content for file in files}, form_of(page)

        async def send() -> int:
            return await self._pages.send_files(by, address, contents, text=text, form=form)

        self._again = send
        return await send()

    # --- what people see ---------------------------------------------------------------------

    async def seen(self, viewer: str) -> list[Seen]:
        shown = [each for each in self.service.messages.values() if not each.deleted]
        return [await self._as_seen(viewer, each) for each in shown]

    async def _as_seen(self, viewer: str, stored: Stored) -> Seen:
        card = card_in(stored.activity)
        actions = actions_of(card)
        links = {label: action["url"] for label, action in actions.items() if "url" in action}
        files = [label for label, url in links.items() if "/file/" in url]
        return Seen(
            message=stored.id,
            text="\n".join([str(stored.activity.get("summary", "")), *words_of(card)]),
            thread=stored.conversation.partition(";messageid=")[2],
            buttons=tuple(label for label in actions if label not in links),
            links=links,
            files=tuple([(name, await self._fetched(viewer, links[name])) for name in files]),
            revision=stored.revision,
        )

    async def _fetched(self, viewer: str, address: str) -> bytes:
        if viewer == STRANGER:
            return b""
        browser = await self._pages.browser(viewer)
        async with browser.get(address) as response:
            return await response.read() if response.status == 200 else b""

    # --- trouble -----------------------------------------------------------------------------

    def limit_rate(self, times: int, *, retry_after_s: float) -> None:
        self.service.fail(times, status=429, Retry_After=f"{retry_after_s:.0f}")

    def fail(self, times: int) -> None:
        self.service.fail(times)


def person_of(voice: str) -> str:
    """That person's object id in the directory."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"teams:{voice}"))
