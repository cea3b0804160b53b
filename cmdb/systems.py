"""What is set of a system after its import: in which portions it is changed, from which repository.

Owns: those columns of a system.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select

from bot.core.domain.estate import InstitutionEntry, Repository, Rollout, SystemEntry
from cmdb.engine import reading, writing
from cmdb.models import InstitutionRow, SystemRow
from cmdb.rows import affected

ROLLOUT_COLUMNS = ("canary", "batch_size", "settle_s")
REPOSITORY_COLUMNS = ("repository_name", "repository_url", "repository_folder")


class SqlSystems:
    """Systems by their code; ``RepositoryBook`` on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(self, system_code: str) -> SystemEntry | None:
        """The system of that code."""
        async with reading(self._engine) as session:
            row = await session.get(SystemRow, system_code)
            if row is None:
                return None
            return SystemEntry(
                institution=row.institution,
                name=row.name,
                code=row.code,
                aliases=tuple(row.aliases),
            )

    async def institution(self, name: str) -> InstitutionEntry | None:
        """The institution of that official name, code or alias."""
        async with reading(self._engine) as session:
            rows = await session.scalars(select(InstitutionRow).order_by(col(InstitutionRow.code)))
            known = [
                InstitutionEntry(name=row.name, code=row.code, aliases=tuple(row.aliases))
                for row in rows
            ]
        fitting = [one for one in known if name in (one.name, one.code, *one.aliases)]
        return fitting[0] if len(fitting) == 1 else None

    async def rollout(self, system_code: str) -> Rollout | None:
        """In which portions a system is changed. None: there is no such system."""
        async with reading(self._engine) as session:
            row = await session.get(SystemRow, system_code)
            if row is None:
                return None
            return Rollout(canary=row.canary, batch=row.batch_size, settle_s=row.settle_s)

    async def set_rollout(self, system_code: str, rollout: Rollout) -> bool:
        """Change it. False: there is no such system."""
        return await self._set(system_code, rollout_columns(rollout))

    async def repository(self, system_code: str) -> Repository | None:
        """The system's repository; None: it has none."""
        async with reading(self._engine) as session:
            row = await session.get(SystemRow, system_code)
            if row is None or row.repository_url is None:
                return None
            return Repository(
                name=row.repository_name or row.code,
                url=row.repository_url,
                folder=row.repository_folder or "",
            )

    async def with_repository(self) -> tuple[str, ...]:
        """The codes of all systems that have a repository."""
        async with reading(self._engine) as session:
            found = await session.scalars(
                select(SystemRow.code)
                .where(col(SystemRow.repository_url).is_not(None))
                .order_by(col(SystemRow.code))
            )
            return tuple(found)

    async def set_repository(self, system_code: str, repository: Repository | None) -> bool:
        """Change it; None: it has none from now on. False: there is no such system."""
        return await self._set(system_code, repository_columns(repository))

    async def _set(self, system_code: str, values: dict[str, Any]) -> bool:
        async with writing(self._engine) as session:
            statement = update(SystemRow).where(col(SystemRow.code) == system_code)
            return bool(await affected(session, statement.values(values)))


def rollout_columns(rollout: Rollout) -> dict[str, Any]:
    """A rollout as its columns."""
    return dict(
        zip(ROLLOUT_COLUMNS, (rollout.canary, rollout.batch, rollout.settle_s), strict=True)
    )


def repository_columns(repository: Repository | None) -> dict[str, Any]:
    """A repository as its columns."""
    if repository is None:
        return dict.fromkeys(REPOSITORY_COLUMNS)
    values = (repository.name, repository.url, repository.folder or None)
    return dict(zip(REPOSITORY_COLUMNS, values, strict=True))
