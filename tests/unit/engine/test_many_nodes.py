"""A look at many nodes: what has come in is shown while others are still at it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from agent.wire.messages import StepOutcome, StepOutput, StepProgress
from agent.wire.plan import Step
from bot.core.domain.estate import Layer, Rollout
from bot.core.domain.intent import Intent, Selector
from bot.core.domain.job import JobState
from bot.core.ports import Delivery
from bot.engine.services import EngineSettings
from tests.fakes.engine import MOEF, Portions, World, words_of
from tests.fakes.planning import SYSTEM
from tests.fakes.pool import Scripted, ScriptedPool
from tests.fakes.read_jobs import resources

COUNT = 25
RESOURCES = Intent(
    action="monitor_resources",
    selector=Selector(institution=MOEF, system=SYSTEM.name, layer=Layer.WAS),
)


class Slow(ScriptedPool):
    """One node does not answer before it may; how many are asked at once is counted."""

    def __init__(self, node_id: str) -> None:
        super().__init__()
        self.may = asyncio.Event()
        self.at_once = self.most = 0
        self._node_id = node_id
        self.script("read_resources", self._answer_of)

    def _answer_of(self, step: Step) -> Scripted:
        if step.node_id.endswith("was03"):
            return Scripted(result=resources(98.5, 50, 50))
        if step.node_id.endswith("was09"):
            return Scripted(state="failed", code="unreachable")
        return Scripted(result=resources(20, 50, 50))

    async def run_step(
        self, delivery: Delivery, step_id: str
    ) -> AsyncIterator[StepProgress | StepOutput | StepOutcome]:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            step = delivery.plan.step(step_id)
            if step is not None and step.node_id == self._node_id:
                await self.may.wait()
            await asyncio.sleep(0)  # the others have their turn
            async for event in super().run_step(delivery, step_id):
                yield event
        finally:
            self.at_once -= 1


async def test_results_are_shown_as_they_come_and_a_summary_at_the_end() -> None:
    pool = Slow("moef-budget-prod-was01")
    world = World(
        agents=pool,
        inventory=Portions(COUNT, Rollout()),
        settings=EngineSettings(agent_patience_s=0, read_fan_out=5),
    )
    world.parser.answers["자원"] = RESOURCES
    job_id = str((await world.pipeline.handle(world.mention("자원"))).start)
    await world.requests.open(job_id)
    assert await world.conductor.begin(job_id) is None
    job = world.job(job_id)
    assert job.progress is not None
    steps = [step.step_id for run in job.plan.wire.runs() for step in run.steps]
    reading = asyncio.create_task(world.conductor.execute_all(job_id, steps))
    shown = world.messenger.at(job.progress)
    async with asyncio.timeout(30):
        while "25대 중 24대 확인" not in words_of(shown.now):
            world.messenger.heard.clear()
            await world.messenger.heard.wait()
    so_far = words_of(shown.now)
    assert "정상 22 · 심각 1 · 확인 실패 1" in so_far
    assert "moef-budget-prod-was03 · 심각 · CPU 98.5%" in so_far
    assert not reading.done()
    pool.may.set()
    await reading
    await world.conductor.conclude(job_id, JobState.SUCCEEDED)
    await world.conductor.announce(job_id)
    said = words_of(world.messenger.at(job.progress).now)
    assert "23대 정상, 1대 이상: moef-budget-prod-was03(심각), 1대 확인 실패" in said
    assert pool.most <= 5
