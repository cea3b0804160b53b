"""One queue per conversation: order, the service's own pace, and what is said again."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace

import pytest

from bot.core.cards import plain_report
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.report import Report
from bot.core.errors import OperationError
from bot.core.ports import Capabilities
from bot.engine.outbound import Outbound
from tests.fakes.engine import FakeMessenger

THREAD = ConversationRef(adapter="web", channel="ops", thread="m1")
OTHER_THREAD = replace(THREAD, thread="m2")
ELSEWHERE = replace(THREAD, channel="dev")


class Service(FakeMessenger):
    """``answers``: what the next calls meet, in order: nothing, an error, or a gate. ``calls``:
    the loop's time and the words of each that came, also the refused."""

    def __init__(self, **more: object) -> None:
        super().__init__()
        self.capabilities = replace(self.capabilities, **more)
        self.answers: dict[str, list[OperationError | asyncio.Event]] = {}  # by channel
        self.calls: list[tuple[float, str]] = []
        self.done: list[str] = []

    async def post(self, report: Report, to: ConversationRef, *, key: str) -> ConversationRef:
        await self._meet(report.title, to)
        place = await super().post(report, to, key=key)
        self.done.append(report.title)
        return place

    async def edit(self, report: Report, message: ConversationRef) -> None:
        await self._meet(report.title, message)
        await super().edit(report, message)
        self.done.append(report.title)

    async def _meet(self, title: str, at: ConversationRef) -> None:
        self.calls.append((asyncio.get_running_loop().time(), title))
        waiting = self.answers.get(f"{at.channel}:{at.thread}") or self.answers.get(at.channel)
        answer = waiting.pop(0) if waiting else None
        if isinstance(answer, OperationError):
            raise answer
        if answer is not None:
            await answer.wait()

    def said(self) -> list[str]:
        return [title for _, title in self.calls]

    def gaps(self) -> list[float]:
        times = [at for at, _ in self.calls]
        return [later - earlier for earlier, later in itertools.pairwise(times)]


class Talk:
    def __init__(self, service: Service, **more: object) -> None:
        self.service = service
        self.tasks: list[asyncio.Task[None]] = []
        self.outbound = Outbound(
            {"web": service}, spawn=self._spawn, edit_interval_s=0.01, retry_s=0.01, **more
        )

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        self.tasks.append(asyncio.ensure_future(work))

    async def post(self, text: str, to: ConversationRef = THREAD) -> ConversationRef:
        return await self.outbound.post(plain_report(text), to, key=f"{to.channel}:{text}")

    async def edit(self, text: str, message: ConversationRef, **more: object) -> None:
        await self.outbound.edit(plain_report(text), message, **more)

    async def rest(self) -> None:
        while pending := [task for task in self.tasks if not task.done()]:
            await asyncio.wait(pending)


def says(text: str) -> Callable[[], Awaitable[Report]]:
    async def render() -> Report:
        return plain_report(text)

    return render


def limited(seconds: float) -> OperationError:
    return OperationError("chat_unavailable", adapter="web", retry_after_s=seconds)


def down() -> OperationError:
    return OperationError("chat_unavailable", adapter="web")


async def test_posts_and_edits_of_a_conversation_come_in_the_order_they_were_said():
    talk = Talk(Service())
    gate = asyncio.Event()
    place = await talk.post("0")
    talk.service.answers["ops"] = [gate]
    waiting = [
        asyncio.ensure_future(work)
        for work in (talk.post("1"), talk.edit("2", place), talk.post("3"), talk.edit("4", place))
    ]
    while "1" not in talk.service.said():
        await asyncio.sleep(0)
    await asyncio.sleep(0.02)  # time enough for what should not come yet
    assert talk.service.said() == ["0", "1"]
    gate.set()
    await asyncio.gather(*waiting)
    assert talk.service.done == ["0", "1", "2", "3", "4"]


async def test_order_is_kept_while_the_first_is_refused_and_comes_again():
    talk = Talk(Service())
    talk.service.answers["ops"] = [limited(0.05), limited(0.05)]
    await asyncio.gather(*(talk.post(str(number)) for number in range(4)))
    assert talk.service.said() == ["0", "0", "0", "1", "2", "3"]
    assert talk.service.done == ["0", "1", "2", "3"]


async def test_waits_as_long_as_the_service_says_before_it_comes_again():
    talk = Talk(Service())
    talk.service.answers["ops"] = [limited(0.2)]
    await talk.post("0")
    assert talk.service.gaps()[0] >= 0.2


async def test_a_channel_that_is_limited_is_left_alone_by_all_its_conversations():
    talk = Talk(Service())
    talk.service.answers["ops"] = [limited(0.2)]
    first = asyncio.ensure_future(talk.post("0"))
    while not talk.service.calls:
        await asyncio.sleep(0)
    await asyncio.gather(first, talk.post("1", OTHER_THREAD))
    assert talk.service.said()[0] == "0"
    assert talk.service.gaps()[0] >= 0.19


async def test_nobody_elsewhere_waits_for_a_limited_channel():
    talk = Talk(Service(), patience_s=3600)
    talk.service.answers["ops"] = [limited(600)]
    held = asyncio.ensure_future(talk.post("0"))
    while not talk.service.calls:
        await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await talk.post("1", ELSEWHERE)
    assert not held.done()
    held.cancel()


async def test_a_call_that_hangs_holds_its_own_conversation_only():
    talk = Talk(Service())
    gate = asyncio.Event()
    talk.service.answers["ops:m1"] = [gate]
    hung = asyncio.ensure_future(talk.post("hung"))
    while not talk.service.calls:
        await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await talk.post("1", OTHER_THREAD)
        await talk.post("2", ELSEWHERE)
    assert not hung.done()
    gate.set()
    await hung


async def test_keeps_the_channels_pace_over_its_conversations():
    talk = Talk(Service(pace_s=0.05))
    await asyncio.gather(
        talk.post("0"), talk.post("1", OTHER_THREAD), talk.post("2"), talk.post("3", OTHER_THREAD)
    )
    assert len(talk.service.gaps()) == 3
    assert min(talk.service.gaps()) >= 0.045


async def test_a_failure_without_a_word_is_tried_a_few_times_and_then_goes_up():
    talk = Talk(Service())
    talk.service.answers["ops"] = [down(), down()]
    await talk.post("0")
    assert talk.service.said() == ["0"] * 3
    talk.service.answers["ops"] = [down() for _ in range(9)]
    with pytest.raises(OperationError):
        await talk.post("1")
    assert talk.service.said().count("1") == 3


async def test_a_wait_beyond_its_patience_goes_up_at_once_and_is_kept_by_whoever_comes_next():
    talk = Talk(Service(), patience_s=1)
    talk.service.answers["ops"] = [limited(600)]
    for text in "01":
        async with asyncio.timeout(60):
            with pytest.raises(OperationError) as refused:
                await talk.post(text)
        assert refused.value.code == "chat_unavailable"
    assert talk.service.said() == ["0"]


async def test_what_is_no_outage_is_not_tried_again():
    talk = Talk(Service())
    talk.service.answers["ops"] = [OperationError("chat_refused")]
    with pytest.raises(OperationError):
        await talk.post("0")
    assert talk.service.said() == ["0"]


async def test_progress_that_comes_while_the_service_makes_us_wait_is_merged_into_one_edit():
    talk = Talk(Service())
    place = await talk.post("0")
    talk.service.answers["ops"] = [limited(0.15)]
    talk.outbound.edit_soon(place, says("1"))
    while "1" not in talk.service.said():
        await asyncio.sleep(0)
    for number in range(2, 30):
        talk.outbound.edit_soon(place, says(str(number)))
    await talk.rest()
    assert talk.service.done == ["0", "29"]


async def test_a_final_edit_is_the_last_one_however_much_progress_waits():
    talk = Talk(Service())
    place = await talk.post("0")
    talk.service.answers["ops"] = [limited(0.05)]
    talk.outbound.edit_soon(place, says("1"))
    await asyncio.sleep(0.03)
    talk.outbound.edit_soon(place, says("2"))
    await talk.edit("final", place)
    await talk.rest()
    assert talk.service.done[-1] == "final"


async def test_without_edits_what_must_be_read_is_posted_and_an_echo_is_not():
    talk = Talk(Service(edits=False))
    place = await talk.post("0")
    talk.outbound.edit_soon(place, says("progress"))
    await talk.edit("told elsewhere", place, echo=True)
    await talk.edit("the answer", place)
    await talk.edit("the answer", place)
    await talk.rest()
    assert talk.service.done[:2] == ["0", "the answer"]
    assert [one.now.title for one in talk.service.messages.values()] == ["0", "the answer"]


async def test_an_edit_of_a_message_that_is_gone_is_posted():
    talk = Talk(Service())
    place = await talk.post("0")
    talk.service.answers["ops"] = [OperationError("message_missing")]
    await talk.edit("the answer", place)
    assert talk.service.done == ["0", "the answer"]
    talk.service.answers["ops"] = [OperationError("message_missing")]
    await talk.edit("told elsewhere", place, echo=True)
    assert talk.service.done == ["0", "the answer"]


async def test_a_report_is_shaped_for_its_messenger_before_that_sees_it():
    def shape(report: Report, capabilities: Capabilities, at: ConversationRef) -> Report:
        return plain_report(f"{report.title} {capabilities.buttons} {at.channel}")

    talk = Talk(Service(buttons=False), shape=shape)
    place = await talk.post("0")
    await talk.edit("1", place)
    talk.outbound.edit_soon(place, says("2"))
    await talk.rest()
    assert talk.service.done == ["0 False ops", "1 False ops", "2 False ops"]


async def test_remembers_no_conversation_and_no_channel_that_has_come_to_rest():
    talk = Talk(Service())
    for number in range(30):
        await talk.post("0", replace(THREAD, channel=f"c{number}"))
    assert len(talk.outbound._lines) == 0
    assert len(talk.outbound._channels) <= 1
