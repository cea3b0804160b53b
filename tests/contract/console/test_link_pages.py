"""The pages behind a messenger's links over real HTTP: what opens, what acts, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.domain.conversation import Click, ConversationRef, Inbound, Mention
from bot.core.domain.estate import SystemEntry
from bot.core.domain.job import JobState
from bot.core.domain.report import Button
from bot.core.errors import OperationError
from cmdb.rules import DEFAULT_RULES
from tests.fakes.console import ConsoleParts, ConsoleServer, form_of
from tests.fakes.engine import PEOPLE, FakeClock, two_behind_one
from tests.fakes.estate_stores import MemoryDirectory
from tests.fakes.planning import SYSTEM, job_of
from tests.fakes.told_jobs import pair_plan

PLACE = ConversationRef(adapter="jandi", channel="ops")
DAY = timedelta(days=1)


class Receiver:
    def __init__(self) -> None:
        self.events: list[Inbound] = []
        self.failure: Exception | None = None

    async def __call__(self, event: Inbound) -> None:
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        self.events.append(event)


@pytest.fixture
def parts() -> ConsoleParts:
    return ConsoleParts(directory=MemoryDirectory(PEOPLE, rules=DEFAULT_RULES))


@pytest.fixture
def received() -> Receiver:
    return Receiver()


@pytest.fixture
async def console(parts: ConsoleParts, received: Receiver) -> AsyncIterator[ConsoleServer]:
    server = ConsoleServer(parts)
    await server.start(received)
    yield server
    await server.stop()


def answer(value: str = "운영") -> Button:
    return Button(button="choose", value=value, label=f"{value} 서버")


async def approval(parts: ConsoleParts) -> Button:
    job = job_of(pair_plan(), JobState.AWAITING_APPROVAL)
    job = replace(job, stages=job.stages, approvals=(), ended_at=None)
    await parts.jobs.create(job)
    value = f"{job.job_id}:{job.plan.digest}"
    return Button(button="approve", value=value, label="승인")


# --- the act page -----------------------------------------------------------------------------


async def test_opening_shows_the_whole_plan_and_does_nothing(
    console: ConsoleServer, parts: ConsoleParts, received: Receiver
) -> None:
    button = await approval(parts)
    address = console.links.action(button, PLACE, life=DAY)
    for _ in range(3):
        status, page = await console.open("pm", address)
        assert status == 200
    plan = (await parts.jobs.load(button.value.partition(":")[0])).plan  # type: ignore[union-attr]  # just created
    assert plan.digest[:12] in page
    assert all(name in page for name in plan.node_names)
    assert "pm씨" in page
    assert "승인" in page
    assert received.events == []


async def test_previews_and_robots_see_no_more_than_the_way_in(
    console: ConsoleServer, parts: ConsoleParts, received: Receiver
) -> None:
    address = console.links.action(await approval(parts), PLACE, life=DAY)
    status, page = await console.open("", address)
    assert status == 401
    assert "next=/act/" in page
    assert "sha" not in page.lower()
    assert SYSTEM.name not in page
    robot = await console.browser()
    async with robot.head(address) as response:
        assert response.status == 401
    assert await console.send("", address, {"form": "x"}) == 401
    assert received.events == []
    assert await console.press("pm", address) == 200


async def test_pressing_acts_once_in_the_name_of_who_is_signed_in(
    console: ConsoleServer, received: Receiver
) -> None:
    address = console.links.action(answer(), PLACE, life=DAY)
    assert await console.press("dev", address) == 200
    (click,) = received.events
    assert isinstance(click, Click)
    assert (click.sender.adapter, click.sender.user_id) == ("web", "dev")
    assert (click.conversation, click.button, click.value) == (PLACE, "choose", "운영")
    assert await console.press("dev", address) == 410
    assert len(received.events) == 1


async def test_a_form_sent_again_acts_no_second_time(
    console: ConsoleServer, received: Receiver
) -> None:
    address = console.links.action(answer(), PLACE, life=DAY)
    _, page = await console.open("dev", address)
    form = {"form": form_of(page)}
    sent = await asyncio.gather(*(console.send("dev", address, form) for _ in range(8)))
    assert sorted(sent) == [200, *[409] * 7]
    assert len(received.events) == 1


async def test_replicas_share_what_has_been_pressed(
    console: ConsoleServer, parts: ConsoleParts, received: Receiver
) -> None:
    other = ConsoleServer(parts)
    await other.start(received)
    try:
        address = console.links.action(answer(), PLACE, life=DAY)
        twin = address.replace(console.url, other.url)
        _, page = await console.open("dev", address)
        form = {"form": form_of(page)}
        sent = await asyncio.gather(
            *(console.send("dev", address, form) for _ in range(4)),
            *(other.send("dev", twin, form) for _ in range(4)),
        )
    finally:
        await other.stop()
    # The twin's cookie is of another port and the same secret: one of the eight counts.
    assert sent.count(200) == 1
    assert len(received.events) == 1


async def test_nobody_can_use_up_a_link_for_somebody_else(
    console: ConsoleServer, parts: ConsoleParts, received: Receiver
) -> None:
    address = console.links.action(await approval(parts), PLACE, life=DAY)
    assert await console.press("dev", address) == 200
    assert await console.press("leader", address) == 200
    senders = [event.sender.user_id for event in received.events]
    assert senders == ["dev", "leader"]


async def test_a_press_that_the_bot_did_not_take_can_be_made_again(
    console: ConsoleServer, received: Receiver
) -> None:
    address = console.links.action(answer(), PLACE, life=DAY)
    received.failure = OperationError("web_not_delivered")
    assert await console.press("dev", address) == 503
    received.failure = None
    assert await console.press("dev", address) == 200
    assert len(received.events) == 1


async def test_a_press_cut_off_half_way_can_be_made_again_under_the_same_name(
    console: ConsoleServer, parts: ConsoleParts, received: Receiver
) -> None:
    address = console.links.action(answer(), PLACE, life=DAY)
    pressed = console.links.pressed(address.rpartition("/")[2])
    assert pressed is not None
    assert isinstance(parts.clock, FakeClock)
    claimed = {"by": "gone", "state": "claimed", "at": parts.clock.now().isoformat()}
    key = f"spent:{pressed.mark}:dev"
    await parts.memory.keep("console", key, claimed, at=parts.clock.now())
    assert await console.press("dev", address) == 409
    parts.clock.pass_by(minutes=1)
    assert await console.press("dev", address) == 200
    assert [event.event_id for event in received.events] == [f"act:{pressed.mark}:dev"]


async def test_foreign_pages_cannot_press(console: ConsoleServer, received: Receiver) -> None:
    address = console.links.action(answer(), PLACE, life=DAY)
    _, page = await console.open("dev", address)
    browser = await console.browser("dev")
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        async with browser.post(address, data={"form": form_of(page)}, headers=headers) as response:
            assert response.status == 403
    _, of_leader = await console.open("leader", address)
    assert await console.send("dev", address, {"form": form_of(of_leader)}) == 403
    other = console.links.action(answer("개발"), PLACE, life=DAY)
    assert await console.send("dev", other, {"form": form_of(page)}) == 403
    assert await console.send("dev", address, {}) == 403
    assert received.events == []


async def test_forged_and_lapsed_links_open_nothing(
    console: ConsoleServer, parts: ConsoleParts, received: Receiver
) -> None:
    address = console.links.action(answer(), PLACE, life=timedelta(minutes=5))
    upload = console.links.upload(PLACE, life=DAY)
    origin, _, token = address.rpartition("/")
    forged = [
        f"{origin}/{token[:-2]}AA",
        f"{origin}/{'A' + token[1:]}",
        f"{origin}/{upload.rpartition('/')[2]}",  # of another purpose
        f"{origin}/x",
    ]
    assert [(await console.open("dev", each))[0] for each in forged] == [404] * 4
    assert isinstance(parts.clock, FakeClock)
    parts.clock.pass_by(minutes=6)
    assert await console.press("dev", address) == 404
    assert received.events == []


async def test_a_plan_of_another_institution_is_as_good_as_none(
    console: ConsoleServer, parts: ConsoleParts, received: Receiver
) -> None:
    button = await approval(parts)
    address = console.links.action(button, PLACE, life=DAY)
    unknown = console.links.action(replace(button, value="J260101-AAAAAA:x"), PLACE, life=DAY)
    assert await console.open("outsider", address) == await console.open("outsider", unknown)
    assert await console.press("outsider", address) == 404
    assert received.events == []


# --- the upload page ---------------------------------------------------------------------------


async def test_dropped_files_are_a_mention_of_who_dropped_them(
    console: ConsoleServer, parts: ConsoleParts, received: Receiver
) -> None:
    address = console.links.upload(PLACE, life=DAY)
    files = {"app.war": b"new", "설정.properties": b"a=b"}
    assert await console.drop("dev", address, files, text="  예산 운영 WAS 배포  ") == 200
    (mention,) = received.events
    assert isinstance(mention, Mention)
    assert (mention.sender.adapter, mention.sender.user_id) == ("web", "dev")
    assert (mention.conversation, mention.text) == (PLACE, "예산 운영 WAS 배포")
    assert [file.name for file in mention.files] == list(files)
    assert await parts.files.read(mention.files[0].digest, 0, 10) == b"new"


async def test_one_form_is_one_mention_and_an_empty_one_is_none(
    console: ConsoleServer, received: Receiver
) -> None:
    address = console.links.upload(PLACE, life=DAY)
    _, page = await console.open("dev", address)
    form = form_of(page)
    for _ in range(2):
        assert await console.send_files("dev", address, {"a.txt": b"a"}, form=form) == 200
    assert len({event.event_id for event in received.events}) == 1
    assert await console.send_files("dev", address, {}, form=form) == 400
    assert await console.send_files("dev", address, {"a": b"a"}, form="forged") == 403
    assert await console.send_files("", address, {"a": b"a"}, form=form) == 401


async def test_whoever_may_not_see_the_channels_institution_drops_nothing(
    console: ConsoleServer, parts: ConsoleParts, received: Receiver
) -> None:
    inventory = parts.inventory
    assert isinstance(inventory, type(two_behind_one()))
    inventory.channels["jandi", "ops"] = SYSTEM
    address = console.links.upload(PLACE, life=DAY)
    assert (await console.open("outsider", address))[0] == 404
    assert await console.drop("dev", address, {"a": b"a"}) == 200


# --- files -------------------------------------------------------------------------------------


async def stored(parts: ConsoleParts, content: bytes) -> str:
    async def chunks() -> AsyncIterator[bytes]:
        yield content

    return (await parts.files.receive("x", chunks())).digest


async def test_a_made_file_is_fetched_by_those_who_may_see_what_it_is_about(
    console: ConsoleServer, parts: ConsoleParts
) -> None:
    digest = await stored(parts, b"<script>alert(1)</script>")
    inventory = parts.inventory
    assert isinstance(inventory, type(two_behind_one()))
    address = console.links.file(digest, "점검 결과.html", PLACE)
    assert (await console.open("", address))[0] == 401
    assert (await console.open("dev", address))[0] == 404  # nothing says whose it is
    inventory.channels["jandi", "ops"] = SYSTEM
    browser = await console.browser("dev")
    async with browser.get(address) as response:
        assert response.status == 200
        assert response.content_type == "application/octet-stream"
        assert response.headers["Content-Disposition"].startswith("attachment")
        assert await response.read() == b"<script>alert(1)</script>"
    assert (await console.open("outsider", address))[0] == 404
    inventory.channels["jandi", "ops"] = SystemEntry(institution="없음", name="x", code="X")
    assert (await console.open("dev", address))[0] == 404
