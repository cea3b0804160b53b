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
from bot.core.policy import needs_code
from bot.core.ports import Delivery
from bot.engine import workflows
from bot.engine.room_talk import RoomTalk
from bot.engine.services import EngineSettings
from bot.engine.workflows import Workflows
from tests.fakes.engine import DEPLOY, HEALTH, World
from tests.fakes.pool import ScriptedPool

PATIENCE_S = 240.0  # the machine is shared, and may be slow


class GatedPool(ScriptedPool):
    """Steps wait at ``gates``, by kind or by ``node:kind``; ``inside`` are the jobs at a gate
    now, ``at_gate`` the nodes. A step that waits there and is cancelled ends as an agent's does:
    failed, by the code ``cancelled``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gates: dict[str, asyncio.Event] = {}
        self.inside: list[str] = []
        self.at_gate: list[str] = []
        self._stops: dict[tuple[str, str], asyncio.Event] = {}

    def cancel_step(self, agent: str, job_id: str, step_id: str) -> None:
        super().cancel_step(agent, job_id, step_id)
        if (job_id, step_id) in self._stops:
            self._stops[job_id, step_id].set()

    async def run_step(
        self, delivery: Delivery, step_id: str
    ) -> AsyncIterator[StepProgress | StepOutcome]:
        job_id, step = delivery.plan.job_id, delivery.plan.step(step_id)
        gate = None
        if step is not None and delivery.plan.action != "survey":
            kind = step.operation.kind
            gate = self.gates.get(f"{step.node_id}:{kind}") or self.gates.get(kind)
        if step is not None and gate is not None:
            self.inside.append(job_id)
            self.at_gate.append(step.node_id)
            try:
                passed = await self._pass(gate, (job_id, step_id))
            finally:
                self.inside.remove(job_id)
                self.at_gate.remove(step.node_id)
            if not passed:
                yield StepOutcome(job_id=job_id, step_id=step_id, state="failed", code="cancelled")
                return
        async for event in super().run_step(delivery, step_id):
            yield event

    async def _pass(self, gate: asyncio.Event, key: tuple[str, str]) -> bool:
        stop = self._stops[key] = asyncio.Event()
        waits = [asyncio.ensure_future(each.wait()) for each in (gate, stop)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return gate.is_set()
        finally:
            del self._stops[key]
            for each in waits:
                each.cancel()


@dataclass(kw_only=True)
class Running:
    """A world whose workflows run."""

    folder: Path
    lapse_s: float = 1800
    version: str = workflows.APPLICATION_VERSION
    database: str | None = None  # the workflows'; None: a SQLite file in the folder
    agents: GatedPool = field(default_factory=GatedPool)
    world_of: Callable[..., World] = World
    talk: Callable[[World], RoomTalk] | None = None
    world: World = field(init=False)
    workflows: Workflows = field(init=False)

    def __post_init__(self) -> None:
        settings = EngineSettings(
            agent_patience_s=0,
            approval_lapse=timedelta(seconds=self.lapse_s),
            cancel_look_s=0.05,
            unknown_retries=1,
        )
        self.world = self.world_of(agents=self.agents, settings=settings)

    @asynccontextmanager
    async def up(self) -> AsyncIterator[Running]:
        """One life of the bot. What it leaves unfinished, the next one takes up."""
        world = self.world
        before = asyncio.all_tasks()
        workflows.configure(
            system_database_url=self.database or f"sqlite:///{self.folder}/workflows.sqlite",
            executor_id="one",
            version=self.version,
        )
        self.workflows = Workflows(
            pipeline=world.pipeline,
            approvals=world.approvals,
            requests=world.requests,
            conductor=world.conductor,
            waiting=world.waiting,
            retry_s=0.01,
            retell_s=0.1,
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
        """A request in chat, until its job waits, with its card to be seen, or runs."""
        world = self.world
        world.parser.answers |= {"배포": DEPLOY, "헬스체크": HEALTH}
        message = world.mention(text, files=(await world.a_file(),), **more)
        before = set(world.jobs.jobs)
        await self.workflows.receive(message)
        await self.until(lambda: set(world.jobs.jobs) - before)
        (job_id,) = set(world.jobs.jobs) - before
        await self.until(lambda: self.is_shown(world.job(job_id)))
        return world.job(job_id)

    def is_shown(self, job: Job) -> bool:
        """Whether it runs or has ended, or its card asks for approval: there, with its buttons."""
        if job.state is not JobState.AWAITING_APPROVAL:
            return job.state is not JobState.PLANNED
        return job.card is None or bool(self.world.messenger.at(job.card).now.buttons)

    async def press(self, job: Job, button: str = "approve", *, by: str = "leader") -> None:
        await self.workflows.receive(
            self.world.press(self.world.job(job.job_id), button=button, by=by)
        )

    async def approve(self, job: Job, *, by: str = "leader") -> None:
        """Press, or where a button alone approves nothing, enter the own one-time code."""
        job = self.world.job(job.job_id)
        if not needs_code(job.plan):
            await self.press(job, by=by)
            return
        device = await self.world.codes.enrol(by)
        code = device.code(self.world.clock.now())
        await self.workflows.approve(self.world.press(job, by=by), code)

    async def wake(self, job: Job) -> None:
        """Let a waiting job look at the clock, which in these tests does not go by itself."""
        await DBOS.send_async(f"job:{job.job_id}", "look", "wake")

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
