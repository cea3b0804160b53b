"""A crontab that somebody has pasted into a message: found, and kept apart from their own words.

Owns: what looks like a crontab's line, and where it begins and ends. It is data to be looked at;
nothing of it is ever taken for a request.
"""

from __future__ import annotations

import re

from intents.guard import is_attack

LONGEST = 20_000  # characters of the crontab
_FIELD = r"[0-9*][0-9A-Za-z*/,-]*"
_NAMED = r"(?:[0-9*][0-9A-Za-z*/,-]*|[A-Za-z]{3}(?:[,-][A-Za-z]{3})*)"
_JOB = re.compile(
    rf"^[ \t]*(?:{_FIELD}[ \t]+{_FIELD}[ \t]+{_FIELD}[ \t]+{_NAMED}[ \t]+{_NAMED}"
    r"|@(?:reboot|yearly|annually|monthly|weekly|daily|midnight|hourly))[ \t]+\S"
)
_BESIDE = re.compile(r"^[ \t]*(?:#|[A-Z_]{3,30}[ \t]*=)")
_FENCE = re.compile(r"^[ \t]*```\w*[ \t]*$")
_ADDRESS = re.compile(r"^\s*(?:<@[A-Z0-9]+>|@guardia\b|가디아[야,]?)[ \t]*", re.IGNORECASE)
# Whoever wants a line added asks for another verb, which takes templates only.
_CHANGES = re.compile(
    r"등록|추가|넣어|걸어|삭제|지워|바꿔|register|\badd\b|remove|delete", re.IGNORECASE
)
_WORDS_MOST = 200  # characters beside a crontab; who writes more means something else


def pasted_crontab(text: str) -> str | None:
    """The crontab in a message of several lines; None: there is none, or more is asked for than
    to look at it."""
    said = _ADDRESS.sub("", text).splitlines()
    lines = [line for line in said if not _FENCE.match(line)]
    jobs = [number for number, line in enumerate(lines) if _JOB.match(line)]
    if not jobs or len(said) < 2:
        return None
    first, last = jobs[0], jobs[-1]
    while first > 0 and _BESIDE.match(lines[first - 1]):
        first -= 1
    while last + 1 < len(lines) and _BESIDE.match(lines[last + 1]):
        last += 1
    words = "\n".join([*lines[:first], *lines[last + 1 :]]).strip()
    if len(words) > _WORDS_MOST or _CHANGES.search(words) or is_attack(words.lower()):
        return None
    return "\n".join(lines[first : last + 1])[:LONGEST]
