"""What may be done only so often: the ledger counts, and a restart forgets nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.ledger import Ledger

NOW = datetime(2026, 5, 23, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)


def take(path: Path, job: str, *, minutes: float, name: str = "heal was01") -> bool:
    """As another agent process would."""
    ledger = Ledger(path)
    at = NOW + timedelta(minutes=minutes)
    try:
        return ledger.take_turn(name, step=(job, "s1"), most=2, since=at - HOUR, at=at)
    finally:
        ledger.close()


def test_gives_two_turns_an_hour(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    asked = [("A", 0), ("B", 10), ("C", 20), ("D", 59), ("E", 61), ("F", 62), ("G", 71)]
    given = [job for job, minutes in asked if take(path, job, minutes=minutes)]
    assert given == ["A", "B", "E", "G"]


def test_one_step_takes_one_turn_however_often_it_is_begun(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    assert all(take(path, "A", minutes=minute) for minute in range(5))
    assert take(path, "B", minutes=6)
    assert not take(path, "C", minutes=7)
    assert take(path, "A", minutes=8)


def test_nodes_are_counted_apart(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    assert take(path, "A", minutes=0)
    assert take(path, "B", minutes=0)
    assert take(path, "C", minutes=0, name="heal was02")
    assert not take(path, "D", minutes=0)


def test_a_clock_that_was_set_back_gives_nothing_away(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    assert take(path, "A", minutes=600)
    assert take(path, "B", minutes=601)
    assert not take(path, "C", minutes=0)
