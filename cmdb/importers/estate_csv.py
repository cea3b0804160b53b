"""An estate from a folder of CSV files.

Owns: reading and checking the files as one whole: with a single finding nothing is imported.
``read_estate`` needs no database; ``import_estate`` stores what it returns. Optional are the files
that say how nodes are reached (connections.csv, balancers.csv) and which rooms of our own there
are (rooms.csv), which system a channel is about (channels.csv), and the guides (guides/*.md).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import ValidationError

from bot.core.domain.estate import Layer
from bot.core.errors import ConfigurationError
from cmdb.importers.estate import Estate, people_of, vocabulary_of
from cmdb.importers.estate_build import EstateLines, build_estate
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong where. ``line`` counts from 1, the header included."""

    file: str
    line: int
    column: str
    problem: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.column}: {self.problem}"


@dataclass(frozen=True, slots=True)
class _Line(Generic[Row]):
    number: int
    row: Row


@dataclass(frozen=True, slots=True)
class _File(Generic[Row]):
    name: str
    lines: tuple[_Line[Row], ...]

    def rows(self) -> tuple[Row, ...]:
        return tuple(line.row for line in self.lines)


@dataclass(frozen=True, slots=True)
class _Files:
    institutions: _File[InstitutionLine]
    systems: _File[SystemLine]
    servers: _File[ServerLine]
    people: _File[PersonLine]
    srs: _File[SrLine]
    connections: _File[ConnectionLine]
    balancers: _File[BalancerLine]
    rooms: _File[RoomLine]
    channels: _File[ChannelLine]


def read_estate(folder: Path) -> Estate:
    """The estate of a folder.

    Raises:
        ConfigurationError: ``estate_invalid`` with every finding (file, line, column, problem).
    """
    findings: list[Finding] = []
    files = _Files(
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
    if not findings:  # a line that could not be read would only leave others dangling
        _check_duplicates(files, findings)
        _check_references(files, findings)
        _check_balancers(files, findings)
    guides, faults = read_guides(folder, {row.institution for row in files.institutions.rows()})
    findings += [Finding(file=f, line=n, column=c, problem=p) for f, n, c, p in faults]
    if findings:
        raise ConfigurationError(
            "estate_invalid",
            folder=folder,
            count=len(findings),
            findings="\n".join(str(finding) for finding in findings),
        )
    estate = build_estate(
        EstateLines(
            institutions=files.institutions.rows(),
            systems=files.systems.rows(),
            servers=files.servers.rows(),
            people=files.people.rows(),
            srs=files.srs.rows(),
            connections=files.connections.rows(),
            balancers=files.balancers.rows(),
            rooms=files.rooms.rows(),
            channels=files.channels.rows(),
        )
    )
    return replace(estate, guides=guides)


# --- reading ---------------------------------------------------------------------------------


def _read(
    path: Path, row_type: type[Row], findings: list[Finding], *, required: bool = True
) -> _File[Row]:
    lines: list[_Line[Row]] = []
    columns = list(row_type.model_fields)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            if sorted(reader.fieldnames or ()) != sorted(columns):
                problem = f"the columns are not {','.join(columns)}"
                findings.append(Finding(file=path.name, line=1, column="-", problem=problem))
                return _File(path.name, ())
            for cells in reader:
                row = _parse(row_type, cells, path.name, reader.line_num, findings)
                lines += [] if row is None else [_Line(reader.line_num, row)]
    except FileNotFoundError:
        if required:
            findings.append(Finding(file=path.name, line=0, column="-", problem="missing"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        problem = f"cannot be read as CSV in UTF-8: {error}"
        findings.append(Finding(file=path.name, line=0, column="-", problem=problem))
    return _File(path.name, tuple(lines))


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


def _check_duplicates(files: _Files, findings: list[Finding]) -> None:
    _unique(files.institutions, "institution", lambda row: row.institution, findings)
    _unique(files.institutions, "code", lambda row: row.code, findings)
    _unique(files.systems, "code", lambda row: row.code, findings)
    _unique(files.systems, "system", lambda row: (row.institution, row.system), findings)
    _unique(files.servers, "node_id", lambda row: row.node_id, findings)
    _unique(files.servers, "node_no", _place, findings)
    _unique(files.people, "user_id", lambda row: row.user_id, findings)
    _unique(files.people, "employee_no", lambda row: row.employee_no, findings)
    _unique(files.people, "slack_id", lambda row: row.slack_id or None, findings)
    _unique(files.people, "teams_id", lambda row: row.teams_id or None, findings)
    _unique(files.people, "jandi_name", lambda row: row.jandi_name or None, findings)
    _unique(files.srs, "sr_id", lambda row: row.sr_id, findings)
    _unique(files.connections, "node_id", lambda row: row.node_id, findings)
    _unique(files.rooms, "room_id", lambda row: row.room_id, findings)
    _unique(files.channels, "channel", lambda row: (row.adapter, row.channel), findings)
    _unique(files.balancers, "node_id", lambda row: (row.web_node_id, row.node_id), findings)
    _unique(files.balancers, "member", lambda row: (row.web_node_id, row.member), findings)


def _place(row: ServerLine) -> Hashable:
    return (row.institution, row.system, row.env, row.layer, row.node_no)


def _unique(
    file: _File[Row], column: str, key: Callable[[Row], Hashable], findings: list[Finding]
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


def _check_references(files: _Files, findings: list[Finding]) -> None:
    institutions = {row.institution for row in files.institutions.rows()}
    systems = {(row.institution, row.system) for row in files.systems.rows()}
    nodes = {row.node_id for row in files.servers.rows()}
    people = {row.user_id for row in files.people.rows()}
    own = institutions | {EVERYTHING}

    def refer(file: _File[Row], column: str, holds: Callable[[Row], bool]) -> None:
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
    refer(files.balancers, "web_node_id", lambda row: row.web_node_id in nodes)
    refer(files.balancers, "node_id", lambda row: row.node_id in nodes)


def _check_balancers(files: _Files, findings: list[Finding]) -> None:
    """A balancer is a web node of the same system and environment, and says where it lives."""
    servers = {row.node_id: row for row in files.servers.rows()}
    balancing = {row.node_id for row in files.connections.rows() if row.balancer_home}
    for reached in files.connections.lines:
        if (reached.row.balancer_home is None) != (reached.row.upstream_file is None):
            problem = "upstream_file and balancer_home go together"
            findings.append(
                Finding(
                    file=files.connections.name,
                    line=reached.number,
                    column="balancer_home",
                    problem=problem,
                )
            )
    for line in files.balancers.lines:
        web, node = servers.get(line.row.web_node_id), servers.get(line.row.node_id)
        if web is None or node is None:
            continue
        same = (web.institution, web.system, web.env) == (node.institution, node.system, node.env)
        if web.layer is not Layer.WEB or not same or web.node_id not in balancing:
            problem = "is no web node of the same system and environment with a balancer_home"
            findings.append(
                Finding(
                    file=files.balancers.name,
                    line=line.number,
                    column="web_node_id",
                    problem=problem,
                )
            )
