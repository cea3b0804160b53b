"""AdviceStore, RoomMemoryStore, RoomJobs: the same on every implementation."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.core.advice_ports import AdviceStore, RoomJobs, RoomMemoryStore
from bot.core.domain.advice import AdviceRoom, CardClaim
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.job import Job
from bot.core.domain.memory import RoomRef, RoomSummary, SummaryLine, TalkMessage, Telling
from cmdb.advice import SqlAdviceStore
from cmdb.memory import SqlRoomJobs, SqlRoomMemoryStore
from tests.fakes.jobs import NOW, THREAD, sample_job
from tests.fakes.stores import MemoryJobs
from tests.fakes.talk import MemoryAdvice, MemoryRoomJobs, MemoryTalk

OPS = RoomRef(adapter="web", channel="ops")
LOBBY = RoomRef(adapter="web", channel="lobby")
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Talk:
    advice: AdviceStore
    memory: RoomMemoryStore
    jobs: RoomJobs


@pytest.fixture
def talk(backend_engine: AsyncEngine | None, stores) -> Talk:
    if backend_engine is None:
        assert isinstance(stores.jobs, MemoryJobs)
        jobs = MemoryRoomJobs(stores.jobs)
        return Talk(advice=MemoryAdvice(), memory=MemoryTalk(), jobs=jobs)
    return Talk(
        advice=SqlAdviceStore(backend_engine),
        memory=SqlRoomMemoryStore(backend_engine),
        jobs=SqlRoomJobs(backend_engine),
    )


def message(key: str, *, room: RoomRef = OPS, days_ago: int = 0) -> TalkMessage:
    return TalkMessage(
        key=key,
        room=room,
        author="u010",
        name="이운영",
        text="화면이 안 떠요\n'\"%_",
        at=NOW - timedelta(days=days_ago),
        thread="m1",
    )


def claim(
    key: str, *, topic: str = "slow", after: timedelta = timedelta(), room: RoomRef = OPS
) -> CardClaim:
    return CardClaim(
        room=room,
        topic=topic,
        key=key,
        at=NOW + after,
        topic_pause=30 * MINUTE,
        room_pause=2 * MINUTE,
    )


async def test_a_room_wants_no_advice_until_it_says_so(talk: Talk) -> None:
    assert await talk.advice.room(OPS) == AdviceRoom()
    state = AdviceRoom(on=True, muted_until=NOW)
    await talk.advice.put_room(OPS, state)
    assert await talk.advice.room(OPS) == state
    assert await talk.advice.room(LOBBY) == AdviceRoom()


async def test_a_switched_room_goes_on_counting_its_messages(talk: Talk) -> None:
    await talk.memory.hear(message("a"))
    await talk.advice.put_room(OPS, AdviceRoom(on=True))
    assert (await talk.memory.hear(message("b"))).position == 2
    assert (await talk.advice.room(OPS)).on


async def test_a_topic_waits_for_its_pause(talk: Talk) -> None:
    assert await talk.advice.claim(claim("a"))
    assert not await talk.advice.claim(claim("b", after=29 * MINUTE))
    assert await talk.advice.claim(claim("c", after=30 * MINUTE))


async def test_another_topic_waits_for_the_rooms_shorter_pause(talk: Talk) -> None:
    assert await talk.advice.claim(claim("a"))
    assert not await talk.advice.claim(claim("b", topic="timeout", after=MINUTE))
    assert await talk.advice.claim(claim("c", topic="timeout", after=2 * MINUTE))


async def test_the_same_card_may_be_claimed_again_and_rooms_are_apart(talk: Talk) -> None:
    assert await talk.advice.claim(claim("a"))
    assert await talk.advice.claim(claim("b", topic="timeout", after=3 * MINUTE))
    assert await talk.advice.claim(claim("a", after=MINUTE))
    assert await talk.advice.claim(claim("c", room=LOBBY))


async def test_of_many_claims_at_once_one_is_granted(talk: Talk) -> None:
    granted = await asyncio.gather(*(talk.advice.claim(claim(f"k{n}")) for n in range(10)))
    assert granted.count(True) == 1


async def test_messages_are_numbered_per_room_and_heard_once(talk: Talk) -> None:
    first = await talk.memory.hear(message("a"))
    assert first == replace(message("a"), position=1)
    assert await talk.memory.hear(message("a")) == first
    assert (await talk.memory.hear(message("b"))).position == 2
    assert (await talk.memory.hear(message("c", room=LOBBY))).position == 1


async def test_many_messages_at_once_have_distinct_positions(talk: Talk) -> None:
    await asyncio.gather(*(talk.memory.hear(message(f"k{n}")) for n in range(20)))
    heard = await talk.memory.since(OPS, 0, 100)
    assert [one.position for one in heard] == list(range(1, 21))


async def test_reads_on_from_a_position(talk: Talk) -> None:
    for key in "abcd":
        await talk.memory.hear(message(key))
    assert [one.key for one in await talk.memory.since(OPS, 1, 2)] == ["b", "c"]
    assert await talk.memory.since(LOBBY, 0, 2) == ()


def summary(upto: int, *, days_ago: int = 0) -> RoomSummary:
    line = SummaryLine(
        at=NOW - timedelta(days=days_ago),
        name="이운영",
        telling=Telling.SYMPTOM,
        text="느려요",
        topic="slow",
    )
    words = replace(line, name="", telling=Telling.NARRATED, text="느리다고 합니다.", topic="")
    return RoomSummary(room=OPS, upto=upto, made_at=NOW, lines=(line, words))


async def test_keeps_the_summary_that_reaches_furthest(talk: Talk) -> None:
    assert await talk.memory.summary(OPS) is None
    await talk.memory.keep(summary(50))
    await talk.memory.keep(summary(20))
    assert await talk.memory.summary(OPS) == summary(50)
    await talk.memory.keep(summary(100))
    assert await talk.memory.summary(OPS) == summary(100)
    assert await talk.memory.summary(LOBBY) is None


async def test_forgets_what_is_old_and_counts_on(talk: Talk) -> None:
    await talk.memory.hear(message("old", days_ago=31))
    await talk.memory.hear(message("new"))
    await talk.memory.keep(summary(1, days_ago=31))
    assert await talk.memory.forget(NOW - timedelta(days=30)) == 1
    assert [one.key for one in await talk.memory.since(OPS, 0, 10)] == ["new"]
    kept = await talk.memory.summary(OPS)
    assert kept is not None
    assert (kept.upto, kept.lines) == (1, ())
    assert (await talk.memory.hear(message("next"))).position == 3


def job(job_id: str, channel: str, *, hours: int = 0) -> Job:
    place = ConversationRef(adapter="web", channel=channel, thread="m1")
    at = NOW + timedelta(hours=hours)
    return replace(sample_job(job_id), job_id=job_id, conversation=place, created_at=at)


async def test_finds_the_jobs_of_a_room(talk: Talk, stores) -> None:
    assert THREAD.channel == OPS.channel
    for one in (
        job("J260401-AAAAAA", "ops", hours=1),
        job("J260401-BBBBBB", "ops"),
        job("J260401-CCCCCC", "ops2"),
        job("J260401-DDDDDD", "o_s"),
        job("J260401-EEEEEE", "ops", hours=-5),
    ):
        await stores.jobs.create(one)
    found = await talk.jobs.jobs(OPS, NOW)
    assert [one.job_id for one in found] == ["J260401-BBBBBB", "J260401-AAAAAA"]
    odd = RoomRef(adapter="web", channel="o_s")
    assert [one.job_id for one in await talk.jobs.jobs(odd, NOW)] == ["J260401-DDDDDD"]
