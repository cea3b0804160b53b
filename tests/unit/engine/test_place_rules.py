"""What a room must not be told, and what is refused aloud."""

from __future__ import annotations

from bot.core.domain.intent import NONE, Intent
from bot.engine.follow_up import NOTHING
from tests.fakes.engine import HEALTH, OTHER_SYSTEM, World
from tests.fakes.estate_stores import MemoryInventory
from tests.fakes.planning import SYSTEM


def about(world: World, system: object) -> None:
    """The room is about this system."""
    inventory = world.inventory
    assert isinstance(inventory, MemoryInventory)
    inventory.channels[("web", "ops")] = system  # type: ignore[assignment]  # a test's own room


async def test_a_room_of_one_institution_is_told_nothing_of_another() -> None:
    world = World()
    world.parser.answers["헬스체크"] = HEALTH
    about(world, OTHER_SYSTEM)
    assert await world.pipeline.handle(world.mention("헬스체크")) == NOTHING
    assert world.audited("refusal")[-1]["code"] == "other_institution"
    assert world.agents.ordered == []


async def test_a_room_may_speak_of_every_system_of_its_institution() -> None:
    world = World()
    world.parser.answers["헬스체크"] = HEALTH
    about(world, SYSTEM)
    follow_up = await world.pipeline.handle(world.mention("헬스체크"))
    assert follow_up.start is not None


async def test_an_attack_is_refused_aloud_and_audited() -> None:
    world = World()
    world.parser.answers["rm -rf /"] = Intent(action=NONE, params={"refused": True})
    assert await world.pipeline.handle(world.mention("rm -rf /")) == NOTHING
    assert world.audited("refusal")[-1]["code"] == "request_refused"
    assert "처리하지 않았습니다" in world.said()
    assert not world.jobs.jobs
