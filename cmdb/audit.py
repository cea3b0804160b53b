"""The tamper-evident chain of what happened.

Owns: appending an event to database, file and anchor, in this order, and completing what a crash
has cut off. Redaction is done before; what the chain means when it is broken is
``audit_verify``'s.

The database is first and authoritative. An append begins only when file and anchor have caught
up with it, so they can lag by the last event only, whatever kills the process:

    database n-1, file n-1, anchor n-1      before
    database n,   file n-1, anchor n-1      killed after the commit (or in the middle of the line)
    database n,   file n,   anchor n-1      killed after the line
    database n,   file n,   anchor n        done

The two states in between are completed from the database at open and before every append: the
line is written, or a torn start of exactly that line is replaced by it, and the anchor follows.
Anything else (``audit_diverged``) is left as it is for ``guardia audit verify``, and stops the
bot: an event that cannot be recorded must not happen.

Bot and command line on one machine take turns by a lock beside the file. Several replicas on one
PostgreSQL must share the three files (one mounted folder): a replica with files of its own would
find them behind by the others' events, and stop.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlmodel import col, select

from bot.core.domain.audit import AuditEvent
from bot.core.errors import OperationError
from cmdb.audit_file import EMPTY, AuditFiles, Head, Link, claimed, link
from cmdb.audit_verify import Finding, link_of, verify_audit
from cmdb.engine import reading, writing
from cmdb.models import AuditRow

__all__ = ["ChainedAuditLog", "Finding", "verify_audit"]

CHAIN_LOCK = 0x6175_6469  # one replica appends at a time (PostgreSQL advisory lock)


class ChainedAuditLog:
    """AuditSink on a database, a JSON Lines file and an anchor."""

    def __init__(self, engine: AsyncEngine, files: AuditFiles) -> None:
        self._engine = engine
        self._files = files
        self._turn = asyncio.Lock()
        self._running: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(
        cls, engine: AsyncEngine, *, jsonl: Path, key: Path, anchor: Path
    ) -> ChainedAuditLog:
        """The log, after completing what the last run was cut off at. Makes the key at the very
        first use.

        Raises:
            OperationError: ``audit_diverged``: database, file and anchor differ by more than a
                crash explains; ``audit_key_missing``: there are events but no key;
                ``audit_unavailable``, ``store_unavailable``: they cannot be read or written.
        """
        log = cls(engine, AuditFiles(jsonl=jsonl, key=key, anchor=anchor))
        async with log._alone():
            await log._prepare()
        return log

    async def append(self, event: AuditEvent) -> None:
        # Once begun it ends, though the caller be cancelled: a writer that outlives its claim on
        # the files would write into the next one's line.
        task = asyncio.create_task(self._append_alone(event))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.shield(task)

    async def _append_alone(self, event: AuditEvent) -> None:
        async with self._alone():
            try:
                await self._append(event)
            except (TypeError, ValueError) as error:
                raise OperationError("audit_unavailable", reason="not_json") from error
            except OperationError as error:
                raise OperationError("audit_unavailable", reason=error.code) from error

    async def _append(self, event: AuditEvent) -> None:
        key = await self._prepare()
        async with writing(self._engine) as session:
            added = link(_body_of(event), await _head(session, locked=True), key)
            session.add(_row_of(added, event))
        await asyncio.to_thread(self._write, added)

    async def _prepare(self) -> bytes:
        """The key, after file and anchor have caught up with the database."""
        async with reading(self._engine) as session:
            last = await _last(session)
        try:
            key = await asyncio.to_thread(self._files.read_key)
            if key is None and last is not None:
                raise OperationError("audit_key_missing", path=self._files.key)
            if key is None:
                key = await asyncio.to_thread(self._files.make_key)
            await asyncio.to_thread(self._catch_up, last)
        except (OSError, ValueError) as error:
            raise OperationError("audit_unavailable", reason="files") from error
        return key

    def _catch_up(self, last: Link | None) -> None:
        head = EMPTY if last is None else last.head
        before = None if last is None else Head(seq=last.seq - 1, hash=last.prev)
        anchored = self._files.read_anchor() or EMPTY
        line, torn = self._files.tail()
        written = _head_of(line)
        if anchored == head and written == head and not torn:
            return
        if last is None or anchored != before or written not in {before, head}:
            raise OperationError("audit_diverged", seq=head.seq)
        expected = last.line()
        if torn and not (written == before and expected.startswith(torn)):
            raise OperationError("audit_diverged", seq=head.seq)
        if written == before:
            self._files.add_line(expected, drop=len(torn))
        elif line + b"\n" != expected:
            raise OperationError("audit_diverged", seq=head.seq)
        self._files.write_anchor(head)

    def _write(self, added: Link) -> None:
        try:
            self._files.add_line(added.line())
            self._files.write_anchor(added.head)
        except OSError as error:
            raise OperationError("audit_unavailable", reason="files") from error

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        async with self._turn, claimed(self._files):
            yield


def _head_of(line: bytes) -> Head:
    """The head that a last line stands for.

    Raises:
        ValueError: it is no link.
    """
    if not line:
        return EMPTY
    given = json.loads(line)
    return Head(seq=int(given["seq"]), hash=str(given["hash"]))


async def _head(session: AsyncSession, *, locked: bool) -> Head:
    if locked and session.get_bind().dialect.name == "postgresql":
        await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": CHAIN_LOCK})
    last = await _last(session)
    return EMPTY if last is None else last.head


async def _last(session: AsyncSession) -> Link | None:
    row = await session.scalar(select(AuditRow).order_by(col(AuditRow.seq).desc()).limit(1))
    return None if row is None else link_of(row)


def _body_of(event: AuditEvent) -> dict[str, Any]:
    return {
        "kind": event.kind.value,
        "at": event.at.astimezone(UTC).isoformat(),
        "actor": event.actor,
        "job_id": event.job_id,
        "subject": event.subject,
        "detail": dict(event.detail),
    }


def _row_of(added: Link, event: AuditEvent) -> AuditRow:
    return AuditRow(
        seq=added.seq,
        prev_hash=added.prev,
        hash=added.hash,
        body=added.body,
        kind=event.kind.value,
        at=event.at,
        actor=event.actor,
        job_id=event.job_id,
    )
