"""What stands between the bot's engine and the lab's one agent.

Owns: the pool that hands steps to a real executor, faults that tests inject between the two, and
what else the bot and the agent ask each other for without a link.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, replace
from typing import Any

from agent.executor import Executor
from agent.scripts import ScriptShelf
from agent.voice import Voice
from agent.wire.messages import (
    PlanOrder,
    StepCancel,
    StepOrder,
    StepOutcome,
    StepOutput,
    StepProgress,
)
from agent.wire.scripts import ScriptSpec
from bot.core.domain.estate import (
    Node,
    Rollout,
    Target,
    Vocabulary,
)
from bot.core.domain.intent import Selector
from bot.core.domain.people import Actor
from bot.core.ports import Delivery
from bot.engine.files import DiskFileStore
from tests.fakes.stores import MemoryInventory

AGENT = "LAB-PC-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A step that answers ``failed``; its ``effect`` has taken place all the same, or not."""

    effect: bool
    code: str = "injected"


class LabPool:
    """An ``AgentPool`` of one agent, without the link between."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.faults: dict[str, Fault] = {}  # by step id
        self.before: dict[str, Callable[[], Any]] = {}  # by operation kind or step id, once
        self.ordered: list[tuple[str, str]] = []  # (node, operation kind)
        self._cancelling: set[asyncio.Task[None]] = set()

    def online(self, agent: str) -> bool:
        return agent == AGENT

    def cancel_step(self, agent: str, job_id: str, step_id: str) -> None:
        order = StepCancel(job_id=job_id, step_id=step_id)
        task = asyncio.ensure_future(self.executor.cancel(order))
        self._cancelling.add(task)
        task.add_done_callback(self._cancelling.discard)

    async def run_step(
        self, delivery: Delivery, step_id: str
    ) -> AsyncIterator[StepProgress | StepOutput | StepOutcome]:
        plan = delivery.plan
        step = plan.step(step_id)
        assert step is not None
        self.ordered.append((step.node_id, step.operation.kind))
        for name in (step_id, step.operation.kind):
            happens = self.before.pop(name, None)
            if happens is not None:
                # Outside of the workflow's own context: people do not act from within it.
                waiting = Context().run(happens)
                if inspect.iscoroutine(waiting):
                    await asyncio.create_task(waiting, context=Context())
        fault = self.faults.pop(step_id, None)
        outcome = None
        if fault is None or fault.effect:
            async for event in self._run(delivery, step_id):
                if isinstance(event, StepOutcome):
                    outcome = event
                else:
                    yield event
        if fault is not None:
            outcome = StepOutcome(
                job_id=plan.job_id, step_id=step_id, state="failed", code=fault.code
            )
        assert outcome is not None
        yield outcome

    async def _run(
        self, delivery: Delivery, step_id: str
    ) -> AsyncIterator[StepOutput | StepOutcome]:
        plan = delivery.plan
        await self.executor.deliver(
            PlanOrder(plan=plan, grant=delivery.grant, access=delivery.access)
        )
        order = StepOrder(job_id=plan.job_id, plan_digest=plan.digest(), step_id=step_id)
        voice, said = Voice(), asyncio.Event()
        voice.wake = said.set
        running = asyncio.ensure_future(self.executor.run(order, lambda progress: None, voice))
        running.add_done_callback(lambda _: said.set())
        while not running.done() or voice.held:
            await said.wait()
            said.clear()
            while (piece := voice.take()) is not None:
                offset, text = piece
                yield StepOutput(job_id=plan.job_id, step_id=step_id, offset=offset, text=text)
        yield await running


class LabScripts:
    """A ``ScriptBook`` of the one agent."""

    def __init__(self, shelf: ScriptShelf) -> None:
        self._shelf = shelf

    def scripts(self, agent: str) -> tuple[ScriptSpec, ...]:
        return self._shelf.announced() if agent == AGENT else ()

    def known(self) -> Mapping[str, tuple[ScriptSpec, ...]]:
        return {AGENT: self.scripts(AGENT)}


class LabInventory(MemoryInventory):
    """The estate that a fleet makes, with one rollout for all of it."""

    def __init__(self, vocabulary: Vocabulary, nodes: Sequence[Node], rollout: Rollout) -> None:
        super().__init__(vocabulary, nodes)
        self.rollout = rollout

    async def resolve(self, selector: Selector, viewer: Actor) -> Target:
        return replace(await super().resolve(selector, viewer), rollout=self.rollout)


class LabBlobs:
    """The agent's way to the bot's files."""

    def __init__(self, files: DiskFileStore) -> None:
        self._files = files

    async def read(self, job_id: str, sha256: str, offset: int, length: int) -> bytes | None:
        return await self._files.read(sha256, offset, length) or None
