"""The patterns that trouble is recognised by, read from ``prompts/symptoms.toml``.

Owns: loading and compiling that file. Knows nothing of what is done with a match.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

Pattern = re.Pattern[str]
_NEVER = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """One topic. ``hard`` and ``exact`` read a line as typed, ``soft`` without its spaces."""

    topic: str
    hard: Pattern
    exact: Pattern
    soft: Pattern
    context: bool
    checks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """What makes a match no alarm; see the file for each."""

    resolved: Pattern
    still: Pattern
    ended: Pattern
    past: Pattern
    other_day: Pattern
    ongoing: Pattern
    talked_about: Pattern
    denied: Pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptoms:
    """Everything of the file."""

    topics: tuple[Symptom, ...]
    context: Pattern
    things: Pattern
    ordinary: Pattern
    silence: Silence
    resolved: Pattern
    decision: Pattern


@cache
def load_symptoms() -> Symptoms:
    """The patterns that ship with the bot.

    Raises:
        ValueError: the file is not well-formed.
    """
    text = resources.files("prompts").joinpath("symptoms.toml").read_text("utf-8")
    data = tomllib.loads(text)
    return Symptoms(
        topics=tuple(_symptom(row) for row in data["topic"]),
        context=re.compile(data["context"]["words"]),
        things=re.compile(data["context"]["things"]),
        ordinary=re.compile(data["context"]["ordinary"]),
        silence=Silence(**{name: re.compile(one) for name, one in data["silence"].items()}),
        resolved=re.compile(data["telling"]["resolved"]),
        decision=re.compile(data["telling"]["decision"]),
    )


def _symptom(row: Mapping[str, Any]) -> Symptom:
    return Symptom(
        topic=row["id"],
        hard=_any_of(row.get("hard", ()), re.IGNORECASE),
        exact=_any_of(row.get("exact", ())),
        soft=_any_of(row.get("soft", ())),
        context=bool(row.get("context", False)),
        checks=tuple(row["checks"]),
    )


def _any_of(patterns: Iterable[str], flags: int = 0) -> Pattern:
    joined = "|".join(f"(?:{pattern})" for pattern in patterns)
    return re.compile(joined, flags) if joined else _NEVER
