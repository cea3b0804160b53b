"""What a room remembers of its own talk.

Owns: a message as it is kept (redacted), what a line of talk tells, and the summary of a room.
A memory is shown to people; nothing is ever done because of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomRef:
    """A channel of one messenger."""

    adapter: str
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkMessage:
    """Something said in a room. ``text`` is redacted and cut before it is kept; ``position``
    (1, 2, …) is given by the store and orders the room's talk; ``key`` names the event."""

    key: str
    room: RoomRef
    author: str  # person id, or what the messenger calls a person that we do not know
    name: str
    text: str
    at: datetime
    thread: str | None = None
    position: int = 0


class Telling(StrEnum):
    """What a line of talk tells about an incident."""

    SYMPTOM = "symptom"
    DECISION = "decision"
    RESOLVED = "resolved"
    NARRATED = "narrated"  # nobody's line: a model's words for what was said so far


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A message worth remembering. ``topic`` is that of a symptom; ``line`` the line that tells."""

    telling: Telling
    line: str
    topic: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryLine:
    """Who said what when."""

    at: datetime
    name: str
    telling: Telling
    text: str
    topic: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomSummary:
    """Everything up to message ``upto``, in lines, oldest first."""

    room: RoomRef
    upto: int
    made_at: datetime
    lines: tuple[SummaryLine, ...] = ()
