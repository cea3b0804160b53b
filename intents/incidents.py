"""The classifier of overheard talk: which trouble a line tells of, and how likely.

Owns: the examples of ``prompts/incidents.toml``, the form in which lines are seen, and how sure is
sure. It is asked only where the patterns found nothing or are not certain themselves. Must not know
rooms or cards, and must not stop anybody when it cannot be made.
"""

from __future__ import annotations

import asyncio
import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from bot.core.domain.intent import NONE
from intents.shelf import Shelf
from intents.wording import canonical
from prompts import load_examples, read_prompt

if TYPE_CHECKING:
    from intents.linear import LinearModel

_log = structlog.get_logger(__name__)

# Chosen on cross-validation over the examples, see docs/evaluation.md: what is at least this likely
# to be trouble is offered, between the two the model is asked, and below nobody is.
SURE = 0.90
UNSURE = 0.60
KNOWS = 0.50  # a less likely topic is not named: then it is trouble of no special kind
TROUBLE = "trouble"
_NAMES = re.compile(r"[□▒]+")
_NOW = re.compile(r"지금|현재|방금|아까부터|오늘따라|갑자기|계속|자꾸")
_THEN = re.compile(r"어제|그제|지난|작년|예정|내일|다음")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """``probability`` that a line tells of trouble now; ``topic`` of which, perhaps ``trouble``."""

    probability: float
    topic: str


class IncidentClassifier:
    """Character n-grams over two linear models: trouble or none, and which. Made once, and kept
    in ``cache`` where there is one. ``lines``: other lines than those that ship, by topic."""

    def __init__(
        self, *, cache: Path | None = None, lines: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self._shelf = Shelf(cache)
        self._lines = lines
        self._models: tuple[LinearModel, LinearModel] | None = None
        self._making: asyncio.Task[tuple[LinearModel, LinearModel] | None] | None = None

    async def guess(self, line: str) -> Guess | None:
        """What a line tells; None where there is no classifier."""
        if not await self.warm() or self._models is None:
            return None
        form = seen(line)
        alarm, topics = (model.probabilities(form) for model in self._models)
        topic, share = topics[0]
        return Guess(probability=dict(alarm)[TROUBLE], topic=topic if share >= KNOWS else TROUBLE)

    async def warm(self) -> bool:
        """Make or read the models; whether there are any. Safe to call again and at once."""
        if self._models is None:
            if self._making is None or self._making.cancelled():
                self._making = asyncio.create_task(asyncio.to_thread(self._obtain))
            self._models = await asyncio.shield(self._making)
        return self._models is not None

    def _obtain(self) -> tuple[LinearModel, LinearModel] | None:
        lines = self._lines if self._lines is not None else written_lines()
        try:
            return (
                self._shelf.model("incidents-alarm", alarms(lines)),
                self._shelf.model("incidents-topics", topics(lines)),
            )
        except ImportError as error:
            _log.warning("incident_classifier_absent", missing=error.name)
            return None


def alarms(written: Mapping[str, Sequence[str]]) -> Mapping[str, tuple[str, ...]]:
    """Lines that tell of trouble and lines that do not, in the form in which they are seen. What
    is said to the bot is none either: people say the same to each other."""
    told = [line for topic, lines in written.items() if topic != NONE for line in lines]
    asked = [_NAMES.sub("", line) for lines in load_examples().values() for line in lines]
    return {
        NONE: tuple(dict.fromkeys(map(seen, (*written[NONE], *asked)))),
        TROUBLE: tuple(dict.fromkeys(map(seen, told))),
    }


def topics(written: Mapping[str, Sequence[str]]) -> Mapping[str, tuple[str, ...]]:
    """Topic to the lines that tell of it, in the same form."""
    return {
        topic: tuple(dict.fromkeys(map(seen, lines)))
        for topic, lines in written.items()
        if topic != NONE
    }


def written_lines() -> Mapping[str, tuple[str, ...]]:
    """Topic (or ``none``) to the lines as they stand in the file."""
    tables = tomllib.loads(read_prompt("incidents.toml"))
    return {
        label: tuple(line.strip() for line in table["sentences"].splitlines() if line.strip())
        for label, table in tables.items()
    }


def seen(line: str) -> str:
    """A line as the classifier sees it. When something is said to be counts, and is kept apart:
    the common wording drops such words."""
    text = unicodedata.normalize("NFKC", line).lower()
    marks = ("¤" if _NOW.search(text) else "") + ("¢" if _THEN.search(text) else "")
    return canonical(text) + marks
