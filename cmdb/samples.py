"""Numbers that nodes have shown, kept for charts.

Owns: their table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select

from agent.wire.readings import Point, Series
from cmdb.engine import reading, writing
from cmdb.models import SampleRow
from cmdb.rows import upsert

_POINTS_MAX = 5000  # of one series, as the wire has it


class SqlSampleStore:
    """SampleStore on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, node_id: str, at: datetime, values: Mapping[str, float]) -> None:
        rows = [
            SampleRow(node_id=node_id, name=name, at=at, value=float(value))
            for name, value in values.items()
        ]
        if not rows:
            return
        async with writing(self._engine) as session:
            await upsert(session, rows, by=("node_id", "name", "at"), keep=("value",))

    async def series(self, node_id: str, names: Sequence[str], since: datetime) -> list[Series]:
        async with reading(self._engine) as session:
            found = []
            for name in names:
                newest = await session.scalars(
                    select(SampleRow)
                    .where(
                        col(SampleRow.node_id) == node_id,
                        col(SampleRow.name) == name,
                        col(SampleRow.at) >= since,
                    )
                    .order_by(col(SampleRow.at).desc())
                    .limit(_POINTS_MAX)
                )
                points = tuple(Point(at=row.at, value=row.value) for row in newest)[::-1]
                if points:
                    found.append(Series(name=name, points=points))
            return found

    async def forget(self, before: datetime) -> None:
        async with writing(self._engine) as session:
            await session.execute(delete(SampleRow).where(col(SampleRow.at) < before))
