"""Slack keeps the Adapter port's promises, over the real client and within Slack's limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from adapters.slack.adapter import SlackAdapter
from adapters.slack.settings import SlackSettings
from bot.core.domain.conversation import Chat, Click, Command, ConversationRef, Inbound, Mention
from bot.core.domain.report import Attachment, Button, Lines, Report, Tone
from bot.core.errors import OperationError
from bot.core.texts import load_texts
from tests.fakes.block_kit import words_of
from tests.fakes.engine import FakeClock
from tests.fakes.files import MemoryFileStore
from tests.fakes.messengers import MemoryMessengerMemory
from tests.fakes.sample_reports import decided_plan_report, final_report, plan_report
from tests.fakes.slack_driver import settings_for
from tests.fakes.slack_service import NotAcknowledgedError, SlackService
from tests.fakes.slack_workspace import BOT, BOT_ID, CHANNEL, TEAM, Json, Message

TEXTS = load_texts("ko")
DEV, LEADER = "U0DEV", "U0LEADER"
PLACE = ConversationRef(adapter="slack", channel=CHANNEL)


class Desk:
    """The adapter with Slack before it and, behind it, somebody who notes what arrives."""

    def __init__(self, service: SlackService, clock: FakeClock) -> None:
        self.service = service
        self.clock = clock
        self.files = MemoryFileStore()
        self.memory = MemoryMessengerMemory()
        self.received: list[Inbound] = []
        self.failures: list[Exception] = []
        self.open = asyncio.Event()  # closed: the bot behind is stuck
        self.open.set()
        self.adapter = self.made()
        self._running: asyncio.Task[None] | None = None

    def made(self, **changes: object) -> SlackAdapter:
        settings: SlackSettings = settings_for(self.service, "socket").model_copy(update=changes)
        return SlackAdapter(
            settings,
            files=self.files,
            memory=self.memory,
            texts=TEXTS,
            clock=self.clock,
            grace_s=0.5,
        )

    async def receive(self, event: Inbound) -> None:
        await self.open.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.received.append(event)

    async def start(self) -> None:
        self._running = asyncio.create_task(self.adapter.run(self.receive))
        await until(lambda: self.service.connected > 0)

    async def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running

    def said(self) -> list[Message]:
        return [m for m in self.service.messages.values() if m.user == BOT]


async def until(done: Callable[[], object]) -> None:
    async with asyncio.timeout(120):
        while not done():
            await asyncio.sleep(0.02)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    clock = FakeClock()
    async with SlackService(now=lambda: clock.now().timestamp()) as service:
        service.join(CHANNEL, DEV, LEADER)
        desk = Desk(service, clock)
        await desk.start()
        yield desk
        await desk.stop()


def mention(desk: Desk, text: str = "재기동해줘", *files: Json) -> tuple[Message, Json]:
    said = desk.service.say(DEV, f"<@{BOT}> {text}")
    return said, desk.service.mention_of(said, *files)


# --- hearing -----------------------------------------------------------------------------------


async def test_a_mention_opens_a_thread_at_itself(desk: Desk) -> None:
    said, payload = mention(desk, "예산 &amp; 국고 <@U0LEADER> 재기동 <http://a.go.kr|a.go.kr>")
    await desk.service.deliver(payload)
    [event] = desk.received
    assert isinstance(event, Mention)
    assert event.text == "예산 & 국고 @U0LEADER 재기동 a.go.kr"
    assert event.event_id == f"{CHANNEL}:{said.ts}"
    assert (event.sender.tenant, event.sender.user_id) == (TEAM, DEV)
    place = replace(PLACE, thread=said.ts, message=said.ts)
    assert event.conversation == place


async def test_the_two_events_of_one_message_are_one(desk: Desk) -> None:
    said, payload = mention(desk)
    await desk.service.deliver(desk.service.event("message", said))
    await desk.service.deliver(payload)
    await desk.service.deliver(payload, retry=1)
    assert {event.event_id for event in desk.received} == {f"{CHANNEL}:{said.ts}"}
    assert {type(event) for event in desk.received} == {Mention}


async def test_the_same_event_at_the_same_time_is_carried_once(desk: Desk) -> None:
    file = desk.service.share("a.zip", b"PK" * 1000)
    _, payload = mention(desk, "반영", file)
    desk.open.clear()
    four = [desk.service.deliver(payload, retry=n) for n in range(4)]
    waiting = asyncio.gather(*four)
    await asyncio.sleep(0.1)
    desk.open.set()
    await waiting
    assert len(desk.received) == 1


async def test_talk_is_heard_and_its_files_are_left_alone(desk: Desk) -> None:
    said = desk.service.say(DEV, "서버가 느리네요")
    file = desk.service.share("화면.png", b"png")
    await desk.service.deliver(desk.service.event("message", said, file))
    [event] = desk.received
    assert isinstance(event, Chat)
    assert event.conversation == replace(PLACE, message=said.ts)
    assert desk.files.contents == {}


async def test_a_reply_in_a_thread_where_the_bot_has_spoken_is_for_the_bot(desk: Desk) -> None:
    said, payload = mention(desk)
    await desk.service.deliver(payload)
    await desk.adapter.post(plan_report(), replace(PLACE, thread=said.ts), key="k")
    reply = desk.service.say(LEADER, "운영이요", thread=said.ts)
    other = desk.service.say(LEADER, "점심 뭐 먹죠", thread="1.000001")
    await desk.service.deliver(desk.service.event("message", reply))
    await desk.service.deliver(desk.service.event("message", other))
    assert [type(event) for event in desk.received] == [Mention, Mention, Chat]
    assert desk.received[1].conversation.thread == said.ts


async def test_a_direct_conversation_goes_on_without_threads(desk: Desk) -> None:
    said = desk.service.say(DEV, "예산 상태 보여줘", channel="D0DEV")
    await desk.service.deliver(desk.service.event("message", said))
    [event] = desk.received
    assert isinstance(event, Mention)
    assert event.conversation == ConversationRef(adapter="slack", channel="D0DEV")
    await desk.adapter.post(final_report(), event.conversation, key="dm")
    assert desk.said()[-1].thread_ts == ""


async def test_a_slash_command_gets_a_thread_that_says_who_asked(desk: Desk) -> None:
    payload = desk.service.command(DEV, "sm", "예산 상태")
    await desk.service.deliver(payload)
    await desk.service.deliver(payload)
    anchor = desk.said()[0]
    assert words_of(anchor.blocks).split() == [f"@{DEV}", "/sm", "예산", "상태"]
    assert len(desk.said()) == 1
    event = desk.received[0]
    assert isinstance(event, Command)
    assert (event.name, event.text) == ("sm", "예산 상태")
    assert event.conversation == replace(PLACE, thread=anchor.ts, message=anchor.ts)
    assert desk.received[1] == event


async def test_a_command_where_the_bot_is_no_member_is_answered_to_its_sender(desk: Desk) -> None:
    desk.service.join("C0OTHER", DEV)
    await desk.service.deliver(desk.service.command(DEV, "sm", "상태", channel="C0OTHER"))
    await until(lambda: desk.service.responses)
    assert "/invite @guardia" in desk.service.responses[0]["text"]
    assert desk.service.responses[0]["response_type"] == "ephemeral"
    assert desk.received == []


async def test_a_press_keeps_message_and_thread_and_says_who(desk: Desk) -> None:
    said, payload = mention(desk)
    await desk.service.deliver(payload)
    place = replace(PLACE, thread=said.ts)
    card = await desk.adapter.post(plan_report(), place, key="card")
    pressed = desk.service.messages[CHANNEL, str(card.message)]
    await desk.service.deliver(desk.service.press(LEADER, pressed, "승인"))
    event = desk.received[-1]
    assert isinstance(event, Click)
    assert (event.button, event.value, event.sender.user_id) == ("approve", "plan-7", LEADER)
    assert event.conversation == card


async def test_a_long_value_comes_back_whole(desk: Desk) -> None:
    value = "가" * 5000
    report = Report(
        title="?", summary="?", buttons=(Button(button="choose", value=value, label="예"),)
    )
    card = await desk.adapter.post(report, PLACE, key="long")
    pressed = desk.service.messages[CHANNEL, str(card.message)]
    await desk.service.deliver(desk.service.press(DEV, pressed, "예"))
    event = desk.received[-1]
    assert isinstance(event, Click)
    assert event.value == value


@pytest.mark.parametrize(
    "more",
    [
        {"bot_id": BOT_ID, "user": BOT},
        {"bot_id": "B0OTHER"},
        {"subtype": "bot_message"},
        {"subtype": "message_changed"},
        {"subtype": "message_changed", "user": None, "message": {"user": DEV, "text": "재기동"}},
        {"subtype": "message_deleted", "user": None, "deleted_ts": "1.1", "hidden": True},
        {"subtype": "message_replied", "user": None, "message": {"user": DEV}},
        {"subtype": "thread_broadcast", "bot_id": "B0OTHER", "thread_ts": "1.1"},
        {"subtype": "channel_join"},
        {"bot_profile": {"id": "B0OTHER"}},
        {"edited": {"user": DEV, "ts": "1.1"}},
        {"user": BOT},
        {"ts": "abc"},
        {"ts": 12},
        {"user": None},
        {"files": "x", "channel": ""},
    ],
)
async def test_what_is_nobodys_request_is_acknowledged_and_left(desk: Desk, more: Json) -> None:
    said = desk.service.say(DEV, f"<@{BOT}> 재기동해줘")
    await desk.service.deliver(desk.service.event("message", said, **more))
    assert desk.received == []


async def test_kinds_that_nobody_expects_are_acknowledged(desk: Desk) -> None:
    reaction = desk.service.event_callback({"type": "reaction_added", "user": DEV, "item": {}})
    shared = {"type": "file_shared", "file_id": "F1", "user_id": DEV, "channel_id": CHANNEL}
    for payload in (
        reaction,
        desk.service.event_callback(shared),  # its message tells of it as well
        {"type": "view_submission", "team": {"id": TEAM}, "user": {"id": DEV}, "view": {}},
        {"type": "block_actions", "team": {"id": TEAM}, "user": {"id": DEV}, "actions": []},
        {"type": "shortcut", "callback_id": "x", "team": {"id": TEAM}, "user": {"id": DEV}},
        desk.service.command(DEV, "other", "x"),
    ):
        assert (await desk.service.deliver(payload)).status == 200
    assert desk.received == []


# --- in time, and not lost -----------------------------------------------------------------------


async def test_a_stuck_bot_does_not_hold_the_acknowledgement(desk: Desk) -> None:
    desk.open.clear()
    _, payload = mention(desk)
    taken = await desk.service.deliver(payload)
    assert (taken.status, desk.received) == (200, [])
    desk.open.set()
    await until(lambda: desk.received)


async def test_what_the_bot_could_not_take_is_left_to_slack_to_send_again(desk: Desk) -> None:
    desk.failures = [OperationError("database")]
    _, payload = mention(desk)
    with pytest.raises(NotAcknowledgedError):
        await desk.service.deliver(payload)
    await desk.service.deliver(payload, retry=1)
    assert len(desk.received) == 1


async def test_a_press_that_could_not_be_taken_is_tried_again(desk: Desk) -> None:
    card = await desk.adapter.post(plan_report(), PLACE, key="card")
    desk.failures = [OperationError("database")]
    pressed = desk.service.messages[CHANNEL, str(card.message)]
    await desk.service.deliver(desk.service.press(LEADER, pressed, "승인"))
    await until(lambda: desk.received)
    assert len(desk.received) == 1


async def test_the_line_is_dialled_again_when_it_drops_and_when_slack_asks(desk: Desk) -> None:
    await desk.service.ask_to_reconnect()
    await until(lambda: desk.service.calls_of("apps.connections.open") >= 2)
    await until(lambda: desk.service.connected == 1)
    _, payload = mention(desk)
    await desk.service.deliver(payload)
    assert len(desk.received) == 1


# --- files ---------------------------------------------------------------------------------------


async def test_a_file_is_fetched_with_the_token(desk: Desk) -> None:
    file = desk.service.share("예산 1.zip", b"PK" * 200_000)
    _, payload = mention(desk, "반영", file)
    await desk.service.deliver(payload)
    await until(lambda: desk.received)
    event = desk.received[0]
    assert isinstance(event, Mention)
    assert [(f.name, f.size) for f in event.files] == [("예산 1.zip", 400_000)]


async def test_a_snippet_is_a_file_like_any_other(desk: Desk) -> None:
    text = {"mode": "snippet", "mimetype": "text/plain", "filetype": "text", "editable": True}
    file = desk.service.share("설정.txt", "가=1\n".encode(), **text)
    _, payload = mention(desk, "반영", file)
    await desk.service.deliver(payload)
    await until(lambda: desk.received)
    event = desk.received[0]
    assert isinstance(event, Mention)
    assert [(f.name, f.size) for f in event.files] == [("설정.txt", 6)]


async def test_a_file_whose_details_are_withheld_is_asked_for(desk: Desk) -> None:
    file = desk.service.share("a.zip", b"PK", file_access="check_file_info", url_private="")
    _, payload = mention(desk, "반영", {"id": file["id"], "file_access": "check_file_info"})
    await desk.service.deliver(payload)
    await until(lambda: desk.received)
    assert desk.service.calls_of("files.info") == 1


@pytest.mark.parametrize(
    ("row", "scopes", "word"),
    [
        ({}, "chat:write", "로그인 화면"),
        ({"size": 5}, None, "끝까지"),
        ({"size": 500}, None, "끝까지"),
        ({"mode": "external", "url_private": "https://drive.example/x"}, None, "외부 링크"),
        ({"url_private_download": "http://127.0.0.1:9/steal"}, None, "외부 링크"),
        ({"mode": "tombstone"}, None, "삭제"),
        ({"mode": "hidden_by_limit"}, None, "보관 기간"),
        ({"mode": "quip", "mimetype": "application/vnd.slack-docs"}, None, "캔버스"),
        ({"size": 2 << 30}, None, "300"),
    ],
)
async def test_a_file_that_is_none_is_refused_to_its_sender(
    desk: Desk, row: Json, scopes: str | None, word: str
) -> None:
    if scopes is not None:
        desk.service.scopes = scopes
    file = desk.service.share("a.zip", b"PK" * 50, **row)
    _, payload = mention(desk, "반영", file)
    await desk.service.deliver(payload)
    await until(desk.said)
    [told] = desk.said()
    assert word in told.text
    assert told.only_for == DEV
    assert desk.received == []
    assert desk.files.contents == {}


# --- saying --------------------------------------------------------------------------------------


async def test_the_same_key_posts_once_also_in_another_life(desk: Desk) -> None:
    first = await desk.adapter.post(plan_report(), PLACE, key="k1")
    again = await desk.made().post(plan_report(), PLACE, key="k1")
    other = await desk.adapter.post(plan_report(), PLACE, key="k2")
    assert first == again != other
    assert len(desk.said()) == 2


async def test_an_edit_replaces_words_and_buttons(desk: Desk) -> None:
    card = await desk.adapter.post(plan_report(), PLACE, key="k")
    await desk.adapter.edit(decided_plan_report(), card)
    [message] = desk.said()
    assert message.revision == 2
    assert "승인 · 03:02:41" in words_of(message.blocks)
    assert "actions" not in {block["type"] for block in message.blocks}


async def test_an_edit_of_what_is_gone_says_so(desk: Desk) -> None:
    with pytest.raises(OperationError) as refused:
        await desk.adapter.edit(plan_report(), replace(PLACE, message="1.000001"))
    assert refused.value.code == "message_missing"


async def test_a_refusal_is_for_one_persons_eyes(desk: Desk) -> None:
    report = Report(title="승인할 수 없습니다", summary="본인 요청입니다.", only_for=LEADER)
    said, payload = mention(desk)
    await desk.service.deliver(payload)
    await desk.adapter.post(report, replace(PLACE, thread=said.ts), key="r1")
    # Nobody has answered there yet: Slack would show it to nobody.
    assert (desk.said()[-1].only_for, desk.said()[-1].thread_ts) == (LEADER, "")
    await desk.adapter.post(plan_report(), replace(PLACE, thread=said.ts), key="card")
    await desk.adapter.post(report, replace(PLACE, thread=said.ts), key="r2")
    assert (desk.said()[-1].only_for, desk.said()[-1].thread_ts) == (LEADER, said.ts)


async def test_a_reports_files_and_what_did_not_fit_lie_in_its_thread_once(desk: Desk) -> None:
    stored = await desk.files.receive("chart.png", pieces(b"png"))
    chart = Attachment(digest=stored.digest, name="추이.png", size=3, media_type="image/png")
    log = Lines(lines=tuple(f"{n} 줄" * 20 for n in range(900)), title="catalina.out")
    report = replace(final_report(), files=(chart,), sections=(log,))
    place = await desk.adapter.post(report, PLACE, key="k")
    await desk.adapter.post(report, PLACE, key="k")
    await desk.adapter.edit(replace(report, title="다시"), place)
    files = [file for file in desk.service.files.values() if file.channel]
    assert [file.name for file in files] == ["추이.png", "02-catalina-out.txt"]
    assert {file.thread_ts for file in files} == {place.message}
    assert files[0].data == b"png"
    assert "899 줄" in files[1].data.decode()


async def test_a_file_that_slack_will_not_have_costs_nobody_the_report(desk: Desk) -> None:
    desk.service.scopes = "chat:write"
    report = replace(final_report(), sections=(Lines(lines=("줄" * 90,) * 900),))
    place = await desk.adapter.post(report, PLACE, key="k")
    await desk.adapter.post(report, PLACE, key="k")
    card, told = desk.said()
    assert card.ts == place.message
    assert ("올리지 못했습니다" in told.text, told.thread_ts) == (True, card.ts)


async def test_what_is_still_running_is_not_worth_a_file(desk: Desk) -> None:
    log = Lines(lines=tuple(f"{n} 줄" * 20 for n in range(900)))
    report = Report(title="진행 중", summary="s", tone=Tone.RUNNING, sections=(log,))
    place = await desk.adapter.post(report, PLACE, key="k")
    assert desk.service.files == {}
    await desk.adapter.edit(replace(report, tone=Tone.GOOD), place)
    assert len(desk.service.files) == 1


async def test_a_short_wait_for_speed_is_the_clients_a_longer_one_the_queues(desk: Desk) -> None:
    desk.service.limit_rate(1, retry_after_s=1)
    await desk.adapter.post(plan_report(), PLACE, key="short")
    desk.service.limit_rate(2, retry_after_s=1)
    assert await refused_wait(desk, "again") == 1
    desk.service.limit_rate(1, retry_after_s=40)
    assert await refused_wait(desk, "long") == 40


async def test_a_time_to_come_again_may_be_a_date(desk: Desk) -> None:
    """Slack names seconds; what stands between may not (RFC 9110, 10.2.3)."""
    dates = {"Date": "Sun, 22 Nov 2026 03:00:00 GMT"}
    desk.service.refuse_until("Sun, 22 Nov 2026 03:00:45 GMT", **dates)
    assert await refused_wait(desk, "date") == 45
    desk.service.refuse_until("soon")
    assert await refused_wait(desk, "nonsense") == 30


async def refused_wait(desk: Desk, key: str) -> float:
    with pytest.raises(OperationError) as refused:
        await desk.adapter.post(plan_report(), PLACE, key=key)
    assert refused.value.code == "chat_unavailable"
    return float(refused.value.values["retry_after_s"])


async def test_slacks_own_limit_of_a_channel_is_waited_out() -> None:
    clock = FakeClock()
    async with SlackService(burst=2, now=lambda: clock.now().timestamp()) as service:
        desk = Desk(service, clock)
        for number in range(4):
            await desk.adapter.post(final_report(), PLACE, key=f"k{number}")
        assert len(desk.said()) == 4


@pytest.mark.parametrize(
    ("channel", "reason"), [("C0NONE", "channel_not_found"), ("C0OTHER", "not_in_channel")]
)
async def test_what_no_waiting_mends_is_said_as_such(desk: Desk, channel: str, reason: str) -> None:
    desk.service.join("C0OTHER", DEV)
    with pytest.raises(OperationError) as refused:
        await desk.adapter.post(plan_report(), replace(PLACE, channel=channel), key="k")
    assert (refused.value.code, refused.value.values["reason"]) == ("slack_refused", reason)


async def test_an_outage_is_worth_another_try(desk: Desk) -> None:
    desk.service.fail(1)
    with pytest.raises(OperationError) as refused:
        await desk.adapter.post(plan_report(), PLACE, key="k")
    assert refused.value.code == "chat_unavailable"
    await desk.adapter.post(plan_report(), PLACE, key="k")
    assert len(desk.said()) == 1


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    yield data
