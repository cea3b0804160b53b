"""The Teams adapter keeps the port's promises, over https and the real client library."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.core.domain.conversation import Chat, Click, Command, ConversationRef, Inbound, Mention
from bot.core.domain.report import Attachment, Button, ButtonStyle, Lines, Paragraph, Report, Tone
from bot.core.errors import OperationError
from tests.fakes.adaptive_cards import actions_of, card_in, words_of
from tests.fakes.sample_reports import plan_report
from tests.fakes.teams_login import TENANT
from tests.fakes.teams_service import (
    BOT,
    TEAM_CHANNEL,
    Delivered,
)
from tests.fakes.teams_world import TeamsWorld

LEE = "aaaaaaaa-0000-4000-8000-000000000001"
PERSONAL = "a:1lee"
AT_BOT: dict[str, Any] = {
    "text": "<at>GUARDiA</at> 기재부 예산시스템 점검해 줘",
    "entities": [{"type": "mention", "mentioned": {"id": BOT}, "text": "<at>GUARDiA</at>"}],
}
CHANNEL = ConversationRef(adapter="teams", channel=TEAM_CHANNEL)
ASK = Report(
    title="어느 노드입니까?",
    summary="노드를 골라 주십시오.",
    tone=Tone.ASK,
    buttons=(
        Button(button="choose", value="1", label="1번", style=ButtonStyle.PRIMARY),
        Button(button="cancel", value="J1", label="취소", confirm="정말 취소합니까?"),
    ),
)


class Links:
    """ConsoleLinks whose addresses say what they are for."""

    def action(self, button: Button, message: ConversationRef, *, life: timedelta) -> str:
        return f"https://console.test/act/{button.button}"

    def upload(self, conversation: ConversationRef, *, life: timedelta) -> str:
        return f"https://console.test/upload/{conversation.thread}"

    def file(self, digest: str, name: str, conversation: ConversationRef) -> str:
        return f"https://console.test/file/{digest}"


@pytest.fixture
async def world() -> AsyncIterator[TeamsWorld]:
    async with TeamsWorld(links=Links()) as running:
        running.service.roster |= {PERSONAL}
        yield running


async def say(world: TeamsWorld, **fields: Any) -> Delivered:
    return await world.service.deliver(world.service.activity(TEAM_CHANNEL, LEE, **fields))


def card_of_only_message(world: TeamsWorld) -> dict[str, Any]:
    (stored,) = world.service.messages.values()
    return card_in(stored.activity)


def pressed(world: TeamsWorld, message: ConversationRef, label: str, **fields: Any) -> Any:
    card = card_in(world.service.messages[message.message or ""].activity)
    action = actions_of(card)[label]
    return world.service.activity(
        f"{message.channel};messageid={message.thread}",
        LEE,
        type="invoke",
        name="adaptiveCard/action",
        replyToId=message.message,
        value={"action": {"type": "Action.Execute", "verb": "guardia", "data": action["data"]}},
        **fields,
    )


# --- coming in ---------------------------------------------------------------------------------


async def test_a_mention_in_a_channel_opens_a_thread_and_loses_the_bots_name(
    world: TeamsWorld,
) -> None:
    answer = await say(world, id="1001", **AT_BOT)
    assert answer.status == 200
    (event,) = world.received
    assert isinstance(event, Mention)
    assert event.text == "기재부 예산시스템 점검해 줘"
    assert (event.conversation.channel, event.conversation.thread) == (TEAM_CHANNEL, "1001")
    assert (event.sender.tenant, event.sender.user_id) == (TENANT, LEE)


async def test_a_reply_stays_in_its_thread_and_unaddressed_talk_is_chat(world: TeamsWorld) -> None:
    reply = world.service.activity(f"{TEAM_CHANNEL};messageid=1001", LEE, text="느리네요")
    await world.service.deliver(reply)
    (event,) = world.received
    assert isinstance(event, Chat)
    assert event.conversation.thread == "1001"


async def test_a_command_is_one_in_a_personal_chat_too(world: TeamsWorld) -> None:
    said = world.service.activity(PERSONAL, LEE, text="/sm restart 예산시스템")
    await world.service.deliver(said)
    (event,) = world.received
    assert isinstance(event, Command)
    assert (event.name, event.text) == ("sm", "restart 예산시스템")


async def test_a_display_name_is_never_read(world: TeamsWorld) -> None:
    sender = {"id": "29:x", "name": "pm", "aadObjectId": LEE}
    await say(world, **{"from": sender}, **AT_BOT)
    assert "pm" not in repr(world.received[0])


async def test_a_sender_without_a_directory_id_is_not_heard(world: TeamsWorld) -> None:
    answer = await say(world, **{"from": {"id": "28:other-bot", "name": "bot"}}, **AT_BOT)
    assert (answer.status, world.received) == (200, [])


async def test_a_group_chat_is_one_conversation_and_only_a_call_is_for_the_bot(
    world: TeamsWorld,
) -> None:
    chat = "19:meeting_abc@thread.v2"
    world.service.roster |= {chat}
    for fields in (AT_BOT, {"text": "느리네요"}):
        await world.service.deliver(world.service.activity(chat, LEE, **fields))
    called, overheard = world.received
    assert (type(called), type(overheard)) == (Mention, Chat)
    assert called.conversation.thread == called.conversation.channel == chat
    place = await world.adapter.post(ASK, replace(called.conversation, message=None), key="k")
    assert world.service.messages[place.message or ""].conversation == chat


@pytest.mark.parametrize(
    "happened",
    [
        {"type": "messageReaction", "reactionsAdded": [{"type": "like"}], "replyToId": "1001"},
        {"type": "messageUpdate", **AT_BOT, "channelData": {"eventType": "editMessage"}},
        {"type": "messageDelete", "channelData": {"eventType": "softDeleteMessage"}},
        {"type": "installationUpdate", "action": "add"},
        {"type": "typing", "id": None, "text": None, "entities": None, "attachments": None},
        {
            "type": "conversationUpdate",
            "membersAdded": [{"id": BOT}, {"id": "29:x", "aadObjectId": LEE}],
            "channelData": {"eventType": "teamMemberAdded"},
        },
        {
            "type": "conversationUpdate",
            "from": {
                "id": "29:1wR7IdIRIoerMIWbewMi75JA3scaMuxvFon9eRQW2Nix5loMDo0362st2IaRVRirPZBv1"
            },
            "channelData": {"eventType": "channelRenamed", "channel": {"name": "운영"}},
        },
        {"type": "message", "text": "", "entities": None, "attachments": None},
    ],
)
async def test_what_only_happens_in_a_room_is_taken_and_is_nobodys_request(
    world: TeamsWorld, happened: dict[str, Any]
) -> None:
    tenant = {"tenant": {"id": TENANT}}
    data = {"channelData": tenant | happened.get("channelData", {})}
    activity = world.service.activity(TEAM_CHANNEL, LEE, **(happened | data))
    activity = {
        name: value for name, value in activity.items() if value is not None or name != "id"
    }
    assert (await world.service.deliver(activity)).status == 200
    assert (world.received, world.service.messages) == ([], {})


async def test_a_request_without_a_name_is_malformed(world: TeamsWorld) -> None:
    said = world.service.activity(TEAM_CHANNEL, LEE, **AT_BOT)
    del said["id"]
    assert (await world.service.deliver(said)).status == 400
    assert world.received == []


async def test_a_file_of_a_personal_chat_is_fetched_without_the_bots_token(
    world: TeamsWorld,
) -> None:
    url = world.service.put_file(b"PK-war")
    await world.service.deliver(_with_file(world, url, name="../budget.war"))
    await _until(lambda: world.received)
    (event,) = world.received
    assert isinstance(event, Mention)
    assert [(file.name, file.size) for file in event.files] == [("budget.war", 6)]
    assert world.service.counts["token_leaked"] == 0


@pytest.mark.parametrize(
    "url", ["https://evil.test/x", "http://127.0.0.1/x", "https://127.0.0.1:1@evil.test/x"]
)
async def test_a_file_from_elsewhere_is_refused_in_words(world: TeamsWorld, url: str) -> None:
    await world.service.deliver(_with_file(world, url))
    await _until(lambda: world.service.messages)
    assert "허용되지 않은 위치" in " ".join(words_of(card_of_only_message(world)))
    assert world.received == []


async def test_a_sign_in_page_instead_of_a_file_is_refused(world: TeamsWorld) -> None:
    await world.service.deliver(_with_file(world, world.service.put_file(b"<html>sign in")))
    await _until(lambda: world.service.messages)
    assert world.received == []


async def test_a_file_in_a_channel_is_answered_with_the_upload_page(world: TeamsWorld) -> None:
    html = {"contentType": "text/html", "content": '<div><attachment id="1"></attachment></div>'}
    said = {**AT_BOT, "text": "<at>GUARDiA</at> ", "attachments": [html]}
    await say(world, id="1001", **said)
    action = actions_of(card_of_only_message(world)).popitem()[1]
    assert action["url"] == "https://console.test/upload/1001"


async def test_words_with_a_file_in_a_channel_are_taken_and_the_page_is_told(
    world: TeamsWorld,
) -> None:
    html = {"contentType": "text/html", "content": '<div><attachment id="1"></attachment></div>'}
    await say(world, id="1001", **{**AT_BOT, "attachments": [html]})
    assert len(world.received) == 1
    assert "https://console.test/upload/1001" in json.dumps(card_of_only_message(world))


@pytest.mark.parametrize(("text", "taken"), [("", 0), ("이 화면 좀 봐 줘", 1)])
async def test_a_picture_that_is_pasted_is_said_not_to_arrive(
    world: TeamsWorld, text: str, taken: int
) -> None:
    url = f"{world.service.origin}/v3/attachments/1/views/original"
    picture = {"contentType": "image/png", "contentUrl": url}
    html = {"contentType": "text/html", "content": f'<div><img src="{url}"></div>'}
    said = world.service.activity(PERSONAL, LEE, text=text, attachments=[picture, html])
    await world.service.deliver(said)
    assert "붙여 넣은 그림" in " ".join(words_of(card_of_only_message(world)))
    assert len(world.received) == taken


async def test_talk_with_a_pasted_picture_is_nobodys_business(world: TeamsWorld) -> None:
    await say(world, text="점심 메뉴", attachments=[{"contentType": "image/*"}])
    assert ([type(event) for event in world.received], world.service.messages) == ([Chat], {})


async def test_html_that_only_repeats_the_words_is_no_file(world: TeamsWorld) -> None:
    html = {"contentType": "text/html", "content": "<div>점검</div>"}
    await say(world, **{**AT_BOT, "attachments": [html]})
    assert (len(world.received), world.service.messages) == (1, {})


# --- presses -----------------------------------------------------------------------------------


async def test_a_press_is_answered_with_a_body_so_that_teams_sends_it_once(
    world: TeamsWorld,
) -> None:
    await say(world, id="1001", **AT_BOT)
    place = await world.adapter.post(ASK, replace(CHANNEL, thread="1001"), key="ask")
    answer = await world.service.deliver(pressed(world, place, "1번"))
    assert (answer.status, answer.times) == (200, 1)
    assert json.loads(answer.body)["statusCode"] == 200
    click = world.received[-1]
    assert isinstance(click, Click)
    assert (click.button, click.value) == ("choose", "1")
    assert (click.conversation.thread, click.conversation.message) == ("1001", place.message)


async def test_an_old_client_presses_by_the_submit_fallback(world: TeamsWorld) -> None:
    place = await world.adapter.post(ASK, replace(CHANNEL, thread="1001"), key="ask")
    data = actions_of(card_of_only_message(world))["1번"]["fallback"]["data"]
    await world.service.deliver(
        world.service.activity(
            f"{TEAM_CHANNEL};messageid=1001", LEE, value=data, replyToId=place.message
        )
    )
    click = world.received[-1]
    assert isinstance(click, Click)
    assert click.value == "1"


async def test_a_button_that_asks_once_more_unfolds_a_card(world: TeamsWorld) -> None:
    place = await world.adapter.post(ASK, replace(CHANNEL, thread="1001"), key="ask")
    await world.service.deliver(pressed(world, place, "취소"))
    click = world.received[-1]
    assert isinstance(click, Click)
    assert (click.button, click.value) == ("cancel", "J1")


async def test_a_press_that_cannot_be_taken_says_so_to_the_person() -> None:
    async def refuse(_: Inbound) -> None:
        raise OperationError("audit_unavailable")

    async with TeamsWorld(receive=refuse) as world:
        place = await world.adapter.post(ASK, replace(CHANNEL, thread="1001"), key="ask")
        answer = await world.service.deliver(pressed(world, place, "1번"))
    assert json.loads(answer.body)["type"] == "application/vnd.microsoft.error"


async def test_the_acknowledgement_does_not_wait_for_a_slow_core() -> None:
    release = asyncio.Event()
    taken: list[Inbound] = []

    async def slow(event: Inbound) -> None:
        await release.wait()
        taken.append(event)

    async with TeamsWorld(receive=slow) as world:
        answer = await say(world, **AT_BOT)
        assert (answer.status, taken) == (202, [])
        release.set()
        await _until(lambda: taken)


async def test_a_repeated_activity_is_handed_on_once(world: TeamsWorld) -> None:
    activity = world.service.activity(TEAM_CHANNEL, LEE, **AT_BOT)
    await asyncio.gather(*(world.service.deliver(activity) for _ in range(4)))
    assert len(world.received) == 1


async def test_a_storm_of_a_thousand_events_four_times_each_is_a_thousand(
    world: TeamsWorld,
) -> None:
    events = [world.service.activity(TEAM_CHANNEL, LEE, **AT_BOT) for _ in range(1000)]
    token, limit = world.service.bearer(), asyncio.Semaphore(30)

    async def send(event: dict[str, Any]) -> int:
        async with limit:
            return (await world.service.deliver(event, token=token)).status

    statuses = await asyncio.gather(*(send(event) for _ in range(4) for event in events))
    assert set(statuses) == {200}
    assert len(world.received) == 1000


async def test_the_same_activity_id_in_two_chats_is_two_events(world: TeamsWorld) -> None:
    for chat in (PERSONAL, "a:2kim"):
        await world.service.deliver(world.service.activity(chat, LEE, id="f:1", text="점검"))
    assert len({event.event_id for event in world.received}) == 2


# --- going out ---------------------------------------------------------------------------------


async def test_the_same_key_posts_once_also_in_the_next_life(world: TeamsWorld) -> None:
    to = replace(CHANNEL, thread="1001")
    first = await world.adapter.post(ASK, to, key="k")
    await world.stop_bot()
    await world.start_bot()
    assert await world.adapter.post(ASK, to, key="k") == first
    assert len(world.service.messages) == 1


async def test_a_report_into_the_open_channel_opens_a_thread_and_is_edited_there(
    world: TeamsWorld,
) -> None:
    place = await world.adapter.post(ASK, CHANNEL, key="k")
    assert place.thread == place.message
    await world.adapter.edit(replace(ASK, title="끝났습니다.", buttons=()), place)
    (stored,) = world.service.messages.values()
    assert (stored.revision, actions_of(card_in(stored.activity))) == (2, {})


async def test_a_conversation_is_reached_after_a_restart_where_it_was_heard(
    world: TeamsWorld,
) -> None:
    await world.service.deliver(world.service.activity(PERSONAL, LEE, text="안녕하세요"))
    thread = world.received[0].conversation
    await world.stop_bot()
    await world.start_bot()
    place = await world.adapter.post(ASK, replace(thread, message=None), key="later")
    assert world.service.messages[place.message or ""].conversation == PERSONAL


async def test_an_edit_of_a_message_that_is_gone_says_so(world: TeamsWorld) -> None:
    place = await world.adapter.post(ASK, CHANNEL, key="k")
    world.service.messages[place.message or ""].deleted = True
    with pytest.raises(OperationError) as error:
        await world.adapter.edit(ASK, place)
    assert error.value.code == "message_missing"


@pytest.mark.parametrize("status", [412, 500, 502, 503, 504])
async def test_what_passes_by_is_tried_again_in_a_moment(world: TeamsWorld, status: int) -> None:
    world.service.fail(2, status=status)
    await world.adapter.post(ASK, CHANNEL, key="k")
    assert len(world.service.messages) == 1


async def test_what_does_not_pass_by_is_left_to_the_queue(world: TeamsWorld) -> None:
    world.service.fail(3)
    with pytest.raises(OperationError) as error:
        await world.adapter.post(ASK, CHANNEL, key="k")
    assert error.value.code == "chat_unavailable"


async def test_a_throttled_call_says_when_to_come_again(world: TeamsWorld) -> None:
    world.service.fail(1, status=429, Retry_After="7")
    with pytest.raises(OperationError) as error:
        await world.adapter.post(ASK, CHANNEL, key="k")
    assert 7 <= float(error.value.values["retry_after_s"]) < 8


async def test_a_time_to_come_again_may_be_a_date(world: TeamsWorld) -> None:
    now, later = "Sun, 22 Nov 2026 03:00:00 GMT", "Sun, 22 Nov 2026 03:00:07 GMT"
    world.service.fail(1, status=429, Retry_After=later, Date=now)
    with pytest.raises(OperationError) as error:
        await world.adapter.post(ASK, CHANNEL, key="k")
    assert 7 <= float(error.value.values["retry_after_s"]) < 8


async def test_without_a_retry_after_the_next_try_is_at_a_random_moment(world: TeamsWorld) -> None:
    waits = set()
    for _ in range(3):
        world.service.fail(1, status=429)
        with pytest.raises(OperationError) as error:
            await world.adapter.post(ASK, CHANNEL, key="k")
        waits.add(float(error.value.values["retry_after_s"]))
    assert len(waits) > 1
    assert all(0 < wait < 5 for wait in waits)


async def test_a_room_without_the_app_is_not_tried_again(world: TeamsWorld) -> None:
    with pytest.raises(OperationError) as error:
        await world.adapter.post(ASK, replace(CHANNEL, channel="19:x@thread.tacv2"), key="k")
    assert error.value.code == "teams_refused"


async def test_a_report_that_is_too_long_is_cut_and_goes_along_whole(world: TeamsWorld) -> None:
    lines = tuple(f"{number:05} 로그 한 줄입니다 " + "가" * 80 for number in range(2_000))
    report = Report(title="로그", summary="로그입니다.", sections=(Lines(lines=lines),))
    await world.adapter.post(report, replace(CHANNEL, thread="1001"), key="k")
    card = card_of_only_message(world)
    link = actions_of(card)["전체 내용.txt"]
    digest = link["url"].rpartition("/")[2]
    whole = await world.parts.files.read(digest, 0, 1 << 20)
    assert lines[0] in whole.decode()
    assert lines[-1] in whole.decode()


@pytest.mark.parametrize("limit_kb", [40, 28])
async def test_where_teams_takes_less_than_it_says_the_report_still_comes_whole(
    world: TeamsWorld, limit_kb: int
) -> None:
    """What the service's documents have called the limit before."""
    world.service.max_message_bytes = limit_kb * 1024
    lines = tuple(f"{number:05} 로그 한 줄입니다 " + "가" * 200 for number in range(80))
    report = replace(ASK, sections=(Lines(lines=lines),))
    place = await world.adapter.post(report, replace(CHANNEL, thread="1001"), key="k")
    actions = actions_of(card_of_only_message(world))
    whole = await world.parts.files.read(
        actions["전체 내용.txt"]["url"].rpartition("/")[2], 0, 1 << 20
    )
    assert lines[0] in whole.decode()
    assert {"1번", "취소"} <= set(actions)
    await world.adapter.edit(replace(report, title="끝났습니다."), place)
    assert world.service.messages[place.message or ""].revision == 2
    # In the next life the service is asked anew.
    await world.stop_bot()
    await world.start_bot()
    assert await world.adapter.post(report, replace(CHANNEL, thread="1001"), key="k") == place
    await world.adapter.edit(report, place)
    assert world.service.messages[place.message or ""].revision == 3


async def test_a_message_that_no_card_can_hold_is_refused_as_such(world: TeamsWorld) -> None:
    world.service.max_message_bytes = 1024
    with pytest.raises(OperationError) as error:
        await world.adapter.post(ASK, CHANNEL, key="k")
    assert (error.value.code, error.value.values["status"]) == ("teams_refused", "413")


async def test_a_long_progress_card_leaves_no_files_behind(world: TeamsWorld) -> None:
    await world.service.deliver(world.service.activity(PERSONAL, LEE, text="배포"))
    to = replace(world.received[0].conversation, message=None)
    place = await world.adapter.post(ASK, to, key="k")
    for number in range(3):
        lines = tuple(f"{number} {line} " + "가" * 90 for line in range(500))
        await world.adapter.edit(replace(ASK, sections=(Lines(lines=lines),)), place)
    assert list(world.service.messages) == [place.message]


async def test_the_plan_card_of_a_deployment_fits(world: TeamsWorld) -> None:
    report = plan_report()
    await world.adapter.post(report, replace(CHANNEL, thread="1001"), key="k")
    card = card_of_only_message(world)
    assert set(actions_of(card)) >= {button.label for button in report.buttons}


async def test_what_people_wrote_never_becomes_a_link_or_a_mention(world: TeamsWorld) -> None:
    evil = "[누르세요](https://evil.test) <at>모두</at> **굵게**"
    report = Report(title=evil, summary=evil, sections=(Paragraph(text=evil),))
    await world.adapter.post(report, CHANNEL, key="k")
    (stored,) = world.service.messages.values()
    assert '"TextBlock"' not in json.dumps(stored.activity)
    assert not stored.activity.get("entities")


# --- files out ---------------------------------------------------------------------------------


async def test_a_file_is_offered_in_a_personal_chat_and_sent_when_agreed(world: TeamsWorld) -> None:
    consent = await _offered(world, b"x" * 700_000)
    await world.service.deliver(_agreed(world, consent, f"{world.service.origin}/uploads/u1"))
    assert bytes(world.service.uploads["u1"]) == b"x" * 700_000
    assert world.service.messages[consent.id].deleted
    assert world.service.counts["token_leaked"] == 0


async def test_a_file_is_not_sent_to_another_host(world: TeamsWorld) -> None:
    consent = await _offered(world, b"secret")
    await world.service.deliver(_agreed(world, consent, "https://evil.test/uploads/u1"))
    assert world.service.uploads == {}
    assert "허용되지 않은 위치" in " ".join(_all_words(world))


async def test_a_file_that_is_declined_is_not_sent_and_the_question_goes(world: TeamsWorld) -> None:
    consent = await _offered(world, b"secret")
    content = consent.activity["attachments"][0]["content"]
    value = {"type": "fileUpload", "action": "decline", "context": content["declineContext"]}
    declined = _agreed(world, consent, "") | {"value": value}
    answer = await world.service.deliver(declined)
    assert (answer.status, world.service.uploads) == (200, {})
    assert consent.deleted
    assert "OneDrive" not in " ".join(_all_words(world))


async def test_a_place_for_the_file_that_has_lapsed_is_said_and_the_file_can_be_taken_again(
    world: TeamsWorld,
) -> None:
    consent = await _offered(world, b"report")
    world.service.lapsed = {"u1"}
    await world.service.deliver(_agreed(world, consent, f"{world.service.origin}/uploads/u1"))
    assert "OneDrive에 저장하지 못했습니다" in " ".join(_all_words(world))
    assert not consent.deleted
    await world.service.deliver(_agreed(world, consent, f"{world.service.origin}/uploads/u2"))
    assert bytes(world.service.uploads["u2"]) == b"report"
    assert consent.deleted


async def test_an_offer_that_nobody_remembers_is_said_to_be_over(world: TeamsWorld) -> None:
    consent = await _offered(world, b"report")
    much_later = world.parts.clock.now() + timedelta(days=365)
    await world.parts.memory.forget("teams", before=much_later)
    await world.service.deliver(_agreed(world, consent, f"{world.service.origin}/uploads/u1"))
    assert "이미 끝난 파일 요청입니다" in " ".join(_all_words(world))
    assert world.service.uploads == {}


async def test_a_made_up_offer_gives_no_file(world: TeamsWorld) -> None:
    consent = await _offered(world, b"secret")
    consent.activity["attachments"][0]["content"]["acceptContext"] = {"offer": "guessed"}
    await world.service.deliver(_agreed(world, consent, f"{world.service.origin}/uploads/u1"))
    assert world.service.uploads == {}


async def test_a_file_into_a_channel_becomes_a_link(world: TeamsWorld) -> None:
    report = replace(ASK, buttons=(), files=(await _stored(world, b"1"),))
    await world.adapter.post(report, replace(CHANNEL, thread="1001"), key="k")
    assert "report.xlsx" in actions_of(card_of_only_message(world))


async def _stored(world: TeamsWorld, content: bytes) -> Attachment:
    async def chunks() -> AsyncIterator[bytes]:
        yield content

    kept = await world.parts.files.receive("report.xlsx", chunks())
    return Attachment(digest=kept.digest, name=kept.name, size=kept.size, media_type="x/y")


async def _offered(world: TeamsWorld, content: bytes) -> Any:
    await world.service.deliver(world.service.activity(PERSONAL, LEE, text="보고서 줘"))
    thread = world.received[0].conversation
    report = replace(ASK, buttons=(), files=(await _stored(world, content),))
    await world.adapter.post(report, replace(thread, message=None), key="k")
    await world.adapter.post(report, replace(thread, message=None), key="k")
    offers = [
        each
        for each in world.service.messages.values()
        if each.activity["attachments"][0]["contentType"].endswith("file.consent")
    ]
    (consent,) = offers
    return consent


def _agreed(world: TeamsWorld, consent: Any, upload_url: str) -> dict[str, Any]:
    content = consent.activity["attachments"][0]["content"]
    upload = {"uploadUrl": upload_url, "contentUrl": "https://x.sharepoint.com/r.xlsx"}
    upload |= {"name": "report.xlsx", "uniqueId": "u1", "fileType": "xlsx"}
    return world.service.activity(
        PERSONAL,
        LEE,
        type="invoke",
        name="fileConsent/invoke",
        replyToId=consent.id,
        value={
            "type": "fileUpload",
            "action": "accept",
            "context": content["acceptContext"],
            "uploadInfo": upload,
        },
    )


def _all_words(world: TeamsWorld) -> list[str]:
    stored = world.service.messages.values()
    return [word for each in stored for word in words_of(card_in(each.activity))]


def _with_file(world: TeamsWorld, url: str, name: str = "budget.war") -> dict[str, Any]:
    info = {"downloadUrl": url, "uniqueId": "1", "fileType": "war"}
    attachment = {
        "contentType": "application/vnd.microsoft.teams.file.download.info",
        "contentUrl": "https://contoso.sharepoint.com/personal/x/budget.war",
        "name": name,
        "content": info,
    }
    return world.service.activity(PERSONAL, LEE, text="배포해 줘", attachments=[attachment])


async def _until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)
