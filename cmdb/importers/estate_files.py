"""The files of an estate with their line numbers, and what is found wrong in them.

Owns: Finding, and the lines of every file. Knows neither how they are read nor what they mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from cmdb.importers.estate_rows import (
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
class Line(Generic[Row]):
    number: int
    row: Row


@dataclass(frozen=True, slots=True)
class File(Generic[Row]):
    name: str
    lines: tuple[Line[Row], ...]

    def rows(self) -> tuple[Row, ...]:
        return tuple(line.row for line in self.lines)


@dataclass(frozen=True, slots=True)
class Files:
    institutions: File[InstitutionLine]
    systems: File[SystemLine]
    servers: File[ServerLine]
    people: File[PersonLine]
    srs: File[SrLine]
    connections: File[ConnectionLine]
    balancers: File[BalancerLine]
    rooms: File[RoomLine]
    channels: File[ChannelLine]
