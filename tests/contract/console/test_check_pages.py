"""The checks as a form over real HTTP: what is shown, and that its person says the very line."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from bot.app.web.checks import CheckPages, command_line
from bot.app.web.pages import ConsolePages
from bot.core.command_text import split_words
from bot.core.domain.conversation import Command
from bot.engine.commands import Commands
from cmdb.rules import DEFAULT_RULES
from intents.command_book import BOOK
from tests.fakes.console import ConsoleParts, ConsoleServer
from tests.fakes.engine import PEOPLE, World
from tests.fakes.estate_stores import MemoryDirectory

LOGS = "collect_target_logs"


class CheckServer(ConsoleServer):
    """With the pages of the checks besides, whose room hands on to ``heard``."""

    def __init__(self, parts: ConsoleParts, world: World) -> None:
        super().__init__(parts)
        self.app = web.Application()
        self.heard: list[Command] = []
        self.world = world
        self.services = world.services

    def _console(self, room) -> ConsolePages:
        console = super()._console(room)
        inventory = self.world.inventory
        CheckPages(console.frame, room, Commands(self.services), inventory=inventory).attach(
            self.app
        )

        async def receive(event) -> None:
            self.heard.append(event)

        room._receive = receive
        return console


@pytest.fixture
async def server() -> AsyncIterator[CheckServer]:
    directory = MemoryDirectory(PEOPLE, rules=DEFAULT_RULES)
    world = World(directory=directory)
    running = CheckServer(ConsoleParts(directory=directory), world)

    async def receive(_event) -> None:
        raise AssertionError("only the room hands on")

    await running.start(receive, running.app)
    yield running
    await running.stop()


def nonce_of(page: str) -> str:
    found = re.search(r'name="nonce" value="([^"]+)"', page)
    assert found, page
    return found[1]


async def sent(server: CheckServer, command: str, values: dict[str, str], *, by: str = "operator"):
    address = f"{server.url}/checks/{command}"
    status, page = await server.open(by, address)
    assert status == 200
    filled = {"nonce": nonce_of(page), "room": "ops", **values}
    return await server.answer(by, address, filled)


async def test_the_list_names_what_this_person_may_ask_for(server) -> None:
    status, page = await server.open("operator", f"{server.url}/checks")
    assert status == 200
    assert "manage_service" in page
    assert "상태·자원" in page
    assert (await server.open("", f"{server.url}/checks"))[0] == 401


async def test_the_form_has_a_typed_field_for_each_value(server) -> None:
    status, page = await server.open("operator", f"{server.url}/checks/manage_service")
    assert status == 200
    assert '<option value="restart">' in page
    assert 'name="value.service"' in page
    assert '<option value="ops">' in page


async def test_what_is_filled_in_is_said_in_the_room_as_that_person(server) -> None:
    status, page = await sent(
        server,
        "manage_service",
        {"target": "예산시스템 운영 WAS 1", "value.operation": "status", "value.service": ""},
    )
    assert status == 200
    assert "/sm manage_service 예산시스템 운영 WAS 1 operation=status" in page
    (heard,) = server.heard
    assert isinstance(heard, Command)
    assert (heard.name, heard.sender.user_id) == ("sm", "operator")
    assert heard.text == "manage_service 예산시스템 운영 WAS 1 operation=status"
    assert heard.conversation.channel == "ops"


async def test_the_same_form_sent_twice_is_said_once(server) -> None:
    address = f"{server.url}/checks/check_infra_health"
    _, page = await server.open("operator", address)
    filled = {"nonce": nonce_of(page), "room": "ops", "target": "예산시스템"}
    for _ in range(2):
        assert (await server.answer("operator", address, filled))[0] == 200
    assert len({heard.event_id for heard in server.heard}) == 1


async def test_what_one_may_not_ask_for_is_not_there(server) -> None:
    server.world.directory.policy = ()
    assert (await server.open("operator", f"{server.url}/checks/manage_service"))[0] == 404
    assert (
        "쓸 수 있는 명령이 없습니다" in (await server.open("operator", f"{server.url}/checks"))[1]
    )


async def test_a_room_that_is_not_ones_own_and_a_foreign_page_are_refused(server) -> None:
    status, _ = await sent(server, "check_infra_health", {"target": "예산", "room": "secret"})
    assert status == 404
    browser = await server.browser("operator")
    address = f"{server.url}/checks/check_infra_health"
    headers = {"Origin": "https://evil.example"}
    data = {"nonce": "0" * 24, "room": "ops", "target": "예산"}
    async with browser.post(address, data=data, headers=headers) as response:
        assert response.status == 403
    assert server.heard == []


@pytest.mark.parametrize(
    "value", ["Out Of Memory", 'say "hi" \\ bye', "a=b c", "$(reboot)", "x\nlines=5000", "‘’"]
)
def test_a_value_stays_one_value(value: str) -> None:
    line = command_line(BOOK[LOGS], {"target": "예산 운영\nWAS 1", "value.pattern": value})
    words = split_words(line.removeprefix("/sm "))
    assert [word.text for word in words if word.name == "pattern"] == [value.replace("\n", " ")]
    assert {word.name for word in words} == {None, "pattern"}


def test_a_value_may_hold_markup_without_being_any() -> None:
    line = command_line(BOOK[LOGS], {"target": "예산", "value.pattern": "<script>"})
    assert line == "/sm collect_target_logs 예산 pattern=<script>"
