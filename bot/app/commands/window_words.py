"""Weekly windows as people write them: ``월-금 22:00-06:00``, ``sat,sun 00:00-24:00``.

Owns: reading and writing them. Pure. Times are Korean.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import time

from bot.core.domain.calendar import Window
from bot.core.domain.estate import Environment
from bot.core.errors import UserError

DAYS = {
    "ko": ("월", "화", "수", "목", "금", "토", "일"),
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}
_EVERY_DAY = frozenset({"매일", "daily"})
_TIME = r"([01]?[0-9]|2[0-4]):([0-5][0-9])"
_WINDOW = re.compile(rf"(\S+)\s+{_TIME}\s*[-~]\s*{_TIME}")
_NUMBERS = {name.casefold(): day for names in DAYS.values() for day, name in enumerate(names)}


def read_window(text: str, environments: Sequence[Environment]) -> Window:
    """The window of those words.

    Raises:
        UserError: they are none (``window_malformed``).
    """
    found = _WINDOW.fullmatch(text.strip())
    if found is None:
        raise UserError("window_malformed", text=text)
    days, begin_hour, begin_minute, end_hour, end_minute = found.groups()
    begin, end = (int(begin_hour), int(begin_minute)), (int(end_hour), int(end_minute))
    if begin[0] == 24 or end > (24, 0):
        raise UserError("window_malformed", text=text)
    return Window(
        weekdays=_weekdays(days, text),
        begin=time(*begin),
        end=time(end[0] % 24, end[1]),
        environments=tuple(environments),
    )


def _weekdays(days: str, text: str) -> tuple[int, ...]:
    if days.casefold() in _EVERY_DAY:
        return tuple(range(7))
    found: set[int] = set()
    for part in days.casefold().split(","):
        first, dash, last = part.partition("-")
        if first not in _NUMBERS or (dash and last not in _NUMBERS):
            raise UserError("window_malformed", text=text)
        begin = _NUMBERS[first]
        span = (_NUMBERS[last] - begin) % 7 if dash else 0
        found |= {(begin + offset) % 7 for offset in range(span + 1)}  # 금-월 goes over Sunday
    return tuple(sorted(found))


def write_window(window: Window, language: str) -> str:
    """Its words, as ``read_window`` reads them, and the environments."""
    days = ",".join(DAYS[language][day] for day in window.weekdays)
    end = window.end.isoformat("minutes")
    shown = "24:00" if end == "00:00" else end
    environments = ", ".join(window.environments)
    return f"{days} {window.begin.isoformat('minutes')}-{shown} ({environments})"
