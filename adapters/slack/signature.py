"""Whether a request comes from Slack.

Owns: the check of Slack's v0 signature, over the bytes as they came. Pure. The client library's
own check raises on timestamps and signatures that are no numbers or not ASCII; here every such
request is simply not Slack's.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime

# https://docs.slack.dev/authentication/verifying-requests-from-slack/: older is a replay
MAX_AGE_S = 300
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}", re.ASCII)


def is_from_slack(headers: Mapping[str, str], body: bytes, *, secret: str, now: datetime) -> bool:
    """Whether ``body`` was signed with ``secret`` within the last five minutes."""
    timestamp = headers.get("X-Slack-Request-Timestamp", "")
    signature = headers.get("X-Slack-Signature", "")
    if not _TIMESTAMP.fullmatch(timestamp) or not _SIGNATURE.fullmatch(signature):
        return False
    if abs(now.timestamp() - int(timestamp)) > MAX_AGE_S:
        return False
    return hmac.compare_digest(signature, sign(body, timestamp=timestamp, secret=secret))


def sign(body: bytes, *, timestamp: str, secret: str) -> str:
    """The signature of that body at that time."""
    signed = b"v0:" + timestamp.encode("ascii") + b":" + body
    return "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
