"""The page that enrols an authenticator, over real HTTP: a secret is seen once, by its person."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from bot.app.invitations import MOST_WRONG, Invitations
from bot.core.domain.audit import AuditKind
from cmdb.rules import DEFAULT_RULES
from tests.fakes.codes import Authenticator
from tests.fakes.console import ConsoleParts, ConsoleServer, form_of
from tests.fakes.engine import PEOPLE, TEXTS, FakeClock
from tests.fakes.estate_stores import MemoryDirectory
from tests.fakes.messengers import MemoryMessengerMemory


@pytest.fixture
async def server() -> AsyncIterator[ConsoleServer]:
    running = ConsoleServer(ConsoleParts(directory=MemoryDirectory(PEOPLE, rules=DEFAULT_RULES)))

    async def receive(_event) -> None:
        raise AssertionError("nothing is said here")

    await running.start(receive)
    yield running
    await running.stop()


@pytest.fixture
def parts(server: ConsoleServer) -> ConsoleParts:
    return server.parts


async def do(server: ConsoleServer, what: str, code: str = "", *, by: str = "leader"):
    """Open the page as it stands and send its form; status and the page that comes back."""
    address = f"{server.url}/account/code"
    status, page = await server.open(by, address)
    assert status == 200
    return await server.answer(by, address, {"form": form_of(page), "do": what, "code": code})


def stage_of(page: str) -> str:
    found = re.search(r'data-stage="([^"]+)"', page)
    assert found, page
    return found[1]


def device_of(page: str) -> Authenticator:
    """Somebody has typed what the page shows."""
    found = re.search(r'data-testid="secret">([A-Z2-7 ]+)<', page)
    assert found, page
    return Authenticator(secret=found[1].replace(" ", ""))


async def enrolled(server: ConsoleServer, *, by: str = "leader") -> Authenticator:
    _, page = await do(server, "begin", by=by)
    device = device_of(page)
    status, page = await do(server, "confirm", device.code(server.parts.clock.now()), by=by)
    assert (status, stage_of(page)) == (200, "done")
    return device


def later(parts: ConsoleParts, **span: float) -> None:
    assert isinstance(parts.clock, FakeClock)
    parts.clock.pass_by(**(span or {"minutes": 1}))


async def test_nobody_gets_in_who_is_not_signed_in(server: ConsoleServer) -> None:
    address = f"{server.url}/account/code"
    assert (await server.open("", address))[0] == 401
    assert await server.send("", address, {"do": "begin"}) == 401


async def test_opening_the_page_begins_nothing(server, parts) -> None:
    status, page = await server.open("leader", f"{server.url}/account/code")
    assert (status, stage_of(page)) == (200, "new")
    assert "secret" not in page
    assert await parts.codes.confirm("leader", "123456", now=parts.clock.now()) == "not_enrolled"


async def test_the_secret_is_shown_once_as_a_picture_and_as_text(server, parts) -> None:
    status, page = await do(server, "begin")
    assert (status, stage_of(page)) == (200, "device")
    assert 'class="qr"' in page
    assert "<path" in page
    device = device_of(page)
    assert len(device.secret) == 32
    assert not await parts.codes.enrolled("leader")
    again = (await server.open("leader", f"{server.url}/account/code"))[1]
    assert device.secret not in again.replace(" ", "")
    assert stage_of(again) == "new"


async def test_the_first_code_makes_the_device_count(server, parts) -> None:
    device = await enrolled(server)
    assert await parts.codes.enrolled("leader")
    later(parts)
    now = parts.clock.now()
    assert await parts.codes.check("leader", device.code(now), now=now) == "good"


async def test_a_wrong_first_code_can_be_entered_again_and_shows_no_secret(server, parts) -> None:
    device = device_of((await do(server, "begin"))[1])
    status, page = await do(server, "confirm", device.wrong(parts.clock.now()))
    assert (status, stage_of(page)) == (403, "confirm")
    assert TEXTS.say("errors.code_wrong.summary") in page
    assert device.secret not in page.replace(" ", "")
    form = {"form": form_of(page), "do": "confirm", "code": device.code(parts.clock.now())}
    assert (await server.answer("leader", f"{server.url}/account/code", form))[0] == 200
    assert await parts.codes.enrolled("leader")


async def test_confirming_without_having_begun_says_so(server) -> None:
    status, page = await do(server, "confirm", "123456")
    assert (status, stage_of(page)) == (403, "new")
    assert TEXTS.say("errors.code_not_begun.summary") in page


async def test_a_device_that_counts_is_replaced_only_with_its_own_code(server, parts) -> None:
    device = await enrolled(server)
    later(parts)
    now = parts.clock.now()
    for code, refusal in (("", "wrong"), (device.wrong(now), "wrong")):
        status, page = await do(server, "begin", code)
        assert (status, stage_of(page)) == (403, "enrolled")
        assert TEXTS.say(f"errors.code_{refusal}.summary") in page
        assert "secret" not in page
    status, page = await do(server, "begin", device.code(now))
    assert (status, stage_of(page)) == (200, "device")
    new = device_of(page)
    later(parts)
    now = parts.clock.now()
    assert await parts.codes.check("leader", device.code(now), now=now) == "good"
    assert (await do(server, "confirm", new.code(now)))[0] == 200
    later(parts)
    now = parts.clock.now()
    assert await parts.codes.check("leader", device.code(now), now=now) == "wrong"
    assert await parts.codes.check("leader", new.code(now), now=now) == "good"


async def test_guessing_the_present_code_locks_and_time_opens_again(server, parts) -> None:
    device = await enrolled(server)
    later(parts)
    pages = [await do(server, "begin", device.wrong(parts.clock.now())) for _ in range(5)]
    assert TEXTS.say("errors.code_locked.summary") in pages[-1][1]
    status, page = await do(server, "begin", device.code(parts.clock.now()))
    assert status == 403
    assert TEXTS.say("errors.code_locked.summary") in page
    later(parts, minutes=15)
    assert (await do(server, "begin", device.code(parts.clock.now())))[0] == 200


async def test_it_is_each_persons_own(server, parts) -> None:
    mine = await enrolled(server)
    assert not await parts.codes.enrolled("pm")
    theirs = await enrolled(server, by="pm")
    assert mine != theirs


async def test_other_pages_and_other_peoples_forms_enrol_nobody(server, parts) -> None:
    address = f"{server.url}/account/code"
    _, page = await server.open("leader", address)
    form = {"form": form_of(page), "do": "begin"}
    assert await server.send("pm", address, form) == 403
    assert await server.send("leader", address, {"do": "begin"}) == 403
    browser = await server.browser("leader")
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        async with browser.post(address, data=form, headers=headers) as response:
            assert response.status == 403
    assert await server.send("leader", address, form | {"do": "other"}) == 400
    later(parts, hours=3)
    assert await server.send("leader", address, form) == 403
    assert await parts.codes.confirm("leader", "123456", now=parts.clock.now()) == "not_enrolled"


async def test_all_of_it_is_recorded_and_neither_secret_nor_code_is(server, parts) -> None:
    device = device_of((await do(server, "begin"))[1])
    wrong, right = device.wrong(parts.clock.now()), device.code(parts.clock.now())
    await do(server, "confirm", wrong)
    await do(server, "confirm", right)
    events = [event for event in parts.audit.events if event.subject.startswith("one-time codes")]
    assert [(event.kind, event.subject, event.actor) for event in events] == [
        (AuditKind.SIGN_IN, "one-time codes: begin", "leader"),
        (AuditKind.SIGN_IN, "one-time codes: confirm", "leader"),
        (AuditKind.REFUSAL, "one-time codes", "leader"),
        (AuditKind.SIGN_IN, "one-time codes: confirm", "leader"),
        (AuditKind.SIGN_IN, "one-time codes: enrolled", "leader"),
    ]
    recorded = str(parts.audit.events)
    assert not [each for each in (device.secret, wrong, right) if each in recorded]


async def test_nobody_enrols_unrecorded(server, parts) -> None:
    _, page = await server.open("leader", f"{server.url}/account/code")
    parts.audit.broken = True
    form = {"form": form_of(page), "do": "begin"}
    assert await server.send("leader", f"{server.url}/account/code", form) == 503
    parts.audit.broken = False
    assert await parts.codes.confirm("leader", "123456", now=parts.clock.now()) == "not_enrolled"


async def test_no_copy_of_a_secret_is_kept_by_browsers(server) -> None:
    address = f"{server.url}/account/code"
    _, page = await server.open("leader", address)
    browser = await server.browser("leader")
    headers = {"Origin": server.url}
    form = {"form": form_of(page), "do": "begin"}
    async with browser.post(address, data=form, headers=headers) as response:
        assert response.status == 200
        assert response.headers["Cache-Control"] == "no-store"


# --- a first device ------------------------------------------------------------------------------


@pytest.fixture
async def proving() -> AsyncIterator[ConsoleServer]:
    """Where people have to prove who they are."""
    memory, clock = MemoryMessengerMemory(), FakeClock()
    running = ConsoleServer(
        ConsoleParts(
            directory=MemoryDirectory(PEOPLE, rules=DEFAULT_RULES),
            memory=memory,
            clock=clock,
            invitations=Invitations(memory, clock),
        )
    )

    async def receive(_event) -> None:
        raise AssertionError("nothing is said here")

    await running.start(receive)
    yield running
    await running.stop()


async def test_a_session_alone_enrols_no_first_device(proving: ConsoleServer) -> None:
    assert proving.parts.invitations is not None
    for code in ("", "ABCD-EFGH", await proving.parts.invitations.issue("pm")):
        status, page = await do(proving, "begin", code)
        assert (status, stage_of(page)) == (403, "new")
        assert TEXTS.say("errors.code_not_invited.summary") in page
    refused = [event.detail for event in proving.parts.audit.events if event.kind == "refusal"]
    assert refused == [{"code": "code_not_invited"}] * 3


async def test_a_code_that_was_handed_over_enrols_once(proving: ConsoleServer) -> None:
    parts = proving.parts
    assert parts.invitations is not None
    code = await parts.invitations.issue("leader")
    assert (
        'data-testid="invitation"'
        in (await proving.open("leader", f"{proving.url}/account/code"))[1]
    )
    await do(proving, "begin", code)  # and the page was closed too early
    _, page = await do(proving, "begin", code.lower().replace("-", " "))
    device = device_of(page)
    status, _ = await do(proving, "confirm", device.code(parts.clock.now()))
    assert status == 200
    await parts.codes.forget("leader")
    assert (await do(proving, "begin", code))[0] == 403


@pytest.mark.parametrize("spoilt", ["lapsed", "guessed", "replaced"])
async def test_a_code_that_holds_no_more_enrols_nothing(proving, spoilt: str) -> None:
    code = await proving.parts.invitations.issue("leader")
    if spoilt == "lapsed":
        later(proving.parts, minutes=30)
    elif spoilt == "guessed":
        for _ in range(MOST_WRONG):
            assert (await do(proving, "begin", "ABCD-EFGH"))[0] == 403
    else:
        await proving.parts.invitations.issue("leader")
    assert (await do(proving, "begin", code))[0] == 403
