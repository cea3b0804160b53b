"""When a line of a log was written, by its own time stamp.

Owns: the forms of time stamps that logs of Tomcat, log4j, nginx, Apache and syslog have, and the
pieces of a log that they are looked for in. A stamp without an offset is in the node's zone; one
without a year is the latest that is not in the future. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

_LOOKED_AT = 400  # bytes of a line
# What may stand before a stamp: brackets and one word, the level.
_LEAD = rb"\s{0,2}[\[(<]{0,2}(?:[A-Za-z]{4,8}[\s:|\])-]{1,4})?[\[(<]{0,2}(?:\d{1,3}>)?"
_TIME = rb"(\d{1,2}):(\d{2}):(\d{2})(?:[.,](\d{1,9}))?"
_MONTH_SIGN = rb"(?:\xec\x9b\x94|\xbf\xf9)"  # 월, in UTF-8 and CP949
_MORNING = (b"AM", "오전".encode(), "오전".encode("cp949"))
_EVENING = (b"PM", "오후".encode(), "오후".encode("cp949"))
_HALF = b"(" + b"|".join(re.escape(word) for word in (*_MORNING, *_EVENING)) + b")"
_MONTHS = {
    name: number
    for number, name in enumerate(
        b"jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1
    )
}
Fields = tuple[int, int, int, int, int, int, bytes, bytes]  # year … second, fraction, offset
Form = tuple[re.Pattern[bytes], Callable[["re.Match[bytes]"], Fields]]


def _month(text: bytes) -> int:
    digits = re.match(rb"\d{1,2}", text)
    return int(digits[0]) if digits else _MONTHS[text[:3].lower()]


def _numeric(match: re.Match[bytes]) -> Fields:
    year, month, day, hour, minute, second, part, offset = match.groups(b"")
    return (int(year), int(month), int(day), int(hour), int(minute), int(second), part, offset)


def _day_first(match: re.Match[bytes]) -> Fields:
    day, month, year, hour, minute, second, part = match.groups(b"")
    return (int(year), _month(month), int(day), int(hour), int(minute), int(second), part, b"")


def _access(match: re.Match[bytes]) -> Fields:
    day, month, year, hour, minute, second, offset = match.groups(b"")
    return (int(year), _month(month), int(day), int(hour), int(minute), int(second), b"", offset)


def _month_first(match: re.Match[bytes]) -> Fields:
    month, day, year, hour, minute, second, half = match.groups(b"")
    of_day = int(hour) % 12 + (12 if half in _EVENING else 0)
    return (int(year), _month(month), int(day), of_day, int(minute), int(second), b"", b"")


def _apache(match: re.Match[bytes]) -> Fields:
    month, day, hour, minute, second, part, year = match.groups(b"")
    return (int(year), _month(month), int(day), int(hour), int(minute), int(second), part, b"")


def _syslog(match: re.Match[bytes]) -> Fields:
    month, day, hour, minute, second, part = match.groups(b"")
    return (0, _month(month), int(day), int(hour), int(minute), int(second), part, b"")


_NAME = rb"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_FORMS: tuple[Form, ...] = (
    (  # 2026-05-23 10:00:00,123 · 2026-05-23T10:00:00.123+09:00 · 2026/05/23 10:00:00 (nginx)
        re.compile(
            _LEAD + rb"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})[ T]{1,2}" + _TIME + rb"\s?(Z\b|[+-]"
            rb"\d{2}:?\d{2}(?!\d))?"
        ),
        _numeric,
    ),
    (  # 23-May-2026 10:00:00.123 (Tomcat), 23-5월-2026 in Korean
        re.compile(
            _LEAD + rb"(\d{1,2})-([A-Za-z]{3}|\d{1,2}" + _MONTH_SIGN + rb")\s?-(\d{4}) " + _TIME
        ),
        _day_first,
    ),
    (  # 10.1.1.1 - - [23/May/2026:10:00:00 +0900] "GET …
        re.compile(
            rb"\S{1,300} .{0,200}?\[(\d{1,2})/([A-Za-z]{3})/(\d{4}):(\d{2}):(\d{2}):(\d{2})"
            rb" ([+-]\d{4})\]"
        ),
        _access,
    ),
    (  # May 23, 2026 10:00:00 AM (java.util.logging), 5월 23, 2026 10:00:00 오전
        re.compile(
            _LEAD
            + rb"([A-Za-z]{3}|\d{1,2}"
            + _MONTH_SIGN
            + rb") (\d{1,2}), (\d{4}) (\d{1,2}):(\d{2}):(\d{2}) "
            + _HALF
        ),
        _month_first,
    ),
    (  # [Sat May 23 10:00:00.123456 2026] (Apache)
        re.compile(
            rb"\[[A-Za-z]{3} " + _NAME + rb" {1,2}(\d{1,2}) " + _TIME + rb" (\d{4})\]",
            re.IGNORECASE,
        ),
        _apache,
    ),
    (  # May 23 10:00:00 (syslog)
        re.compile(rb"(?:<\d{1,3}>)?" + _NAME + rb" {1,2}(\d{1,2}) " + _TIME, re.IGNORECASE),
        _syslog,
    ),
)


class Stamps:
    """Reads stamps. ``zone``: the node's; ``latest``: no line was written a day after it."""

    def __init__(self, zone: tzinfo, latest: datetime) -> None:
        self.zone = zone
        self._latest = latest.astimezone(zone)
        self._forms = list(_FORMS)
        self._instant = lru_cache(maxsize=4096)(self._made)

    def of(self, line: bytes) -> datetime | None:
        """When the line was written; None: it does not say."""
        head = line[:_LOOKED_AT]
        for number, (pattern, fields) in enumerate(self._forms):
            match = pattern.match(head)
            if match is None:
                continue
            if number:  # a log keeps to its form: the next line is asked for it first
                self._forms.insert(0, self._forms.pop(number))
            try:
                *whole, part, offset = fields(match)
                instant = self._instant(tuple(whole), offset)
                return instant + timedelta(seconds=float(b"0." + part)) if part else instant
            except (KeyError, ValueError, OverflowError):  # the last moment of the year 9999
                return None
        return None

    def first(self, body: bytes, *, whole_line: bool = False) -> datetime | None:
        """The first stamp in a piece of a log, whose first line may be cut unless it is whole."""
        lines = body.split(b"\n")
        return next((at for line in lines[0 if whole_line else 1 :] if (at := self.of(line))), None)

    def last(self, body: bytes) -> datetime | None:
        """The last stamp in a piece of a log; its last line may be cut."""
        lines = body.split(b"\n")[1:]
        return next((at for line in reversed(lines) if (at := self.of(line))), None)

    def _made(self, whole: tuple[int, int, int, int, int, int], offset: bytes) -> datetime:
        year, month, day, hour, minute, second = whole
        zone = _zone(offset) or self.zone
        if year:
            return datetime(year, month, day, hour, minute, second, tzinfo=zone)
        made = datetime(self._latest.year, month, day, hour, minute, second, tzinfo=zone)
        if made > self._latest + timedelta(days=1):
            return made.replace(year=made.year - 1)
        return made


def _zone(offset: bytes) -> tzinfo | None:
    """``Z``, ``+0900`` or ``+09:00``; nothing: None."""
    if not offset:
        return None
    return zone_of(offset.decode("ascii")) or UTC


def zone_of(text: str) -> tzinfo | None:
    """The zone that ``date +%z`` means; None: it is none."""
    match = re.fullmatch(r"([+-])(\d{2}):?(\d{2})", text.strip())
    if match is None or int(match[2]) > 23 or int(match[3]) > 59:
        return None
    ahead = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(ahead if match[1] == "+" else -ahead)
