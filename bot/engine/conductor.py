"""The steps of a run: what the durable interpreter calls while it walks over a frozen plan.

Owns: beginning a run (rights, estate and lock looked at once more), executing one step through
the agent, and concluding. Decides no order: that is the plan's and the workflow's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from agent.wire.messages import StepOutcome
from agent.wire.plan import ApprovalRecord, Grant, Step
from agent.wire.seal import sign_grant
from bot.core.cards import final_report, progress_card, refusal_report
from bot.core.domain.audit import AuditKind
from bot.core.domain.decision import Deny, RequireApproval, Verdict
from bot.core.domain.job import Deployment, Job, JobState, StepRecord, StepState
from bot.core.domain.plan import Novelty, Risk
from bot.core.domain.report import Report
from bot.core.errors import OperationError
from bot.core.lifecycle import has_ended
from bot.core.policy import asked_of, decide, still_stands
from bot.core.ports import Delivery
from bot.core.recovery import littered, touched, undo_steps
from bot.engine.chronicle import Chronicle
from bot.engine.outbound import Outbound
from bot.engine.requests import ApprovalRequests
from bot.engine.services import Services

log = structlog.get_logger(__name__)

_SETTLED = frozenset({StepState.SUCCEEDED, StepState.FAILED, StepState.REFUSED, StepState.SKIPPED})
# These ends leave servers that a person must look at: nobody else gets the system before that.
_KEEPS_LOCK = frozenset({JobState.ROLLBACK_FAILED, JobState.UNKNOWN})


class Conductor:
    """Begins, executes, concludes."""

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

    # --- begin -----------------------------------------------------------------------------

    async def begin(self, job_id: str) -> str | None:
        """Look once more at everything the approval rested on, take the lock, start.

        Returns None when the job runs, or the code of what stopped it; then it has ended.
        """
        job = await self._requests.load(job_id)
        if job.state is JobState.RUNNING:
            await self._open_progress(job_id)
            return None
        if has_ended(job.state):
            # Stopped, and cut off before that was known here; the audit has the reason.
            await self._release(job)
            return "cancelled" if job.state is JobState.CANCELLED else "not_started"
        code, state = await self._obstacle(job)
        if state is not None:
            await self._chronicle.record(
                AuditKind.REFUSAL, "bot", subject="begin", job_id=job_id, code=code
            )
            job = await self._requests.move(job, state)
            await self._release(job)
            await self._requests.show(job)
            return code
        await self._requests.move(job, JobState.RUNNING)
        await self._open_progress(job_id)
        return None

    async def _obstacle(self, job: Job) -> tuple[str, JobState | None]:
        if job.cancel_requested_by is not None:
            return "cancelled", JobState.CANCELLED
        if not await self._rights_hold(job):
            return "approval_void", JobState.DENIED
        if not await self._estate_holds(job):
            return "plan_void", JobState.DENIED
        if not await self._agent_answers(job.plan.wire.agent):
            return "agent_offline", JobState.FAILED
        if job.plan.wire.lock is not None:
            lease = await self._stores.locks.acquire(job.plan.wire.lock, job.job_id, at=self._now())
            if lease is None:
                return "system_locked", JobState.FAILED
        return "", None

    async def _rights_hold(self, job: Job) -> bool:
        requester = await self._services.directory.person(job.requester_id)
        if requester is None:
            return False
        rules = await self._services.directory.rules()
        decision = decide(asked_of(job.plan), requester, rules)
        if isinstance(decision, Deny):
            return False
        if isinstance(decision, RequireApproval) and decision.stages != job.stages:
            return False  # the rules ask for other approvals now than those that were given
        return still_stands(job, await self._services.directory.people())

    async def _estate_holds(self, job: Job) -> bool:
        """Whether the plan is the approved one and its servers are still what it says."""
        plan = job.plan.wire
        if plan.digest() != job.plan.digest:
            return False
        nodes = await self._services.inventory.nodes([target.node_id for target in plan.targets])
        return tuple(node.wire for node in nodes) == plan.targets

    async def _agent_answers(self, agent: str) -> bool:
        """An agent that is just reconnecting gets a moment."""
        for _ in range(self._services.settings.agent_patience_s):
            if self._services.agents.online(agent):
                return True
            await asyncio.sleep(1)
        return self._services.agents.online(agent)

    async def _open_progress(self, job_id: str) -> None:
        job = await self._requests.load(job_id)
        await self._requests.show(job)
        if job.progress is None:
            try:
                place = await self._outbound.post(
                    self._progress(job), job.conversation, key=f"{job_id}:progress"
                )
            except OperationError as error:
                # A messenger that is down stops no approved job; the final report says it all.
                log.warning("progress_failed", code=error.code, job=job_id)
                return
            await self._stores.jobs.attach(job_id, progress=place)

    # --- execute ---------------------------------------------------------------------------

    async def execute(self, job_id: str, step_id: str) -> StepState:
        """Run one step and return its state. Done before: the recorded state, nothing is run."""
        job = await self._requests.load(job_id)
        known = _records(job).get(step_id)
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

    async def execute_all(self, job_id: str, step_ids: Sequence[str]) -> list[StepState]:
        """Run read steps side by side, a bounded number at a time; the order of the ids is kept.

        One that raises stops no other: what the others found is recorded before it goes up.
        """
        gate = asyncio.Semaphore(self._services.settings.read_fan_out)

        async def one(step_id: str) -> StepState:
            async with gate:
                return await self.execute(job_id, step_id)

        ended = await asyncio.gather(*map(one, step_ids), return_exceptions=True)
        states = [each for each in ended if isinstance(each, StepState)]
        for each in ended:
            if isinstance(each, BaseException):
                raise each
        return states

    async def _ask_agent(self, job: Job, step: Step) -> StepOutcome:
        delivery = await self._delivery(job)
        events = self._services.agents.run_step(delivery, step.step_id)
        async with aclosing(events):
            async for event in events:
                if isinstance(event, StepOutcome):
                    return event
        return StepOutcome(
            job_id=job.job_id, step_id=step.step_id, state="unknown", code="agent_silent"
        )

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
                    person_id=approval.person_id, role=approval.role.value, at=approval.at
                )
                for approval in job.approvals
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
            lines=outcome.lines,
            result=outcome.result,
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

    async def scope(self, job_id: str) -> str | None:
        """The lock that the job needs; None for reads."""
        return (await self._requests.load(job_id)).plan.wire.lock

    async def course(self, job_id: str) -> dict[str, object]:
        """The forward step ids per batch, and the risk that says how to walk them."""
        job = await self._requests.load(job_id)
        batches = [
            [step.step_id for run in batch for step in run.steps] for batch in job.plan.wire.batches
        ]
        return {"batches": batches, "risk": job.plan.risk.value}

    # --- going back ------------------------------------------------------------------------

    async def cancelled(self, job_id: str) -> bool:
        """Whether somebody has asked this job to stop."""
        return (await self._requests.load(job_id)).cancel_requested_by is not None

    async def way_back(self, job_id: str) -> dict[str, Any] | None:
        """The undo steps per node, the last changed node first, and whether any was changed.

        None: something was changed, and the plan has no way back for it.
        """
        job = await self._requests.load(job_id)
        records = _records(job)
        runs = touched(job.plan.wire, records)
        ways = [[step.step_id for step in undo_steps(run, records)] for run in runs]
        if runs and not all(ways):
            return None
        clearing = [
            [step.step_id for step in undo_steps(run, records)]
            for run in littered(job.plan.wire, records)
        ]
        return {"ways": ways + [way for way in clearing if way], "changed": bool(runs)}

    # --- conclude --------------------------------------------------------------------------

    async def conclude(self, job_id: str, to: JobState) -> JobState:
        """Write the end down: history, state, lock."""
        job = await self._requests.load(job_id)
        if not has_ended(job.state):
            if to is JobState.SUCCEEDED:
                await self._remember(job)
            job = await self._requests.move(job, to)
        if job.state not in _KEEPS_LOCK:
            await self._release(job)
        return job.state

    async def _remember(self, job: Job) -> None:
        if job.plan.deployment is not None:
            await self._stores.history.mark_undone(job.plan.deployment)
        elif job.plan.backup_id is not None:
            kinds = {step.operation.kind for run in job.plan.wire.runs() for step in run.steps}
            await self._stores.history.add_deployment(
                Deployment(
                    job_id=job.job_id,
                    backup_id=job.plan.backup_id,
                    system_code=job.plan.wire.lock or "",
                    node_ids=tuple(run.node_id for run in job.plan.wire.runs()),
                    sr=job.sr,
                    ended_at=self._now(),
                    paths=tuple(
                        file.path
                        for file in job.plan.files
                        if any(novelty is not Novelty.SAME for _, novelty in file.novelty)
                    ),
                    restarted="start_service" in kinds,
                    undone=False,
                )
            )

    async def _release(self, job: Job) -> None:
        scope = job.plan.wire.lock
        if scope is not None and await self._stores.locks.holder(scope) == job.job_id:
            lease = await self._stores.locks.acquire(scope, job.job_id, at=self._now())
            if lease is not None:
                await self._stores.locks.release(lease)

    async def stopped(self, job_id: str, code: str) -> None:
        """Say why an approved job did not start."""
        job = await self._requests.load(job_id)
        nodes = ", ".join(job.plan.node_names)
        error = OperationError(code, job=job_id, agent=job.plan.wire.agent, nodes=nodes)
        report = refusal_report(error, texts=self._services.texts, job_id=job_id)
        if job.progress is not None and job.plan.risk is Risk.READ:
            await self._outbound.edit(report, job.progress)
        else:
            await self._outbound.post(report, job.conversation, key=f"{job_id}:final")

    async def announce(self, job_id: str) -> None:
        """The final report into the thread, and the last edit of card and progress."""
        job = await self._requests.load(job_id)
        report = final_report(job, texts=self._services.texts)
        if job.progress is not None and job.plan.risk is Risk.READ:
            await self._outbound.edit(report, job.progress)
            return
        if job.progress is not None:
            await self._outbound.edit(self._progress(job), job.progress)
        await self._requests.show(job)
        await self._outbound.post(report, job.conversation, key=f"{job_id}:final")

    # --- showing ---------------------------------------------------------------------------

    def _show_soon(self, job: Job) -> None:
        if job.progress is None:
            return

        async def render() -> Report:
            return self._progress(await self._requests.load(job.job_id))

        self._outbound.edit_soon(job.progress, render)

    def _progress(self, job: Job) -> Report:
        return progress_card(job, texts=self._services.texts, now=self._now())

    def _now(self) -> datetime:
        return self._services.clock.now()


def _records(job: Job) -> dict[str, StepRecord]:
    return {record.step_id: record for record in job.steps}
