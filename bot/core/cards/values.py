"""A reading's names and values in words: percent, sizes, times, and words of the catalogue.

Owns: how a value of each unit is written. What came from a server is masked here, and what has no
sentence shows itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from agent.wire.readings import Cell, Column, Fact, Level, Remark, Unit
from bot.core.cards.wording import day_and_clock, size_of, took
from bot.core.redaction import redact
from bot.core.texts import Texts

_TEXT_MAX = 300  # characters of one value that came from a server
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_TEN_SECONDS_MS = 10_000


def name_words(kind: str, name: str, texts: Texts) -> str:
    """The name of a fact, a grid, a column or an excerpt; without a sentence the name itself."""
    key = f"reading.{kind}.{name}"
    return texts.say(key) if texts.has(key) else name


def level_words(level: str, texts: Texts) -> str:
    return texts.say(f"reading.level.{level}")


def value_words(value: Cell, unit: Unit, texts: Texts) -> str:
    """A value as people write it; a dash where it cannot be told."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return _text(value, unit, texts)
    return _number(value, unit, texts)


def fact_words(fact: Fact, texts: Texts) -> str:
    """The value of a fact, its level behind it where that is not as it should be."""
    said = value_words(fact.value, fact.unit, texts)
    return marked(said, fact.level, texts)


def marked(said: str, level: Level, texts: Texts) -> str:
    """A value with its level, but for a normal one."""
    if level == "normal":
        return said
    return texts.say("reading.marked", value=said, level=level_words(level, texts))


def cell_words(cell: Cell, column: Column, texts: Texts) -> str:
    return value_words(cell, column.unit, texts)


def remark_words(remark: Remark, texts: Texts) -> str:
    """Its sentence; where the catalogue has none, or wants another value, code and values."""
    values = {name: redact(value)[:_TEXT_MAX] for name, value in remark.values.items()}
    key = f"reading.remark.{remark.code}"
    try:
        return texts.say(key, **values)
    except KeyError:
        return " ".join([remark.code, *_pairs(values)])


def _pairs(values: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in values.items()]


def _text(value: str, unit: Unit, texts: Texts) -> str:
    if unit == "word":
        return redact(name_words("word", value, texts))[:_TEXT_MAX]
    if unit == "instant":
        return _instant(value)
    return redact(value)[:_TEXT_MAX]


def _instant(value: str) -> str:
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return redact(value)[:_TEXT_MAX]
    return day_and_clock(at) if at.tzinfo else redact(value)[:_TEXT_MAX]


def _number(value: float, unit: Unit, texts: Texts) -> str:
    written = _WRITTEN.get(unit)
    return written(value, texts) if written else _plain(value)


def seconds_words(seconds: float, texts: Texts) -> str:
    """A span in its two largest units."""
    if seconds < _MINUTE:
        return texts.say("time.seconds", seconds=_plain(seconds))
    whole = round(seconds)
    if whole < _HOUR:
        minutes, rest = divmod(whole, _MINUTE)
        return texts.say("time.minutes", minutes=minutes, seconds=rest)
    if whole < _DAY:
        hours, rest = divmod(whole, _HOUR)
        return texts.say("reading.time.hours", hours=hours, minutes=rest // _MINUTE)
    days, rest = divmod(whole, _DAY)
    return texts.say("reading.time.days_hours", days=days, hours=rest // _HOUR)


def _milliseconds(value: float, texts: Texts) -> str:
    return f"{_plain(value)} ms" if value < _TEN_SECONDS_MS else took(round(value), texts)


def _plain(value: float) -> str:
    """At most one decimal, and none where it would be zero."""
    return str(value) if isinstance(value, int) else f"{value:.1f}".removesuffix(".0")


_WRITTEN: Mapping[str, Callable[[float, Texts], str]] = {
    "percent": lambda value, _: f"{_plain(value)}%",
    "bytes": lambda value, _: size_of(round(value)),
    "seconds": seconds_words,
    "milliseconds": _milliseconds,
    "days": lambda value, texts: texts.say("reading.time.days", days=_plain(value)),
    "count": lambda value, _: f"{value:,}" if isinstance(value, int) else _plain(value),
}
