"""Runs the steps of delivered plans: each once, guarded, on the record, to exactly one outcome.

Owns: the order of things around an operation (ledger, guard, lock, time, outcome). Knows neither
how the bot is connected nor what an operation does.

Codes of outcomes, beside ``ok`` and those that ``guard`` and the operations document:
plan_unknown, step_conflict and cancelled before it began (refused); timeout, cancelled,
interrupted (cut off, and found half done) and internal (failed). An outcome is ``unknown`` when a
step was cut off and the server cannot be asked what became of it, or when the ledger does not
answer (ledger_unavailable).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from nacl.public import PrivateKey
from nacl.signing import VerifyKey

from agent.devices import Device
from agent.gate import Gate
from agent.guard import Admission, Guard, GuardPolicy, Refusal
from agent.ledger import Ledger, LedgerError, StepEntry
from agent.operations.baselines import Baselines
from agent.operations.context import (
    Allow,
    BlobSource,
    OperationFailed,
    StepContext,
    Verified,
)
from agent.operations.registry import Handler, handler_of
from agent.scripts import ScriptError, ScriptShelf
from agent.transports.database import Database, OpenDatabase, open_database
from agent.transports.output import plain
from agent.transports.transport import Connect, Transport, TransportError
from agent.verdict import Verdict, failed_transport, internal, judge, outcome_of, place, refused
from agent.voice import Voice
from agent.wire.checks import RunScript
from agent.wire.messages import PlanOrder, StepCancel, StepOrder, StepOutcome, StepProgress
from agent.wire.operations import DrainDevice, effect_of
from agent.wire.plan import Step, WirePlan
from agent.wire.results import Done, Result

__all__ = ["BlobSource", "Executor", "utc_now"]

_STOP_S = 5.0  # for a stopped operation to let go of its connection
_VERIFY_S = 60.0
_KEPT = timedelta(days=90)
_REPORT_EVERY_S = 0.2
_log = structlog.get_logger("agent.executor")

Report = Callable[[StepProgress], None]
Key = tuple[str, str]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True, kw_only=True)
class _Running:
    """A step that somebody waits for: its task, and everybody who wants to hear of it."""

    plan_digest: str
    reports: list[Report]
    voices: list[Voice] = field(default_factory=list)
    task: asyncio.Task[StepOutcome] | None = None
    stop: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """One admitted step with everything around it."""

    plan: WirePlan
    admission: Admission
    running: _Running

    @property
    def step(self) -> Step:
        return self.admission.step

    @property
    def handler(self) -> Handler[Any]:
        return handler_of(self.step.operation)


@dataclass(kw_only=True)
class Executor:
    """The heart of the agent. ``run`` never raises for a step; see the module's codes."""

    agent: str
    seal_key: PrivateKey
    bot_key: VerifyKey
    ledger: Ledger
    blobs: BlobSource
    policy: GuardPolicy
    connect: Connect
    devices: Mapping[str, Device] = field(default_factory=dict)
    baselines: Baselines | None = None
    scripts: ScriptShelf = field(default_factory=ScriptShelf)
    databases: OpenDatabase = open_database
    now: Callable[[], datetime] = utc_now
    _running: dict[Key, _Running] = field(default_factory=dict, init=False)
    _gate: Gate = field(default_factory=Gate, init=False)

    async def deliver(self, order: PlanOrder) -> None:
        """Keep a plan order durably. It is checked when a step of it is asked for.

        Raises:
            LedgerError: it could not be kept.
        """
        digest = order.plan.digest()
        await asyncio.to_thread(self.ledger.forget, self.now() - _KEPT)
        await asyncio.to_thread(self.ledger.keep_order, digest, order, self.now())

    async def run(
        self, order: StepOrder, report: Report, voice: Voice | None = None
    ) -> StepOutcome:
        """Run the step, or answer with what is known of it: one step never runs twice at once,
        and a finished one never again. A cancelled caller does not stop the step. What it says
        while it runs goes to ``voice``."""
        key = (order.job_id, order.step_id)
        running = self._running.get(key)
        if running is None:
            running = _Running(plan_digest=order.plan_digest, reports=[report])
            running.task = asyncio.create_task(self._answer(order, running))
            running.task.add_done_callback(lambda _: self._running.pop(key, None))
            self._running[key] = running
        elif running.plan_digest != order.plan_digest:
            return outcome_of(order, refused("step_conflict", order.step_id))
        else:
            running.reports.append(report)
        if voice is not None:
            running.voices.append(voice)
        assert running.task is not None  # noqa: S101  set above, before anybody could look
        return await asyncio.shield(running.task)

    async def cancel(self, order: StepCancel) -> None:
        """Stop the step where nothing is left half done: before it begins, or in an operation
        that may be cut off anywhere. Otherwise it ends by itself."""
        running = self._running.get((order.job_id, order.step_id))
        if running is not None:
            running.stop.set()

    async def close(self, *, grace_s: float = 10.0) -> None:
        """Give running steps the grace, then drop them: they stay begun in the ledger, and the
        next start of the agent finds out by reading what became of them."""
        tasks = {running.task for running in self._running.values() if running.task}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # --- one step ---------------------------------------------------------------------------

    async def _answer(self, order: StepOrder, running: _Running) -> StepOutcome:
        try:
            return await self._answer_or_raise(order, running)
        except LedgerError as error:
            _log.error("ledger unavailable", step=order.step_id, error=str(error))
            # Whether the step has begun is in the ledger, and the ledger does not answer.
            verdict = Verdict(
                state="unknown", code="ledger_unavailable", values={"detail": str(error)}
            )
            return outcome_of(order, verdict)
        except Exception as error:  # noqa: BLE001  every step has its one outcome
            _log.exception("step ended unexpectedly", job=order.job_id, step=order.step_id)
            return outcome_of(order, internal(error, state="unknown"))

    async def _answer_or_raise(self, order: StepOrder, running: _Running) -> StepOutcome:
        known = await asyncio.to_thread(self.ledger.find, order.job_id, order.step_id)
        if known is not None and known.plan_digest != order.plan_digest:
            return outcome_of(order, refused("step_conflict", order.step_id))
        if known is not None and known.outcome is not None:
            return known.outcome
        delivered = await asyncio.to_thread(self.ledger.find_order, order.plan_digest)
        if delivered is None:
            return self._no(order, known, Refusal(code="plan_unknown", detail=order.job_id))
        async with self._turn(delivered.plan, order.step_id):
            admission = await self._admit(delivered, order)
            if isinstance(admission, Admission):
                admission = self._as_registered(admission)
            if isinstance(admission, Refusal):
                return self._no(order, known, admission)
            if known is None and running.stop.is_set():
                return outcome_of(order, refused("cancelled", order.step_id))
            work = _Work(plan=delivered.plan, admission=admission, running=running)
            return await self._proceed(order, work, known)

    def _turn(self, plan: WirePlan, step_id: str) -> AbstractAsyncContextManager[object]:
        """A changing step has its node, and its device, to itself; under one lock only one job
        changes anything, at as many nodes as it likes."""
        step = plan.step(step_id)
        if step is None or plan.lock is None or effect_of(step.operation) == "read":
            return AsyncExitStack()
        places = {f"node {step.node_id}"}
        if isinstance(step.operation, DrainDevice):
            places.add(f"device {step.operation.device}")
        return self._gate.turn(lock=plan.lock, job_id=plan.job_id, places=places)

    async def _admit(self, delivered: PlanOrder, order: StepOrder) -> Admission | Refusal:
        scope = delivered.plan.lock
        fence = await asyncio.to_thread(self.ledger.fence, scope) if scope else 0
        guard = Guard(
            agent=self.agent, seal_key=self.seal_key, bot_key=self.bot_key, policy=self.policy
        )
        newest = await self._newest_access(delivered.plan, order)
        admission = guard.admit(delivered, order, fence=fence, now=self.now(), newest=newest)
        if isinstance(admission, Refusal):
            return admission
        await self._note_access(admission)
        if scope is not None and effect_of(admission.step.operation) == "change":
            token = admission.grant.fencing_token
            await asyncio.to_thread(self.ledger.raise_fence, scope, token)
        return admission

    async def _newest_access(self, plan: WirePlan, order: StepOrder) -> datetime | None:
        step = plan.step(order.step_id)
        if step is None:
            return None
        newest = self.ledger.newest_access
        return await asyncio.to_thread(newest, step.node_id, order.plan_digest)

    async def _note_access(self, admission: Admission) -> None:
        """From now on no older record of that node opens anything in an order that comes."""
        issued, node = admission.access.issued_at, admission.step.node_id
        if issued is not None:
            await asyncio.to_thread(self.ledger.note_access, node, issued, self.now())

    def _as_registered(self, admission: Admission) -> Admission | Refusal:
        """What a site's script may do is its own registration's to say, not the plan's: the
        guard has believed the plan's word for its risk."""
        operation = admission.step.operation
        if isinstance(operation, RunScript):
            try:
                self.scripts.registered(operation)
            except ScriptError as error:
                return Refusal(code=error.code, detail=" ".join(error.values.values()))
        return admission

    def _no(self, order: StepOrder, known: StepEntry | None, refusal: Refusal) -> StepOutcome:
        """Refused means that nothing was done. Of a step that has begun, nobody can say so."""
        verdict = refused(refusal.code, refusal.detail)
        _log.warning(
            "step refused",
            job=order.job_id,
            step=order.step_id,
            code=refusal.code,
            detail=plain(refusal.detail),
        )
        if known is None:
            return outcome_of(order, verdict)
        unknown = Verdict(state="unknown", code=verdict.code, values=verdict.values)
        return outcome_of(order, unknown, attempt=known.attempt)

    async def _proceed(self, order: StepOrder, work: _Work, known: StepEntry | None) -> StepOutcome:
        began = time.monotonic()
        earlier = await asyncio.to_thread(self.ledger.results, order.job_id)
        context = self._context(work, earlier)
        if known is not None:
            verdict = await self._verify(work, context)
            if verdict is not None:
                return await self._end(order, verdict, attempt=known.attempt, began=began)
        attempt = await asyncio.to_thread(
            lambda: self.ledger.begin(
                order.job_id, order.step_id, plan_digest=order.plan_digest, at=self.now()
            )
        )
        verdict = await self._execute(work, context)
        return await self._end(order, verdict, attempt=attempt, began=began)

    async def _end(
        self, order: StepOrder, verdict: Verdict, *, attempt: int, began: float
    ) -> StepOutcome:
        elapsed_ms = round((time.monotonic() - began) * 1000)
        outcome = outcome_of(order, verdict, attempt=attempt, elapsed_ms=elapsed_ms)
        _log.info(
            "step ended",
            job=order.job_id,
            step=order.step_id,
            state=outcome.state,
            code=outcome.code,
            attempt=attempt,
        )
        if outcome.state != "unknown":  # an unknown step is looked at again when asked again
            await asyncio.shield(asyncio.to_thread(self.ledger.finish, outcome))
        return outcome

    # --- the operation ----------------------------------------------------------------------

    async def _verify(self, work: _Work, context: StepContext) -> Verdict | None:
        """What reading says about a step that was cut off. None: run it again."""
        try:
            async with asyncio.timeout(_VERIFY_S):
                verified = await work.handler.verify(context, work.step.operation)
        except TransportError as error:
            return failed_transport(error, context, state="unknown")
        except OperationFailed as error:  # readable, but nothing that the operation leaves behind
            values = {**place(context), **error.values, "reason": error.code}
            return Verdict(state="failed", code="interrupted", values=values)
        except TimeoutError:
            return Verdict(state="unknown", code="timeout", values=place(context))
        if verified is Verified.DONE:
            return Verdict(state="succeeded", result=Done(note="verified"), verified=True)
        if verified is Verified.PARTIAL:
            return Verdict(state="failed", code="interrupted", values=place(context))
        return None

    async def _execute(self, work: _Work, context: StepContext) -> Verdict:
        """Run the operation within the step's time, until it ends or is stopped."""
        operation = asyncio.ensure_future(work.handler.run(context, work.step.operation))
        stopped = asyncio.ensure_future(work.running.stop.wait())
        waiting: set[asyncio.Future[Any]] = {operation}
        if work.handler.may_stop(work.step.operation):
            waiting.add(stopped)
        try:
            await asyncio.wait(
                waiting, timeout=work.step.timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
            if operation.done():
                return judge(operation, context)
            code = "cancelled" if stopped.done() else "timeout"
            return Verdict(
                state="failed", code=code, values=place(context), lines=tuple(context.output)
            )
        finally:
            stopped.cancel()
            if operation.cancel():
                await asyncio.wait({operation}, timeout=_STOP_S)

    def _context(self, work: _Work, earlier: dict[str, Result]) -> StepContext:
        def server() -> AbstractAsyncContextManager[Transport]:
            return self.connect(work.admission.access)

        def database() -> AbstractAsyncContextManager[Database]:
            return self.databases(work.admission.access)

        reported = float("-inf")

        def report(done: int, total: int) -> None:
            nonlocal reported
            if done < total and time.monotonic() - reported < _REPORT_EVERY_S:
                return
            reported = time.monotonic()
            progress = StepProgress(
                job_id=work.plan.job_id, step_id=work.step.step_id, done=done, total=total
            )
            for listener in work.running.reports:
                listener(progress)

        return StepContext(
            job_id=work.plan.job_id,
            step_id=work.step.step_id,
            plan=work.plan,
            target=work.admission.access.target,
            server=server,
            blobs=self.blobs,
            earlier=earlier,
            report=report,
            devices=self.devices,
            baselines=self.baselines,
            allow=self._turns(work),
            database=database,
            queue=work.admission.access.queue,
            scripts=self.scripts,
            voices=work.running.voices,
        )

    def _turns(self, work: _Work) -> Allow:
        """What may be done only so often at a node, whoever asks."""

        async def allow(name: str, most: int, within: timedelta) -> bool:
            now = self.now()
            return await asyncio.to_thread(
                self.ledger.take_turn,
                f"{name} {work.step.node_id}",
                step=(work.plan.job_id, work.step.step_id),
                most=most,
                since=now - within,
                at=now,
            )

        return allow
