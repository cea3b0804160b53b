"""A room's talk and its summary.

Owns: the order of a room's messages, and that old ones go. What is stored here is redacted
before it comes: this module keeps, it does not judge.
"""

from __future__ import annotations

import json
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select

from bot.core.domain.job import Job
from bot.core.domain.memory import RoomRef, RoomSummary, SummaryLine, TalkMessage
from cmdb.advice import locked_room
from cmdb.engine import reading, writing
from cmdb.jobs import jobs_of
from cmdb.models import JobRow, TalkMessageRow, TalkSummaryRow
from cmdb.rows import affected, upsert
from cmdb.serial import Serial

LINES = Serial(TypeAdapter(tuple[SummaryLine, ...]))
_MOST_JOBS = 50


class SqlRoomMemoryStore:
    """RoomMemoryStore on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def hear(self, message: TalkMessage) -> TalkMessage:
        async with writing(self._engine) as session:
            room = await locked_room(session, message.room)
            first = await session.get(TalkMessageRow, message.key)
            if first is not None:
                return _message_of(first)
            room.heard += 1
            row = _row_of(message, room.heard)
            session.add(row)
            return _message_of(row)

    async def since(self, room: RoomRef, position: int, limit: int) -> tuple[TalkMessage, ...]:
        async with reading(self._engine) as session:
            rows = await session.scalars(
                select(TalkMessageRow)
                .where(
                    col(TalkMessageRow.adapter) == room.adapter,
                    col(TalkMessageRow.channel) == room.channel,
                    col(TalkMessageRow.position) > position,
                )
                .order_by(col(TalkMessageRow.position))
                .limit(limit)
            )
            return tuple(_message_of(row) for row in rows)

    async def summary(self, room: RoomRef) -> RoomSummary | None:
        async with reading(self._engine) as session:
            row = await session.get(TalkSummaryRow, (room.adapter, room.channel))
            return None if row is None else _summary_of(row)

    async def keep(self, summary: RoomSummary) -> None:
        async with writing(self._engine) as session:
            await locked_room(session, summary.room)
            stored = await session.get(TalkSummaryRow, (summary.room.adapter, summary.room.channel))
            if stored is None or stored.upto <= summary.upto:
                await upsert(session, [_summary_row(summary)], by=("adapter", "channel"))

    async def forget(self, before: datetime) -> int:
        async with writing(self._engine) as session:
            for row in (await session.scalars(select(TalkSummaryRow))).all():
                lines = LINES.load(row.lines)
                kept = tuple(line for line in lines if line.at >= before)
                if kept != lines:
                    row.lines = LINES.dump(kept)
            await session.flush()
            return await affected(
                session, delete(TalkMessageRow).where(col(TalkMessageRow.at) < before)
            )


class SqlRoomJobs:
    """RoomJobs on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def jobs(self, room: RoomRef, since: datetime) -> tuple[Job, ...]:
        # A thread's key begins with its room's: ["adapter", "channel", …
        begins = json.dumps([room.adapter, room.channel])[:-1] + ","
        async with reading(self._engine) as session:
            rows = await session.scalars(
                select(JobRow)
                .where(
                    col(JobRow.thread_key).startswith(begins, autoescape=True),
                    col(JobRow.created_at) >= since,
                )
                .order_by(col(JobRow.created_at).desc(), col(JobRow.job_id).desc())
                .limit(_MOST_JOBS)
            )
            return tuple(reversed(await jobs_of(session, rows.all())))


def _row_of(message: TalkMessage, position: int) -> TalkMessageRow:
    return TalkMessageRow(
        key=message.key,
        adapter=message.room.adapter,
        channel=message.room.channel,
        position=position,
        thread=message.thread,
        author=message.author,
        name=message.name,
        text=message.text,
        at=message.at,
    )


def _message_of(row: TalkMessageRow) -> TalkMessage:
    return TalkMessage(
        key=row.key,
        room=RoomRef(adapter=row.adapter, channel=row.channel),
        author=row.author,
        name=row.name,
        text=row.text,
        at=row.at,
        thread=row.thread,
        position=row.position,
    )


def _summary_row(summary: RoomSummary) -> TalkSummaryRow:
    return TalkSummaryRow(
        adapter=summary.room.adapter,
        channel=summary.room.channel,
        upto=summary.upto,
        made_at=summary.made_at,
        lines=LINES.dump(summary.lines),
    )


def _summary_of(row: TalkSummaryRow) -> RoomSummary:
    return RoomSummary(
        room=RoomRef(adapter=row.adapter, channel=row.channel),
        upto=row.upto,
        made_at=row.made_at,
        lines=LINES.load(row.lines),
    )
