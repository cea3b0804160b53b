"""Who waits for whom: the tree of any set of sessions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agent.operations.waits import Session, Waits

AT = datetime(2026, 4, 1, tzinfo=UTC)


def session(pid: int, *waits_for: int, statement_s: float | None = 5.0) -> Session:
    return Session(
        pid=pid,
        started=AT,
        user="app",
        application="was",
        client="10.20.30.40",
        transaction_s=9.4,
        statement_s=statement_s,
        query="update t set a = 1",
        waits_for=waits_for,
    )


def waits(*sessions: Session) -> Waits:
    return Waits(sessions={one.pid: one for one in sessions})


def test_nobody_waits() -> None:
    quiet = waits()
    assert (quiet.level, quiet.longest_s, quiet.blocking_grid().rows) == ("normal", 0, ())


def test_everybody_behind_the_root_counts_once() -> None:
    tree = waits(session(1), session(2, 1), session(3, 1, 2), session(4, 3))
    assert [row.cells[0] for row in tree.blocking_grid().rows] == [1, 2, 3]
    assert [row.cells[4] for row in tree.blocking_grid().rows] == [3, 2, 1]
    assert [row.level for row in tree.blocking_grid().rows] == ["warning", "normal", "normal"]


def test_sessions_that_wait_for_each_other_end_the_walk() -> None:
    knot = waits(session(1, 2), session(2, 1))
    assert [row.cells[4] for row in knot.blocking_grid().rows] == [1, 1]


@pytest.mark.parametrize(
    ("seconds", "level"), [(59.9, "warning"), (60, "critical"), (None, "warning")]
)
def test_a_minute_of_waiting_is_critical(seconds: float | None, level: str) -> None:
    assert waits(session(1), session(2, 1, statement_s=seconds)).level == level


def test_where_a_session_comes_from_is_masked() -> None:
    (row,) = waits(session(1), session(2, 1)).blocking_grid().rows
    assert row.cells[3] == "was · 10.20.*.*"


def test_a_prepared_transaction_blocks_without_being_a_session() -> None:
    blocked = waits(session(0), session(7, 0))
    assert [row.cells[2] for row in blocked.waiting_grid().rows] == ["0"]


def test_many_rows_are_bounded_and_counted() -> None:
    many = waits(session(1), *(session(pid, 1) for pid in range(2, 203)))
    grid = many.waiting_grid()
    assert (len(grid.rows), grid.more) == (100, 101)
