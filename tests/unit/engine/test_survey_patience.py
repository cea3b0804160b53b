"""A bot that has just started gives its agents a moment to come back."""

from __future__ import annotations

import asyncio

import pytest

from bot.core.errors import UserError
from bot.engine.services import EngineSettings
from bot.engine.survey import Surveyor
from tests.fakes.engine import World
from tests.fakes.planning import pair

AGENT = "GOV-PC-01"


async def test_waits_for_an_agent_that_comes_back_after_the_bot_was_started():
    world = World(settings=EngineSettings(agent_patience_s=30))
    world.agents.offline.add(AGENT)
    waiting = asyncio.create_task(Surveyor(world.services, world.chronicle).await_online(pair()))
    await asyncio.sleep(0)
    assert not waiting.done()
    world.agents.offline.clear()
    async with asyncio.timeout(10):
        await waiting


async def test_says_at_once_that_an_agent_is_offline_when_there_is_no_patience():
    world = World(settings=EngineSettings(agent_patience_s=0))
    world.agents.offline.add(AGENT)
    with pytest.raises(UserError) as refused:
        await Surveyor(world.services, world.chronicle).await_online(pair())
    assert refused.value.code == "agent_offline"
