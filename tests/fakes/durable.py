"""The real workflows on a database of their own, over fakes of everything else.

Owns: one life of the bot after another on the same files. DBOS is one per process.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from dbos import DBOS

from agent.wire.messages import StepOutcome, StepProgress
from bot.core.domain.job import TERMINAL, Job, JobState
from bot.core.ports import Delivery
from bot.engine import workflows
from bot.engine.room_talk import RoomTalk
from bot.engine.services import EngineSettings
from bot.engine.workflows import Workflows
from tests.fakes.engine import DEPLOY, HEALTH, World
from tests.fakes.pool import ScriptedPool

PATIENCE_S = 60.0  # the machine is shared


class GatedPool(ScriptedPool):
    """Steps of the kinds in ``gates`` wait there; ``inside`` are the jobs at a gate now."""

    def __init__(self) -> None:
        super().__init__()
        self.gates: dict[str, asyncio.Event] = {}
        self.inside: list[str] = []

    async def run_step(
        self, delivery: Delivery, step_id: str
    ) -> AsyncIterator[StepProgress | StepOutcome]:
        step = delivery.plan.step(step_id)
        gate = self.gates.get(step.operation.kind) if step else None
        if gate is not None:
            self.inside.append(delivery.plan.job_id)
            try:
                await gate.wait()
            finally:
                self.inside.remove(delivery.plan.job_id)
        async for event in super().run_step(delivery, step_id):
            yield event


@dataclass(kw_only=True)
class Running:
    """A world whose workflows run."""

    folder: Path
    lapse_s: float = 1800
    agents: GatedPool = field(default_factory=GatedPool)
    world_of: Callable[..., World] = World
    talk: Callable[[World], RoomTalk] | None = None
    world: World = field(init=False)
    workflows: Workflows = field(init=False)

    def __post_init__(self) -> None:
        settings = EngineSettings(
            agent_patience_s=0, approval_lapse=timedelta(seconds=self.lapse_s)
        )
        self.world = self.world_of(agents=self.agents, settings=settings)

    @asynccontextmanager
    async def up(self) -> AsyncIterator[Running]:
        """One life of the bot. What it leaves unfinished, the next one takes up."""
        world = self.world
        before = asyncio.all_tasks()
        workflows.configure(
            system_database_url=f"sqlite:///{self.folder}/workflows.sqlite", executor_id="one"
        )
        self.workflows = Workflows(
            pipeline=world.pipeline,
            approvals=world.approvals,
            requests=world.requests,
            conductor=world.conductor,
            waiting=world.waiting,
            unknown_retries=1,
            retry_s=0.01,
            talk=self.talk(world) if self.talk else None,
        )
        await self.workflows.launch()
        try:
            yield self
        finally:
            DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=0)
            await _die(before)

    async def until(
        self, holds: Callable[[], object], what: str = "", *, patience_s: float = PATIENCE_S
    ) -> None:
        """Poll until it holds."""
        async with asyncio.timeout(patience_s):
            while not holds():
                await asyncio.sleep(0.02)

    async def asked(self, text: str = "배포", **more: object) -> Job:
        """A request in chat, until its job waits or runs."""
        world = self.world
        world.parser.answers |= {"배포": DEPLOY, "헬스체크": HEALTH}
        message = world.mention(text, files=(await world.a_file(),), **more)
        before = set(world.jobs.jobs)
        await self.workflows.receive(message)
        await self.until(lambda: set(world.jobs.jobs) - before)
        (job_id,) = set(world.jobs.jobs) - before
        await self.until(lambda: world.job(job_id).state is not JobState.PLANNED)
        return world.job(job_id)

    async def press(self, job: Job, button: str = "approve", *, by: str = "leader") -> None:
        await self.workflows.receive(
            self.world.press(self.world.job(job.job_id), button=button, by=by)
        )

    async def ended(self, job: Job) -> Job:
        """The job in its end state, after everything about it has been said."""
        world = self.world
        await self.until(lambda: world.job(job.job_id).state in TERMINAL)
        return world.job(job.job_id)

    async def told(self, key: str) -> str:
        """The title of the message with that key, as soon as it is there."""
        await self.until(lambda: self.world.messenger.all(key))
        return self.world.messenger.all(key)[0].now.title

    def kinds(self, job: Job) -> list[tuple[str, str]]:
        """(node, operation) of every order of that job."""
        return [
            (one.step.node_id, one.step.operation.kind)
            for one in self.agents.ordered
            if one.delivery.plan.job_id == job.job_id
        ]


async def _die(before: set[asyncio.Task[object]]) -> None:
    """End what this life has begun, as the end of its process would."""
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
