"""The single-use code by which a person says that a messenger identity is theirs.

Owns: what a code looks like, its digest, how it is said in a message, and when wrong ones make an
identity wait. Pure but for chance.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

CODE_LIFE = timedelta(minutes=10)
MOST_WRONG = 5  # codes of one identity, within the pause
PAUSE = timedelta(minutes=10)
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that is mistaken for another
_LENGTH = 8
_SAID = re.compile(
    r"\s*(?:연결|link)\s*[:：]?\s*([A-Za-z0-9][A-Za-z0-9 -]{6,18}[A-Za-z0-9])\s*", re.IGNORECASE
)


def new_code() -> str:
    """A code as it is shown: ``ABCD-EFGH``, 40 bits."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    return f"{letters[:4]}-{letters[4:]}"


def code_digest(code: str) -> str:
    """The SHA-256 of a code, however it was typed."""
    plain = re.sub(r"[^A-Z0-9]", "", code.upper())
    return hashlib.sha256(plain.encode()).hexdigest()


def code_said(text: str) -> str | None:
    """The code in ``연결 ABCD-EFGH`` or ``link abcd efgh``; None: the text says something else."""
    said = _SAID.fullmatch(text)
    if said is None:
        return None
    plain = re.sub(r"[ -]", "", said[1])
    return plain if len(plain) == _LENGTH else None


def still_count(wrong: Iterable[datetime], *, now: datetime) -> list[datetime]:
    """Of the moments at which wrong codes were said, those that are not forgotten yet."""
    return [at for at in wrong if at > now - PAUSE]
