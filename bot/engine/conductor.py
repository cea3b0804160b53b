"""The steps of a run: what the durable interpreter calls while it walks over a frozen plan.

Owns: beginning a run, which way it goes forward and back, and concluding. Decides no order: that
is the plan's and the workflow's. What keeps a run from beginning is ``admission``'s, how a step is
run ``execution``'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from agent.wire.plan import NodeRun, WirePlan
from bot.core.cards import final_report, plain_report, refusal_report
from bot.core.cards.offers import with_offers
from bot.core.domain.audit import AuditKind
from bot.core.domain.job import Deployment, Job, JobState, StepRecord, StepState
from bot.core.domain.plan import Novelty, Risk
from bot.core.errors import OperationError
from bot.core.lifecycle import has_ended
from bot.core.recovery import littered, touched, undo_steps
from bot.engine.admission import Admission
from bot.engine.chronicle import Chronicle
from bot.engine.enclosures import enclosures
from bot.engine.evidence import with_log
from bot.engine.execution import Execution, records_of
from bot.engine.macros import with_keep_button
from bot.engine.outbound import Outbound
from bot.engine.overtime import Overtime
from bot.engine.past import past_of
from bot.engine.requests import ApprovalRequests
from bot.engine.samples import keep_samples
from bot.engine.services import Services

log = structlog.get_logger(__name__)

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
        self._admission = Admission(services)
        self._execution = Execution(services, chronicle, outbound, requests)
        self._overtime = Overtime(services, chronicle, outbound, requests)

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
        obstacle = await self._admission.obstacle(job)
        if obstacle is not None:
            code, state = obstacle
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

    async def _open_progress(self, job_id: str) -> None:
        job = await self._requests.load(job_id)
        await self._requests.show(job)
        if job.progress is None:
            try:
                place = await self._outbound.post(
                    self._execution.progress(job), job.conversation, key=f"{job_id}:progress"
                )
            except OperationError as error:
                # A messenger that is down stops no approved job; the final report says it all.
                log.warning("progress_failed", code=error.code, job=job_id)
                return
            await self._stores.jobs.attach(job_id, progress=place)

    # --- execute ---------------------------------------------------------------------------

    async def execute(self, job_id: str, step_id: str) -> StepState:
        """See ``Execution.execute``."""
        return await self._execution.execute(job_id, step_id)

    async def insist(self, job_id: str, step_id: str) -> StepState:
        """See ``Execution.insist``."""
        return await self._execution.insist(job_id, step_id)

    async def execute_all(self, job_id: str, step_ids: Sequence[str]) -> list[StepState]:
        """See ``Execution.execute_all``."""
        return await self._execution.execute_all(job_id, step_ids)

    async def execute_runs(self, job_id: str, runs: Sequence[Sequence[str]]) -> list[str]:
        """See ``Execution.execute_runs``; what the calendar says of it by now is told before."""
        await self._overtime.look(job_id)
        return await self._execution.execute_runs(job_id, runs)

    async def undo_runs(self, job_id: str, runs: Sequence[Sequence[str]]) -> list[str]:
        """See ``Execution.undo_runs``."""
        return await self._execution.undo_runs(job_id, runs)

    async def scope(self, job_id: str) -> str | None:
        """The lock that the job needs; None for reads."""
        return (await self._requests.load(job_id)).plan.wire.lock

    async def course(self, job_id: str) -> dict[str, object]:
        """Per batch the forward step ids of each node run, and the risk that says how to walk."""
        job = await self._requests.load(job_id)
        batches = [
            [[step.step_id for step in run.steps] for run in batch]
            for batch in job.plan.wire.batches
        ]
        return {"batches": batches, "risk": job.plan.risk.value}

    # --- going back ------------------------------------------------------------------------

    async def cancelled(self, job_id: str) -> bool:
        """Whether somebody has asked this job to stop. Whoever could want to is told on the way
        that its calendar has closed."""
        await self._overtime.look(job_id)
        return await self._stores.approvals.cancel_requested(job_id)

    async def fallen(self, job_id: str) -> JobState:
        """What a job whose run has been broken off comes to once everything is back: cancelled,
        where no step failed by itself."""
        job = await self._requests.load(job_id)
        if job.cancel_requested_by is None:
            return JobState.ROLLED_BACK
        forward = {step.step_id for run in job.plan.wire.runs() for step in run.steps}
        bad = [
            record
            for record in job.steps
            if record.step_id in forward and record.state in (StepState.FAILED, StepState.REFUSED)
        ]
        stopped = all(record.code == "cancelled" for record in bad)
        return JobState.CANCELLED if stopped else JobState.ROLLED_BACK

    async def way_back(self, job_id: str) -> dict[str, Any] | None:
        """Per batch the undo steps of each node, what was changed last first, and whether
        anything was changed.

        The nodes of one batch go back together, as they came: the plan's batches say how many of
        a layer may be out of service at once. What only lies there for nothing is cleared away
        after them. None: something was changed, and the plan has no way back for it.
        """
        job = await self._requests.load(job_id)
        records = records_of(job)
        changed = touched(job.plan.wire, records)
        if changed and not all(undo_steps(run, records) for run in changed):
            return None
        untidy = littered(job.plan.wire, records)
        return {
            "ways": _ways(job.plan.wire, changed, records),
            "clearing": _ways(job.plan.wire, untidy, records),
            "changed": bool(changed),
        }

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
        await keep_samples(job, self._stores.samples, now=self._now())
        return job.state

    async def _remember(self, job: Job) -> None:
        if job.plan.deployment is not None:
            await self._stores.deployments.mark_undone(job.plan.deployment)
        elif job.plan.backup_id is not None:
            kinds = {step.operation.kind for run in job.plan.wire.runs() for step in run.steps}
            await self._stores.deployments.add_deployment(
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
        if job.state is JobState.CANCELLED:
            report = await self._requests.end_note(job)
        else:
            error = OperationError(code, **await self._admission.values(job, code))
            report = refusal_report(error, texts=self._services.texts, job_id=job_id)
        if job.progress is not None and job.plan.risk is Risk.READ:
            await self._outbound.edit(report, job.progress)
        else:
            await self._outbound.post(report, job.conversation, key=f"{job_id}:final")

    async def announce(self, job_id: str) -> None:
        """The final report into the thread, and the last edit of card and progress."""
        job = await self._requests.load(job_id)
        past = await past_of(job, jobs=self._stores.jobs, deployments=self._stores.deployments)
        report = final_report(
            job,
            texts=self._services.texts,
            past=past,
            console_url=self._services.settings.console_url,
        )
        files, texts = self._stores.files, self._services.texts
        report = await with_log(report, job, files=files, texts=texts)
        logged = len(report.files)
        made = await enclosures(job, self._services)
        report = replace(report, files=(*report.files, *made))
        report = with_keep_button(with_offers(report, job, texts), job, texts)
        if job.progress is not None and job.plan.risk is Risk.READ:
            await self._outbound.edit(replace(report, files=()), job.progress)
            if report.files:
                key = "messengers.log" if logged else "messengers.enclosed"
                # A room shows the newest card of a thread: it must not hide how the look ended.
                told = plain_report(texts.say(key, title=report.title), tone=report.tone)
                told = replace(told, files=report.files)
                await self._outbound.post(told, job.conversation, key=f"{job_id}:log")
            return
        await self._close_progress(job)
        await self._requests.show(job)
        await self._outbound.post(report, job.conversation, key=f"{job_id}:final")

    async def _close_progress(self, job: Job) -> None:
        if job.progress is None:
            return
        try:
            await self._outbound.edit(self._execution.progress(job), job.progress, echo=True)
        except OperationError as error:
            # The report that follows says it all, and must not wait for this.
            log.warning("progress_failed", code=error.code, job=job.job_id)

    def _now(self) -> datetime:
        return self._services.clock.now()


def _ways(
    plan: WirePlan, runs: Sequence[NodeRun], records: Mapping[str, StepRecord]
) -> list[list[list[str]]]:
    """The undo steps of these runs, grouped as their batches are, the latest first."""
    nodes = {run.node_id for run in runs}
    batches = [
        [
            [step.step_id for step in undo_steps(run, records)]
            for run in reversed(batch)
            if run.node_id in nodes
        ]
        for batch in reversed(plan.batches)
    ]
    ways = [[way for way in batch if way] for batch in batches]
    return [batch for batch in ways if batch]
