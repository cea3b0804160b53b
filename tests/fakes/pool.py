"""Fakes of the link: a scripted ``AgentPool``, an ``AgentStore`` in memory, an executor.

Owns: what tests of other areas need in place of agents. Nothing here runs anything.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.voice import Voice
from agent.wire.messages import (
    PlanOrder,
    StepCancel,
    StepOrder,
    StepOutcome,
    StepOutput,
    StepProgress,
)
from agent.wire.plan import Step
from agent.wire.results import Done, Result
from bot.core.ports import Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripted:
    """What a step answers: progress and output first, then the outcome of these fields."""

    state: str = "succeeded"
    code: str = "ok"
    values: tuple[tuple[str, str], ...] = ()
    lines: tuple[str, ...] = ()
    result: Result | None = None
    progress: tuple[tuple[int, int], ...] = ()
    said: tuple[str, ...] = ()  # while it runs
    verified: bool = False
    elapsed_ms: int = 1

    def outcome(self, job_id: str, step_id: str, attempt: int) -> StepOutcome:
        return StepOutcome.model_validate(
            {
                "job_id": job_id,
                "step_id": step_id,
                "state": self.state,
                "code": self.code,
                "values": dict(self.values),
                "lines": self.lines,
                "result": self.result or (Done() if self.state == "succeeded" else None),
                "attempt": attempt,
                "verified": self.verified,
                "elapsed_ms": self.elapsed_ms,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """One step that was ordered."""

    delivery: Delivery
    step: Step


class ScriptedPool:
    """An ``AgentPool`` whose steps answer as scripted, per operation kind or per step id.

    A script is one ``Scripted`` for every time, a sequence used up in turn (its last one stays),
    or a function of the step. Without a script a step succeeds. ``ordered`` records every order.
    """

    def __init__(self) -> None:
        self.ordered: list[Ordered] = []
        self.offline: set[str] = set()  # these answer agent_silent, at once
        self.cancelled: list[tuple[str, str]] = []  # (job id, step id) of every cancel_step
        self._scripts: dict[str, deque[Scripted] | Callable[[Step], Scripted]] = {}

    def script(
        self, kind_or_step: str, answer: Scripted | Sequence[Scripted] | Callable[[Step], Scripted]
    ) -> None:
        """What steps of that operation kind, or the step of that id, answer from now on."""
        if isinstance(answer, Scripted):
            answer = (answer,)
        self._scripts[kind_or_step] = answer if callable(answer) else deque(answer)

    @property
    def kinds(self) -> list[tuple[str, str]]:
        """(node id, operation kind) of every order, in turn."""
        return [(one.step.node_id, one.step.operation.kind) for one in self.ordered]

    def online(self, agent: str) -> bool:
        return agent not in self.offline

    def cancel_step(self, agent: str, job_id: str, step_id: str) -> None:
        self.cancelled.append((job_id, step_id))

    async def run_step(
        self, delivery: Delivery, step_id: str
    ) -> AsyncIterator[StepProgress | StepOutput | StepOutcome]:
        job_id = delivery.plan.job_id
        step = delivery.plan.step(step_id)
        if step is None:
            yield StepOutcome(job_id=job_id, step_id=step_id, state="refused", code="step_unknown")
            return
        self.ordered.append(Ordered(delivery=delivery, step=step))
        if delivery.plan.agent in self.offline:
            yield StepOutcome(job_id=job_id, step_id=step_id, state="unknown", code="agent_silent")
            return
        surveyed = delivery.plan.action == "survey" and step.operation.kind == "preflight"
        # What a test scripts is the run: before the plan, every node can be changed.
        answer = Scripted() if surveyed else self._answer(step)
        for done, total in answer.progress:
            yield StepProgress(job_id=job_id, step_id=step_id, done=done, total=total)
        offset = 0
        for text in answer.said:
            yield StepOutput(job_id=job_id, step_id=step_id, offset=offset, text=text)
            offset += len(text.encode())
        attempt = sum(one.step.step_id == step_id for one in self.ordered)
        yield answer.outcome(job_id, step_id, attempt)

    def _answer(self, step: Step) -> Scripted:
        script = self._scripts.get(step.step_id) or self._scripts.get(step.operation.kind)
        if script is None:
            return Scripted()
        if callable(script):
            return script(step)
        return script.popleft() if len(script) > 1 else script[0]


class MemoryAgentStore:
    """An ``AgentStore`` that forgets."""

    def __init__(self) -> None:
        self._tokens: dict[str, tuple[str, datetime]] = {}
        self._keys: dict[str, tuple[str, str]] = {}

    async def issue_token(self, agent: str, token_digest: str, *, until: datetime) -> None:
        self._tokens[agent] = (token_digest, until)

    async def redeem(
        self, agent: str, token_digest: str, *, verify_key: str, seal_key: str, now: datetime
    ) -> bool:
        kept = self._tokens.get(agent)
        if kept is None or kept[0] != token_digest or kept[1] < now:
            return False
        del self._tokens[agent]
        self._keys[agent] = (verify_key, seal_key)
        return True

    async def verify_key(self, agent: str) -> str | None:
        return self._keys[agent][0] if agent in self._keys else None

    async def seal_key(self, agent: str) -> str | None:
        return self._keys[agent][1] if agent in self._keys else None


class ScriptedExecutor:
    """The agent's executor without servers: takes any plan, answers as told.

    ``work[step_id]`` is awaited while the step runs. Like the real one it answers a
    finished step again without running it: ``begun`` counts what really ran.
    """

    def __init__(self) -> None:
        self.delivered: list[PlanOrder] = []
        self.ordered: list[StepOrder] = []
        self.begun: list[str] = []
        self.cancelled: list[StepCancel] = []
        self.work: dict[str, Callable[[StepOrder], Awaitable[object]]] = {}
        self.answers: dict[str, Scripted] = {}
        self._known: dict[tuple[str, str], StepOutcome] = {}

    async def deliver(self, order: PlanOrder) -> None:
        self.delivered.append(order)

    async def run(
        self,
        order: StepOrder,
        report: Callable[[StepProgress], None],
        voice: Voice | None = None,
    ) -> StepOutcome:
        self.ordered.append(order)
        if order.plan_digest not in {given.plan.digest() for given in self.delivered}:
            return StepOutcome(
                job_id=order.job_id, step_id=order.step_id, state="refused", code="plan_unknown"
            )
        key = (order.job_id, order.step_id)
        if key not in self._known:
            self.begun.append(order.step_id)
            report(StepProgress(job_id=order.job_id, step_id=order.step_id, done=1, total=2))
            work = self.work.get(order.step_id)
            if work is not None:
                await work(order)
            answer = self.answers.get(order.step_id, Scripted())
            for text in answer.said if voice else ():
                await voice.tell(text)
            self._known[key] = answer.outcome(order.job_id, order.step_id, 1)
        return self._known[key]

    async def cancel(self, order: StepCancel) -> None:
        self.cancelled.append(order)
