"""Commands that people and rooms keep under a name.

Owns: their table.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, delete, func, or_
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select

from bot.core.check_ports import Macro, MacroOwner
from bot.core.domain.conversation import ConversationRef
from bot.core.macros import MOST_MACROS, name_key, room_key, seen_by
from cmdb.engine import reading, writing
from cmdb.models import MacroRow
from cmdb.rows import affected, upsert


class SqlMacroStore:
    """MacroStore on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def keep(self, macro: Macro) -> bool:
        row = _row_of(macro)
        async with writing(self._engine) as session:
            others = await session.scalar(
                select(func.count())
                .select_from(MacroRow)
                .where(
                    col(MacroRow.owner) == row.owner,
                    col(MacroRow.owner_key) == row.owner_key,
                    col(MacroRow.name_key) != row.name_key,
                )
            )
            if (others or 0) >= MOST_MACROS:
                return False
            await upsert(session, [row], by=("owner", "owner_key", "name_key"))
            return True

    async def of(self, person_id: str, room: ConversationRef) -> tuple[Macro, ...]:
        async with reading(self._engine) as session:
            rows = await session.scalars(
                select(MacroRow).where(
                    or_(
                        _owned_by(MacroOwner.PERSON, person_id),
                        _owned_by(MacroOwner.ROOM, room_key(room)),
                    )
                )
            )
            return seen_by([_macro_of(row) for row in rows], person_id, room)

    async def find(self, macro_id: str) -> Macro | None:
        async with reading(self._engine) as session:
            row = await session.get(MacroRow, macro_id)
            return None if row is None else _macro_of(row)

    async def drop(self, macro_id: str) -> bool:
        async with writing(self._engine) as session:
            gone = delete(MacroRow).where(col(MacroRow.macro_id) == macro_id)
            return await affected(session, gone) == 1


def _owned_by(owner: MacroOwner, key: str) -> ColumnElement[bool]:
    return and_(col(MacroRow.owner) == owner.value, col(MacroRow.owner_key) == key)


def _row_of(macro: Macro) -> MacroRow:
    return MacroRow(
        macro_id=macro.macro_id,
        name=macro.name,
        name_key=name_key(macro.name),
        command=macro.command,
        owner=macro.owner.value,
        owner_key=macro.owner_key,
        made_by=macro.made_by,
        made_at=macro.made_at,
    )


def _macro_of(row: MacroRow) -> Macro:
    return Macro(
        macro_id=row.macro_id,
        name=row.name,
        command=row.command,
        owner=MacroOwner(row.owner),
        owner_key=row.owner_key,
        made_by=row.made_by,
        made_at=row.made_at,
    )
