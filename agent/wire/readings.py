"""What a look at a server found: levels, facts, tables, series and lines, as values.

Owns: the one shape in which every check answers. Names are slugs of the bot's catalogue
(``reading.fact.<name>``, ``reading.grid.<name>``, ``reading.column.<name>``; values of unit
``word`` are ``reading.word.<value>`` where there is such a sentence), so that no sentence crosses
the wire. Knows nothing of how it is found or shown.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from agent.wire.types import Slug, WireModel

Level = Literal["normal", "warning", "critical", "unknown"]
# What a number or text is in; "instant" is ISO 8601 with its offset, "word" a catalogue's slug.
Unit = Literal[
    "",
    "word",
    "count",
    "percent",
    "bytes",
    "seconds",
    "milliseconds",
    "days",
    "instant",
]
Cell = str | int | float | None  # None: it cannot be told
_WORST: tuple[Level, ...] = ("normal", "unknown", "warning", "critical")


class Threshold(WireModel):
    """From which value on something is a warning, or critical; the plan carries it frozen.

    ``falling``: small values are the bad ones (days left), and ``critical <= warning``.
    """

    warning: Annotated[int, Field(ge=0)]
    critical: Annotated[int, Field(ge=0)]
    falling: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Threshold:
        low, high = (self.critical, self.warning) if self.falling else (self.warning, self.critical)
        if low > high:
            raise ValueError("critical is worse than warning")
        return self

    def level_of(self, value: float | None) -> Level:
        """The level of a value; one that cannot be told is ``unknown``."""
        if value is None:
            return "unknown"
        if self._reaches(value, self.critical):
            return "critical"
        return "warning" if self._reaches(value, self.warning) else "normal"

    def _reaches(self, value: float, bound: int) -> bool:
        return value <= bound if self.falling else value >= bound


class Fact(WireModel):
    """One named value."""

    name: Slug
    value: Cell
    unit: Unit = ""
    level: Level = "normal"


class Column(WireModel):
    name: Slug
    unit: Unit = ""


class Row(WireModel):
    cells: Annotated[tuple[Cell, ...], Field(max_length=20)]
    level: Level = "normal"


class Grid(WireModel):
    """A table; the worst rows first. ``more``: rows that were found and are not here."""

    name: Slug
    columns: Annotated[tuple[Column, ...], Field(max_length=20)]
    rows: Annotated[tuple[Row, ...], Field(max_length=5000)] = ()
    more: Annotated[int, Field(ge=0)] = 0


class Point(WireModel):
    at: AwareDatetime
    value: float


class Series(WireModel):
    """Values over time, oldest first."""

    name: Slug
    unit: Unit = ""
    points: Annotated[tuple[Point, ...], Field(max_length=5000)]


class Excerpt(WireModel):
    """Lines as a server has them. ``more``: lines that were found and are not here."""

    name: Slug
    lines: Annotated[tuple[str, ...], Field(max_length=5000)]
    more: Annotated[int, Field(ge=0)] = 0


class Remark(WireModel):
    """A sentence of the bot's catalogue, ``reading.remark.<code>``, with its values."""

    code: Slug
    values: dict[str, str] = Field(default_factory=dict)
    level: Level = "normal"


class Reading(WireModel):
    """What one check found at one node. ``level`` is the worst that counts, as the check says."""

    kind: Literal["reading"] = "reading"
    level: Level
    facts: Annotated[tuple[Fact, ...], Field(max_length=100)] = ()
    grids: Annotated[tuple[Grid, ...], Field(max_length=10)] = ()
    series: Annotated[tuple[Series, ...], Field(max_length=20)] = ()
    excerpts: Annotated[tuple[Excerpt, ...], Field(max_length=20)] = ()
    remarks: Annotated[tuple[Remark, ...], Field(max_length=50)] = ()

    def grid(self, name: str) -> Grid | None:
        """The table of that name."""
        return next((grid for grid in self.grids if grid.name == name), None)

    def fact(self, name: str) -> Fact | None:
        """The fact of that name."""
        return next((fact for fact in self.facts if fact.name == name), None)


def worst(*levels: Level) -> Level:
    """The worst of these; none is normal. Something unknown is better than a known trouble."""
    return max(levels, key=_WORST.index, default="normal")
