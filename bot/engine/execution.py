"""Steps through the agent: one alone, reads side by side, the node runs of a batch side by side.

Owns: what an agent is given, what is kept of its answer, and that a step which is done is not
asked for again. Decides no order between batches, and nothing about a job's end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

import structlog

from agent.wire.messages import StepOutcome, StepOutput
from agent.wire.plan import ApprovalRecord, Grant, Step
from agent.wire.readings import Reading
from agent.wire.results import LogFindings, Result
from agent.wire.seal import sign_grant
from bot.core.cards import progress_card
from bot.core.cards.output import with_last_lines
from bot.core.cards.wording import masked_line
from bot.core.domain.audit import AuditKind
from bot.core.domain.decision import Verdict
from bot.core.domain.job import Job, StepRecord, StepState
from bot.core.domain.report import Report
from bot.core.errors import OperationError
from bot.core.ports import Delivery
from bot.engine.approval_seal import ApprovalSeal
from bot.engine.chronicle import Chronicle
from bot.engine.outbound import Outbound
from bot.engine.requests import ApprovalRequests
from bot.engine.said import said_now
from bot.engine.services import Services

log = structlog.get_logger(__name__)

_T = TypeVar("_T")
_SETTLED = frozenset({StepState.SUCCEEDED, StepState.FAILED, StepState.REFUSED, StepState.SKIPPED})
_BEGUN = frozenset({StepState.RUNNING, StepState.UNKNOWN})
_CANCEL_AGAIN_S = 10.0  # a link that broke meanwhile has forgotten the first one


@dataclass(slots=True, kw_only=True)
class _Batch:
    """What the runs of one batch share. ``halted``: nobody begins another step."""

    job_id: str
    forward: bool
    halted: bool = False
    records: dict[str, StepRecord] = field(default_factory=dict)

    def begun(self, step_id: str) -> bool:
        """Whether its outcome has to be found out, whatever has happened meanwhile."""
        return step_id in self.records and self.records[step_id].state in _BEGUN


class Execution:
    """Runs steps and keeps what is known of them."""

    def __init__(
        self,
        services: Services,
        chronicle: Chronicle,
        outbound: Outbound,
        requests: ApprovalRequests,
    ) -> None:
        self._services = services
        self._stores = services.stores
        self._chronicle = chronicle
        self._outbound = outbound
        self._requests = requests
        self._seal = ApprovalSeal(services.signer)

    # --- one step --------------------------------------------------------------------------

    async def execute(self, job_id: str, step_id: str) -> StepState:
        """Run one step and return its state. Done before: the recorded state, nothing is run."""
        job = await self._requests.load(job_id)
        known = records_of(job).get(step_id)
        if known is not None and known.state in _SETTLED:
            return known.state
        step = job.plan.wire.step(step_id)
        if step is None:
            raise OperationError("step_missing", job=job_id, step=step_id)
        await self._chronicle.record(
            AuditKind.OPERATION,
            "bot",
            subject=step_id,
            job_id=job_id,
            operation=step.operation.kind,
            node=step.node_id,
        )
        running = StepRecord(step_id=step_id, state=StepState.RUNNING, started_at=self._now())
        await self._stores.jobs.record_step(job_id, running)
        self._show_soon(job)
        outcome = await self._ask_agent(job, step)
        return await self._keep(job, running, outcome)

    async def insist(self, job_id: str, step_id: str) -> StepState:
        """As ``execute``; a silent agent is asked again what became of the step: its ledger
        knows, and nothing is repeated that may have taken effect."""
        state = await self.execute(job_id, step_id)
        for _ in range(self._services.settings.unknown_retries):
            if state is not StepState.UNKNOWN:
                break
            state = await self.execute(job_id, step_id)
        return state

    # --- side by side ----------------------------------------------------------------------

    async def execute_all(self, job_id: str, step_ids: Sequence[str]) -> list[StepState]:
        """Run read steps side by side, a bounded number at a time; the order of the ids is kept.

        One that raises stops no other: what the others found is recorded before it goes up.
        """
        gate = asyncio.Semaphore(self._services.settings.read_fan_out)

        async def one(step_id: str) -> StepState:
            async with gate:
                return await self.execute(job_id, step_id)

        return await _all_of([one(step_id) for step_id in step_ids])

    async def execute_runs(self, job_id: str, runs: Sequence[Sequence[str]]) -> list[str]:
        """Run the node runs of one batch side by side, each its steps in order.

        Once one of them has not succeeded, or a cancel is asked for, nobody begins another step:
        what is under way ends first. Called again after a crash, settled steps answer from their
        record and begun ones are asked what became of them.

        Returns the state of each run's last step that was run, or ``skipped`` for a run that was
        stopped before its end by another or by the cancel.
        """
        return await self._side_by_side(job_id, runs, forward=True)

    async def undo_runs(self, job_id: str, runs: Sequence[Sequence[str]]) -> list[str]:
        """Take the node runs of one batch back side by side. One that fails stops only itself:
        the others are out of service until they are through. No cancel is looked at."""
        return await self._side_by_side(job_id, runs, forward=False)

    async def _side_by_side(
        self, job_id: str, runs: Sequence[Sequence[str]], *, forward: bool
    ) -> list[str]:
        job = await self._requests.load(job_id)
        records = records_of(job)
        ids = {step_id for run in runs for step_id in run}
        failed = any(
            record.state in _SETTLED and record.state is not StepState.SUCCEEDED
            for step_id, record in records.items()
            if step_id in ids
        )
        batch = _Batch(job_id=job_id, forward=forward, halted=forward and failed, records=records)
        return await _all_of([self._walk(batch, run) for run in runs])

    async def _walk(self, batch: _Batch, step_ids: Sequence[str]) -> str:
        for step_id in step_ids:
            if not batch.begun(step_id) and await self._stops_before(batch, step_id):
                return StepState.SKIPPED.value
            state = StepState.UNKNOWN
            try:
                state = await self.insist(batch.job_id, step_id)
            finally:
                if state is not StepState.SUCCEEDED:
                    batch.halted = batch.halted or batch.forward
            if state is not StepState.SUCCEEDED:
                return state.value
        return StepState.SUCCEEDED.value

    async def _stops_before(self, batch: _Batch, step_id: str) -> bool:
        known = batch.records.get(step_id)
        if not batch.forward or (known is not None and known.state in _SETTLED):
            return False
        if not batch.halted:
            batch.halted = await self._stores.approvals.cancel_requested(batch.job_id)
        return batch.halted

    # --- the agent -------------------------------------------------------------------------

    async def _ask_agent(self, job: Job, step: Step) -> StepOutcome:
        delivery = await self._delivery(job)
        async with (
            self._forwarding_cancel(job, step),
            aclosing(self._services.agents.run_step(delivery, step.step_id)) as events,
        ):
            async for event in events:
                if isinstance(event, StepOutcome):
                    return event
                if isinstance(event, StepOutput):
                    await self._keep_output(job, event)
        return StepOutcome(
            job_id=job.job_id, step_id=step.step_id, state="unknown", code="agent_silent"
        )

    async def _keep_output(self, job: Job, piece: StepOutput) -> None:
        try:
            await self._stores.outputs.append(
                job.job_id, piece.step_id, offset=piece.offset, text=piece.text
            )
        except OperationError as error:
            # What a step says is for those who watch; what it has found comes with its outcome.
            log.warning("output_not_kept", job=job.job_id, code=error.code)
            return
        self._show_soon(job)

    @asynccontextmanager
    async def _forwarding_cancel(self, job: Job, step: Step) -> AsyncIterator[None]:
        """While the step runs, a cancel reaches the agent at once: it stops where nothing is
        left half done. Steps of the way back are never stopped."""
        forward = {each.step_id for run in job.plan.wire.runs() for each in run.steps}
        if step.step_id not in forward:
            yield
            return
        watching = asyncio.create_task(self._forward_cancel(job, step.step_id))
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _forward_cancel(self, job: Job, step_id: str) -> None:
        agent, pool = job.plan.wire.agent, self._services.agents
        pause_s = self._services.settings.cancel_look_s
        while True:
            await asyncio.sleep(pause_s)
            if await self._stores.approvals.cancel_requested(job.job_id) and pool.online(agent):
                pool.cancel_step(agent, job.job_id, step_id)
                pause_s = _CANCEL_AGAIN_S

    async def _delivery(self, job: Job) -> Delivery:
        plan = job.plan.wire
        token = 0
        if plan.lock is not None:
            lease = await self._stores.locks.acquire(plan.lock, job.job_id, at=self._now())
            if lease is None:
                raise OperationError("lock_lost", job=job.job_id, scope=plan.lock)
            token = lease.fencing_token
        started = job.started_at or self._now()
        grant = Grant(
            job_id=job.job_id,
            plan_digest=job.plan.digest,
            agent=plan.agent,
            requested_by=job.requester_id,
            basis="approval" if job.stages else "rule",
            approvals=tuple(
                ApprovalRecord(
                    person_id=approval.person_id,
                    role=approval.role.value,
                    at=approval.at,
                    one_time_code=approval.one_time_code,
                )
                for approval in self._seal.genuine(job.approvals)
                if approval.verdict is Verdict.APPROVE
            ),
            fencing_token=token,
            issued_at=started,
            expires_at=started + self._services.settings.grant_life,
        )
        nodes = [target.node_id for target in plan.targets]
        return Delivery(
            plan=plan,
            grant=sign_grant(grant, self._services.signer),
            access=await self._services.inventory.access(nodes),
        )

    async def _keep(self, job: Job, running: StepRecord, outcome: StepOutcome) -> StepState:
        record = replace(
            running,
            state=StepState(outcome.state),
            code=outcome.code,
            values=tuple(sorted(outcome.values.items())),
            lines=_masked(outcome.lines),
            result=_without_secrets(outcome.result),
            attempt=outcome.attempt,
            verified=outcome.verified,
            elapsed_ms=outcome.elapsed_ms,
        )
        await self._chronicle.record(
            AuditKind.OUTCOME,
            f"agent:{job.plan.wire.agent}",
            subject=record.step_id,
            job_id=job.job_id,
            state=record.state.value,
            code=record.code,
            attempt=record.attempt,
            verified=record.verified,
            lines=list(record.lines),
        )
        await self._stores.jobs.record_step(job.job_id, record)
        self._show_soon(job)
        return record.state

    # --- showing ---------------------------------------------------------------------------

    def _show_soon(self, job: Job) -> None:
        if job.progress is None:
            return

        async def render() -> Report:
            now = await self._requests.load(job.job_id)
            said = await said_now(now, self._stores.outputs)
            return with_last_lines(self.progress(now), said, texts=self._services.texts)

        self._outbound.edit_soon(job.progress, render)

    def progress(self, job: Job) -> Report:
        """The progress card as of now."""
        return progress_card(
            job,
            texts=self._services.texts,
            now=self._now(),
            console_url=self._services.settings.console_url,
        )

    def _now(self) -> datetime:
        return self._services.clock.now()


def _masked(lines: Sequence[str]) -> tuple[str, ...]:
    """Whatever servers say is masked before it is kept: a database is copied, too."""
    return tuple(masked_line(line) for line in lines)


def _without_secrets(result: Result | None) -> Result | None:
    if isinstance(result, LogFindings):
        return result.model_copy(update={"suspicious": _masked(result.suspicious)})
    if isinstance(result, Reading):
        told = [each.model_copy(update={"lines": _masked(each.lines)}) for each in result.excerpts]
        return result.model_copy(update={"excerpts": tuple(told)})
    return result


def records_of(job: Job) -> dict[str, StepRecord]:
    """What is known of every step, by its id."""
    return {record.step_id: record for record in job.steps}


async def _all_of(works: Sequence[Coroutine[Any, Any, _T]]) -> list[_T]:
    """What all of them return, in order. One that raises stops no other; then it goes up."""
    ended = await asyncio.gather(*works, return_exceptions=True)
    for each in ended:
        if isinstance(each, BaseException):
            raise each
    return [each for each in ended if not isinstance(each, BaseException)]
