"""What messengers need to remember, and the codes by which people say who they are there.

Owns: small values of adapters under keys, linking codes with the identities they map, and how many
wrong ones an identity has said.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlmodel import col, select

from bot.core.domain.people import ExternalId
from bot.core.errors import UserError
from bot.core.linking import MOST_WRONG, PAUSE, still_count
from cmdb.engine import reading, writing
from cmdb.models import ExternalIdRow, IdentityCodeRow, MessengerMemoryRow, PersonRow
from cmdb.rows import insert_new, upsert


class SqlMessengerMemory:
    """MessengerMemory on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def keep(
        self, adapter: str, key: str, value: Mapping[str, object], *, at: datetime
    ) -> Mapping[str, object]:
        row = MessengerMemoryRow(adapter=adapter, key=key, value=dict(value), at=at)
        async with writing(self._engine) as session:
            if await insert_new(session, row):
                return dict(value)
            kept = await session.get(MessengerMemoryRow, (adapter, key))
            return dict(value) if kept is None else dict(kept.value)

    async def replace(
        self, adapter: str, key: str, value: Mapping[str, object], *, at: datetime
    ) -> None:
        row = MessengerMemoryRow(adapter=adapter, key=key, value=dict(value), at=at)
        async with writing(self._engine) as session:
            await upsert(session, [row], by=("adapter", "key"))

    async def recall(self, adapter: str, key: str) -> Mapping[str, object] | None:
        async with reading(self._engine) as session:
            kept = await session.get(MessengerMemoryRow, (adapter, key))
            return None if kept is None else dict(kept.value)

    async def forget(self, adapter: str, *, before: datetime) -> None:
        async with writing(self._engine) as session:
            await session.execute(
                delete(MessengerMemoryRow).where(
                    col(MessengerMemoryRow.adapter) == adapter, col(MessengerMemoryRow.at) < before
                )
            )


class SqlIdentityLinks:
    """IdentityLinks on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def issue(self, person_id: str, code_digest: str, *, until: datetime) -> None:
        row = IdentityCodeRow(person_id=person_id, code_digest=code_digest, until=until)
        async with writing(self._engine) as session:
            await upsert(session, [row], by=("person_id",))

    async def redeem(self, code_digest: str, external: ExternalId, *, now: datetime) -> str | None:
        async with writing(self._engine) as session:
            said = await _wrong_codes(session, external, at=now)
            wrong = still_count(map(datetime.fromisoformat, said.value["at"]), now=now)
            paused = len(wrong) >= MOST_WRONG
            person_id = None if paused else await _linked(session, code_digest, external, now=now)
            await _spend(session, code_digest)
            # Who is known already has nothing to find out.
            if person_id is not None or await _owners(session, external):
                await session.delete(said)
            elif not paused:
                said.value = {"at": [at.isoformat() for at in (*wrong, now)]}
                said.at = now
        if paused:
            raise UserError("link_paused", minutes=int(PAUSE.total_seconds() // 60))
        return person_id

    async def void(self, code_digest: str) -> None:
        async with writing(self._engine) as session:
            await _spend(session, code_digest)


async def _wrong_codes(
    session: AsyncSession, external: ExternalId, *, at: datetime
) -> MessengerMemoryRow:
    """What that identity has said, held until the transaction ends: no two replicas give it two
    last tries."""
    key = (external.adapter, f"wrong-codes:{external.tenant}:{external.user_id}")
    row = MessengerMemoryRow(adapter=key[0], key=key[1], value={"at": []}, at=at)
    await insert_new(session, row)
    return await session.get_one(MessengerMemoryRow, key, with_for_update=True)


async def _spend(session: AsyncSession, code_digest: str) -> None:
    await session.execute(
        delete(IdentityCodeRow).where(col(IdentityCodeRow.code_digest) == code_digest)
    )


async def _linked(
    session: AsyncSession, code_digest: str, external: ExternalId, *, now: datetime
) -> str | None:
    code = await session.scalar(
        select(IdentityCodeRow)
        .where(col(IdentityCodeRow.code_digest) == code_digest)
        .with_for_update()
    )
    if code is None or now >= code.until:
        return None
    person = await session.get(PersonRow, code.person_id)
    if person is None or person.locked or not person.active:
        return None
    mapped = await _map(session, external, code.person_id, at=now)
    return code.person_id if mapped else None


async def _owners(session: AsyncSession, external: ExternalId) -> frozenset[str]:
    """Whose identity it is, here or in every tenant."""
    found = await session.scalars(
        select(ExternalIdRow.person_id).where(
            col(ExternalIdRow.adapter) == external.adapter,
            col(ExternalIdRow.user_id) == external.user_id,
            col(ExternalIdRow.tenant).in_(external.tenants),
        )
    )
    return frozenset(found)


async def _map(
    session: AsyncSession, external: ExternalId, person_id: str, *, at: datetime
) -> bool:
    """Map the identity. False: it is somebody else's, or of nobody knows which organisation."""
    if not external.tenants or await _owners(session, external) - {person_id}:
        return False
    row = ExternalIdRow(
        adapter=external.adapter,
        tenant=external.tenant,
        user_id=external.user_id,
        person_id=person_id,
        linked_at=at,
    )
    if await insert_new(session, row):
        return True
    now_there = await session.get(
        ExternalIdRow,
        (external.adapter, external.tenant, external.user_id),
        populate_existing=True,
    )
    return now_there is not None and now_there.person_id == person_id
