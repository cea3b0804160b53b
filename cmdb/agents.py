"""Enrolled agents and the tokens that enrol them.

Owns: public keys and token digests; no secret of an agent is ever here.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select

from cmdb.engine import reading, writing
from cmdb.models import AgentRow, AgentTokenRow
from cmdb.rows import affected, upsert


class SqlAgentStore:
    """AgentStore on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def issue_token(self, agent: str, token_digest: str, *, until: datetime) -> None:
        row = AgentTokenRow(agent=agent, token_digest=token_digest, until=until)
        async with writing(self._engine) as session:
            await upsert(session, [row], by=("agent",))

    async def redeem(
        self, agent: str, token_digest: str, *, verify_key: str, seal_key: str, now: datetime
    ) -> bool:
        row = AgentRow(name=agent, verify_key=verify_key, seal_key=seal_key, enrolled_at=now)
        async with writing(self._engine) as session:
            spent = await affected(
                session,
                delete(AgentTokenRow).where(
                    col(AgentTokenRow.agent) == agent,
                    col(AgentTokenRow.token_digest) == token_digest,
                    col(AgentTokenRow.until) > now,
                ),
            )
            if spent:
                await upsert(session, [row], by=("name",))
            return bool(spent)

    async def verify_key(self, agent: str) -> str | None:
        row = await self._find(agent)
        return None if row is None else row.verify_key

    async def seal_key(self, agent: str) -> str | None:
        row = await self._find(agent)
        return None if row is None else row.seal_key

    async def names(self) -> tuple[str, ...]:
        """Every enrolled agent."""
        async with reading(self._engine) as session:
            rows = await session.scalars(select(AgentRow).order_by(col(AgentRow.name)))
            return tuple(row.name for row in rows)

    async def _find(self, agent: str) -> AgentRow | None:
        async with reading(self._engine) as session:
            return await session.get(AgentRow, agent)
