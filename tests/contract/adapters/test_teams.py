"""What Teams says is heard as it is meant, over https and the real client library."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from bot.core.domain.conversation import Chat, Click, Command, ConversationRef, Inbound, Mention
from bot.core.errors import OperationError
from tests.fakes.adaptive_cards import actions_of, card_in, words_of
from tests.fakes.teams_login import TENANT
from tests.fakes.teams_service import (
    BOT,
    TEAM_CHANNEL,
    Delivered,
)
from tests.fakes.teams_world import ASK, AT_BOT, CHANNEL, LEE, PERSONAL, Links, TeamsWorld, until


@pytest.fixture
async def world() -> AsyncIterator[TeamsWorld]:
    async with TeamsWorld(links=Links()) as running:
        running.service.roster |= {PERSONAL}
        yield running


async def say(world: TeamsWorld, **fields: Any) -> Delivered:
    return await world.service.deliver(world.service.activity(TEAM_CHANNEL, LEE, **fields))


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
    await until(lambda: world.received)
    (event,) = world.received
    assert isinstance(event, Mention)
    assert [(file.name, file.size) for file in event.files] == [("budget.war", 6)]
    assert world.service.counts["token_leaked"] == 0


@pytest.mark.parametrize(
    "url", ["https://evil.test/x", "http://127.0.0.1/x", "https://127.0.0.1:1@evil.test/x"]
)
async def test_a_file_from_elsewhere_is_refused_in_words(world: TeamsWorld, url: str) -> None:
    await world.service.deliver(_with_file(world, url))
    await until(lambda: world.service.messages)
    assert "허용되지 않은 위치" in " ".join(words_of(world.card_of_only_message()))
    assert world.received == []


async def test_a_sign_in_page_instead_of_a_file_is_refused(world: TeamsWorld) -> None:
    await world.service.deliver(_with_file(world, world.service.put_file(b"<html>sign in")))
    await until(lambda: world.service.messages)
    assert world.received == []


async def test_a_file_in_a_channel_is_answered_with_the_upload_page(world: TeamsWorld) -> None:
    html = {"contentType": "text/html", "content": '<div><attachment id="1"></attachment></div>'}
    said = {**AT_BOT, "text": "<at>GUARDiA</at> ", "attachments": [html]}
    await say(world, id="1001", **said)
    action = actions_of(world.card_of_only_message()).popitem()[1]
    assert action["url"] == "https://console.test/upload/1001"


async def test_words_with_a_file_in_a_channel_are_taken_and_the_page_is_told(
    world: TeamsWorld,
) -> None:
    html = {"contentType": "text/html", "content": '<div><attachment id="1"></attachment></div>'}
    await say(world, id="1001", **{**AT_BOT, "attachments": [html]})
    assert len(world.received) == 1
    assert "https://console.test/upload/1001" in json.dumps(world.card_of_only_message())


@pytest.mark.parametrize(("text", "taken"), [("", 0), ("이 화면 좀 봐 줘", 1)])
async def test_a_picture_that_is_pasted_is_said_not_to_arrive(
    world: TeamsWorld, text: str, taken: int
) -> None:
    url = f"{world.service.origin}/v3/attachments/1/views/original"
    picture = {"contentType": "image/png", "contentUrl": url}
    html = {"contentType": "text/html", "content": f'<div><img src="{url}"></div>'}
    said = world.service.activity(PERSONAL, LEE, text=text, attachments=[picture, html])
    await world.service.deliver(said)
    assert "붙여 넣은 그림" in " ".join(words_of(world.card_of_only_message()))
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
    data = actions_of(world.card_of_only_message())["1번"]["fallback"]["data"]
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
        await until(lambda: taken)


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


def _with_file(world: TeamsWorld, url: str, name: str = "budget.war") -> dict[str, Any]:
    info = {"downloadUrl": url, "uniqueId": "1", "fileType": "war"}
    attachment = {
        "contentType": "application/vnd.microsoft.teams.file.download.info",
        "contentUrl": "https://contoso.sharepoint.com/personal/x/budget.war",
        "name": name,
        "content": info,
    }
    return world.service.activity(PERSONAL, LEE, text="배포해 줘", attachments=[attachment])
