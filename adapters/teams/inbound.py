"""What Teams sends, as an inbound value.

Owns: telling mentions, commands, clicks, chat and file consents apart, and where each was said.
Pure. It reads who is spoken to, never what is meant; display names are not read at all.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

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
from bot.core.inbound_text import CALL_ENDING, clean_name, clean_text, slash_command

ADAPTER = "teams"
DATA = "guardia"  # the name in a button's data under which ours lies
FILE_INFO = "application/vnd.microsoft.teams.file.download.info"
MAX_TEXT_CHARACTERS = 20_000
MAX_FILES = 10  # Teams lets people attach ten to one message
_TAGS = re.compile(r"</?(?:at|attachment)\b[^>]*>", re.IGNORECASE)
_FILE_IN_CHANNEL = re.compile(r"<attachment[\s>]", re.IGNORECASE)


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", alias_generator=to_camel, frozen=True)


def _or_none(value: Any) -> Any:
    """A list that Teams leaves empty may come as null."""
    return () if value is None else value


class _Account(_Part):
    id: str = Field(min_length=1, max_length=500)
    aad_object_id: str | None = Field(default=None, max_length=100)


class _Conversation(_Part):
    id: str = Field(min_length=1, max_length=1000)
    conversation_type: str | None = None


class _Attachment(_Part):
    content_type: str = ""
    name: str | None = None
    content: Any = None


class _Entity(_Part):
    type: str = ""
    text: str | None = None
    mentioned: dict[str, Any] | None = None


class Activity(_Part):
    """Of an activity, what we look at."""

    type: str
    id: str = Field(default="", max_length=500)
    name: str | None = None
    service_url: str
    sender: _Account = Field(alias="from")
    conversation: _Conversation
    text: str | None = None
    attachments: Annotated[tuple[_Attachment, ...], BeforeValidator(_or_none)] = ()
    entities: Annotated[tuple[_Entity, ...], BeforeValidator(_or_none)] = ()
    reply_to_id: str | None = None
    value: Any = None

    @model_validator(mode="after")
    def _named(self) -> Activity:
        """What is done once has to have a name; of what only happens, Teams may give none."""
        if not self.id and self.type in ("message", "invoke"):
            raise ValueError("id: missing")
        return self

    @property
    def kind(self) -> str:
        """personal, groupChat or channel."""
        return self.conversation.conversation_type or "personal"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedFile:
    """A file that a person has dropped in a personal chat, still at the service."""

    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Something a person said, before its files are fetched. ``beyond_reach``: there are files
    that Teams shows a bot only by name; ``pasted``: there are pictures in the text itself."""

    event_id: str
    sender: ExternalId
    conversation: ConversationRef
    text: str
    offered: tuple[OfferedFile, ...]
    addressed: bool
    beyond_reach: bool
    pasted: bool
    at: datetime

    def inbound(self, files: Sequence[ReceivedFile]) -> Inbound:
        """The value for the core."""
        command = slash_command(self.text)
        if self.addressed and command and not files:
            return Command(
                event_id=self.event_id,
                sender=self.sender,
                conversation=self.conversation,
                name=command.name,
                text=command.rest,
                at=self.at,
            )
        text = command.rest if command else self.text
        return (Mention if self.addressed else Chat)(
            event_id=self.event_id,
            sender=self.sender,
            conversation=self.conversation,
            text=text if self.addressed else self.text,
            files=tuple(files),
            at=self.at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A person's answer to a file that the bot has offered; ``upload`` says where it may go."""

    event_id: str
    offer: str
    card: str | None
    accepted: bool
    upload: Mapping[str, str]
    sender: ExternalId
    conversation: ConversationRef


def place_of(activity: Activity) -> ConversationRef:
    """The channel and the thread. Chats have no threads: the whole chat is one."""
    channel, _, root = activity.conversation.id.partition(";messageid=")
    if activity.kind == "channel":
        return ConversationRef(
            adapter=ADAPTER, channel=channel, thread=root or activity.id, message=activity.id
        )
    return ConversationRef(adapter=ADAPTER, channel=channel, thread=channel, message=activity.id)


def address_of(place: ConversationRef) -> str:
    """The conversation id that Teams knows that place by."""
    if place.thread is None or place.thread == place.channel:
        return place.channel
    return f"{place.channel};messageid={place.thread}"


def sender_of(activity: Activity, tenant: str) -> ExternalId | None:
    """The person by their directory id; None for bots and connectors, which have none."""
    person = (activity.sender.aad_object_id or "").strip()
    return ExternalId(adapter=ADAPTER, tenant=tenant, user_id=person.lower()) if person else None


def said_of(activity: Activity, sender: ExternalId, *, bot_id: str, at: datetime) -> Said | None:
    """What was said; None where there is nothing."""
    text = clean_text(_without_mentions(activity, bot_id))[:MAX_TEXT_CHARACTERS]
    offered = _offered(activity.attachments)
    beyond_reach = _names_files(activity.attachments) and not offered
    pasted = any(str(each.content_type).startswith("image/") for each in activity.attachments)
    empty = not (text or offered or beyond_reach or pasted)
    if empty and not _mentions(activity, bot_id):
        return None
    return Said(
        event_id=event_id_of(activity),
        sender=sender,
        conversation=place_of(activity),
        text=text,
        offered=offered,
        addressed=activity.kind == "personal" or _mentions(activity, bot_id),
        beyond_reach=beyond_reach,
        pasted=pasted,
        at=at,
    )


def click_of(activity: Activity, sender: ExternalId, *, at: datetime) -> Click | None:
    """A press of one of our buttons, by Action.Execute or by its Action.Submit fallback."""
    value = activity.value
    if activity.type == "invoke" and isinstance(value, dict):
        action = value.get("action")
        value = action.get("data") if isinstance(action, dict) else None
    ours = value.get(DATA) if isinstance(value, dict) else None
    if not isinstance(ours, dict) or not activity.reply_to_id:
        return None
    button, told = ours.get("button"), ours.get("value")
    if not isinstance(button, str) or not isinstance(told, str):
        return None
    place = place_of(activity)
    return Click(
        event_id=event_id_of(activity),
        sender=sender,
        conversation=ConversationRef(
            adapter=ADAPTER,
            channel=place.channel,
            thread=_thread_of_click(activity, place),
            message=activity.reply_to_id,
        ),
        button=button,
        value=told,
        at=at,
    )


def consent_of(activity: Activity, sender: ExternalId) -> Consent | None:
    """The answer on a consent card."""
    value = activity.value
    if not isinstance(value, dict) or value.get("type") != "fileUpload":
        return None
    context, upload = value.get("context"), value.get("uploadInfo")
    offer = context.get("offer") if isinstance(context, dict) else None
    if not isinstance(offer, str):
        return None
    named = upload if isinstance(upload, dict) else {}
    return Consent(
        event_id=event_id_of(activity),
        offer=offer,
        card=activity.reply_to_id,
        accepted=value.get("action") == "accept",
        upload={str(k): str(v) for k, v in named.items()},
        sender=sender,
        conversation=place_of(activity),
    )


def event_id_of(activity: Activity) -> str:
    """Activity ids are unique within their conversation only."""
    return f"{activity.conversation.id}/{activity.id}"


def _thread_of_click(activity: Activity, place: ConversationRef) -> str | None:
    # Without a root in its id, the pressed message itself opened the thread.
    if activity.kind == "channel" and ";messageid=" not in activity.conversation.id:
        return activity.reply_to_id
    return place.thread


def _mentions(activity: Activity, bot_id: str) -> bool:
    return any(_is_mention(entity, bot_id) for entity in activity.entities)


def _is_mention(entity: _Entity, bot_id: str) -> bool:
    return entity.type == "mention" and (entity.mentioned or {}).get("id") == bot_id


def _without_mentions(activity: Activity, bot_id: str) -> str:
    """The text without the bot's own name, once for each time that it is called: a name of two
    words comes as two mentions (microsoft/botbuilder-js#4379). Of other mentions the word stays."""
    text = activity.text or ""
    for entity in activity.entities:
        if _is_mention(entity, bot_id) and (name := _name_in(entity)):
            called = rf"<at\b[^>]*>{re.escape(name)}</at>{CALL_ENDING}"
            text = re.sub(called, " ", text, flags=re.IGNORECASE)
    return html.unescape(_TAGS.sub("", text)).replace("\xa0", " ")


def _name_in(entity: _Entity) -> str:
    """The bot's name as this mention has it."""
    told = entity.text or (entity.mentioned or {}).get("name")
    return _TAGS.sub("", told) if isinstance(told, str) else ""


def _offered(attachments: Sequence[_Attachment]) -> tuple[OfferedFile, ...]:
    files = []
    for each in attachments:
        content = each.content
        if each.content_type == FILE_INFO and isinstance(content, dict):
            name = clean_name(each.name or "file")
            files.append(OfferedFile(name=name, url=str(content.get("downloadUrl", ""))))
    return tuple(files[:MAX_FILES])


def _names_files(attachments: Sequence[_Attachment]) -> bool:
    return any(
        each.content_type == "text/html" and _FILE_IN_CHANNEL.search(str(each.content))
        for each in attachments
    )
