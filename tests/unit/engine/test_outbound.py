"""The pace of edits, with a messenger that counts."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace

import pytest

from bot.core.cards import plain_report
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.report import Report
from bot.core.errors import OperationError
from bot.engine.outbound import Outbound
from tests.fakes.engine import FakeMessenger

THREAD = ConversationRef(adapter="web", channel="ops", thread="m1")
INTERVAL_S = 0.05


class Room:
    """A messenger with times, and an Outbound on it."""

    def __init__(self) -> None:
        self.messenger = Slow()
        self.tasks: list[asyncio.Task[None]] = []
        self.outbound = Outbound(
            {"web": self.messenger}, spawn=self._spawn, edit_interval_s=INTERVAL_S
        )

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        self.tasks.append(asyncio.ensure_future(work))

    async def message(self, key: str = "k") -> ConversationRef:
        return await self.outbound.post(plain_report("0"), THREAD, key=key)

    async def rest(self) -> None:
        while pending := [task for task in self.tasks if not task.done()]:
            await asyncio.wait(pending)

    def said(self, place: ConversationRef) -> list[str]:
        return [report.title for report in self.messenger.at(place).said]


class Slow(FakeMessenger):
    """``gate``: edits wait for it; ``times``: when each edit came."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = asyncio.Event()
        self.times: list[float] = []

    async def edit(self, report: Report, message: ConversationRef) -> None:
        self.entered.set()
        self.times.append(asyncio.get_running_loop().time())
        await self.gate.wait()
        await super().edit(report, message)


def says(text: str):
    async def render() -> Report:
        return plain_report(text)

    return render


async def test_merges_edits_that_come_faster_than_the_pace():
    room = Room()
    place = await room.message()
    for number in range(1, 50):
        room.outbound.edit_soon(place, says(str(number)))
    await room.rest()
    assert room.said(place) == ["0", "49"]


async def test_keeps_the_interval_between_two_edits_of_one_message():
    room = Room()
    place = await room.message()
    for number in range(1, 4):
        room.outbound.edit_soon(place, says(str(number)))
        await room.rest()
    first, second, third = room.messenger.times
    assert second - first >= INTERVAL_S * 0.9
    assert third - second >= INTERVAL_S * 0.9


async def test_paces_every_message_for_itself():
    room = Room()
    places = [await room.message(f"k{number}") for number in range(5)]
    for place in places:
        room.outbound.edit_soon(place, says("1"))
    await room.rest()
    assert all(room.said(place) == ["0", "1"] for place in places)
    assert max(room.messenger.times) - min(room.messenger.times) < INTERVAL_S


async def test_the_final_edit_replaces_one_that_waits():
    room = Room()
    place = await room.message()
    await room.outbound.edit(plain_report("1"), place)
    room.outbound.edit_soon(place, says("stale"))
    await room.outbound.edit(plain_report("final"), place)
    await room.rest()
    assert room.said(place) == ["0", "1", "final"]


async def test_the_final_edit_comes_after_one_that_is_on_its_way():
    room = Room()
    place = await room.message()
    room.messenger.gate.clear()
    room.outbound.edit_soon(place, says("stale"))
    await room.messenger.entered.wait()
    final = asyncio.ensure_future(room.outbound.edit(plain_report("final"), place))
    await asyncio.sleep(0)
    room.messenger.gate.set()
    await final
    await room.rest()
    assert room.said(place) == ["0", "stale", "final"]


async def test_renders_at_the_time_of_the_edit():
    room = Room()
    place = await room.message()
    state = ["early"]

    async def render() -> Report:
        return plain_report(state[0])

    await room.outbound.edit(plain_report("1"), place)
    room.outbound.edit_soon(place, render)
    state[0] = "late"
    await room.rest()
    assert room.said(place)[-1] == "late"


@pytest.mark.parametrize("error", [OperationError("chat_unavailable"), RuntimeError("a bug")])
async def test_an_edit_that_fails_ends_no_task_and_stops_no_later_edit(error: Exception):
    room = Room()
    place = await room.message()

    async def broken() -> Report:
        raise error

    room.outbound.edit_soon(place, broken)
    await room.rest()
    assert [task.exception() for task in room.tasks] == [None]
    room.outbound.edit_soon(place, says("2"))
    await room.rest()
    assert room.said(place) == ["0", "2"]


async def test_remembers_no_message_that_has_come_to_rest():
    room = Room()
    for number in range(30):
        place = await room.message(f"k{number}")
        await room.outbound.edit(plain_report("1"), place)
    loop = asyncio.get_running_loop()
    until = loop.time() + INTERVAL_S * 1.1
    while loop.time() < until:
        await asyncio.sleep(INTERVAL_S / 10)
    await room.outbound.edit(plain_report("2"), place)
    assert len(room.outbound._paces) == 1


async def test_posts_once_per_key():
    room = Room()
    assert await room.message() == await room.message()
    assert len(room.messenger.messages) == 1


async def test_names_a_messenger_that_is_not_there():
    room = Room()
    with pytest.raises(OperationError) as refused:
        await room.outbound.post(plain_report("x"), replace(THREAD, adapter="slack"), key="k")
    assert (refused.value.code, refused.value.values) == ("chat_unavailable", {"adapter": "slack"})


async def test_keeps_the_interval_before_an_edit_that_may_not_be_merged():
    room = Room()
    place = await room.message()
    room.outbound.edit_soon(place, says("1"))
    await room.rest()
    await room.outbound.edit(plain_report("2"), place)
    first, second = room.messenger.times
    assert second - first >= INTERVAL_S * 0.9
    assert room.said(place) == ["0", "1", "2"]
