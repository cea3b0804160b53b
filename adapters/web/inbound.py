"""What somebody typed or pressed, as an inbound value.

Owns: telling a mention, a command and chat apart, and where it was said. Pure. It
reads who is spoken to, never what is meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from bot.core.domain.conversation import (
    Chat,
    Click,
    Command,
    ConversationRef,
    Inbound,
    Mention,
    ReceivedFile,
)
from bot.core.domain.people import ExternalId
from bot.core.domain.room import RoomMessage
from bot.core.inbound_text import slash_command

ADAPTER = "web"
TENANT = "local"
BOT = "bot"

_MENTION = re.compile(
    r"\s*(?:@guardia(?:야|님)?|@가디아(?:야|님)?|가디아야)(?=[\s,:;.!?~]|$)[,:;.!?~]*\s*",
    re.IGNORECASE,
)


def external(person_id: str) -> ExternalId:
    """How this room names a person."""
    return ExternalId(adapter=ADAPTER, tenant=TENANT, user_id=person_id)


def is_addressed(text: str) -> bool:
    """Whether this text calls the bot by itself, wherever it is said."""
    return bool(_MENTION.match(text) or slash_command(text))


def thread_is_the_bots(root: RoomMessage | None) -> bool:
    """Whether a reply to this root speaks to the bot."""
    return root is not None and (root.author == BOT or bool(root.body.get("addressed")))


def to_inbound(message: RoomMessage, *, bot_thread: bool) -> Inbound:
    """The stored message as an inbound value; the event id is the message id.

    A mention or command opens a thread at itself unless it was said in one.
    """
    text = str(message.body.get("text", ""))
    files = files_of(message.body)
    command, mention = slash_command(text), _MENTION.match(text)
    if command and not (files and command.name == "guardia"):
        return Command(
            event_id=message.message_id,
            sender=external(message.author),
            conversation=_answer_place(message),
            name=command.name,
            text=command.rest,
            at=message.posted_at,
        )
    if command or mention or bot_thread:
        rest = command.rest if command else text[mention.end() if mention else 0 :].strip()
        return Mention(
            event_id=message.message_id,
            sender=external(message.author),
            conversation=_answer_place(message),
            text=rest,
            files=files,
            at=message.posted_at,
        )
    return Chat(
        event_id=message.message_id,
        sender=external(message.author),
        conversation=ConversationRef(
            adapter=ADAPTER,
            channel=message.room,
            thread=message.thread,
            message=message.message_id,
        ),
        text=text,
        files=files,
        at=message.posted_at,
    )


def to_click(
    message: RoomMessage, pressed: Mapping[str, str], *, person_id: str, at: datetime
) -> Click:
    """A press of ``pressed["button"]``; the same ``client_id`` is the same press."""
    return Click(
        event_id=f"press:{message.message_id}:{person_id}:{pressed['client_id']}",
        sender=external(person_id),
        conversation=_answer_place(message),
        button=pressed["button"],
        value=pressed["value"],
        at=at,
    )


def files_of(body: Mapping[str, object]) -> tuple[ReceivedFile, ...]:
    """The files a stored text message carries."""
    rows = body.get("files", ())
    return tuple(
        ReceivedFile(digest=str(row["digest"]), name=str(row["name"]), size=int(row["size"]))
        for row in (rows if isinstance(rows, list | tuple) else ())
    )


def _answer_place(message: RoomMessage) -> ConversationRef:
    return ConversationRef(
        adapter=ADAPTER,
        channel=message.room,
        thread=message.thread or message.message_id,
        message=message.message_id,
    )
