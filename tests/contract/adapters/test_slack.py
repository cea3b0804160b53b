"""What Slack tells is heard as it is meant, in time and not lost, over the real client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.core.domain.conversation import Chat, Click, Command, ConversationRef, Mention
from bot.core.domain.report import Button, Report
from bot.core.errors import OperationError
from tests.fakes.block_kit import words_of
from tests.fakes.sample_reports import final_report, plan_report
from tests.fakes.slack_desk import DEV, LEADER, PLACE, Desk, mention, open_desk, until
from tests.fakes.slack_service import NotAcknowledgedError
from tests.fakes.slack_workspace import BOT, BOT_ID, CHANNEL, TEAM, Json


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


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
