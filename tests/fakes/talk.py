"""Advice and room memory in a dictionary, with the promises of bot/core/advice_ports.py."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot.core.domain.advice import AdviceRoom, CardClaim
from bot.core.domain.job import Job
from bot.core.domain.memory import RoomRef, RoomSummary, TalkMessage
from tests.fakes.stores import MemoryJobs


class MemoryAdvice:
    """AdviceStore."""

    def __init__(self) -> None:
        self.rooms: dict[RoomRef, AdviceRoom] = {}
        self.cards: dict[tuple[RoomRef, str], CardClaim] = {}

    async def room(self, room: RoomRef) -> AdviceRoom:
        return self.rooms.get(room, AdviceRoom())

    async def put_room(self, room: RoomRef, state: AdviceRoom) -> None:
        self.rooms[room] = state

    async def claim(self, claim: CardClaim) -> bool:
        here = [card for (room, _), card in self.cards.items() if room == claim.room]
        if any((card.topic, card.key) == (claim.topic, claim.key) for card in here):
            return True
        for card in here:
            pause = claim.topic_pause if card.topic == claim.topic else claim.room_pause
            if claim.at < card.at + pause:
                return False
        self.cards[claim.room, claim.topic] = claim
        return True


class MemoryTalk:
    """RoomMemoryStore."""

    def __init__(self) -> None:
        self.messages: dict[str, TalkMessage] = {}
        self.summaries: dict[RoomRef, RoomSummary] = {}
        self._heard: dict[RoomRef, int] = {}

    async def hear(self, message: TalkMessage) -> TalkMessage:
        if message.key not in self.messages:
            position = self._heard.get(message.room, 0) + 1
            self._heard[message.room] = position
            self.messages[message.key] = replace(message, position=position)
        return self.messages[message.key]

    async def since(self, room: RoomRef, position: int, limit: int) -> tuple[TalkMessage, ...]:
        newer = [m for m in self.messages.values() if m.room == room and m.position > position]
        return tuple(sorted(newer, key=lambda message: message.position)[:limit])

    async def summary(self, room: RoomRef) -> RoomSummary | None:
        return self.summaries.get(room)

    async def keep(self, summary: RoomSummary) -> None:
        stored = self.summaries.get(summary.room)
        if stored is None or stored.upto <= summary.upto:
            self.summaries[summary.room] = summary

    async def forget(self, before: datetime) -> int:
        old = [key for key, message in self.messages.items() if message.at < before]
        for key in old:
            del self.messages[key]
        for room, one in self.summaries.items():
            kept = tuple(line for line in one.lines if line.at >= before)
            self.summaries[room] = replace(one, lines=kept)
        return len(old)


class MemoryRoomJobs:
    """RoomJobs."""

    def __init__(self, jobs: MemoryJobs) -> None:
        self._jobs = jobs

    async def jobs(self, room: RoomRef, since: datetime) -> tuple[Job, ...]:
        here = [
            job
            for job in self._jobs.jobs.values()
            if (job.conversation.adapter, job.conversation.channel) == (room.adapter, room.channel)
            and job.created_at >= since
        ]
        return tuple(sorted(here, key=lambda job: (job.created_at, job.job_id))[-50:])
