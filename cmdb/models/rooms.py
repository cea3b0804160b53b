"""The tables of rooms and of what is said in them.

Owns: our own messenger's rooms and messages, overheard talk, cards of advice.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Text, UniqueConstraint
from sqlmodel import Field

from cmdb.columns import UtcDateTime
from cmdb.models.table import Json, Table, instant, json_column, maybe_instant


class RoomRow(Table, table=True):
    __tablename__ = "rooms"

    room_id: str = Field(primary_key=True)
    name: str
    position: int = 0  # of the last message or edit


class RoomMemberRow(Table, table=True):
    __tablename__ = "room_members"

    room_id: str = Field(primary_key=True, foreign_key="rooms.room_id")
    person_id: str = Field(primary_key=True, index=True)


class RoomMessageRow(Table, table=True):
    __tablename__ = "room_messages"
    __table_args__ = (UniqueConstraint("room", "position"),)

    message_id: str = Field(primary_key=True)
    key: str = Field(unique=True)
    room: str = Field(foreign_key="rooms.room_id")
    thread: str | None = None
    author: str
    body: Json = json_column()
    only_for: str | None = None
    posted_at: datetime = instant()
    revision: int
    position: int


class TalkRoomRow(Table, table=True):
    """A channel that the bot hears: how many messages so far, and whether it wants advice."""

    __tablename__ = "talk_rooms"

    adapter: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    heard: int = 0
    advising: bool = False
    muted_until: datetime | None = maybe_instant()


class TalkMessageRow(Table, table=True):
    """Something said, redacted. Dropped when it is old."""

    __tablename__ = "talk_messages"
    __table_args__ = (UniqueConstraint("adapter", "channel", "position"),)

    key: str = Field(primary_key=True)
    adapter: str
    channel: str
    position: int
    thread: str | None = None
    author: str
    name: str
    text: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime, nullable=False, index=True)


class TalkSummaryRow(Table, table=True):
    __tablename__ = "talk_summaries"

    adapter: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    upto: int
    made_at: datetime = instant()
    lines: Json = json_column()


class AdviceCardRow(Table, table=True):
    """The latest card of a topic in a room."""

    __tablename__ = "advice_cards"

    adapter: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    topic: str = Field(primary_key=True)
    key: str
    at: datetime = instant()
