"""Verdicts and cancellations in the database.

Owns: that a person speaks once, and only while the stage waits. Who may speak is policy's.
"""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select

from bot.core.domain.decision import Approval
from bot.core.domain.job import TERMINAL, JobState
from bot.core.policy import still_counts
from cmdb.engine import reading, writing
from cmdb.jobs import approval_row, jobs_of
from cmdb.models import JobRow
from cmdb.rows import insert_new


class SqlApprovalStore:
    """ApprovalStore on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add_approval(self, approval: Approval) -> bool:
        async with writing(self._engine) as session:
            # The job's row is held, so that it cannot stop waiting between look and insert.
            row = await session.get(JobRow, approval.job_id, with_for_update=True)
            if row is None:
                return False
            (job,) = await jobs_of(session, [row])
            if not still_counts(job, approval):
                return False
            if not await insert_new(session, approval_row(approval)):
                return False
            row.run_at = max(filter(None, (row.run_at, approval.run_at)), default=None)
            return True

    async def request_cancel(self, job_id: str, person_id: str) -> bool:
        async with writing(self._engine) as session:
            job = await session.get(JobRow, job_id, with_for_update=True)
            if job is None or JobState(job.state) in TERMINAL:
                return False
            if job.cancel_requested_by is None:
                job.cancel_requested_by = person_id
            return True

    async def cancel_requested(self, job_id: str) -> bool:
        async with reading(self._engine) as session:
            asked = select(JobRow.cancel_requested_by).where(col(JobRow.job_id) == job_id)
            return await session.scalar(asked) is not None
