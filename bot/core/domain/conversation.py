"""What comes in from a messenger, in the messenger's absence.

Owns: conversation references and the inbound values. Every inbound value carries the vendor's
event id, by which duplicates are recognised.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.core.domain.people import ExternalId


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationRef:
    """Where something was said. ``thread`` is the id of the message that opened the thread;
    ``message`` the message itself, where one is meant."""

    adapter: str
    channel: str
    thread: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedFile:
    """A file that the adapter has already streamed to the file store.

    ``digest`` is the SHA-256 of the whole file in hexadecimal, ``size`` is in bytes, ``name`` is
    what the person called it: a label, never a path.
    """

    digest: str
    name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """Somebody spoke to the bot, perhaps with files."""

    event_id: str
    sender: ExternalId
    conversation: ConversationRef
    text: str
    files: tuple[ReceivedFile, ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A slash command: ``/sm`` has name "sm" and the rest as text."""

    event_id: str
    sender: ExternalId
    conversation: ConversationRef
    name: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """A press of a button the bot posted. ``button`` and ``value`` are the button's own;
    ``conversation.message`` is the message that carries it."""

    event_id: str
    sender: ExternalId
    conversation: ConversationRef
    button: str
    value: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """Something said in the room, not to the bot. Never acted upon."""

    event_id: str
    sender: ExternalId
    conversation: ConversationRef
    text: str
    files: tuple[ReceivedFile, ...]
    at: datetime


Inbound = Mention | Command | Click | Chat
