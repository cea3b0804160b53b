"""Advice that nobody asked for, and what a room says about it.

Owns: the values between watching talk and offering a card. An advice is no intent: it names a
topic and checks of the catalogue, and carries words of the room only as quoted evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.core.domain.memory import RoomRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What the talk looks like. ``evidence`` are its lines, redacted; ``checks`` the actions that
    would look into it, the best one first."""

    topic: str
    evidence: tuple[str, ...]
    checks: tuple[str, ...]


class Order(StrEnum):
    """What a person may tell the bot about its own behaviour in a room."""

    ADVISE = "advise"
    STOP = "stop"
    MUTE = "mute"
    SUMMARISE = "summarise"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomOrder:
    """``span``: how long to be quiet; None: as long as is usual."""

    order: Order
    span: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceRoom:
    """Whether a room wants advice. Off until somebody switches it on."""

    on: bool = False
    muted_until: datetime | None = None

    def listens(self, now: datetime) -> bool:
        """Whether a card may be offered now."""
        return self.on and (self.muted_until is None or now >= self.muted_until)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardClaim:
    """The wish to post one card. ``key`` is that of the message; ``topic_pause`` is kept between
    two cards of one topic, ``room_pause`` between any two cards of the room."""

    room: RoomRef
    topic: str
    key: str
    at: datetime
    topic_pause: timedelta
    room_pause: timedelta
