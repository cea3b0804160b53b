"""From which value on a reading is a warning: what a site has set of a system or a node.

Owns: their table. Only what was given is kept, so that a change of a system reaches its nodes.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlmodel import col, delete, select

from bot.core.domain.limits import Given, Limits, with_given
from cmdb.engine import reading, writing
from cmdb.models import LimitRow, NodeRow
from cmdb.rows import upsert
from cmdb.serial import Serial

GIVEN = Serial(TypeAdapter(dict[str, tuple[int, int] | int]))
OF_SYSTEM = ""


class SqlLimits:
    """Limits by system and node."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def given(self, system_code: str, node_id: str = OF_SYSTEM) -> Mapping[str, Given]:
        """What has been set there, and nothing else."""
        async with reading(self._engine) as session:
            row = await session.get(LimitRow, (system_code, node_id))
            return {} if row is None else GIVEN.load(row.given)

    async def limits(self, system_code: str, node_id: str = OF_SYSTEM) -> Limits:
        """What counts there: the node's, then the system's, then the core's own."""
        async with reading(self._engine) as session:
            whole, of_nodes = await limits_in(session, system_code)
            return of_nodes.get(node_id, whole)

    async def has_node(self, system_code: str, node_id: str) -> bool:
        """Whether the system has that node."""
        async with reading(self._engine) as session:
            row = await session.get(NodeRow, node_id)
            return row is not None and row.system_code == system_code

    async def set(self, system_code: str, node_id: str, given: Mapping[str, Given]) -> None:
        """Replace what has been set there; nothing: it is as everywhere again."""
        async with writing(self._engine) as session:
            if given:
                row = LimitRow(
                    system_code=system_code, node_id=node_id, given=GIVEN.dump(dict(given))
                )
                await upsert(session, [row], by=("system_code", "node_id"))
                return
            await session.execute(
                delete(LimitRow).where(
                    col(LimitRow.system_code) == system_code, col(LimitRow.node_id) == node_id
                )
            )


async def limits_in(session: AsyncSession, system_code: str) -> tuple[Limits, dict[str, Limits]]:
    """Those of the system, and of those of its nodes that have their own."""
    rows = await session.scalars(select(LimitRow).where(col(LimitRow.system_code) == system_code))
    given = {row.node_id: GIVEN.load(row.given) for row in rows}
    whole = with_given(Limits(), given.pop(OF_SYSTEM, {}))
    return whole, {node_id: with_given(whole, values) for node_id, values in given.items()}
