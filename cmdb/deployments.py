"""What has been deployed.

Owns: the rows of past deployments.
"""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select

from bot.core.domain.job import Deployment
from cmdb.engine import reading, writing
from cmdb.models import DeploymentRow
from cmdb.rows import insert_new


class SqlDeploymentStore:
    """DeploymentStore on SQLite or PostgreSQL."""

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
