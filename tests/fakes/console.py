"""Our own pages on a free loopback port, over in-memory stores: what links of messengers open.

Owns: the server's life in a test, and a person's browser: sign in, open, press, drop.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from pydantic import SecretStr
from yarl import URL

from adapters.web.adapter import WebAdapter
from adapters.web.settings import WebSettings
from bot.app.invitations import Invitations
from bot.app.web.act import Approve
from bot.app.web.link_pages import LinkPages, LinkParts
from bot.app.web.links import SignedLinks
from bot.app.web.pages import ConsolePages
from bot.core.domain.conversation import Click
from bot.core.domain.room import Room
from bot.core.ports import Clock, Directory, FileStore, Inventory, Receiver
from bot.core.texts import load_texts
from tests.fakes.codes import MemoryOneTimeCodes
from tests.fakes.engine import FakeClock, two_behind_one
from tests.fakes.estate_stores import MemoryDirectory
from tests.fakes.files import MemoryFileStore
from tests.fakes.messengers import MemoryMessengerMemory
from tests.fakes.outputs import MemoryOutputs
from tests.fakes.rooms import MemoryRooms
from tests.fakes.stores import MemoryAudit, MemoryJobs

SECRET = "a secret of the tests only"
MAX_BYTES = 1 << 22


async def _nobody_approves(_: Click, __: str) -> None:
    raise AssertionError("nothing is approved with a code here")


@dataclass(frozen=True, kw_only=True)
class ConsoleParts:
    """What the pages stand on; several servers on the same are replicas. ``approve``: who takes
    what is approved with a one-time code."""

    directory: Directory = field(default_factory=lambda: MemoryDirectory(()))
    jobs: MemoryJobs = field(default_factory=MemoryJobs)
    inventory: Inventory = field(default_factory=two_behind_one)
    files: FileStore = field(default_factory=MemoryFileStore)
    memory: MemoryMessengerMemory = field(default_factory=MemoryMessengerMemory)
    audit: MemoryAudit = field(default_factory=MemoryAudit)
    clock: Clock = field(default_factory=FakeClock)
    codes: MemoryOneTimeCodes = field(default_factory=MemoryOneTimeCodes)
    approve: Approve = _nobody_approves
    invitations: Invitations | None = None


class ConsoleServer:
    """``start`` before ``links`` are asked for: an address has a port."""

    def __init__(self, parts: ConsoleParts) -> None:
        self.parts = parts
        self._browsers: dict[str, aiohttp.ClientSession] = {}
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def links(self) -> SignedLinks:
        return SignedLinks(self.url, SECRET, self.parts.clock)

    async def start(self, receive: Receiver, app: web.Application | None = None) -> None:
        """Serve our pages, and whatever ``app`` serves already."""
        app = web.Application() if app is None else app
        people = [person.person_id for person in await self.parts.directory.people()]
        room = self.room = self._room(people)
        room.attach(app)
        console = self._console(room)
        console.attach(app)
        self._link_pages(console).attach(app, receive, self.parts.approve)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        for browser in self._browsers.values():
            await browser.close()
        self._browsers.clear()
        await self._runner.cleanup()

    async def browser(self, person_id: str = "") -> aiohttp.ClientSession:
        """A browser in which that person is signed in; "" for nobody."""
        known = self._browsers.get(person_id)
        if known is not None:
            return known
        browser = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self._browsers[person_id] = browser
        if person_id:
            sign_in = {"person_id": person_id}
            async with browser.post(f"{self.url}/api/session", json=sign_in) as response:
                assert response.status == 200, await response.text()
        return browser

    async def open(self, person_id: str, address: str) -> tuple[int, str]:
        """The page behind an address."""
        browser = await self.browser(person_id)
        async with browser.get(address) as response:
            return response.status, await response.text()

    async def enter(self, person_id: str, address: str, code: str) -> tuple[int, str]:
        """Open the page, enter a one-time code, and send it."""
        status, page = await self.open(person_id, address)
        if status != 200:
            return status, page
        return await self.answer(person_id, address, {"form": form_of(page), "code": code})

    async def press(self, person_id: str, address: str) -> int:
        """Open the page and press its one button."""
        status, page = await self.open(person_id, address)
        if status != 200:
            return status
        return await self.send(person_id, address, {"form": form_of(page)})

    async def send(self, person_id: str, address: str, values: Mapping[str, str]) -> int:
        """Send these values as our page's form would."""
        return (await self.answer(person_id, address, values))[0]

    async def answer(
        self, person_id: str, address: str, values: Mapping[str, str]
    ) -> tuple[int, str]:
        """As ``send``, with the page that comes back."""
        browser = await self.browser(person_id)
        headers = {"Origin": str(URL(address).origin()), "Sec-Fetch-Site": "same-origin"}
        async with browser.post(address, data=dict(values), headers=headers) as response:
            return response.status, await response.text()

    async def drop(
        self, person_id: str, address: str, files: Mapping[str, bytes], *, text: str = ""
    ) -> int:
        """Open the upload page and send files with a text."""
        status, page = await self.open(person_id, address)
        if status != 200:
            return status
        return await self.send_files(person_id, address, files, text=text, form=form_of(page))

    async def send_files(
        self,
        person_id: str,
        address: str,
        files: Mapping[str, bytes],
        *,
        text: str = "",
        form: str,
    ) -> int:
        """As ``drop``, with a form that is open already."""
        data = aiohttp.FormData(quote_fields=False)  # as browsers do
        data.add_field("form", form)
        for name, content in files.items():
            data.add_field("files", content, filename=name)
        data.add_field("text", text)
        browser = await self.browser(person_id)
        headers = {"Origin": self.url}
        async with browser.post(address, data=data, headers=headers) as response:
            return response.status

    # --- what it is made of ------------------------------------------------------------------

    def _room(self, people: Sequence[str]) -> WebAdapter:
        return WebAdapter(
            settings=WebSettings(sign_in="cards", secret=SecretStr(SECRET)),
            rooms=MemoryRooms([Room(room_id="ops", name="운영", members=tuple(people))]),
            files=self.parts.files,
            directory=self.parts.directory,
            audit=self.parts.audit,
            sign_in=None,
            memory=self.parts.memory,
            texts=load_texts("ko"),
            clock=self.parts.clock,
        )

    def _console(self, room: WebAdapter) -> ConsolePages:
        return ConsolePages(
            door=room.door,
            jobs=self.parts.jobs,
            deployments=self.parts.jobs,
            directory=self.parts.directory,
            outputs=MemoryOutputs(),
            texts=load_texts("ko"),
            clock=self.parts.clock,
        )

    def _link_pages(self, console: ConsolePages) -> LinkPages:
        parts = self.parts
        return LinkPages(
            console.frame,
            LinkParts(
                links=self.links,
                memory=parts.memory,
                jobs=parts.jobs,
                history=parts.jobs,
                directory=parts.directory,
                inventory=parts.inventory,
                files=parts.files,
                codes=parts.codes,
                invitations=parts.invitations,
                audit=parts.audit,
                clock=parts.clock,
                max_bytes=MAX_BYTES,
            ),
        )


def form_of(page: str) -> str:
    """What the page's form carries."""
    found = re.search(r'name="form" value="([^"]+)"', page)
    assert found, page
    return found[1]
