"""Inserting rows that may be there already.

Owns: the two upserts, alike on SQLite and PostgreSQL. Knows no particular table.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import CursorResult, Table, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel


def table_of(row_type: type[SQLModel]) -> Table:
    """The table behind a row class."""
    return cast(Table, inspect(row_type).local_table)


async def insert_new(session: AsyncSession, row: SQLModel) -> bool:
    """Insert; False when a row with one of its unique keys exists, which is left as it is."""
    table = table_of(type(row))
    statement = _insert(session, table).values(_values(row, table)).on_conflict_do_nothing()
    return await _run(session, statement) == 1


async def upsert(
    session: AsyncSession,
    rows: Sequence[SQLModel],
    *,
    by: Collection[str],
    keep: Collection[str] = (),
) -> None:
    """Insert the rows; one with the same ``by`` columns is overwritten, but for ``keep``."""
    if not rows:
        return
    table = table_of(type(rows[0]))
    insert = _insert(session, table)
    given = [_values(row, table) for row in rows]
    update = {name: insert.excluded[name] for name in given[0] if name not in {*by, *keep}}
    if update:
        statement = insert.on_conflict_do_update(index_elements=list(by), set_=update)
    else:
        statement = insert.on_conflict_do_nothing()
    connection = await session.connection()
    await connection.execute(statement, given)


async def affected(session: AsyncSession, statement: Any) -> int:
    """How many rows an UPDATE or DELETE touched."""
    return await _run(session, statement)


async def _run(session: AsyncSession, statement: Any) -> int:
    connection = await session.connection()
    return cast(CursorResult[Any], await connection.execute(statement)).rowcount


def _insert(session: AsyncSession, table: Table) -> Any:
    dialect = session.get_bind().dialect.name
    return (postgresql if dialect == "postgresql" else sqlite).insert(table)


def _values(row: SQLModel, table: Table) -> Mapping[str, Any]:
    # A key that the database counts up is left to it.
    return {
        column.name: getattr(row, column.name)
        for column in table.columns
        if not (column.primary_key and getattr(row, column.name) is None)
    }
