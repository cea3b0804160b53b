"""Which rooms want advice, and which cards they have had.

Owns: the switch of a room and the pauses between its cards, under the room's own row lock.
"""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlmodel import col, select

from bot.core.domain.advice import AdviceRoom, CardClaim
from bot.core.domain.memory import RoomRef
from cmdb.engine import reading, writing
from cmdb.models import AdviceCardRow, TalkRoomRow
from cmdb.rows import insert_new, upsert


class SqlAdviceStore:
    """AdviceStore on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def room(self, room: RoomRef) -> AdviceRoom:
        async with reading(self._engine) as session:
            row = await session.get(TalkRoomRow, (room.adapter, room.channel))
            if row is None:
                return AdviceRoom()
            return AdviceRoom(on=row.advising, muted_until=row.muted_until)

    async def put_room(self, room: RoomRef, state: AdviceRoom) -> None:
        async with writing(self._engine) as session:
            row = await locked_room(session, room)
            row.advising = state.on
            row.muted_until = state.muted_until

    async def claim(self, claim: CardClaim) -> bool:
        async with writing(self._engine) as session:
            await locked_room(session, claim.room)
            cards = (
                await session.scalars(
                    select(AdviceCardRow).where(
                        col(AdviceCardRow.adapter) == claim.room.adapter,
                        col(AdviceCardRow.channel) == claim.room.channel,
                    )
                )
            ).all()
            if any((card.topic, card.key) == (claim.topic, claim.key) for card in cards):
                return True
            for card in cards:
                pause = claim.topic_pause if card.topic == claim.topic else claim.room_pause
                if claim.at < card.at + pause:
                    return False
            await upsert(session, [_row_of(claim)], by=("adapter", "channel", "topic"))
            return True


def _row_of(claim: CardClaim) -> AdviceCardRow:
    return AdviceCardRow(
        adapter=claim.room.adapter,
        channel=claim.room.channel,
        topic=claim.topic,
        key=claim.key,
        at=claim.at,
    )


async def locked_room(session: AsyncSession, room: RoomRef) -> TalkRoomRow:
    """The room's row, made where there is none, and locked until the transaction ends."""
    await insert_new(session, TalkRoomRow(adapter=room.adapter, channel=room.channel))
    return await session.get_one(
        TalkRoomRow, (room.adapter, room.channel), with_for_update=True, populate_existing=True
    )
