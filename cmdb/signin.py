"""Single-use sign-in codes.

Owns: the digest of each person's one valid code.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select

from cmdb.engine import writing
from cmdb.models import SignInRow
from cmdb.rows import upsert


class SqlSignInStore:
    """SignInStore on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def issue(self, person_id: str, code_digest: str, *, until: datetime) -> None:
        row = SignInRow(person_id=person_id, code_digest=code_digest, until=until)
        async with writing(self._engine) as session:
            await upsert(session, [row], by=("person_id",))

    async def redeem(self, code_digest: str, *, now: datetime) -> str | None:
        async with writing(self._engine) as session:
            row = await session.scalar(
                select(SignInRow).where(col(SignInRow.code_digest) == code_digest).with_for_update()
            )
            if row is None:
                return None
            await session.delete(row)
            return row.person_id if now < row.until else None
