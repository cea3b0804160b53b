"""Guides of the institutions.

Owns: who sees which guide. The text is kept as it was imported, and read by nobody here.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlmodel import col, select

from bot.core.domain.guide import Guide
from bot.core.domain.people import Actor
from cmdb.engine import reading, writing
from cmdb.models import GuideRow
from cmdb.rows import upsert


class SqlGuideStore:
    """GuideStore on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def guides(self, viewer: Actor | None) -> tuple[Guide, ...]:
        async with reading(self._engine) as session:
            rows = await session.scalars(select(GuideRow).order_by(col(GuideRow.guide_id)))
            return visible_guides([_guide_of(row) for row in rows], viewer)

    async def put(self, guides: Sequence[Guide]) -> None:
        """Keep exactly these guides."""
        async with writing(self._engine) as session:
            await replace_guides(session, guides)


def visible_guides(guides: Sequence[Guide], viewer: Actor | None) -> tuple[Guide, ...]:
    """Those that this person may see; None sees everything."""
    return tuple(
        guide
        for guide in guides
        if viewer is None or guide.institution is None or viewer.may_see(guide.institution)
    )


async def replace_guides(session: AsyncSession, guides: Sequence[Guide]) -> None:
    """Keep exactly these within a transaction: a guide that was withdrawn must not be quoted."""
    await session.execute(delete(GuideRow))
    rows = [
        GuideRow(
            guide_id=guide.guide_id,
            title=guide.title,
            institution=guide.institution,
            text=guide.text,
        )
        for guide in guides
    ]
    await upsert(session, rows, by=("guide_id",))


def _guide_of(row: GuideRow) -> Guide:
    return Guide(guide_id=row.guide_id, title=row.title, institution=row.institution, text=row.text)
