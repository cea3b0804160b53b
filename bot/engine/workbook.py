"""The answer to a look at servers, as a workbook.

Owns: its sheets (what was asked and how each node is, a sheet a table, the lines of each node),
and that nothing in it is ever a formula: what comes from a server or a person is text, whatever
it begins with. openpyxl is at home here.
"""

from __future__ import annotations

import asyncio
import io
import re
import unicodedata
import zipfile
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from agent.wire.readings import Cell, Grid, Reading, Unit
from bot.core.cards.answers import NodeAnswer, answers_of, failures, has_readings
from bot.core.cards.values import level_words, name_words, remark_words, value_words
from bot.core.cards.wording import SEOUL, in_seoul
from bot.core.domain.job import Job
from bot.core.domain.report import Attachment
from bot.core.errors import GuardiaError
from bot.core.redaction import redact
from bot.core.texts import Texts
from bot.engine.services import Services

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ROWS_MOST = 10_000  # of one sheet; a workbook is written in seconds
_LINES_MOST = 60_000  # of all nodes
_LINE_SHEETS = 60
_FACTS_MOST = 20
_TEXT_MAX = 2000  # characters of one cell; Excel takes 32,767
_WIDEST = 90  # characters
_SHEET_NAME = 31  # characters that Excel takes
_NOT_IN_NAMES = re.compile(r"[\[\]:*?/\\'\x00-\x1f]")
# What makes a formula of a text in some program, behind blanks and in other forms, too; and what
# Excel reads as another character.
_RISKY = re.compile(r"\s*(?:[=+\-@%|\u2212]|_x[0-9A-Fa-f]{4}_)")
_CONTROLS = frozenset("\t\r\n")
_LEFT = Alignment(horizontal="left")
_HEAD_FONT = Font(bold=True, color="FFFFFFFF")
_HEAD = PatternFill("solid", start_color="FF1F3A5F")
_FILLS = {
    "warning": PatternFill("solid", start_color="FFFFF2CC"),
    "critical": PatternFill("solid", start_color="FFF8CBAD"),
    "failed": PatternFill("solid", start_color="FFF8CBAD"),
    "unknown": PatternFill("solid", start_color="FFE7E6E6"),
}
_FORMATS = {"count": "#,##0", "bytes": "#,##0", "percent": "0.0", "instant": "yyyy-mm-dd hh:mm:ss"}
_STILL = (1980, 1, 1, 0, 0, 0)  # the same job has the same file

Value = str | int | float | datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """Values with the unit of each; ``level`` colours it."""

    values: tuple[Value, ...]
    units: tuple[str, ...] = ()
    level: str = "normal"
    free: bool = False  # what is long runs on over the columns beside it


async def enclosed_workbook(job: Job, services: Services) -> Attachment | None:
    """The workbook of a job that was asked for one. None: it was not, or there is nothing to
    write, or it could not be kept; a report is never held up by it."""
    if not job.plan.workbook or not has_readings(job):
        return None
    name = f"{job.job_id}.xlsx"
    try:
        body = await asyncio.to_thread(workbook_of, job, services.texts)
        kept = await services.stores.files.receive(name, _whole(body))
    except GuardiaError as error:
        log.warning("workbook_not_attached", code=error.code, job=job.job_id)
        return None
    return Attachment(digest=kept.digest, name=name, size=kept.size, media_type=MEDIA_TYPE)


async def _whole(body: bytes) -> AsyncIterator[bytes]:
    yield body


def workbook_of(job: Job, texts: Texts, *, rows_most: int = ROWS_MOST) -> bytes:
    """The readings of a job: a summary, a sheet a table, the lines of every node.
    ``rows_most``: of one sheet."""
    answers = answers_of(job)
    book = _Book(texts, rows_most)
    book.sheet(texts.say("workbook.summary"), (), _summary(job, answers, texts), head=0)
    for name in _grid_names(answers):
        book.grids(name, answers)
    book.lines(answers)
    book.close(job.ended_at or job.created_at)
    return book.bytes()


def _summary(job: Job, answers: Sequence[NodeAnswer], texts: Texts) -> Iterator[_Row]:
    """What was asked, by whom, of what, when; then how each node is, the worst first."""
    plan = job.plan
    told: tuple[tuple[str, Value], ...] = (
        ("request", texts.note(plan.title)),
        ("check", " ".join(texts.note(line) for line in plan.outline)),
        ("target", f"{plan.institution} {plan.system}"),
        ("requester", job.requester_name),
        ("asked_at", _local(job.created_at)),
        ("made_at", _local(job.ended_at or job.created_at)),
        ("job", job.job_id),
    )
    for name, value in told:
        unit = "instant" if isinstance(value, datetime) else ""
        yield _Row(values=(texts.say(f"workbook.{name}"), value), units=("", unit), free=True)
    yield _Row(values=())
    facts = _fact_names(answers)
    heads = [texts.say("workbook.node"), texts.say("workbook.level")]
    heads += [name_words("fact", name, texts) for name in facts]
    yield _Row(values=(*heads, texts.say("workbook.remarks")), level="head")
    for answer in answers:
        for _, reading in answer.readings:
            yield _summed(answer, reading, facts, texts)
        if not answer.readings:
            yield _summed(answer, None, facts, texts)


def _fact_names(answers: Sequence[NodeAnswer]) -> list[str]:
    names = [
        fact.name for answer in answers for _, reading in answer.readings for fact in reading.facts
    ]
    return list(dict.fromkeys(names))[:_FACTS_MOST]


def _summed(
    answer: NodeAnswer, reading: Reading | None, facts: Sequence[str], texts: Texts
) -> _Row:
    """A row for each reading of a node; for one that has not answered, why."""
    known = [reading.fact(name) if reading else None for name in facts]
    told = [remark_words(remark, texts) for remark in reading.remarks] if reading else []
    level = reading.level if reading and not answer.troubles else answer.level
    return _Row(
        values=(
            answer.node_id,
            level_words(level, texts),
            *(_value(fact.value, fact.unit, texts) if fact else None for fact in known),
            "; ".join((*failures(answer, texts), *told)),
        ),
        units=("", "", *(fact.unit if fact else "" for fact in known), ""),
        level=level,
    )


def _grid_names(answers: Sequence[NodeAnswer]) -> list[str]:
    names = [
        grid.name for answer in answers for _, reading in answer.readings for grid in reading.grids
    ]
    return list(dict.fromkeys(names))


class _Book:
    """A workbook in the making, row by row."""

    def __init__(self, texts: Texts, rows_most: int) -> None:
        self._texts = texts
        self._rows_most = rows_most
        self._book = Workbook(write_only=True)
        self._names: set[str] = set()

    def grids(self, name: str, answers: Sequence[NodeAnswer]) -> None:
        """One table, of all nodes, oldest first where its rows are moments."""
        found = [
            (answer.node_id, _source(reading), grid)
            for answer in answers
            for _, reading in answer.readings
            if (grid := reading.grid(name)) is not None
        ]
        columns = found[0][2].columns
        say = self._texts.say
        heads = [say("workbook.node"), say("workbook.lines"), say("workbook.row_level")]
        heads += [name_words("column", column.name, self._texts) for column in columns]
        rows = (row for node, source, grid in found for row in self._rows(node, source, grid))
        sourced = any(source for _, source, _ in found)
        heads = heads if sourced else [heads[0], *heads[2:]]
        title = name_words("grid", name, self._texts)
        self.sheet(title, heads, rows if sourced else map(_without_source, rows))

    def _rows(self, node: str, source: str, grid: Grid) -> Iterator[_Row]:
        rows = list(grid.rows)
        if grid.columns and grid.columns[0].unit == "instant":
            rows.sort(key=lambda row: str(row.cells[:1]))
        units = ("", "", "", *(column.unit for column in grid.columns))
        for row in rows:
            cells = zip(row.cells, grid.columns, strict=False)
            yield _Row(
                values=(
                    node,
                    source,
                    level_words(row.level, self._texts),
                    *(_value(cell, column.unit, self._texts) for cell, column in cells),
                ),
                units=units,
                level=row.level,
            )
        if grid.more:
            more = self._texts.say("workbook.more", count=grid.more)
            yield _Row(values=(node, source, "", more))

    def lines(self, answers: Sequence[NodeAnswer]) -> None:
        """A sheet of lines for each node that has some."""
        having = [
            (answer.node_id, reading)
            for answer in answers
            for _, reading in answer.readings
            if reading.excerpts
        ]
        left = _LINES_MOST
        for node, reading in having[:_LINE_SHEETS]:
            heads = [self._texts.say(f"workbook.{name}") for name in ("number", "text")]
            rows = list(_numbered(reading, self._texts))[:left]
            left -= len(rows)
            source = _source(reading)
            self.sheet(f"{_short(node)} {source}".strip(), heads, rows)
        if len(having) > _LINE_SHEETS:
            said = self._texts.say("workbook.more_nodes", count=len(having) - _LINE_SHEETS)
            self.sheet("…", (), [_Row(values=(said,))], head=0)

    def sheet(
        self, title: str, heads: Sequence[str], rows: Iterable[_Row], *, head: int = 1
    ) -> None:
        """``head``: rows that stay in sight. Bounded; what is left out is counted."""
        made = [_Row(values=tuple(heads), level="head")] if heads else []
        left = 0
        for row in rows:
            if len(made) <= self._rows_most:
                made.append(row)
            else:
                left += 1
        if left:
            made.append(_Row(values=(self._texts.say("workbook.more", count=left),), free=True))
        page = self._book.create_sheet(self._named(title))
        page.page_setup.orientation, page.page_setup.fitToHeight = "landscape", 0
        page.sheet_properties.pageSetUpPr.fitToPage = True  # its whole width on one page
        if head:
            page.freeze_panes = f"A{head + 1}"
        for column, width in enumerate(_widths(made), start=1):
            page.column_dimensions[get_column_letter(column)].width = width
        for row in made:
            page.append([_cell(page, row, index) for index in range(len(row.values))])
        if head and made:
            page.auto_filter.ref = f"A1:{get_column_letter(len(heads))}{len(made)}"

    def _named(self, title: str) -> str:
        """A name that Excel takes and no other sheet has."""
        plain = _NOT_IN_NAMES.sub("_", _plain(title)).strip() or "_"
        name = plain[:_SHEET_NAME]
        number = 2
        while name.lower() in self._names:
            suffix = f" ({number})"
            name = plain[: _SHEET_NAME - len(suffix)] + suffix
            number += 1
        self._names.add(name.lower())
        return name

    def close(self, at: datetime) -> None:
        self._book.properties.creator = "GUARDiA"
        self._book.properties.created = at.astimezone(SEOUL).replace(tzinfo=None, microsecond=0)
        self._book.properties.modified = self._book.properties.created

    def bytes(self) -> bytes:
        """The file, without the moment at which it happened to be packed."""
        packed, made = io.BytesIO(), io.BytesIO()
        modified = self._book.properties.modified
        self._book.save(packed)
        with zipfile.ZipFile(packed) as source, zipfile.ZipFile(made, "w") as target:
            for entry in source.infolist():
                body = source.read(entry)
                if entry.filename == "docProps/core.xml":  # saving dates it anew
                    body = re.sub(
                        rb"(<dcterms:modified[^>]*>)[^<]*",
                        rb"\g<1>" + modified.isoformat().encode() + b"Z",
                        body,
                    )
                still = zipfile.ZipInfo(entry.filename, date_time=_STILL)
                still.compress_type = zipfile.ZIP_DEFLATED
                target.writestr(still, body)
        return made.getvalue()


def _numbered(reading: Reading, texts: Texts) -> Iterator[_Row]:
    number = 0
    for excerpt in reading.excerpts:
        for line in excerpt.lines:
            number += 1
            yield _Row(values=(number, line))
        if excerpt.more:
            yield _Row(values=(None, texts.say("workbook.more", count=excerpt.more)))


def _source(reading: Reading) -> str:
    """Which log of the node a reading is about, where it is about one."""
    fact = reading.fact("log_name")
    return str(fact.value) if fact is not None else ""


def _without_source(row: _Row) -> _Row:
    return _Row(
        values=(row.values[0], *row.values[2:]),
        units=(row.units[0], *row.units[2:]) if row.units else (),
        level=row.level,
    )


def _short(node: str) -> str:
    return "-".join(node.split("-")[-2:])


def _value(cell: Cell, unit: Unit, texts: Texts) -> Value:
    if isinstance(cell, str) and unit == "instant":
        try:
            at = datetime.fromisoformat(cell)
        except ValueError:
            return cell
        return _local(at) if at.tzinfo else cell
    if isinstance(cell, str):
        return value_words(cell, unit, texts) if unit == "word" else cell
    return cell


def _local(at: datetime) -> datetime:
    """In Seoul, without an offset: Excel knows none."""
    return in_seoul(at).replace(tzinfo=None, microsecond=0)


def _plain(text: str) -> str:
    """One line of what a workbook can hold: no controls, nothing invisible, nothing secret."""
    spaced = text.replace("\t", " ").replace("\r", " ").replace("\n", " ")
    kept = "".join(each for each in redact(spaced) if unicodedata.category(each)[0] != "C")
    return kept[:_TEXT_MAX]


def _cell(page: object, row: _Row, index: int) -> WriteOnlyCell:
    value = row.values[index]
    unit = row.units[index] if index < len(row.units) else ""
    if isinstance(value, str):
        cell = WriteOnlyCell(page, value="")
        text = _plain(value)
        cell.value = text
        cell.data_type = "s"  # openpyxl makes a formula of what begins with "="
        if _RISKY.match(unicodedata.normalize("NFKC", text)) or value[:1] in _CONTROLS:
            cell.quotePrefix = True  # so that nobody makes one of it by pressing Enter
    else:
        cell = WriteOnlyCell(page, value=value)
        cell.number_format = _FORMATS.get(unit, "General")
        if isinstance(value, datetime):
            cell.alignment = _LEFT
    if row.level == "head":
        cell.font, cell.fill = _HEAD_FONT, _HEAD
    elif row.level in _FILLS:
        cell.fill = _FILLS[row.level]
    return cell


def _widths(rows: Sequence[_Row]) -> list[float]:
    """By the longest value of each column; Korean letters are two wide."""
    widths: list[float] = []
    for row in rows[:2000]:
        widths += [8.0] * (len(row.values) - len(widths))
        for index, value in enumerate(row.values):
            if row.free and not isinstance(value, datetime):
                continue
            widths[index] = max(widths[index], min(_WIDEST, _width(value) + 2))
    return widths


def _width(value: Value) -> int:
    if isinstance(value, datetime):
        return 19
    text = f"{value:,}" if isinstance(value, int) else str(value or "")
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text[:200])
