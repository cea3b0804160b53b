"""The tables, lines and series of a reading, bounded: what is bad is in sight, the rest folded.

Owns: how much of them a message shows, and that what is left out is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from agent.wire.readings import Excerpt, Grid, Reading, Row, Series
from bot.core.cards.answers import bad_rows
from bot.core.cards.values import cell_words, level_words, name_words, value_words
from bot.core.cards.wording import day_and_clock, masked_line
from bot.core.domain.report import Lines, Section, Table
from bot.core.texts import Texts

_LINE_MAX = 400  # characters
_OPEN_ROWS = 12  # longer tables are folded, what is bad in them not
_UNSAID = frozenset({"ticks"})  # columns that the next question needs, and no person
_POINTS = 24  # of a series as a table
_NUMBERS = frozenset({"count", "percent", "bytes", "seconds", "milliseconds", "days"})
_FOR_PROGRAMS = frozenset({"ticks", "file_sha256"})  # what a plan needs; nothing to read


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much of each table and of each run of lines is shown. ``bad_only``: rows that are as
    they should be are counted only."""

    rows: int = 60
    lines: int = 60
    bad_only: bool = False


WHOLE = Bounds(rows=1000, lines=1000)  # for a page, not for a chat


def detail_sections(
    reading: Reading, texts: Texts, *, bounds: Bounds, node: str = ""
) -> list[Section]:
    """Grids, series and excerpts; ``node`` heads them where there are several nodes."""
    sections: list[Section] = []
    for grid in reading.grids:
        sections += grid_sections(grid, texts, bounds=bounds, node=node)
    if not bounds.bad_only:
        sections += [_series(series, texts, node) for series in reading.series if series.points]
    for excerpt in reading.excerpts:
        sections += _excerpt(excerpt, texts, bounds=bounds, node=node)
    return sections


def grid_sections(
    grid: Grid, texts: Texts, *, bounds: Bounds = WHOLE, node: str = ""
) -> list[Section]:
    """One table; or, where it is long, what is bad in it, and the rest folded."""
    grid = _said(grid)
    bad = bad_rows(grid)
    fine = [] if bounds.bad_only else [row for row in grid.rows if row.level == "normal"]
    shown_bad = bad[: bounds.rows]
    shown_fine = fine[: bounds.rows - len(shown_bad)]
    total = len(grid.rows) + grid.more
    title = _title("grid", grid.name, texts, node=node)
    if not shown_bad and not shown_fine:
        return []
    if len(shown_bad) + len(shown_fine) <= _OPEN_ROWS or not shown_bad:
        shown = [*shown_bad, *shown_fine]
        rows = [row for row in grid.rows if any(row is one for one in shown)]  # in its own order
        name = _counted(title, shown=len(rows), total=total, texts=texts)
        return [_table(grid, rows, texts, title=name, folded=len(rows) > _OPEN_ROWS)]
    name = _counted(title, shown=len(shown_bad), total=total, texts=texts)
    folded = len(shown_bad) > 3 * _OPEN_ROWS
    sections: list[Section] = [_table(grid, shown_bad, texts, title=name, folded=folded)]
    if shown_fine:
        rest = texts.say("reading.rest_rows", title=title, count=len(shown_fine))
        sections.append(_table(grid, shown_fine, texts, title=rest, folded=True))
    return sections


def _said(grid: Grid) -> Grid:
    """Without the columns that are told to nobody."""
    kept = [place for place, column in enumerate(grid.columns) if column.name not in _UNSAID]
    if len(kept) == len(grid.columns):
        return grid
    rows = tuple(
        row.model_copy(update={"cells": tuple(row.cells[place] for place in kept)})
        for row in grid.rows
        if len(row.cells) == len(grid.columns)
    )
    columns = tuple(grid.columns[place] for place in kept)
    return grid.model_copy(update={"columns": columns, "rows": rows})


def is_empty(grid: Grid) -> bool:
    return not grid.rows and not grid.more


def _table(grid: Grid, rows: Sequence[Row], texts: Texts, *, title: str, folded: bool) -> Table:
    """The level has a column of its own, behind the first, where any row has one to show."""
    leveled = any(row.level != "normal" for row in grid.rows)
    order = _order(grid)
    names = [name_words("column", grid.columns[place].name, texts) for place in order]
    if leveled:
        names.insert(1, texts.say("cards.column.result"))
    return Table(
        columns=tuple(names),
        rows=tuple(_cells(grid, row, texts, order=order, leveled=leveled) for row in rows),
        title=title,
        folded=folded,
    )


def _order(grid: Grid) -> list[int]:
    """The columns that people read; what a row is about comes first, not how often."""
    shown = [place for place, column in enumerate(grid.columns) if column.name not in _FOR_PROGRAMS]
    texts = [place for place in shown if not grid.columns[place].unit]
    if texts and grid.columns[shown[0]].unit in _NUMBERS:
        shown.remove(texts[0])
        shown.insert(0, texts[0])
    return shown


def _cells(
    grid: Grid, row: Row, texts: Texts, *, order: Sequence[int], leveled: bool
) -> tuple[str, ...]:
    whole = [
        cell_words(cell, column, texts)
        for column, cell in zip_longest(grid.columns, row.cells[: len(grid.columns)])
    ]
    cells = [whole[place] for place in order]
    if leveled:
        cells.insert(1, level_words(row.level, texts))
    return tuple(cells)


def _excerpt(excerpt: Excerpt, texts: Texts, *, bounds: Bounds, node: str) -> list[Section]:
    shown = excerpt.lines[-bounds.lines :]  # the newest: a log is read for its end
    total = len(excerpt.lines) + excerpt.more
    if not shown:
        return []
    title = _title("excerpt", excerpt.name, texts, node=node)
    lines = tuple(masked_line(line)[:_LINE_MAX] for line in shown)
    left = total - len(shown)
    if left:
        lines = (texts.say("reading.more_lines", count=f"{left:,}"), *lines)
    return [Lines(title=title, lines=lines)]


def _series(series: Series, texts: Texts, node: str) -> Section:
    points = series.points[-_POINTS:]
    title = _title("series", series.name, texts, node=node)
    columns = ("time", "value")
    return Table(
        columns=tuple(texts.say(f"reading.series_column.{name}") for name in columns),
        rows=tuple(
            (day_and_clock(point.at), value_words(point.value, series.unit, texts))
            for point in points
        ),
        title=_counted(title, shown=len(points), total=len(series.points), texts=texts),
        folded=True,
    )


def _title(kind: str, name: str, texts: Texts, *, node: str) -> str:
    said = name_words(kind, name, texts)
    return f"{node} · {said}" if node else said


def _counted(title: str, *, shown: int, total: int, texts: Texts) -> str:
    if shown == total:
        return title
    return texts.say("reading.of_rows", title=title, shown=shown, more=total - shown)
