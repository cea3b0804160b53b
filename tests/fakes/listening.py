"""A world with one room that is listened to, for tests of advice and of a room's memory."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bot.core.advice_ports import Adviser, Narrator
from bot.core.domain.conversation import Chat, ConversationRef
from bot.core.domain.estate import SystemEntry
from bot.core.domain.memory import RoomRef
from bot.core.domain.report import Report
from bot.engine.advice import RoomAdvice
from bot.engine.memory import MemorySettings, RoomMemory
from bot.engine.room_talk import RoomTalk
from intents.advise import SymptomAdviser
from tests.fakes.engine import World, a_vocabulary, external
from tests.fakes.planning import SYSTEM
from tests.fakes.stores import MemoryInventory
from tests.fakes.talk import MemoryAdvice, MemoryRoomJobs, MemoryTalk

OPS = RoomRef(adapter="web", channel="ops")
DOWN = "예산시스템 화면이 안 떠요"


class Listener:
    """A narrator that remembers what it was shown."""

    def __init__(self, says: str | None) -> None:
        self.says = says
        self.shown: list[tuple[Sequence[str], Sequence[str]]] = []

    async def narrate(self, summary: Sequence[str], latest: Sequence[str]) -> str | None:
        self.shown.append((summary, latest))
        return self.says


@dataclass(kw_only=True)
class Room:
    """A world with one room that is listened to."""

    world: World = field(default_factory=World)
    narrator: Narrator | None = None
    adviser: Adviser = field(default_factory=SymptomAdviser)
    settings: MemorySettings = field(default_factory=MemorySettings)
    about: SystemEntry | None = SYSTEM

    def __post_init__(self) -> None:
        world = self.world
        channels = {("web", "ops"): self.about} if self.about else {}
        estate = MemoryInventory(a_vocabulary(), (), channels=channels)
        services = replace(world.services, inventory=estate)
        self.advice_store, self.memory_store = MemoryAdvice(), MemoryTalk()
        self.numbers = itertools.count(1)
        advice = RoomAdvice(
            services,
            world.chronicle,
            world.outbound,
            adviser=self.adviser,
            store=self.advice_store,
        )
        self.memory = RoomMemory(
            services,
            adviser=self.adviser,
            store=self.memory_store,
            jobs=MemoryRoomJobs(world.jobs),
            settings=self.settings,
            narrator=self.narrator,
        )
        self.talk = RoomTalk(
            services,
            world.chronicle,
            world.outbound,
            adviser=self.adviser,
            advice=advice,
            memory=self.memory,
        )

    async def say(self, text: str, *, by: str = "operator", thread: str | None = None) -> None:
        number = next(self.numbers)
        chat = Chat(
            event_id=f"c{number}",
            sender=external(by),
            conversation=ConversationRef(
                adapter="web", channel="ops", thread=thread, message=f"m{number}"
            ),
            text=text,
            files=(),
            at=self.world.clock.now(),
        )
        place = await self.talk.hear(chat)
        for _ in range(2):  # a step may be done twice
            due = await self.talk.heed(place)
        if due:
            await self.talk.summarise(place)

    async def tell(self, text: str, *, by: str = "operator") -> bool:
        return await self.talk.answer(self.world.mention(text, by=by))

    async def asked(self, text: str, *, by: str = "operator") -> Report:
        assert await self.tell(text, by=by)
        return list(self.world.messenger.messages.values())[-1].now

    @property
    def cards(self) -> list[Report]:
        return [one.now for one in self.world.messenger.all(":advice")]


async def a_listening_room(room: Room | None = None) -> Room:
    room = room or Room()
    assert await room.tell("조언 켜줘")
    return room
