"""Rooms and their messages.

Owns: the order of a room's stream: every message and every edit takes the room's next position,
under the room's own row lock.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlmodel import col, select

from bot.core.domain.room import Room, RoomMessage
from bot.core.errors import OperationError
from cmdb.engine import reading, writing
from cmdb.models import RoomMemberRow, RoomMessageRow, RoomRow
from cmdb.rows import insert_new, upsert


class SqlRoomStore:
    """RoomStore on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def put_room(self, room: Room) -> None:
        """Open a room, or change its name and members; its stream stays."""
        async with writing(self._engine) as session:
            await store_room(session, room)

    async def rooms(self, person_id: str) -> tuple[Room, ...]:
        async with reading(self._engine) as session:
            mine = select(RoomMemberRow.room_id).where(col(RoomMemberRow.person_id) == person_id)
            rows = await session.scalars(
                select(RoomRow).where(col(RoomRow.room_id).in_(mine)).order_by(col(RoomRow.room_id))
            )
            return tuple([await _room_of(session, row) for row in rows.all()])

    async def put(self, message: RoomMessage, *, key: str) -> RoomMessage:
        async with writing(self._engine) as session:
            position = await _next_position(session, message.room)
            first = await session.scalar(
                select(RoomMessageRow).where(col(RoomMessageRow.key) == key)
            )
            if first is not None:
                return _message_of(first)
            row = _row_of(message, key=key, position=position)
            if not await insert_new(session, row):
                raise OperationError("message_conflict", message=message.message_id)
            (await session.get_one(RoomRow, message.room)).position = position
            return _message_of(row)

    async def edit(self, message_id: str, body: Mapping[str, object]) -> RoomMessage:
        async with writing(self._engine) as session:
            found = await session.get(RoomMessageRow, message_id)
            if found is None:
                raise OperationError("message_missing", message=message_id)
            position = await _next_position(session, found.room)
            # Another edit may have come between look and lock.
            row = await session.get_one(RoomMessageRow, message_id, populate_existing=True)
            row.body = dict(body)
            row.revision += 1
            row.position = position
            (await session.get_one(RoomRow, row.room)).position = position
            return _message_of(row)

    async def since(self, room: str, position: int, limit: int) -> tuple[RoomMessage, ...]:
        async with reading(self._engine) as session:
            rows = await session.scalars(
                select(RoomMessageRow)
                .where(col(RoomMessageRow.room) == room, col(RoomMessageRow.position) > position)
                .order_by(col(RoomMessageRow.position))
                .limit(limit)
            )
            return tuple(_message_of(row) for row in rows)

    async def find(self, message_id: str) -> RoomMessage | None:
        async with reading(self._engine) as session:
            row = await session.get(RoomMessageRow, message_id)
            return None if row is None else _message_of(row)


async def store_room(session: AsyncSession, room: Room) -> None:
    """Insert or replace a room and its members within a transaction; its stream stays."""
    row = RoomRow(room_id=room.room_id, name=room.name)
    members = [RoomMemberRow(room_id=room.room_id, person_id=who) for who in room.members]
    await upsert(session, [row], by=("room_id",), keep=("position",))
    await session.execute(delete(RoomMemberRow).where(col(RoomMemberRow.room_id) == room.room_id))
    await upsert(session, members, by=("room_id", "person_id"))


async def _next_position(session: AsyncSession, room_id: str) -> int:
    room = await session.get(RoomRow, room_id, with_for_update=True)
    if room is None:
        raise OperationError("room_missing", room=room_id)
    return room.position + 1


async def _room_of(session: AsyncSession, row: RoomRow) -> Room:
    members = await session.scalars(
        select(RoomMemberRow.person_id)
        .where(col(RoomMemberRow.room_id) == row.room_id)
        .order_by(col(RoomMemberRow.person_id))
    )
    return Room(room_id=row.room_id, name=row.name, members=tuple(members))


def _row_of(message: RoomMessage, *, key: str, position: int) -> RoomMessageRow:
    return RoomMessageRow(
        message_id=message.message_id,
        key=key,
        room=message.room,
        thread=message.thread,
        author=message.author,
        body=dict(message.body),
        only_for=message.only_for,
        posted_at=message.posted_at,
        revision=1,
        position=position,
    )


def _message_of(row: RoomMessageRow) -> RoomMessage:
    return RoomMessage(
        message_id=row.message_id,
        room=row.room,
        thread=row.thread,
        author=row.author,
        body=row.body,
        only_for=row.only_for,
        posted_at=row.posted_at,
        revision=row.revision,
        position=row.position,
    )
