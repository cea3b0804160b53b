"""Jobs in the database.

Owns: the rows of jobs and steps, and that a job only moves as the lifecycle allows. Knows nothing
of who decides or runs.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import QueryableAttribute, defer
from sqlmodel import col, select

from bot.core.domain.conversation import ConversationRef
from bot.core.domain.decision import Approval, Verdict
from bot.core.domain.job import TERMINAL, Job, JobState, StepRecord
from bot.core.domain.people import Role
from bot.core.domain.plan import Plan
from bot.core.errors import OperationError
from bot.core.lifecycle import may_follow
from cmdb.engine import reading, writing
from cmdb.models import ApprovalRow, JobRow, StepRow
from cmdb.rows import insert_new, upsert
from cmdb.serial import CONVERSATION, PLAN, STAGES, STEP

_WITHOUT_PLAN = (defer(cast(QueryableAttribute[Any], JobRow.plan)),)
_PLANS = 16


class SqlJobStore:
    """JobStore on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._plans: OrderedDict[str, Plan] = OrderedDict()

    async def create(self, job: Job) -> bool:
        async with writing(self._engine) as session:
            if not await insert_new(session, _row_of(job)):
                return False
            for approval in job.approvals:
                session.add(approval_row(approval))
            await upsert(
                session,
                [_step_row(job.job_id, step) for step in job.steps],
                by=("job_id", "step_id"),
            )
            return True

    async def load(self, job_id: str) -> Job | None:
        plan = self._plans.get(job_id)
        async with reading(self._engine) as session:
            row = await session.get(JobRow, job_id, options=_WITHOUT_PLAN if plan else None)
            if row is None:
                return None
            (job,) = await jobs_of(session, [row], plan=plan)
            self._keep(job)
            return job

    def _keep(self, job: Job) -> None:
        """A plan never changes, and one of thousands of files takes longer to read than the step
        that it is read for: a run loads its job several times a step."""
        self._plans[job.job_id] = job.plan
        self._plans.move_to_end(job.job_id)
        while len(self._plans) > _PLANS:
            self._plans.popitem(last=False)

    async def advance(
        self, job_id: str, to: JobState, *, at: datetime, was: JobState | None = None
    ) -> bool:
        async with writing(self._engine) as session:
            row = await locked_job(session, job_id)
            state = JobState(row.state)
            if state is to:
                return False
            if not may_follow(state, to) or was not in (None, state):
                raise OperationError("state_conflict", job=job_id, state=state, to=to)
            row.state = to.value
            if to is JobState.RUNNING:
                row.started_at = at
            if to in TERMINAL:
                row.ended_at = at
            return True

    async def attach(
        self,
        job_id: str,
        *,
        card: ConversationRef | None = None,
        progress: ConversationRef | None = None,
    ) -> None:
        async with writing(self._engine) as session:
            row = await locked_job(session, job_id)
            if card is not None:
                row.card = CONVERSATION.dump(card)
            if progress is not None:
                row.progress = CONVERSATION.dump(progress)

    async def record_step(self, job_id: str, step: StepRecord) -> None:
        async with writing(self._engine) as session:
            await locked_job(session, job_id)
            await upsert(session, [_step_row(job_id, step)], by=("job_id", "step_id"))


async def locked_job(session: AsyncSession, job_id: str) -> JobRow:
    """The job's row, held until the transaction ends.

    Raises:
        OperationError: there is no such job (``job_missing``).
    """
    row = await session.get(JobRow, job_id, options=_WITHOUT_PLAN, with_for_update=True)
    if row is None:
        raise OperationError("job_missing", job=job_id)
    return row


async def jobs_of(
    session: AsyncSession, rows: Sequence[JobRow], *, plan: Plan | None = None
) -> tuple[Job, ...]:
    """The jobs of these rows, with what hangs on them. ``plan``: the only row's, already read."""
    ids = [row.job_id for row in rows]
    approvals = (
        await session.scalars(
            select(ApprovalRow)
            .where(col(ApprovalRow.job_id).in_(ids))
            .order_by(col(ApprovalRow.approval_id))
        )
    ).all()
    steps = (
        await session.scalars(
            select(StepRow).where(col(StepRow.job_id).in_(ids)).order_by(col(StepRow.position))
        )
    ).all()
    return tuple(
        _job_of(
            row,
            (approval for approval in approvals if approval.job_id == row.job_id),
            (step for step in steps if step.job_id == row.job_id),
            plan=plan,
        )
        for row in rows
    )


def approval_row(approval: Approval) -> ApprovalRow:
    """The row of a verdict."""
    return ApprovalRow(
        job_id=approval.job_id,
        person_id=approval.person_id,
        name=approval.name,
        role=approval.role.value,
        verdict=approval.verdict.value,
        plan_digest=approval.plan_digest,
        stage=approval.stage,
        at=approval.at,
        run_at=approval.run_at,
        one_time_code=approval.one_time_code,
        seal=approval.seal,
    )


def _approval_of(row: ApprovalRow) -> Approval:
    return Approval(
        job_id=row.job_id,
        person_id=row.person_id,
        name=row.name,
        role=Role(row.role),
        verdict=Verdict(row.verdict),
        plan_digest=row.plan_digest,
        stage=row.stage,
        at=row.at,
        run_at=row.run_at,
        one_time_code=row.one_time_code,
        seal=row.seal,
    )


def _step_row(job_id: str, step: StepRecord) -> StepRow:
    return StepRow(
        job_id=job_id, step_id=step.step_id, state=step.state.value, record=STEP.dump(step)
    )


def _row_of(job: Job) -> JobRow:
    return JobRow(
        job_id=job.job_id,
        state=job.state.value,
        plan=PLAN.dump(job.plan),
        requester_id=job.requester_id,
        requester_name=job.requester_name,
        sr=job.sr,
        conversation=CONVERSATION.dump(job.conversation),
        thread_key=thread_key(job.conversation),
        created_at=job.created_at,
        expires_at=job.expires_at,
        stages=STAGES.dump(job.stages),
        rule=job.rule,
        started_at=job.started_at,
        ended_at=job.ended_at,
        fencing_token=job.fencing_token,
        card=CONVERSATION.maybe_dump(job.card),
        progress=CONVERSATION.maybe_dump(job.progress),
        cancel_requested_by=job.cancel_requested_by,
        run_at=job.run_at,
    )


def thread_key(conversation: ConversationRef) -> str:
    """A thread as one text; no two threads have the same."""
    return json.dumps([conversation.adapter, conversation.channel, conversation.thread])


def _job_of(
    row: JobRow,
    approvals: Iterable[ApprovalRow],
    steps: Iterable[StepRow],
    *,
    plan: Plan | None,
) -> Job:
    return Job(
        job_id=row.job_id,
        state=JobState(row.state),
        plan=plan or PLAN.load(row.plan),
        requester_id=row.requester_id,
        requester_name=row.requester_name,
        sr=row.sr,
        conversation=CONVERSATION.load(row.conversation),
        created_at=row.created_at,
        expires_at=row.expires_at,
        stages=STAGES.load(row.stages),
        rule=row.rule,
        approvals=tuple(_approval_of(approval) for approval in approvals),
        steps=tuple(STEP.load(step.record) for step in steps),
        started_at=row.started_at,
        ended_at=row.ended_at,
        fencing_token=row.fencing_token,
        card=CONVERSATION.maybe_load(row.card),
        progress=CONVERSATION.maybe_load(row.progress),
        cancel_requested_by=row.cancel_requested_by,
        run_at=row.run_at,
    )
