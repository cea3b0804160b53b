"""A reading as plain lines, whole: for a job's page and for the file of what its steps did.

Owns: their form. What is shown in a chat, and how much of it, is ``readings``'.
"""

from __future__ import annotations

from agent.wire.readings import Grid, Reading
from bot.core.cards.values import (
    cell_words,
    fact_words,
    level_words,
    name_words,
    remark_words,
)
from bot.core.texts import Texts


def reading_lines(reading: Reading, texts: Texts) -> list[str]:
    """Level, remarks, facts, tables and lines, in that order. Lines of servers come as they are:
    whoever shows them masks them."""
    lines = [level_words(reading.level, texts)]
    lines += [remark_words(remark, texts) for remark in reading.remarks]
    lines += [
        f"{name_words('fact', fact.name, texts)}: {fact_words(fact, texts)}"
        for fact in reading.facts
    ]
    for grid in reading.grids:
        lines += _grid(grid, texts)
    for excerpt in reading.excerpts:
        lines += [f"[{name_words('excerpt', excerpt.name, texts)}]", *excerpt.lines]
        lines += _more(excerpt.more, texts)
    return lines


def _grid(grid: Grid, texts: Texts) -> list[str]:
    heads = [name_words("column", column.name, texts) for column in grid.columns]
    lines = [f"[{name_words('grid', grid.name, texts)}]", "  ".join(heads)]
    for row in grid.rows:
        cells = [
            cell_words(cell, column, texts)
            for column, cell in zip(grid.columns, row.cells, strict=False)
        ]
        marked = [] if row.level == "normal" else [f"({level_words(row.level, texts)})"]
        lines.append("  ".join([*cells, *marked]))
    return [*lines, *_more(grid.more, texts)]


def _more(count: int, texts: Texts) -> list[str]:
    return [texts.say("reading.more_lines", count=f"{count:,}")] if count else []
