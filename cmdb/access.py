"""Sealed access records.

Owns: the ciphertext of each node's login. Only the agent it was sealed for can open it; nothing
here can.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select

from agent.wire.plan import SealedAccess
from cmdb.engine import reading, writing
from cmdb.models import AccessRow
from cmdb.rows import upsert


async def put_access(engine: AsyncEngine, records: Sequence[SealedAccess]) -> None:
    """Keep these records; one for the same node is replaced. The nodes must be known."""
    rows = [AccessRow(node_id=record.node_id, ciphertext=record.ciphertext) for record in records]
    async with writing(engine) as session:
        await upsert(session, rows, by=("node_id",))


async def get_access(engine: AsyncEngine, node_ids: Sequence[str]) -> tuple[SealedAccess, ...]:
    """The records of these nodes, in the order asked; nodes without one are left out."""
    async with reading(engine) as session:
        rows = await session.scalars(
            select(AccessRow).where(col(AccessRow.node_id).in_(list(node_ids)))
        )
        found = {row.node_id: row.ciphertext for row in rows}
    return tuple(
        SealedAccess(node_id=node_id, ciphertext=found[node_id])
        for node_id in dict.fromkeys(node_ids)
        if node_id in found
    )
