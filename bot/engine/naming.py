"""Ids that the engine derives, so that doing a thing twice names it the same.

Owns: job ids and message keys. Pure.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.core.domain.conversation import ConversationRef

SEOUL = ZoneInfo("Asia/Seoul")  # job ids carry the date that people here write


def job_id_of(event_key: str, at: datetime) -> str:
    """``J`` + date in Seoul + ``-`` + six letters or digits; the same event gives the same id."""
    digest = hashlib.sha256(event_key.encode()).digest()
    return f"J{at.astimezone(SEOUL):%y%m%d}-{base64.b32encode(digest).decode()[:6]}"


def event_key_of(adapter: str, event_id: str) -> str:
    """The one name of an inbound event, over all messengers."""
    return f"{adapter}:{event_id}"


def thread_of(conversation: ConversationRef) -> ConversationRef:
    """The thread of a message: the one it is in, or the one that it opens."""
    return replace(conversation, thread=conversation.thread or conversation.message, message=None)
