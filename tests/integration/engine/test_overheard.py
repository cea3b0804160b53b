"""Talk through the real workflows and the real room: a card, a press, a request."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.core.domain.conversation import Chat, ConversationRef, Inbound
from bot.core.domain.memory import RoomRef
from bot.core.domain.room import Room, RoomMessage
from bot.engine.advice import RoomAdvice
from bot.engine.memory import MemorySettings, RoomMemory
from bot.engine.room_talk import RoomTalk
from intents.advise import SymptomAdviser
from tests.fakes.durable import Running
from tests.fakes.engine import HEALTH, World, external
from tests.fakes.room_server import RoomServer
from tests.fakes.rooms import MemoryRooms
from tests.fakes.talk import MemoryAdvice, MemoryRoomJobs, MemoryTalk

DOWN = "화면이 안 떠요"
OPS = RoomRef(adapter="web", channel="ops")


class Listening(Running):
    """A running bot that hears its rooms."""

    def __init__(self, folder: Path) -> None:
        self.kept = MemoryTalk()
        super().__init__(folder=folder, talk=self._talk)

    def _talk(self, world: World) -> RoomTalk:
        adviser = SymptomAdviser()
        ground = (world.services, world.chronicle, world.outbound)
        return RoomTalk(
            *ground,
            adviser=adviser,
            advice=RoomAdvice(*ground, adviser=adviser, store=MemoryAdvice()),
            memory=RoomMemory(
                world.services,
                adviser=adviser,
                store=self.kept,
                jobs=MemoryRoomJobs(world.jobs),
                settings=MemorySettings(every=5),
            ),
        )

    async def say(self, text: str, event_id: str) -> None:
        place = ConversationRef(adapter="web", channel="ops", message=f"m-{event_id}")
        at = self.world.clock.now()
        sender = external("dev")
        await self.workflows.receive(
            Chat(event_id=event_id, sender=sender, conversation=place, text=text, files=(), at=at)
        )


@pytest.fixture
async def listening(tmp_path: Path) -> AsyncIterator[Listening]:
    running = Listening(tmp_path)
    async with running.up():
        await running.workflows.receive(running.world.mention("조언 켜줘", by="operator"))
        await running.told(":answer")
        yield running


async def test_a_press_is_an_ordinary_request_of_who_pressed(listening: Listening) -> None:
    world = listening.world
    await listening.say(DOWN, "c1")
    await listening.say(DOWN, "c1")
    await listening.told(":advice")
    (card,) = world.messenger.all(":advice")
    assert world.jobs.jobs == {}
    assert world.parser.asked == []
    value = card.now.buttons[0].value
    world.parser.answers[value] = HEALTH
    await listening.workflows.receive(world.click("choose", value, by="outsider", place=card.place))
    await listening.told(":refusal")
    assert world.jobs.jobs == {}
    await listening.workflows.receive(world.click("choose", value, by="operator", place=card.place))
    await listening.until(lambda: world.jobs.jobs)
    (job,) = world.jobs.jobs.values()
    assert (job.requester_id, job.plan.action) == ("operator", "check_infra_health")
    await listening.ended(job)


async def test_a_summary_is_made_behind_the_talk(listening: Listening) -> None:
    for number in range(5):
        await listening.say(DOWN if number == 0 else "안녕하세요", f"c{number}")
    await listening.until(lambda: OPS in listening.kept.summaries)
    assert [line.text for line in listening.kept.summaries[OPS].lines] == [DOWN]


async def test_the_workflows_own_database_never_holds_what_was_said(
    listening: Listening, tmp_path: Path
) -> None:
    await listening.say("ORA-12541 두더지 고구마", "c1")
    await listening.told(":advice")
    with sqlite3.connect(tmp_path / "workflows.sqlite") as database:
        dump = "\n".join(database.iterdump())
    assert "talk:web:c1" in dump
    assert "두더지" not in dump
    assert "\\ub450\\ub354\\uc9c0" not in dump


class HeardRoom(RoomServer):
    """The real web room before a running bot."""

    def __init__(self, bot: Listening) -> None:
        super().__init__()
        self.bot = bot
        self.directory = bot.world.directory
        self.rooms = MemoryRooms(
            [Room(room_id="ops", name="운영", members=("dev", "operator", "leader"))]
        )

    async def start(self) -> None:
        await super().start()
        self.bot.world.services.adapters["web"] = self.adapter

    async def _receive(self, event: Inbound) -> None:
        await self.bot.workflows.receive(event)

    async def send(self, by: str, path: str, **body: str) -> None:
        client = await self.client(by)
        async with client.post(path, json={"client_id": uuid.uuid4().hex, **body}) as response:
            assert response.status in (200, 201), await response.text()

    def posted(self, part: str) -> list[RoomMessage]:
        """The bot's messages that say that."""
        return [
            one
            for one in self.rooms.messages.values()
            if one.author == "bot" and part in json.dumps(one.body, ensure_ascii=False)
        ]


async def test_talk_in_the_real_room_becomes_a_card_and_a_press_a_request(
    listening: Listening,
) -> None:
    """Over HTTP: one chats, another presses, and the request is hers."""
    async with HeardRoom(listening) as server:
        await server.send("dev", "/api/rooms/ops/messages", text=DOWN)
        await listening.until(lambda: server.posted("헬스체크"))
        (card,) = server.posted("헬스체크")
        assert card.thread is None
        [check, quiet] = card.body["buttons"]
        listening.world.parser.answers[check["value"]] = HEALTH
        press = f"/api/messages/{card.message_id}/press"
        await server.send("operator", press, button=check["button"], value=check["value"])
        await listening.until(lambda: listening.world.jobs.jobs)
        (job,) = listening.world.jobs.jobs.values()
        assert job.requester_id == "operator"
        assert job.conversation.thread == card.message_id
        await listening.ended(job)
        await server.send("leader", press, button=quiet["button"], value=quiet["value"])
        await listening.until(lambda: server.posted("먼저 말하지 않습니다"))
        await server.send("operator", "/api/rooms/ops/messages", text="@guardia 요약해줘")
        await listening.until(lambda: server.posted(job.job_id) and server.posted("요약"))
        (summary,) = server.posted("이 방의 요약")
        assert DOWN in json.dumps(summary.body, ensure_ascii=False)
