"""Slack's payloads as values.

Owns: telling mentions, talk, commands and presses apart, and Slack's text escapes. Pure. It reads
who is spoken to, never what is meant. A message is named by its channel and timestamp, so that the
``app_mention`` and the ``message`` event of one message are the same event.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.core import inbound_text
from bot.core.domain.conversation import (
    Chat,
    Click,
    Command,
    ConversationRef,
    Mention,
    ReceivedFile,
)
from bot.core.domain.people import ExternalId

ADAPTER = "slack"
COMMANDS = frozenset({"guardia", "sm"})
BUTTON_PREFIX = "g."  # g.<number>.<button>: Slack wants action ids unique in their block

_SPOKEN_SUBTYPES = frozenset({None, "file_share", "thread_broadcast", "me_message"})
_TIMESTAMP = re.compile(r"[0-9]{1,11}\.[0-9]{1,6}", re.ASCII)  # no year that dates cannot hold
_ENTITY = re.compile(r"<([^<>]*)>")

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """Who the bot is in its workspace; ``enterprise_id`` where it is one of several."""

    user_id: str
    bot_id: str
    team_id: str
    enterprise_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFile:
    """A file as a message names it; its bytes are still at Slack."""

    file_id: str
    name: str
    size: int | None
    media_type: str
    url: str
    mode: str  # hosted | snippet | external | quip | tombstone | hidden_by_limit | …
    unseen: bool  # its details have to be asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A message. ``addressed``: by itself; in a thread of the bot's it is so anyway."""

    event_id: str
    sender: ExternalId
    conversation: ConversationRef
    text: str
    files: tuple[SharedFile, ...]
    at: datetime
    addressed: bool

    def as_mention(self, files: tuple[ReceivedFile, ...]) -> Mention:
        """Spoken to the bot: it opens a thread, except in a direct conversation."""
        return Mention(
            event_id=self.event_id,
            sender=self.sender,
            conversation=_answer_place(self.conversation),
            text=self.text,
            files=files,
            at=self.at,
        )

    def as_chat(self) -> Chat:
        """Said in the room; its files are nobody's business here."""
        return Chat(
            event_id=self.event_id,
            sender=self.sender,
            conversation=self.conversation,
            text=self.text,
            files=(),
            at=self.at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Commanded:
    """A slash command; it has no message of its own to hang a thread on."""

    event_id: str
    sender: ExternalId
    channel: str
    name: str
    text: str
    response_url: str

    def as_command(self, conversation: ConversationRef, at: datetime) -> Command:
        return Command(
            event_id=self.event_id,
            sender=self.sender,
            conversation=conversation,
            name=self.name,
            text=self.text,
            at=at,
        )


Heard = Said | Commanded | Click


def read(body: Json, bot: Bot) -> Heard | None:
    """What somebody did; None: nothing for the bot, or the bot's own doing."""
    if body.get("type") == "event_callback":
        return _said(body, _map(body.get("event")), bot)
    if body.get("type") == "block_actions":
        return _press(body, bot)
    if "command" in body:
        return _commanded(body, bot)
    return None


def in_direct_conversation(channel: str) -> bool:
    """Whether only the bot and one person are there."""
    return channel.startswith("D")


def clean_text(text: str, bot_user: str = "") -> str:
    """What the person typed: entities resolved, escapes undone, the call of the bot left out."""
    called = re.sub(rf"<@{re.escape(bot_user)}(?:\|[^<>]*)?>{inbound_text.CALL_ENDING}", " ", text)
    plain = _ENTITY.sub(_entity, called if bot_user else text)
    plain = plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return inbound_text.clean_text(plain)


def to_file(row: Json) -> SharedFile:
    """A file object of a message or of ``files.info``."""
    size = row.get("size")
    return SharedFile(
        file_id=_text(row, "id"),
        name=_text(row, "name") or _text(row, "title") or _text(row, "id"),
        size=size if isinstance(size, int) else None,
        media_type=_text(row, "mimetype"),
        url=_text(row, "url_private_download") or _text(row, "url_private"),
        mode=_text(row, "mode") or "hosted",
        unseen=row.get("file_access") == "check_file_info",
    )


# --- messages --------------------------------------------------------------------------------


def _said(body: Json, event: Json, bot: Bot) -> Said | None:
    kind, user, channel = _text(event, "type"), _text(event, "user"), _text(event, "channel")
    if kind not in ("app_mention", "message") or not user or not channel:
        return None
    # Any bot's words, and edits: answering those is how loops and second jobs begin.
    by_bot = bool(event.get("bot_id")) or user == bot.user_id or "bot_profile" in event
    if by_bot or event.get("subtype") not in _SPOKEN_SUBTYPES or "edited" in event:
        return None
    ts, at = _text(event, "ts"), _instant(_text(event, "ts"))
    if at is None:
        return None
    direct = in_direct_conversation(channel)
    text = _text(event, "text")
    rows = event.get("files")
    return Said(
        event_id=f"{channel}:{ts}",
        sender=_external(_text(event, "user_team") or _text(event, "team"), user, body, bot),
        conversation=ConversationRef(
            adapter=ADAPTER, channel=channel, thread=_text(event, "thread_ts") or None, message=ts
        ),
        text=clean_text(text, bot.user_id),
        files=tuple(to_file(_map(row)) for row in (rows if isinstance(rows, list) else ())),
        at=at,
        addressed=kind == "app_mention" or direct or _calls(text, bot),
    )


def _calls(text: str, bot: Bot) -> bool:
    return f"<@{bot.user_id}>" in text or f"<@{bot.user_id}|" in text


def _answer_place(place: ConversationRef) -> ConversationRef:
    """A mention opens a thread at itself; a direct conversation goes on as it is."""
    if in_direct_conversation(place.channel):
        message = place.message if place.thread else None
        thread = place.thread
    else:
        message = place.message
        thread = place.thread or place.message
    return ConversationRef(adapter=ADAPTER, channel=place.channel, thread=thread, message=message)


# --- commands and presses --------------------------------------------------------------------


def _commanded(body: Json, bot: Bot) -> Commanded | None:
    name, channel = _text(body, "command").removeprefix("/").lower(), _text(body, "channel_id")
    user, trigger = _text(body, "user_id"), _text(body, "trigger_id")
    if name not in COMMANDS or not (channel and user and trigger):
        return None
    return Commanded(
        event_id=f"command:{trigger}",
        sender=_external(_text(body, "team_id"), user, body, bot),
        channel=channel,
        name=name,
        text=clean_text(_text(body, "text")),
        response_url=_text(body, "response_url"),
    )


def _press(body: Json, bot: Bot) -> Click | None:
    actions = body.get("actions")
    action = _map(actions[0]) if isinstance(actions, list) and actions else {}
    _, _, button = _text(action, "action_id").removeprefix(BUTTON_PREFIX).partition(".")
    container, user = _map(body.get("container")), _map(body.get("user"))
    channel = _text(container, "channel_id") or _text(_map(body.get("channel")), "id")
    message_ts = _text(container, "message_ts")
    person = _text(user, "id")
    at = _instant(_text(action, "action_ts"))
    ours = _text(action, "action_id").startswith(BUTTON_PREFIX) and button
    if not ours or at is None or not (channel and message_ts and person):
        return None
    thread = _text(container, "thread_ts") or _text(_map(body.get("message")), "thread_ts")
    own_thread = None if in_direct_conversation(channel) else message_ts
    return Click(
        event_id=f"press:{channel}:{message_ts}:{person}:{_text(action, 'action_ts')}",
        sender=_external(_text(user, "team_id"), person, body, bot),
        conversation=ConversationRef(
            adapter=ADAPTER, channel=channel, thread=thread or own_thread, message=message_ts
        ),
        button=button,
        value=_text(action, "value"),
        at=at,
    )


# --- pieces ----------------------------------------------------------------------------------


def _external(team: str, user: str, body: Json, bot: Bot) -> ExternalId:
    """In a channel shared between organisations people carry their own workspace's id, and the
    same user id may be another person's elsewhere. Where nothing says whose somebody is, such a
    channel makes them a stranger, and any other one of us.

    https://api.slack.com/types/user: an id is only unique to its workspace.
    """
    tenant = team or _text(body, "team_id") or _text(_map(body.get("team")), "id") or bot.team_id
    ours = tenant in (bot.team_id, bot.enterprise_id)
    unsaid = not team and body.get("is_ext_shared_channel") is not True
    return ExternalId(
        adapter=ADAPTER,
        tenant=tenant,
        user_id=user,
        foreign=not (unsaid or (bool(team) and ours)),
    )


def _entity(match: re.Match[str]) -> str:
    inner = match[1]
    target, bar, label = inner.partition("|")
    if target.startswith("@"):
        return f"@{label or target[1:]}"
    if target.startswith("#"):
        return f"#{label or target[1:]}"
    if target.startswith("!"):
        return label or f"@{target[1:].partition('^')[0]}"
    return label if bar and not label.startswith(("http://", "https://")) else target


def _instant(ts: str) -> datetime | None:
    return datetime.fromtimestamp(float(ts), UTC) if _TIMESTAMP.fullmatch(ts) else None


def _map(value: object) -> Json:
    return value if isinstance(value, Mapping) else {}


def _text(row: Json, key: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) else ""
