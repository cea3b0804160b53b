"""The page of one's own account over real HTTP: who sees it, and the code that links."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import web

from bot.app.web.identity import IdentityPages
from bot.app.web.pages import ConsolePages
from bot.core.domain.audit import AuditKind
from bot.core.domain.people import ExternalId
from bot.core.linking import code_digest, code_said
from cmdb.rules import DEFAULT_RULES
from tests.fakes.console import ConsoleParts, ConsoleServer
from tests.fakes.engine import PEOPLE
from tests.fakes.estate_stores import MemoryDirectory
from tests.fakes.messengers import MemoryIdentityLinks

SLACK = ExternalId(adapter="slack", tenant="T1", user_id="U1")


class AccountServer(ConsoleServer):
    """With the page of one's own account besides."""

    def __init__(self, parts: ConsoleParts) -> None:
        super().__init__(parts)
        self.identities = MemoryIdentityLinks(parts.directory)
        self.parts = parts
        self.app = web.Application()

    def _console(self, room) -> ConsolePages:
        console = super()._console(room)
        IdentityPages(
            console.frame, self.identities, audit=self.parts.audit, clock=self.parts.clock
        ).attach(self.app)
        return console


@pytest.fixture
async def server() -> AsyncIterator[AccountServer]:
    running = AccountServer(ConsoleParts(directory=MemoryDirectory(PEOPLE, rules=DEFAULT_RULES)))

    async def receive(_event) -> None:
        raise AssertionError("nothing is said here")

    await running.start(receive, running.app)
    yield running
    await running.stop()


async def issued(server: AccountServer, person_id: str) -> str:
    browser = await server.browser(person_id)
    async with browser.post(f"{server.url}/me", headers={"Origin": server.url}) as response:
        assert response.status == 200
        assert response.headers["Cache-Control"] == "no-store"
        page = await response.text()
    found = re.search(r'data-testid="code">([^<]+)<', page)
    assert found, page
    code = code_said(found[1])
    assert code is not None
    return code


async def test_nobody_gets_a_code_who_is_not_signed_in(server: AccountServer) -> None:
    assert (await server.open("", f"{server.url}/me"))[0] == 401
    assert await server.send("", f"{server.url}/me", {}) == 401


async def test_opening_the_page_shows_who_one_is_and_issues_nothing(server: AccountServer) -> None:
    before = len(server.parts.audit.events)
    status, page = await server.open("leader", f"{server.url}/me")
    assert status == 200
    assert "leader씨 · SM 파트장" in page
    assert 'data-testid="code"' not in page
    sign_in = [AuditKind.SIGN_IN]
    assert [each.kind for each in server.parts.audit.events[before:]] == sign_in


async def test_the_code_links_an_identity_to_whoever_asked_for_it(server: AccountServer) -> None:
    code = await issued(server, "leader")
    now = server.parts.clock.now()
    assert await server.identities.redeem(code_digest(code), SLACK, now=now) == "leader"
    person = await server.parts.directory.find(SLACK)
    assert person is not None
    assert person.person_id == "leader"


async def test_a_new_code_voids_the_one_before(server: AccountServer) -> None:
    first, second = await issued(server, "leader"), await issued(server, "leader")
    now = server.parts.clock.now()
    assert await server.identities.redeem(code_digest(first), SLACK, now=now) is None
    assert await server.identities.redeem(code_digest(second), SLACK, now=now) == "leader"


async def test_a_code_lapses(server: AccountServer) -> None:
    code = await issued(server, "leader")
    later = server.parts.clock.now() + timedelta(minutes=11)
    assert await server.identities.redeem(code_digest(code), SLACK, now=later) is None


async def test_another_sites_page_gets_no_code_out_of_it(server: AccountServer) -> None:
    browser = await server.browser("leader")
    evil = {"Origin": "https://evil.example"}
    async with browser.post(f"{server.url}/me", headers=evil) as response:
        assert response.status == 403


async def test_who_asks_for_a_code_is_recorded_and_the_code_is_not(server: AccountServer) -> None:
    code = await issued(server, "leader")
    event = server.parts.audit.events[-1]
    assert (event.actor, event.subject) == ("leader", "linking code")
    assert code not in str(server.parts.audit.events)


async def test_nobody_gets_a_code_unrecorded(server: AccountServer) -> None:
    await server.browser("leader")
    server.parts.audit.broken = True
    assert await server.send("leader", f"{server.url}/me", {}) == 503
