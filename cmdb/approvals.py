"""Verdicts and cancellations in the database.

Owns: that a person speaks once, and only while the job waits. Who may speak is policy's.
"""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.core.domain.decision import Approval
from bot.core.domain.job import TERMINAL, JobState
from cmdb.engine import writing
from cmdb.jobs import approval_row
from cmdb.models import JobRow
from cmdb.rows import insert_new


class SqlApprovalStore:
    """ApprovalStore on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add_approval(self, approval: Approval) -> bool:
        async with writing(self._engine) as session:
            # The job's row is held, so that it cannot stop waiting between look and insert.
            job = await session.get(JobRow, approval.job_id, with_for_update=True)
            if job is None or job.state != JobState.AWAITING_APPROVAL.value:
                return False
            return await insert_new(session, approval_row(approval))

    async def request_cancel(self, job_id: str, person_id: str) -> bool:
        async with writing(self._engine) as session:
            job = await session.get(JobRow, job_id, with_for_update=True)
            if job is None or JobState(job.state) in TERMINAL:
                return False
            if job.cancel_requested_by is None:
                job.cancel_requested_by = person_id
            return True
