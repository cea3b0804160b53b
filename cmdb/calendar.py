"""Freezes and maintenance windows in the database.

Owns: their rows. What they mean for an instant is the core's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, time

from sqlalchemy import delete, or_, update
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select

from bot.core.domain.calendar import Calendar, Freeze, Window
from bot.core.domain.estate import Environment, SystemEntry
from cmdb.engine import reading, writing
from cmdb.models import FreezeRow, WindowRow
from cmdb.rows import affected, insert_new


class SqlCalendarStore:
    """CalendarStore on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def calendar(self, system: SystemEntry, *, now: datetime) -> Calendar:
        async with reading(self._engine) as session:
            freezes = await session.scalars(
                select(FreezeRow)
                .where(
                    col(FreezeRow.until) > now,
                    or_(
                        col(FreezeRow.system_code) == system.code,
                        col(FreezeRow.institution) == system.institution,
                    ),
                )
                .order_by(col(FreezeRow.start), col(FreezeRow.freeze_id))
            )
            windows = await session.scalars(
                select(WindowRow)
                .where(col(WindowRow.system_code) == system.code)
                .order_by(col(WindowRow.position))
            )
            return Calendar(
                freezes=tuple(_freeze_of(row) for row in freezes),
                windows=tuple(_window_of(row) for row in windows),
            )

    async def freezes(self, *, now: datetime) -> tuple[Freeze, ...]:
        async with reading(self._engine) as session:
            rows = await session.scalars(
                select(FreezeRow)
                .where(col(FreezeRow.until) > now)
                .order_by(col(FreezeRow.start), col(FreezeRow.freeze_id))
            )
            return tuple(_freeze_of(row) for row in rows)

    async def add_freeze(self, freeze: Freeze) -> None:
        async with writing(self._engine) as session:
            await insert_new(
                session,
                FreezeRow(
                    freeze_id=freeze.freeze_id,
                    who=freeze.who,
                    why=freeze.why,
                    start=freeze.start,
                    until=freeze.until,
                    institution=freeze.institution,
                    system_code=freeze.system_code,
                    environments=[env.value for env in freeze.environments],
                ),
            )

    async def lift_freeze(self, freeze_id: str, *, at: datetime) -> bool:
        async with writing(self._engine) as session:
            ended = (
                update(FreezeRow)
                .where(col(FreezeRow.freeze_id) == freeze_id, col(FreezeRow.until) > at)
                .values(until=at)
            )
            return bool(await affected(session, ended))

    async def set_windows(self, system_code: str, windows: Sequence[Window]) -> None:
        async with writing(self._engine) as session:
            await session.execute(
                delete(WindowRow).where(col(WindowRow.system_code) == system_code)
            )
            for position, window in enumerate(windows):
                session.add(
                    WindowRow(
                        system_code=system_code,
                        position=position,
                        weekdays=list(window.weekdays),
                        begin=window.begin.isoformat("minutes"),
                        end=window.end.isoformat("minutes"),
                        environments=[env.value for env in window.environments],
                    )
                )


def _freeze_of(row: FreezeRow) -> Freeze:
    return Freeze(
        freeze_id=row.freeze_id,
        who=row.who,
        why=row.why,
        start=row.start,
        until=row.until,
        institution=row.institution,
        system_code=row.system_code,
        environments=_environments(row.environments),
    )


def _window_of(row: WindowRow) -> Window:
    return Window(
        weekdays=tuple(row.weekdays),
        begin=time.fromisoformat(row.begin),
        end=time.fromisoformat(row.end),
        environments=_environments(row.environments),
    )


def _environments(stored: Iterable[str]) -> tuple[Environment, ...]:
    return tuple(Environment(env) for env in stored)
