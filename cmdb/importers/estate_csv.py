"""An estate from a folder of CSV files.

Owns: reading and checking the files as one whole: with a single finding nothing is imported.
``read_estate`` needs no database; ``import_estate`` stores what it returns. Optional are the files
that say how nodes are reached (connections.csv, balancers.csv) and which rooms of our own there
are (rooms.csv), which system a channel is about (channels.csv), what checks may touch
(profiles.toml), and the guides (guides/*.md).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Hashable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from bot.core.errors import ConfigurationError
from cmdb.importers.estate import Estate, people_of, vocabulary_of
from cmdb.importers.estate_build import EstateLines, build_estate
from cmdb.importers.estate_files import File, Files, Finding, Line
from cmdb.importers.estate_reach import check_reach
from cmdb.importers.estate_rows import (
    EVERYTHING,
    BalancerLine,
    ChannelLine,
    ConnectionLine,
    EstateRow,
    InstitutionLine,
    PersonLine,
    RoomLine,
    ServerLine,
    SrLine,
    SystemLine,
)
from cmdb.importers.estate_store import ImportCounts, import_estate
from cmdb.importers.guide_files import read_guides
from cmdb.importers.profile_files import ProfileEntry, read_profiles

__all__ = [
    "Estate",
    "Finding",
    "ImportCounts",
    "import_estate",
    "people_of",
    "read_estate",
    "vocabulary_of",
]

Row = TypeVar("Row", bound=EstateRow)


def read_estate(folder: Path) -> Estate:
    """The estate of a folder.

    Raises:
        ConfigurationError: ``estate_invalid`` with every finding (file, line, column, problem).
    """
    findings: list[Finding] = []
    files = _files(folder, findings)
    if not findings:  # a line that could not be read would only leave others dangling
        _check_duplicates(files, findings)
        _check_references(files, findings)
        check_reach(files, findings)
    guides, faults = read_guides(folder, {row.institution for row in files.institutions.rows()})
    profiles, wrong = read_profiles(
        folder,
        {row.code for row in files.systems.rows()},
        {row.node_id for row in files.connections.rows()},
    )
    findings += [Finding(file=f, line=n, column=c, problem=p) for f, n, c, p in (*faults, *wrong)]
    if findings:
        raise ConfigurationError(
            "estate_invalid",
            folder=folder,
            count=len(findings),
            findings="\n".join(str(finding) for finding in findings),
        )
    return replace(build_estate(_lines(files, profiles)), guides=guides)


# --- reading ---------------------------------------------------------------------------------


def _files(folder: Path, findings: list[Finding]) -> Files:
    return Files(
        _read(folder / "institutions.csv", InstitutionLine, findings),
        _read(folder / "systems.csv", SystemLine, findings),
        _read(folder / "servers.csv", ServerLine, findings),
        _read(folder / "people.csv", PersonLine, findings),
        _read(folder / "srs.csv", SrLine, findings),
        _read(folder / "connections.csv", ConnectionLine, findings, required=False),
        _read(folder / "balancers.csv", BalancerLine, findings, required=False),
        _read(folder / "rooms.csv", RoomLine, findings, required=False),
        _read(folder / "channels.csv", ChannelLine, findings, required=False),
    )


def _lines(files: Files, profiles: tuple[ProfileEntry, ...]) -> EstateLines:
    return EstateLines(
        institutions=files.institutions.rows(),
        systems=files.systems.rows(),
        servers=files.servers.rows(),
        people=files.people.rows(),
        srs=files.srs.rows(),
        connections=files.connections.rows(),
        balancers=files.balancers.rows(),
        rooms=files.rooms.rows(),
        channels=files.channels.rows(),
        profiles=profiles,
    )


def _read(
    path: Path, row_type: type[Row], findings: list[Finding], *, required: bool = True
) -> File[Row]:
    lines: list[Line[Row]] = []
    columns = row_type.model_fields
    required_columns = {name for name, field in columns.items() if field.is_required()}
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            names = list(reader.fieldnames or ())
            if len(set(names)) != len(names) or not required_columns <= set(names) <= set(columns):
                problem = f"the columns are not {_written(row_type)}"
                findings.append(Finding(file=path.name, line=1, column="-", problem=problem))
                return File(path.name, ())
            for cells in reader:
                row = _parse(row_type, cells, path.name, reader.line_num, findings)
                lines += [] if row is None else [Line(reader.line_num, row)]
    except FileNotFoundError:
        if required:
            findings.append(Finding(file=path.name, line=0, column="-", problem="missing"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        problem = f"cannot be read as CSV in UTF-8: {error}"
        findings.append(Finding(file=path.name, line=0, column="-", problem=problem))
    return File(path.name, tuple(lines))


def _written(row_type: type[EstateRow]) -> str:
    """The columns as a header has them; in brackets those that may be left out."""
    return ",".join(
        name if field.is_required() else f"[{name}]"
        for name, field in row_type.model_fields.items()
    )


def _parse(
    row_type: type[Row], cells: dict[str, str], file: str, line: int, findings: list[Finding]
) -> Row | None:
    if None in cells or None in cells.values():
        problem = "more or fewer cells than columns"
        findings.append(Finding(file=file, line=line, column="-", problem=problem))
        return None
    try:
        return row_type.model_validate(cells)
    except ValidationError as error:
        seen: set[str] = set()
        for fault in error.errors(include_url=False, include_context=False):
            column = str(fault["loc"][0])
            if column not in seen:  # a union reports once per member
                seen.add(column)
                problem = f"{cells.get(column, '')[:80]!r}: {fault['msg']}"
                findings.append(Finding(file=file, line=line, column=column, problem=problem))
        return None


# --- checking --------------------------------------------------------------------------------


def _check_duplicates(files: Files, findings: list[Finding]) -> None:
    _unique(files.institutions, "institution", lambda row: row.institution, findings)
    _unique(files.institutions, "code", lambda row: row.code, findings)
    _unique(files.systems, "code", lambda row: row.code, findings)
    _unique(files.systems, "system", lambda row: (row.institution, row.system), findings)
    _unique(files.servers, "node_id", lambda row: row.node_id, findings)
    _unique(files.servers, "node_no", _place, findings)
    _unique(files.people, "user_id", lambda row: row.user_id, findings)
    _unique(files.people, "employee_no", lambda row: row.employee_no, findings)
    _unique(files.people, "slack_id", lambda row: row.slack_id or None, findings)
    _unique(files.people, "teams_id", lambda row: row.teams_id.lower() or None, findings)
    _unique(files.people, "jandi_name", lambda row: row.jandi_name or None, findings)
    _unique(files.srs, "sr_id", lambda row: row.sr_id, findings)
    _unique(files.connections, "node_id", lambda row: row.node_id, findings)
    _unique(files.rooms, "room_id", lambda row: row.room_id, findings)
    _unique(files.channels, "channel", lambda row: (row.adapter, row.channel), findings)
    _unique(files.balancers, "node_id", lambda row: (*_behind(row), row.node_id), findings)
    _unique(files.balancers, "member", lambda row: (*_behind(row), row.member), findings)


def _behind(row: BalancerLine) -> tuple[str | None, str | None]:
    return (row.web_node_id, row.device)


def _place(row: ServerLine) -> Hashable:
    return (row.institution, row.system, row.env, row.layer, row.node_no)


def _unique(
    file: File[Row], column: str, key: Callable[[Row], Hashable], findings: list[Finding]
) -> None:
    """``key`` None: the line has no such value."""
    first: dict[Hashable, int] = {}
    for line in file.lines:
        value = key(line.row)
        if value is None:
            continue
        earlier = first.setdefault(value, line.number)
        if earlier != line.number:
            problem = f"the same as in line {earlier}"
            findings.append(
                Finding(file=file.name, line=line.number, column=column, problem=problem)
            )


def _check_references(files: Files, findings: list[Finding]) -> None:
    institutions = {row.institution for row in files.institutions.rows()}
    systems = {(row.institution, row.system) for row in files.systems.rows()}
    nodes = {row.node_id for row in files.servers.rows()}
    people = {row.user_id for row in files.people.rows()}
    own = institutions | {EVERYTHING}

    def refer(file: File[Row], column: str, holds: Callable[[Row], bool]) -> None:
        for line in file.lines:
            if not holds(line.row):
                problem = "names what no other file has"
                findings.append(
                    Finding(file=file.name, line=line.number, column=column, problem=problem)
                )

    refer(files.systems, "institution", lambda row: row.institution in institutions)
    refer(files.systems, "manager", lambda row: row.manager in people)
    refer(files.servers, "system", lambda row: (row.institution, row.system) in systems)
    refer(files.people, "institutions", lambda row: set(row.institutions) <= own)
    refer(files.srs, "system", lambda row: (row.institution, row.system) in systems)
    refer(files.srs, "requester", lambda row: row.requester in people)
    refer(files.srs, "assignee", lambda row: row.assignee in people)
    refer(files.connections, "node_id", lambda row: row.node_id in nodes)
    refer(files.rooms, "members", lambda row: set(row.members) <= people)
    codes = {row.code for row in files.systems.rows()}
    refer(files.channels, "system", lambda row: row.system in codes)
    refer(files.balancers, "web_node_id", lambda row: row.web_node_id in {None, *nodes})
    refer(files.balancers, "node_id", lambda row: row.node_id in nodes)
