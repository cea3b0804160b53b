"""Our own room and what is said in it.

Owns: the values of the messenger that has no chat service behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomMessage:
    """A message of our own room. ``body`` is the JSON the page shows; ``revision`` grows with
    every edit; ``position`` orders the room's stream (messages and edits alike)."""

    message_id: str
    room: str
    thread: str | None
    author: str  # person id or "bot"
    body: Mapping[str, object]
    only_for: str | None
    posted_at: datetime
    revision: int
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    room_id: str
    name: str
    members: tuple[str, ...]  # person ids
