"""What has been deployed, and what is going on.

Owns: the rows of past deployments.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select

from bot.core.domain.conversation import ConversationRef
from bot.core.domain.job import TERMINAL, Deployment, Job
from cmdb.engine import reading, writing
from cmdb.jobs import jobs_of, thread_key
from cmdb.models import DeploymentRow, JobRow
from cmdb.rows import insert_new

_READS_MOST = 20  # of one person and action; nobody means what lies further back


class SqlHistoryStore:
    """HistoryStore on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add_deployment(self, deployment: Deployment) -> None:
        async with writing(self._engine) as session:
            await insert_new(
                session,
                DeploymentRow(
                    job_id=deployment.job_id,
                    backup_id=deployment.backup_id,
                    system_code=deployment.system_code,
                    node_ids=list(deployment.node_ids),
                    sr=deployment.sr,
                    ended_at=deployment.ended_at,
                    paths=list(deployment.paths),
                    restarted=deployment.restarted,
                    undone=deployment.undone,
                ),
            )

    async def mark_undone(self, job_id: str) -> None:
        async with writing(self._engine) as session:
            await session.execute(
                update(DeploymentRow).where(col(DeploymentRow.job_id) == job_id).values(undone=True)
            )

    async def deployments(self, system_code: str) -> tuple[Deployment, ...]:
        async with reading(self._engine) as session:
            rows = await session.scalars(
                select(DeploymentRow)
                .where(col(DeploymentRow.system_code) == system_code)
                .order_by(col(DeploymentRow.ended_at).desc(), col(DeploymentRow.job_id).desc())
            )
            return tuple(_deployment_of(row) for row in rows)

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


def _deployment_of(row: DeploymentRow) -> Deployment:
    return Deployment(
        job_id=row.job_id,
        backup_id=row.backup_id,
        system_code=row.system_code,
        node_ids=tuple(row.node_ids),
        sr=row.sr,
        ended_at=row.ended_at,
        paths=tuple(row.paths),
        restarted=row.restarted,
        undone=row.undone,
    )
