"""The demo on stage: a developer at a desk, a part leader on a phone, and two onlookers.

Owns: windows, what the room's stream sends, what the balancer answers, pictures. Must not
know what a scene expects to see.
"""

from __future__ import annotations

import asyncio
import json
import os
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from playwright.async_api import Browser, Locator, Page

from tests.drivers.demo import RunningDemo
from tests.drivers.room import Message, RoomClient, transcript

DEVELOPER, OPERATOR, LEADER, MANAGER = "u032", "u010", "u031", "u013"
ROOM = "moef-budget-ops"
SLOW_MS = 180_000
POLL_S = 0.05
DESK = {"viewport": {"width": 1280, "height": 800}}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}


class Window:
    """One browser window in which somebody is, or may be, signed in."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    async def sign_in(self, person_id: str) -> None:
        await self.page.goto(self.address)
        await self.page.get_by_test_id(f"person-{person_id}").click()
        await self.page.locator("[data-ready=true]").wait_for()

    def message(self, message_id: str) -> Locator:
        """The message, in the thread if it is open there, else in the room."""
        return self.page.locator(f'[data-message-id="{message_id}"]').last

    async def open_thread(self, root: str) -> None:
        """Open a thread from the room, as a person does."""
        panel = self.page.get_by_test_id("thread-panel")
        if await panel.count():
            if await panel.locator(f'[data-message-id="{root}"]').count():
                return
            await panel.get_by_test_id("thread-close").click()
        opener = self.page.locator(f'.main [data-message-id="{root}"]').get_by_test_id(
            "thread-open"
        )
        await opener.click()
        await panel.wait_for()

    async def close_thread(self) -> None:
        panel = self.page.get_by_test_id("thread-panel")
        if await panel.count():
            await panel.get_by_test_id("thread-close").click()

    async def say(self, text: str, *, composer: str = "composer") -> None:
        await self.page.get_by_test_id(composer).fill(text)
        await self.page.get_by_test_id("send" if composer == "composer" else "thread-send").click()

    async def drop(self, file: Path) -> None:
        """Drag a file over the room and let it go: a DataTransfer with a real File."""
        for event in ("dragenter", "dragover"):
            await self._drag(event, file)
        await self.page.locator(".drop").wait_for()
        await self._drag("drop", file)
        await self.page.locator('.chip[data-state="done"]').wait_for()

    async def _drag(self, event: str, file: Path) -> None:
        transfer = await self.page.evaluate_handle(
            """([name, content]) => {
                const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
                const transfer = new DataTransfer();
                transfer.items.add(new File([bytes], name, { type: "application/zip" }));
                return transfer;
            }""",
            [file.name, b64encode(file.read_bytes()).decode("ascii")],
        )
        await self.page.dispatch_event(".main", event, {"dataTransfer": transfer})

    async def press(self, message_id: str, button: str) -> None:
        """Press a card's button, and say yes where it asks."""
        card = self.message(message_id)
        await card.get_by_test_id(f"button-{button}").click()
        yes = card.get_by_test_id("confirm-yes")
        if await yes.count():
            await yes.click()

    async def top_of(self, message_id: str) -> None:
        await self.message(message_id).evaluate("e => e.scrollIntoView({ block: 'start' })")

    async def picture(self, file: Path) -> None:
        await self.page.wait_for_timeout(250)  # what moves comes to rest
        await self.page.screenshot(path=file)


@dataclass
class Answers:
    """What the balancer has said while somebody kept asking.

    ``nodes``: how often each "node version" has answered; ``first`` and ``last``: as which of all.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    nodes: Counter[str] = field(default_factory=Counter)
    first: dict[str, int] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)

    @property
    def asked(self) -> int:
        return self.statuses.total()


class Stage:
    """Everything a scene may use."""

    def __init__(self, demo: RunningDemo, browser: Browser, folder: Path) -> None:
        self.demo = demo
        self.folder = folder
        self._browser = browser
        self.loop = asyncio.get_running_loop()
        self.figures: dict[str, str] = {}
        self.seen: list[Message] = []  # every revision, as it came over the stream
        self.people: dict[str, RoomClient] = {}
        self.desk: Window
        self.phone: Window

    async def window(self, options: dict[str, Any]) -> Window:
        context = await self._browser.new_context(locale="ko-KR", color_scheme="light", **options)
        context.set_default_timeout(SLOW_MS)
        return Window(await context.new_page(), self.demo.address)

    async def watch(self, ready: asyncio.Event) -> None:
        """Read the room's stream as a program does."""
        async with aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True), headers={"Origin": self.demo.address}
        ) as session:
            login = {"person_id": DEVELOPER}
            async with session.post(f"{self.demo.address}/api/session", json=login) as answer:
                answer.raise_for_status()
            async with session.ws_connect(f"{self.demo.address}/api/stream") as socket:
                await socket.send_json({"type": "hello", "positions": {}})
                async for frame in socket:
                    message = json.loads(frame.data)
                    if message["type"] == "message":
                        self.seen.append(message)
                    elif message["type"] == "ready":
                        ready.set()

    def revisions(self, message_id: str) -> list[Message]:
        return [one for one in self.seen if one["id"] == message_id]

    async def picture(self, name: str, window: Window) -> None:
        """A picture for people to look at; only kept where ACCEPTANCE_PICTURES names a folder."""
        if folder := os.environ.get("ACCEPTANCE_PICTURES"):
            await window.picture(Path(folder) / f"{name}.png")

    async def evidence(self, name: str) -> list[str]:
        """What the windows show and the room says now, for a scene that failed."""
        kept = []
        for title, window in (("desk", self.desk), ("phone", self.phone)):
            file = self.folder / f"{name}-{title}.png"
            await window.picture(file)
            kept.append(str(file))
        file = self.folder / f"{name}.txt"
        text = transcript(await self.people[DEVELOPER].messages())
        file.write_text(text, "utf-8")
        return [*kept, str(file)]

    def node(self, node_id: str) -> dict[str, Any]:
        """The facts of one live node."""
        found: dict[str, Any] = next(
            node for node in self.demo.estate()["nodes"] if node["node_id"] == node_id
        )
        return found

    @asynccontextmanager
    async def asking_the_balancer(self) -> AsyncIterator[Answers]:
        """Ask the balancer for the version over and over, from before until after the block."""
        answers = Answers()
        url = f"{self.demo.estate()['balancer_url']}api/version"
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as session:
            task = asyncio.create_task(_ask(session, url, answers))
            try:
                yield answers
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


async def _ask(session: aiohttp.ClientSession, url: str, answers: Answers) -> None:
    while True:
        try:
            async with session.get(url) as answer:
                body = await answer.json(content_type=None)
                answers.statuses[answer.status] += 1
                who = f"{body.get('node')} {body.get('version')}"
                answers.nodes[who] += 1
                answers.first.setdefault(who, answers.asked)
                answers.last[who] = answers.asked
                if answer.status != 200:
                    answers.gaps.append(f"{answer.status} {body}")
        except (aiohttp.ClientError, ValueError, TimeoutError) as error:
            answers.statuses[0] += 1
            answers.gaps.append(repr(error))
        await asyncio.sleep(POLL_S)


async def ask_version(url: str) -> str:
    """The version that a server says it runs."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}api/version") as answer:
        return str((await answer.json(content_type=None))["version"])
