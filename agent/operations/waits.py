"""Who waits for whom in a database, as a value.

Owns: the tree that pairs of waiting and blocking sessions make, and the tables of it. Pure; knows
neither SQL nor how sessions are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.operations.masking import masked
from agent.operations.sql_text import without_values
from agent.transports.output import plain
from agent.wire.readings import Cell, Column, Grid, Level, Row, worst

_LONG_WAIT_S = 60
_NAME_MAX = 64
_ROWS = 100

BLOCKING = (
    Column(name="pid"),
    Column(name="started", unit="instant"),
    Column(name="user"),
    Column(name="application"),
    Column(name="waiting", unit="count"),
    Column(name="seconds", unit="seconds"),
    Column(name="query"),
)
WAITING = (
    Column(name="pid"),
    Column(name="user"),
    Column(name="waits_for"),
    Column(name="seconds", unit="seconds"),
    Column(name="query"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session that blocks or waits. ``waits_for``: the pids that it waits for.

    ``transaction_s``: how long its transaction has been open; ``statement_s``: since when its
    last statement runs or has ended. None: this role may not know, or there is nothing.
    """

    pid: int
    started: datetime | None
    user: str
    application: str
    client: str
    transaction_s: float | None
    statement_s: float | None
    query: str
    waits_for: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """All sessions that block or wait, by pid."""

    sessions: Mapping[int, Session]

    @property
    def waiting(self) -> tuple[Session, ...]:
        """Those that wait, the longest first."""
        found = [session for session in self.sessions.values() if session.waits_for]
        return tuple(sorted(found, key=lambda one: (-(one.statement_s or 0), one.pid)))

    @property
    def longest_s(self) -> float:
        return max((session.statement_s or 0 for session in self.waiting), default=0)

    @property
    def wait_level(self) -> Level:
        """How bad it is that somebody waits for so long."""
        return "critical" if self.longest_s >= _LONG_WAIT_S else "normal"

    @property
    def level(self) -> Level:
        """That somebody waits is a warning; for a minute, critical."""
        if not self.waiting:
            return "normal"
        return worst("warning", self.wait_level)

    def behind(self, pid: int) -> frozenset[int]:
        """Everybody who waits for that session, directly or through others."""
        found: set[int] = set()
        fresh = {pid}
        while fresh:
            fresh = {
                one.pid for one in self.waiting if fresh & set(one.waits_for) and one.pid != pid
            } - found
            found |= fresh
        return frozenset(found)

    def blocking_grid(self) -> Grid:
        """Those whom others wait for: first who waits for nobody, then who holds up the most."""
        named = {pid for one in self.waiting for pid in one.waits_for}
        blockers = [self.sessions[pid] for pid in named if pid in self.sessions]
        behind = {one.pid: len(self.behind(one.pid)) for one in blockers}
        blockers.sort(key=lambda one: (bool(one.waits_for), -behind[one.pid], one.pid))
        rows = tuple(
            Row(cells=_blocking_cells(one, behind[one.pid]), level=self._level_of(one))
            for one in blockers[:_ROWS]
        )
        return Grid(
            name="blocking", columns=BLOCKING, rows=rows, more=max(0, len(blockers) - _ROWS)
        )

    def waiting_grid(self) -> Grid:
        """Those who wait, and for whom."""
        rows = tuple(Row(cells=_waiting_cells(one)) for one in self.waiting[:_ROWS])
        more = max(0, len(self.waiting) - _ROWS)
        return Grid(name="waiting", columns=WAITING, rows=rows, more=more)

    def _level_of(self, session: Session) -> Level:
        """One that waits itself is not where the trouble begins."""
        return "normal" if session.waits_for else self.level


def _blocking_cells(session: Session, waiting: int) -> tuple[Cell, ...]:
    return (
        session.pid,
        session.started.isoformat() if session.started else None,
        _name(session.user),
        application_of(session.application, session.client),
        waiting,
        None if session.transaction_s is None else round(session.transaction_s),
        without_values(session.query),
    )


def _waiting_cells(session: Session) -> tuple[Cell, ...]:
    return (
        session.pid,
        _name(session.user),
        pids(session.waits_for),
        None if session.statement_s is None else round(session.statement_s),
        without_values(session.query),
    )


def application_of(name: str, client: str) -> str:
    """What a session calls itself and, masked, where it comes from."""
    where = masked(client)
    return " · ".join(part for part in (_name(masked(name)), where) if part) or "-"


def pids(numbers: Sequence[int]) -> str:
    """A few pids in one cell."""
    shown = ", ".join(map(str, sorted(numbers)[:10]))
    return shown if len(numbers) <= 10 else f"{shown} …"


def _name(text: str) -> str:
    return plain(text)[:_NAME_MAX]
