"""What this agent has begun and ended, on disk.

Owns: delivered plan orders by plan digest, every step's ``begun`` and ``done``, the highest
fencing token seen per lock, and which access records of a node have been used. A step that is
begun without being done has been cut off: nobody knows whether it took effect until somebody
looks. Decides nothing; blocks, so that callers on the event loop go through
``asyncio.to_thread``.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.wire.messages import PlanOrder, StepOutcome
from agent.wire.results import Result

_SCHEMA = """
CREATE TABLE IF NOT EXISTS plan_order (
    plan_digest TEXT PRIMARY KEY, received_at TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS step (
    job_id TEXT NOT NULL, step_id TEXT NOT NULL, plan_digest TEXT NOT NULL,
    attempt INTEGER NOT NULL, begun_at TEXT NOT NULL, outcome TEXT,
    PRIMARY KEY (job_id, step_id)
) STRICT;
CREATE TABLE IF NOT EXISTS fence (scope TEXT PRIMARY KEY, token INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS access (
    node_id TEXT NOT NULL, issued_at TEXT NOT NULL, seen_at TEXT NOT NULL,
    PRIMARY KEY (node_id, issued_at)
) STRICT;
CREATE TABLE IF NOT EXISTS turn (
    name TEXT NOT NULL, job_id TEXT NOT NULL, step_id TEXT NOT NULL, taken_at TEXT NOT NULL,
    PRIMARY KEY (name, job_id, step_id)
) STRICT;
"""


class LedgerError(Exception):
    """The ledger cannot be read or written: nothing may be begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEntry:
    """One step as the ledger knows it. No outcome: begun, and not known to have ended."""

    plan_digest: str
    attempt: int
    outcome: StepOutcome | None


class Ledger:
    """A durable ledger in one SQLite file; usable from any thread, by one process."""

    def __init__(self, path: Path) -> None:
        """Open or create the file.

        Raises:
            LedgerError: it is not a ledger, or not writable.
        """
        self._lock = threading.Lock()
        try:
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            # FULL: a step that the disk does not know to have begun must not begin.
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.execute("PRAGMA busy_timeout=3000")
            self._database.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise LedgerError(f"{path}: {error}") from error

    def close(self) -> None:
        """Close the file; nothing is lost without it."""
        with self._lock:
            self._database.close()

    def keep_order(self, digest: str, order: PlanOrder, at: datetime) -> None:
        """Keep a plan order under its plan's digest; a later one (a newer grant) replaces it."""
        with self._transaction() as database:
            database.execute(
                "INSERT INTO plan_order VALUES (?, ?, ?) ON CONFLICT (plan_digest) "
                "DO UPDATE SET received_at = excluded.received_at, body = excluded.body",
                (digest, at.isoformat(), order.model_dump_json()),
            )

    def find_order(self, digest: str) -> PlanOrder | None:
        """The order delivered for this plan digest."""
        with self._transaction() as database:
            row = database.execute(
                "SELECT body FROM plan_order WHERE plan_digest = ?", (digest,)
            ).fetchone()
        return None if row is None else PlanOrder.model_validate_json(row[0])

    def begin(self, job_id: str, step_id: str, *, plan_digest: str, at: datetime) -> int:
        """Durably note that the step begins now. Returns which attempt this is, from 1 on.

        Raises:
            LedgerError: it is done already, or the disk refuses.
        """
        with self._transaction() as database:
            row = database.execute(
                "INSERT INTO step VALUES (?, ?, ?, 1, ?, NULL) ON CONFLICT (job_id, step_id) "
                "DO UPDATE SET attempt = attempt + 1, begun_at = excluded.begun_at "
                "WHERE outcome IS NULL AND plan_digest = excluded.plan_digest RETURNING attempt",
                (job_id, step_id, plan_digest, at.isoformat()),
            ).fetchone()
        if row is None:
            raise LedgerError(f"step {step_id} of {job_id} has ended already")
        return int(row[0])

    def finish(self, outcome: StepOutcome) -> None:
        """Durably note how a begun step ended. The first outcome stays.

        Raises:
            LedgerError: the step has not begun, or the disk refuses.
        """
        with self._transaction() as database:
            changed = database.execute(
                "UPDATE step SET outcome = coalesce(outcome, ?) WHERE job_id = ? AND step_id = ?",
                (outcome.model_dump_json(), outcome.job_id, outcome.step_id),
            ).rowcount
        if changed != 1:
            raise LedgerError(f"step {outcome.step_id} of {outcome.job_id} has never begun")

    def find(self, job_id: str, step_id: str) -> StepEntry | None:
        """What is known of this step; None: it has never begun here."""
        with self._transaction() as database:
            row = database.execute(
                "SELECT plan_digest, attempt, outcome FROM step WHERE job_id = ? AND step_id = ?",
                (job_id, step_id),
            ).fetchone()
        if row is None:
            return None
        outcome = None if row[2] is None else StepOutcome.model_validate_json(row[2])
        return StepEntry(plan_digest=row[0], attempt=row[1], outcome=outcome)

    def results(self, job_id: str) -> dict[str, Result]:
        """The results of the job's steps so far, by step id."""
        with self._transaction() as database:
            rows = database.execute(
                "SELECT step_id, outcome FROM step WHERE job_id = ? AND outcome IS NOT NULL",
                (job_id,),
            ).fetchall()
        outcomes = {step_id: StepOutcome.model_validate_json(body) for step_id, body in rows}
        return {key: outcome.result for key, outcome in outcomes.items() if outcome.result}

    def fence(self, scope: str) -> int:
        """The highest fencing token seen for this lock; 0 when none has been."""
        with self._transaction() as database:
            row = database.execute("SELECT token FROM fence WHERE scope = ?", (scope,)).fetchone()
        return 0 if row is None else int(row[0])

    def raise_fence(self, scope: str, token: int) -> None:
        """Durably note a fencing token; a lower one than before changes nothing."""
        with self._transaction() as database:
            database.execute(
                "INSERT INTO fence VALUES (?, ?) ON CONFLICT (scope) "
                "DO UPDATE SET token = max(token, excluded.token)",
                (scope, token),
            )

    def newest_access(self, node_id: str, plan_digest: str) -> datetime | None:
        """When the newest access record of the node was sealed that had been used before this
        order came: a job that has begun goes on with the record that it came with."""
        with self._transaction() as database:
            row = database.execute(
                "SELECT max(issued_at) FROM access WHERE node_id = ? AND seen_at <= "
                "(SELECT received_at FROM plan_order WHERE plan_digest = ?)",
                (node_id, plan_digest),
            ).fetchone()
        return None if row is None or row[0] is None else datetime.fromisoformat(row[0])

    def note_access(self, node_id: str, issued_at: datetime, at: datetime) -> None:
        """Durably note that a record sealed then is used now; the first time counts."""
        issued = issued_at.astimezone(UTC).isoformat(timespec="microseconds")
        with self._transaction() as database:
            database.execute(
                "INSERT INTO access VALUES (?, ?, ?) ON CONFLICT (node_id, issued_at) DO NOTHING",
                (node_id, issued, at.isoformat()),
            )

    def take_turn(
        self, name: str, *, step: tuple[str, str], most: int, since: datetime, at: datetime
    ) -> bool:
        """Durably take one of ``most`` turns since then. The same step (job, step id) takes one,
        however often it asks. False: all are taken."""
        with self._transaction() as database:
            mine = database.execute(
                "SELECT 1 FROM turn WHERE name = ? AND job_id = ? AND step_id = ?", (name, *step)
            ).fetchone()
            if mine is not None:
                return True
            # What is dated in the future counts: a clock that was set back frees nobody.
            taken = database.execute(
                "SELECT count(*) FROM turn WHERE name = ? AND taken_at > ?",
                (name, since.isoformat()),
            ).fetchone()[0]
            if taken >= most:
                return False
            database.execute("INSERT INTO turn VALUES (?, ?, ?, ?)", (name, *step, at.isoformat()))
        return True

    def forget(self, before: datetime) -> None:
        """Drop orders received and finished steps begun before then (their grants have long
        lapsed, so nothing of them can run again). Unfinished steps and fences stay."""
        with self._transaction() as database:
            moment = (before.isoformat(),)
            database.execute("DELETE FROM plan_order WHERE received_at < ?", moment)
            database.execute("DELETE FROM step WHERE begun_at < ? AND outcome IS NOT NULL", moment)
            database.execute("DELETE FROM turn WHERE taken_at < ?", moment)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                with ExitStack() as unless_done:
                    unless_done.callback(self._database.execute, "ROLLBACK")
                    yield self._database
                    unless_done.pop_all()
                self._database.execute("COMMIT")
            except sqlite3.Error as error:
                raise LedgerError(str(error)) from error
