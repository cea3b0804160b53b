"""What Jandi's outgoing webhook posts, as an inbound value.

Owns: which topic a token belongs to, who wrote, what was said after the keyword, and a name for
the event. Pure. Jandi signs nothing and names no message: the token is all that it proves.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictInt, StrictStr

from bot.core.domain.conversation import ConversationRef, Mention
from bot.core.domain.people import ExternalId
from bot.core.inbound_text import clean_text

ADAPTER = "jandi"
MAX_BYTES = 64 * 1024  # a message of Jandi has 5,000 characters at the most
_CALL = re.compile(r"\s*/(\S+)\s*")


class Writer(BaseModel):
    """Who wrote. Names are not read."""

    model_config = ConfigDict(extra="ignore")

    id: StrictInt | StrictStr | None = None
    email: str | None = Field(default=None, max_length=320)


class Posted(BaseModel):
    """A message as Jandi posts it; what is not named here is ignored. Token, text and time are all
    that it has to have: older webhooks send a writer's name and nothing else of them."""

    model_config = ConfigDict(extra="ignore")

    token: str = Field(max_length=200)
    text: str = Field(max_length=20_000)
    createdAt: AwareDatetime  # noqa: N815 - Jandi's name for it
    writer: Writer | None = None
    writerEmail: str | None = Field(default=None, max_length=320)  # noqa: N815 - likewise


def topic_of(token: str, tokens: Mapping[str, str]) -> str | None:
    """The topic whose token this is. Every token is compared, in constant time."""
    given = token.encode("utf-8", "surrogatepass")
    found = None
    for topic, known in tokens.items():
        if hmac.compare_digest(given, known.encode()):
            found = topic
    return found


def token_in(body: bytes) -> str:
    """The token of a body that may be anything; "" where there is none."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    token = parsed.get("token") if isinstance(parsed, dict) else None
    return token if isinstance(token, str) else ""


def is_stale(posted: Posted, *, now: datetime, life: timedelta) -> bool:
    """Whether this was written too long ago, or in the future: a recording played back."""
    return abs(now - posted.createdAt) > life


def to_mention(posted: Posted, *, topic: str, team: str) -> Mention:
    """The message as a mention. A topic has no threads: all of it is one conversation."""
    return Mention(
        event_id=event_id(posted, topic),
        sender=ExternalId(adapter=ADAPTER, tenant=team, user_id=writer_of(posted)),
        conversation=ConversationRef(adapter=ADAPTER, channel=topic),
        text=words_of(posted),
        files=(),
        at=posted.createdAt,
    )


def writer_of(posted: Posted) -> str:
    """Jandi's immutable id of the writer; the address of their account where it sends no id."""
    writer = posted.writer or Writer()
    if writer.id is not None:
        return str(writer.id).strip()[:100]
    return (writer.email or posted.writerEmail or "").strip().lower()


def words_of(posted: Posted) -> str:
    """What was said, without the keyword that called the bot; ``/sm`` and its like stay, as they
    are part of what is said."""
    text = clean_text(posted.text)
    called = _CALL.match(text)
    if called is None or called[1].lower() == "sm":
        return text
    return text[called.end() :]


def event_id(posted: Posted, topic: str) -> str:
    """The same message gets the same name, however often it is delivered."""
    told = [topic, writer_of(posted), posted.createdAt.isoformat(), posted.text]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]
