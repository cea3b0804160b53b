"""Which jobs there were, and which are going on.

Owns: looking them up. The rows are written by ``cmdb/jobs.py``.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select

from bot.core.domain.conversation import ConversationRef
from bot.core.domain.job import TERMINAL, Job
from cmdb.engine import reading
from cmdb.jobs import jobs_of, thread_key
from cmdb.models import JobRow

_READS_MOST = 20  # of one person and action; nobody means what lies further back


class SqlHistoryStore:
    """HistoryStore on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def reads_of(self, person_id: str, action: str, *, since: datetime) -> tuple[Job, ...]:
        async with reading(self._engine) as session:
            rows = await session.scalars(
                select(JobRow)
                .where(
                    col(JobRow.requester_id) == person_id,
                    col(JobRow.created_at) >= since,
                    col(JobRow.state).in_([state.value for state in TERMINAL]),
                    col(JobRow.plan)["action"].as_string() == action,
                )
                .order_by(col(JobRow.created_at).desc(), col(JobRow.job_id).desc())
                .limit(_READS_MOST)
            )
            return await jobs_of(session, rows.all())

    async def active_jobs(self) -> tuple[Job, ...]:
        async with reading(self._engine) as session:
            ended = [state.value for state in TERMINAL]
            rows = await session.scalars(
                select(JobRow)
                .where(col(JobRow.state).not_in(ended))
                .order_by(col(JobRow.created_at), col(JobRow.job_id))
            )
            return await jobs_of(session, rows.all())

    async def latest_job(self, thread: ConversationRef) -> Job | None:
        async with reading(self._engine) as session:
            rows = await session.scalars(
                select(JobRow)
                .where(col(JobRow.thread_key) == thread_key(thread))
                .order_by(col(JobRow.created_at).desc(), col(JobRow.job_id).desc())
                .limit(1)
            )
            return next(iter(await jobs_of(session, rows.all())), None)
