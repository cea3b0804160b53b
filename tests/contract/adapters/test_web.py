"""The web room keeps the Adapter port's promises and its own API's, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from yarl import URL

from adapters.web.session import code_digest
from bot.core.domain.audit import AuditKind
from bot.core.domain.conversation import Click, ConversationRef, Mention
from bot.core.errors import OperationError
from tests.fakes.room_server import ROOM, RoomServer
from tests.fakes.sample_reports import decided_plan_report, plan_report

PLACE = ConversationRef(adapter="web", channel=ROOM)
POST = f"/api/rooms/{ROOM}/messages"


@pytest.fixture
async def server() -> AsyncIterator[RoomServer]:
    async with RoomServer() as running:
        yield running


async def send(
    client: aiohttp.ClientSession, path: str, body: dict[str, Any], **options: Any
) -> tuple[int, dict[str, Any]]:
    async with client.post(path, json=body, **options) as response:
        return response.status, await response.json()


async def history(client: aiohttp.ClientSession, since: int = 0) -> list[dict[str, Any]]:
    async with client.get(POST, params={"since": since}) as response:
        return list((await response.json())["messages"])


async def next_message(stream: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    async with asyncio.timeout(120):
        while True:
            frame: dict[str, Any] = await stream.receive_json()
            if frame["type"] == "message":
                return frame


async def test_a_posted_file_reaches_the_bot_and_everybodys_stream(server: RoomServer) -> None:
    developer, leader = await server.client("u015"), await server.client("u016")
    async with leader.ws_connect("/api/stream") as stream:
        await stream.send_json({"type": "hello", "positions": {}})
        async with developer.post(f"/api/rooms/{ROOM}/files?name=a.zip", data=b"PK") as response:
            upload = (await response.json())["files"][0]
        body = {"text": "@guardia 반영", "client_id": "c1", "files": [upload["upload"]]}
        status, answer = await send(developer, POST, body)
        assert status == 201
        assert (await next_message(stream))["id"] == answer["message"]["id"]
    [event] = server.received
    assert isinstance(event, Mention)
    assert (event.text, event.files[0].digest) == ("반영", upload["digest"])
    assert event.event_id == answer["message"]["id"]


async def test_a_multipart_upload_is_taken_too(server: RoomServer) -> None:
    form = aiohttp.FormData(quote_fields=False)  # as curl sends a name
    form.add_field("file", b"PK", filename="../x.zip")
    client = await server.client("u015")
    async with client.post(f"/api/rooms/{ROOM}/files", data=form) as response:
        assert (await response.json())["files"][0]["name"] == "x.zip"


async def test_a_file_over_the_limit_is_refused() -> None:
    async with RoomServer(max_upload_bytes=1000) as server:
        client = await server.client("u015")
        async with client.post(f"/api/rooms/{ROOM}/files", data=b"x" * 2000) as response:
            assert response.status == 413


async def test_the_same_client_id_is_stored_once(server: RoomServer) -> None:
    client = await server.client("u015")
    answers = [await send(client, POST, {"text": "hi", "client_id": "c1"}) for _ in range(2)]
    assert [status for status, _ in answers] == [201, 200]
    assert answers[0][1]["message"]["id"] == answers[1][1]["message"]["id"]
    assert len(await history(client)) == 1
    assert len({event.event_id for event in server.received}) == 1


async def test_the_same_key_posts_once_and_an_edit_keeps_the_place(server: RoomServer) -> None:
    client = await server.client("u016")
    place = await server.adapter.post(plan_report(), PLACE, key="k")
    assert await server.adapter.post(plan_report(), PLACE, key="k") == place
    await server.adapter.edit(decided_plan_report(), place)
    [message] = await history(client)
    assert (message["id"], message["revision"]) == (place.message, 2)
    assert message["body"]["buttons"] == []


async def test_an_edit_of_nothing_is_an_operation_error(server: RoomServer) -> None:
    with pytest.raises(OperationError):
        await server.adapter.edit(plan_report(), replace(PLACE, message="none"))


async def test_a_press_reaches_the_bot_and_a_gone_button_does_not(server: RoomServer) -> None:
    client = await server.client("u016")
    place = await server.adapter.post(plan_report(), PLACE, key="k")
    press = {"button": "approve", "value": "plan-7", "client_id": "p1"}
    path = f"/api/messages/{place.message}/press"
    assert (await send(client, path, press))[0] == 200
    [event] = server.received
    assert isinstance(event, Click)
    assert (event.sender.user_id, event.button, event.value) == ("u016", "approve", "plan-7")
    assert (await send(client, path, {**press, "value": "other"}))[0] == 409
    await server.adapter.edit(decided_plan_report(), place)
    assert (await send(client, path, press))[0] == 409
    assert len(server.received) == 1


async def test_a_private_message_exists_for_nobody_else(server: RoomServer) -> None:
    mine, other = await server.client("u016"), await server.client("u010")
    place = await server.adapter.post(replace(plan_report(), only_for="u016"), PLACE, key="k")
    assert len(await history(mine)) == 1
    assert await history(other) == []
    press = {"button": "approve", "value": "plan-7", "client_id": "p1"}
    assert (await send(other, f"/api/messages/{place.message}/press", press))[0] == 404
    reply = {"text": "?", "client_id": "c", "thread": place.message}
    assert (await send(other, POST, reply))[0] == 404
    async with other.ws_connect("/api/stream") as stream:
        await stream.send_json({"type": "hello", "positions": {}})
        async with asyncio.timeout(120):
            assert (await stream.receive_json())["type"] == "ready"


async def test_a_strangers_room_is_as_unknown_as_none(server: RoomServer) -> None:
    outsider = await server.client("u099")
    answers = []
    for room in (ROOM, "no-such-room"):
        async with outsider.get(f"/api/rooms/{room}/messages") as response:
            answers.append((response.status, await response.text()))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


async def test_nobody_enters_without_a_session_or_after_being_removed(server: RoomServer) -> None:
    async with (await server.client()).get("/api/rooms") as response:
        assert response.status == 401
    client = await server.client("u015")
    del server.directory.by_id["u015"]
    async with client.get("/api/rooms") as response:
        assert response.status == 401


async def test_another_sites_page_is_turned_away(server: RoomServer) -> None:
    client = await server.client("u015")
    evil = {"Origin": "https://evil.example"}
    assert (await send(client, POST, {"text": "x", "client_id": "c"}, headers=evil))[0] == 403
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await client.ws_connect("/api/stream", headers=evil)
    assert refused.value.status == 403
    own = {"Origin": server.url}
    assert (await send(client, POST, {"text": "x", "client_id": "c"}, headers=own))[0] == 201


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "[::1", "[x]"])
async def test_a_foreign_host_name_gets_nothing_in_cards_mode(
    server: RoomServer, host: str
) -> None:
    client = await server.client()
    async with client.get("/api/people", headers={"Host": host}) as response:
        assert response.status == 403


async def test_a_stream_resumes_by_position_over_a_restart(server: RoomServer) -> None:
    client = await server.client("u015")
    _, first = await send(client, POST, {"text": "one", "client_id": "c1"})
    await server.stop()
    await server.start()
    _, second = await send(client, POST, {"text": "two", "client_id": "c2"})
    async with client.ws_connect("/api/stream") as stream:
        position = first["message"]["position"]
        await stream.send_json({"type": "hello", "positions": {ROOM: position}})
        assert (await next_message(stream))["id"] == second["message"]["id"]


@pytest.mark.parametrize("character", ["a", "가"])
async def test_a_text_of_200000_characters_is_refused(server: RoomServer, character: str) -> None:
    client = await server.client("u015")
    body = {"text": character * 200_000, "client_id": "c"}
    assert (await send(client, POST, body))[0] == 413


async def test_what_did_not_reach_the_bot_is_told_and_can_be_repeated(server: RoomServer) -> None:
    client = await server.client("u015")
    server.failure = RuntimeError("database is gone")
    body = {"text": "@guardia 도움말", "client_id": "c1"}
    status, answer = await send(client, POST, body)
    assert (status, answer["error"]["code"]) == (503, "web_not_delivered")
    assert answer["message"]["body"]["undelivered"] is True
    server.failure = None
    status, answer = await send(client, POST, body)
    assert status == 200
    assert "undelivered" not in answer["message"]["body"]
    assert len(server.received) == 1


async def test_a_code_works_once_and_failures_pause_the_address() -> None:
    async with RoomServer(sign_in="codes") as server:
        client = await server.client()
        until = server.clock.now() + timedelta(minutes=5)
        await server.codes.issue("u016", code_digest("ABCD-1234"), until=until)
        assert (await send(client, "/api/session", {"person_id": "u016"}))[0] == 401
        status, answer = await send(client, "/api/session", {"code": "abcd1234"})
        assert (status, answer["person"]["id"]) == (200, "u016")
        statuses = [(await send(client, "/api/session", {"code": "ABCD-1234"}))[0] for _ in "12345"]
        assert statuses == [401, 401, 401, 401, 429]
        async with client.get("/api/people") as response:
            assert response.status == 404


async def test_every_answer_carries_the_security_headers(server: RoomServer) -> None:
    client = await server.client()
    for path in ("/", "/static/app.js", "/api/session", "/static/none"):
        async with client.get(path) as response:
            assert response.headers["Content-Security-Policy"].startswith("default-src 'self'")
            assert response.headers["X-Frame-Options"] == "DENY"
            assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_who_comes_in_and_who_tries_is_audited(server: RoomServer) -> None:
    await server.client("u015")
    client = await server.client()
    status, _ = await send(client, "/api/session", {"person_id": "nobody"})
    assert status == 401
    assert [(event.kind, event.actor) for event in server.audit.events] == [
        (AuditKind.SIGN_IN, "u015"),
        (AuditKind.REFUSAL, "unknown"),
    ]


async def test_nobody_comes_in_unrecorded(server: RoomServer) -> None:
    server.audit.broken = True
    client = await server.client()
    status, _ = await send(client, "/api/session", {"person_id": "u015"})
    assert status == 503
    async with client.get("/api/rooms") as response:
        assert response.status == 401


async def test_only_people_of_a_room_are_offered_as_cards(server: RoomServer) -> None:
    client = await server.client()
    async with client.get("/api/people") as response:
        offered = {person["id"] for person in (await response.json())["people"]}
    rooms = {person: await server.rooms.rooms(person) for person in offered}
    assert offered
    assert all(rooms.values())


async def test_a_copied_cookie_is_worth_nothing_once_its_session_is_ended(
    server: RoomServer,
) -> None:
    client, other = await server.client("u015"), await server.client("u015")
    (cookie,) = client.cookie_jar.filter_cookies(URL(server.url)).values()
    thief = await server.client()
    thief.cookie_jar.update_cookies({cookie.key: cookie.value})
    async with thief.get("/api/rooms") as response:
        assert response.status == 200
    async with thief.ws_connect("/api/stream") as stream:
        await stream.send_json({"type": "hello", "positions": {}})
        async with client.delete("/api/session") as response:
            assert response.status == 200
        async with thief.get("/api/rooms") as response:
            assert response.status == 401
    async with other.get("/api/rooms") as response:
        assert response.status == 200  # the same person's other session
