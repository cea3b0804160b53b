"""RoomStore: one growing stream per room, the same on every implementation."""

from __future__ import annotations

import asyncio

import pytest

from bot.core.domain.room import Room, RoomMessage
from bot.core.errors import OperationError
from tests.fakes.jobs import NOW

OPS = Room(room_id="ops", name="기재부 예산시스템 운영", members=("u031", "u032"))
NOTICES = Room(room_id="notices", name="운영 공지", members=("u032",))


def message(message_id: str, *, room: str = "ops") -> RoomMessage:
    return RoomMessage(
        message_id=message_id,
        room=room,
        thread=None,
        author="u032",
        body={"text": "안녕하세요", "files": [{"name": "a.zip", "size": 3}]},
        only_for=None,
        posted_at=NOW,
        revision=0,
        position=0,
    )


@pytest.fixture
async def rooms(stores):
    await stores.rooms.put_room(OPS)
    await stores.rooms.put_room(NOTICES)
    return stores.rooms


async def test_people_see_the_rooms_they_are_members_of(rooms) -> None:
    assert await rooms.rooms("u031") == (OPS,)
    assert await rooms.rooms("u032") == (NOTICES, OPS)
    assert await rooms.rooms("u099") == ()


async def test_a_message_gets_the_next_position_of_its_room(rooms) -> None:
    first = await rooms.put(message("m1"), key="k1")
    second = await rooms.put(message("m2"), key="k2")
    assert (first.position, second.position, first.revision) == (1, 2, 1)
    assert await rooms.find("m1") == first
    assert first.body == message("m1").body
    assert first.posted_at == NOW


async def test_the_same_key_posts_once(rooms) -> None:
    first = await rooms.put(message("m1"), key="k")
    assert await rooms.put(message("m2"), key="k") == first
    assert await rooms.since("ops", 0, 10) == (first,)


async def test_many_posts_of_one_key_at_once_are_one_message(rooms) -> None:
    posted = await asyncio.gather(*(rooms.put(message(f"m{n}"), key="k") for n in range(20)))
    assert len({one.message_id for one in posted}) == 1


async def test_many_posts_at_once_have_distinct_positions(rooms) -> None:
    await asyncio.gather(*(rooms.put(message(f"m{n}"), key=f"k{n}") for n in range(30)))
    stream = await rooms.since("ops", 0, 100)
    assert [one.position for one in stream] == list(range(1, 31))


async def test_an_edit_moves_the_message_to_the_end_of_the_stream(rooms) -> None:
    await rooms.put(message("m1"), key="k1")
    await rooms.put(message("m2"), key="k2")
    edited = await rooms.edit("m1", {"text": "수정"})
    assert (edited.revision, edited.position, edited.body) == (2, 3, {"text": "수정"})
    assert [one.message_id for one in await rooms.since("ops", 1, 10)] == ["m2", "m1"]


async def test_edits_at_once_all_count(rooms) -> None:
    await rooms.put(message("m1"), key="k1")
    await asyncio.gather(*(rooms.edit("m1", {"n": n}) for n in range(20)))
    found = await rooms.find("m1")
    assert (found.revision, found.position) == (21, 21)


async def test_the_stream_of_one_room_is_not_the_others(rooms) -> None:
    await rooms.put(message("m1"), key="k1")
    await rooms.put(message("m2", room="notices"), key="k2")
    assert [one.message_id for one in await rooms.since("notices", 0, 10)] == ["m2"]


async def test_since_gives_at_most_the_limit_oldest_first(rooms) -> None:
    for number in range(5):
        await rooms.put(message(f"m{number}"), key=f"k{number}")
    assert [one.message_id for one in await rooms.since("ops", 1, 2)] == ["m1", "m2"]


async def test_what_does_not_exist_cannot_be_edited_or_posted_to(rooms) -> None:
    with pytest.raises(OperationError) as refused:
        await rooms.edit("m1", {})
    assert refused.value.code == "message_missing"
    with pytest.raises(OperationError) as refused:
        await rooms.put(message("m1", room="nowhere"), key="k")
    assert refused.value.code == "room_missing"
    assert await rooms.find("m1") is None


async def test_a_message_id_is_not_used_twice(rooms) -> None:
    await rooms.put(message("m1"), key="k1")
    with pytest.raises(OperationError) as refused:
        await rooms.put(message("m1"), key="k2")
    assert refused.value.code == "message_conflict"


async def test_a_room_that_is_named_anew_keeps_its_stream(rooms) -> None:
    await rooms.put(message("m1"), key="k1")
    await rooms.put_room(Room(room_id="ops", name="새 이름", members=("u031",)))

    assert (await rooms.put(message("m2"), key="k2")).position == 2
    assert await rooms.rooms("u032") == (NOTICES,)
