"""Ids that the engine derives, so that doing a thing twice names it the same.

Owns: job ids and message keys. Pure.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from zoneinfo import ZoneInfo

SEOUL = ZoneInfo("Asia/Seoul")  # job ids carry the date that people here write


def job_id_of(event_key: str, at: datetime) -> str:
    """``J`` + date in Seoul + ``-`` + six letters or digits; the same event gives the same id."""
    digest = hashlib.sha256(event_key.encode()).digest()
    return f"J{at.astimezone(SEOUL):%y%m%d}-{base64.b32encode(digest).decode()[:6]}"


def event_key_of(adapter: str, event_id: str) -> str:
    """The one name of an inbound event, over all messengers."""
    return f"{adapter}:{event_id}"
