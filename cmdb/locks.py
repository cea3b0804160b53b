"""One changing job per system.

Owns: the lease of a scope and its fencing token, which only ever grows: the row stays when the
lease is given back.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col

from bot.core.ports import Lease
from cmdb.engine import reading, writing
from cmdb.models import JobRow, LockRow
from cmdb.rows import insert_new


class SqlLockStore:
    """LockStore on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def acquire(self, scope: str, job_id: str, *, at: datetime) -> Lease | None:
        async with writing(self._engine) as session:
            await insert_new(session, LockRow(scope=scope))
            row = await session.get_one(LockRow, scope, with_for_update=True)
            if row.job_id not in {None, job_id}:
                return None
            if row.job_id is None:
                row.job_id = job_id
                row.fencing_token += 1
                row.acquired_at = at
                await session.execute(
                    update(JobRow)
                    .where(col(JobRow.job_id) == job_id)
                    .values(fencing_token=row.fencing_token)
                )
            return Lease(scope=scope, job_id=job_id, fencing_token=row.fencing_token)

    async def release(self, lease: Lease) -> None:
        async with writing(self._engine) as session:
            await session.execute(
                update(LockRow)
                .where(
                    col(LockRow.scope) == lease.scope,
                    col(LockRow.job_id) == lease.job_id,
                    col(LockRow.fencing_token) == lease.fencing_token,
                )
                .values(job_id=None)
            )

    async def holder(self, scope: str) -> str | None:
        async with reading(self._engine) as session:
            row = await session.get(LockRow, scope)
            return None if row is None else row.job_id
