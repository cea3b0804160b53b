"""A look at a hundred nodes: so many at a time, and a dead one keeps no other from answering."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from agent.wire.messages import StepOutcome, StepOutput, StepProgress
from agent.wire.readings import Fact, Reading, Remark
from bot.core.domain.job import Job, JobState, StepState
from bot.core.ports import Delivery
from tests.fakes.engine import HEALTH, World, a_vocabulary, words_of
from tests.fakes.planning import node_of
from tests.fakes.pool import ScriptedPool
from tests.fakes.stores import MemoryInventory

COUNT, AT_ONCE = 100, 20
DEAD = "moef-budget-prod-was77"
WELL = Reading(level="normal", facts=(Fact(name="port", value=3, unit="milliseconds"),))
ILL = Reading(
    level="critical",
    facts=(Fact(name="port", value="closed", unit="word", level="critical"),),
    remarks=(Remark(code="nothing_answers", level="critical"),),
)


class Counting(ScriptedPool):
    """Every step takes its turns of the loop; the most that were under way together is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = self.most = 0

    async def run_step(
        self, delivery: Delivery, step_id: str
    ) -> AsyncIterator[StepProgress | StepOutput | StepOutcome]:
        self.inside += 1
        self.most = max(self.most, self.inside)
        for _ in range(50):
            await asyncio.sleep(0)
        self.inside -= 1
        step = delivery.plan.step(step_id)
        assert step is not None
        dead = step.node_id == DEAD
        yield StepOutcome(
            job_id=delivery.plan.job_id,
            step_id=step_id,
            state="succeeded",
            result=ILL if dead else WELL,
        )


async def checked(world: World) -> tuple[Job, list[StepState]]:
    world.parser.answers["헬스체크"] = HEALTH
    job_id = str((await world.pipeline.handle(world.mention("헬스체크"))).start)
    await world.requests.open(job_id)
    await world.conductor.begin(job_id)
    ids = [step.step_id for step in world.job(job_id).plan.wire.steps()]
    states = await world.conductor.execute_all(job_id, ids)
    await world.conductor.conclude(job_id, JobState.SUCCEEDED)
    await world.conductor.announce(job_id)
    return world.job(job_id), states


@pytest.fixture
def world() -> World:
    nodes = [node_of(number) for number in range(1, COUNT + 1)]
    return World(
        agents=Counting(),
        inventory=MemoryInventory(a_vocabulary(), nodes),
        settings=replace(World().settings, read_fan_out=AT_ONCE),
    )


async def test_a_hundred_nodes_are_asked_so_many_at_a_time(world: World) -> None:
    job, states = await checked(world)
    assert len(job.plan.node_names) == COUNT
    assert isinstance(world.agents, Counting)
    assert world.agents.most == AT_ONCE
    assert states == [StepState.SUCCEEDED] * COUNT


async def test_one_dead_node_is_on_top_and_all_others_are_counted(world: World) -> None:
    job, _ = await checked(world)
    assert job.progress is not None
    report = words_of(world.messenger.at(job.progress).now)
    assert f"99대 정상, 1대 이상: {DEAD}(심각)" in report
