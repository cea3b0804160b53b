"""A report's sections as lines of words, before they are put into blocks.

Owns: how facts, tables, checklists and logs read in Slack. Pure; knows no limit of a message.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from bot.core.domain.report import (
    Checklist,
    ChecklistRow,
    Facts,
    Lines,
    Notice,
    Paragraph,
    Section,
    Table,
    Tone,
)
from bot.core.texts import Texts

TABLE_COLUMNS = 76  # what a message shows side by side before it wraps; wider tables are listed
FOLDED_ROWS = 8  # of a table that starts closed where that is possible; the rest is in the file

_DIGEST = re.compile(r"[0-9a-f]{64}")
_STATES = {
    "pending": "▫️",
    "running": "⏳",
    "succeeded": "✅",
    "failed": "❌",
    "refused": "⛔",
    "unknown": "❓",
    "skipped": "⏭️",
}
_NOTICES = {Tone.GOOD: "✅ ", Tone.WARNING: "⚠️ ", Tone.BAD: "🚨 "}


@dataclass(frozen=True, slots=True)
class Run:
    """Words of one style."""

    text: str
    style: Literal["", "bold", "code"] = ""

    def element(self) -> dict[str, object]:
        """As an element of a rich text block; never empty, Slack refuses that."""
        element: dict[str, object] = {"type": "text", "text": self.text}
        return {**element, "style": {self.style: True}} if self.style else element


Line = list[Run]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A section. ``verbatim``: monospaced. ``last``: the end matters, not the beginning.
    ``shown``: so many lines at most, the whole in a file. ``notes`` follow it."""

    lines: list[Line]
    title: str = ""
    verbatim: bool = False
    last: bool = False
    shown: int | None = None
    notes: list[Line] = field(default_factory=list)

    def only(self, count: int, note: Line) -> Part:
        """So many of its lines, and a note on the rest."""
        kept = self.lines[len(self.lines) - count :] if self.last else self.lines[:count]
        return replace(self, lines=kept, notes=[*self.notes, note], shown=None)


def parts_of(sections: Sequence[Section], texts: Texts) -> Iterator[Part]:
    """Every section that says something."""
    for section in sections:
        part = _part(section, texts)
        if any(run.text.strip() for line in part.lines for run in line):
            yield part


def plain_lines(part: Part) -> list[str]:
    """The section for a text file."""
    return ["".join(run.text for run in line) for line in part.lines]


def json_size(value: object) -> int:
    """Characters of it as JSON."""
    return len(json.dumps(value, ensure_ascii=False))


def _part(section: Section, texts: Texts) -> Part:
    match section:
        case Paragraph():
            return Part(lines=[[Run(line)] for line in section.text.split("\n")])
        case Facts():
            rows = [[Run(label, "bold"), Run(f"  {value}")] for label, value in section.rows]
            return Part(title=section.title, lines=rows)
        case Table():
            return _table(section)
        case Checklist():
            return Part(title=section.title, lines=[_step(row, texts) for row in section.rows])
        case Lines():
            rows = [[Run(line)] for line in section.lines]
            return Part(title=section.title, lines=rows, verbatim=True, last=True)
        case Notice():
            return Part(lines=[[Run(_NOTICES.get(section.tone, "") + section.text, "bold")]])


def _step(row: ChecklistRow, texts: Texts) -> Line:
    line = [Run(f"{_STATES.get(row.state, '•')} {row.label}")]
    if row.elapsed_ms is not None:
        line.append(Run(f"  {_elapsed(row.elapsed_ms, texts)}", "code"))
    if row.detail:
        line.append(Run(f"\n      {row.detail}"))
    return line


def _elapsed(elapsed_ms: int, texts: Texts) -> str:
    if elapsed_ms < 60_000:
        return texts.say("slack.seconds", count=f"{elapsed_ms / 1000:.1f}")
    minutes, rest_ms = divmod(elapsed_ms, 60_000)
    return texts.say("slack.minutes", count=minutes, seconds=rest_ms // 1000)


def _table(table: Table) -> Part:
    shown = FOLDED_ROWS if table.folded and len(table.rows) > FOLDED_ROWS else None
    widths = [
        max(_width(cell) for cell in cells)
        for cells in zip(table.columns, *table.rows, strict=False)
    ]
    if not table.rows or sum(widths) + 2 * len(widths) > TABLE_COLUMNS:
        return Part(
            title=table.title, lines=[_listed(row, table) for row in table.rows], shown=shown
        )
    rows = [table.columns, *table.rows]
    lines = [[Run("  ".join(_padded(row, widths)).rstrip())] for row in rows]
    if shown is not None:
        shown += 1
    return Part(title=table.title, lines=lines, verbatim=True, shown=shown)


def _listed(row: Sequence[str], table: Table) -> Line:
    """``• first cell  heading second cell · heading third cell``, and digests below."""
    named = [pair for pair in zip(table.columns[1:], row[1:], strict=False) if pair[1]]
    words = [f"{name} {cell}" for name, cell in named if not _DIGEST.fullmatch(cell)]
    digests = [cell for _, cell in named if _DIGEST.fullmatch(cell)]
    return [
        Run("• "),
        Run(row[0] if row else "", "bold"),
        Run("  " + " · ".join(words) if words else ""),
        *(run for digest in digests for run in (Run("\n   "), Run(digest, "code"))),
    ]


def _padded(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    for cell, width in zip(row, widths, strict=False):
        yield cell.replace("\n", " ") + " " * (width - _width(cell))


def _width(text: str) -> int:
    """In columns of a monospaced font: Hangul takes two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
