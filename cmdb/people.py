"""People and their messenger identities.

Owns: who a messenger identity stands for, with the rights of this moment. Somebody who is locked
or has left is nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlmodel import col, select

from bot.core.domain.decision import Rule
from bot.core.domain.people import Actor, ExternalId, Role
from cmdb.engine import reading, writing
from cmdb.models import ExternalIdRow, PersonRow
from cmdb.rows import affected, upsert
from cmdb.rules import load_rules


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRecord:
    """A person as an importer knows them. An external id with an empty tenant is good for the
    one workspace that its adapter serves."""

    actor: Actor
    employee_no: str
    externals: tuple[ExternalId, ...] = ()


class SqlDirectory:
    """Directory on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(self, external: ExternalId) -> Actor | None:
        async with reading(self._engine) as session:
            row = await session.scalar(
                select(PersonRow)
                .join(ExternalIdRow, col(ExternalIdRow.person_id) == col(PersonRow.person_id))
                .where(
                    col(ExternalIdRow.adapter) == external.adapter,
                    col(ExternalIdRow.user_id) == external.user_id,
                    col(ExternalIdRow.tenant).in_(external.tenants),
                )
                .order_by(col(ExternalIdRow.tenant).desc())  # the tenant's own before the general
                .limit(1)
            )
            return _actor_of(row)

    async def person(self, person_id: str) -> Actor | None:
        async with reading(self._engine) as session:
            return _actor_of(await session.get(PersonRow, person_id))

    async def people(self) -> tuple[Actor, ...]:
        async with reading(self._engine) as session:
            rows = await session.scalars(select(PersonRow).order_by(col(PersonRow.person_id)))
            return tuple(actor for row in rows if (actor := _actor_of(row)) is not None)

    async def listed(self, adapter: str) -> tuple[str, ...]:
        """The ids under which that messenger's people are listed by an import."""
        async with reading(self._engine) as session:
            found = await session.scalars(
                select(ExternalIdRow.user_id).where(
                    col(ExternalIdRow.adapter) == adapter, col(ExternalIdRow.linked_at).is_(None)
                )
            )
            return tuple(found)

    async def rules(self) -> tuple[Rule, ...]:
        async with reading(self._engine) as session:
            return await load_rules(session)

    async def add(self, person: PersonRecord) -> None:
        """Add a person, or replace what is known of them; locks stay as they are."""
        async with writing(self._engine) as session:
            await put_people(session, [person])

    async def set_standing(self, person_id: str, *, active: bool, locked: bool) -> bool:
        """Whether the person still works here, and whether they are shut out. False: unknown."""
        async with writing(self._engine) as session:
            return bool(
                await affected(
                    session,
                    update(PersonRow)
                    .where(col(PersonRow.person_id) == person_id)
                    .values(active=active, locked=locked),
                )
            )


async def put_people(session: AsyncSession, people: Sequence[PersonRecord]) -> None:
    """Insert or replace people and their external ids within a transaction. Identities that
    people have linked themselves stay; those that the import names are the import's."""
    await upsert(
        session,
        [
            PersonRow(
                person_id=person.actor.person_id,
                name=person.actor.name,
                employee_no=person.employee_no,
                role=person.actor.role.value,
                institutions=sorted(person.actor.institutions),
                all_institutions=person.actor.all_institutions,
            )
            for person in people
        ],
        by=("person_id",),
        keep=("active", "locked"),
    )
    ids = [person.actor.person_id for person in people]
    await session.execute(
        delete(ExternalIdRow).where(
            col(ExternalIdRow.person_id).in_(ids), col(ExternalIdRow.linked_at).is_(None)
        )
    )
    await upsert(
        session,
        [
            ExternalIdRow(
                adapter=external.adapter,
                tenant=external.tenant,
                user_id=external.user_id,
                person_id=person.actor.person_id,
            )
            for person in people
            for external in person.externals
        ],
        by=("adapter", "tenant", "user_id"),
    )


def _actor_of(row: PersonRow | None) -> Actor | None:
    if row is None or row.locked or not row.active:
        return None
    return Actor(
        person_id=row.person_id,
        name=row.name,
        role=Role(row.role),
        institutions=frozenset(row.institutions),
        all_institutions=row.all_institutions,
    )
