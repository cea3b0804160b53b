"""Is the chain whole? What ``guardia audit verify`` answers.

Owns: finding the first bad link of the database and of the file, and what is missing behind the
anchor. Reads only; repairs nothing.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select

from agent.wire.types import canonical_json
from bot.core.errors import OperationError
from cmdb.audit_file import EMPTY, AuditFiles, Head, Link, claimed, seal
from cmdb.engine import reading
from cmdb.models import AuditRow

Source = Literal["database", "file", "anchor", "key"]
Problem = Literal[
    "edited",  # the hash does not fit the content
    "out_of_order",  # the number or the hash before it does not follow: deleted, swapped, inserted
    "columns_edited",  # the columns for searches differ from what the hash covers
    "missing",  # the chain ends before the anchor
    "replaced",  # the link at the anchor is another one
    "behind",  # the anchor beside the chain is older than a crash can leave it: put back
    "differs",  # file and database disagree
    "unreadable",
    "key_missing",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong, and the number of the first event where it shows."""

    source: Source
    seq: int
    problem: Problem

    def __str__(self) -> str:
        return f"{self.source} #{self.seq}: {self.problem}"


async def verify_audit(
    engine: AsyncEngine, *, jsonl: Path, key: Path, anchor: Path, older_copy: bool = False
) -> tuple[Finding, ...]:
    """Everything that is wrong with the chain, at most one finding per source and kind; empty
    when it is whole. ``older_copy``: the anchor is a copy kept elsewhere; the chain must still
    hold what it names, but may have grown. An event that the database has and file and anchor do
    not yet, as a crash leaves it, is no finding.

    Raises:
        OperationError: ``store_unavailable``, ``audit_unavailable``: they cannot be read.
    """
    files = AuditFiles(jsonl=jsonl, key=key, anchor=anchor)
    async with claimed(files):
        async with reading(engine) as session:
            rows = (await session.scalars(select(AuditRow).order_by(col(AuditRow.seq)))).all()
        try:
            secret = await asyncio.to_thread(files.read_key)
            lines = await asyncio.to_thread(files.lines)
        except (OSError, ValueError) as error:
            raise OperationError("audit_unavailable", reason="files") from error
        anchored = await asyncio.to_thread(_read_anchor, files)
    if secret is None:
        empty = not rows and not lines and anchored in {None, EMPTY}
        return () if empty else (Finding(source="key", seq=0, problem="key_missing"),)
    return tuple(_findings(rows, lines, anchored, secret, may_lag=older_copy))


def _read_anchor(files: AuditFiles) -> Head | Finding | None:
    try:
        return files.read_anchor()
    except (OSError, ValueError):
        return Finding(source="anchor", seq=0, problem="unreadable")


def _findings(
    rows: Sequence[AuditRow],
    lines: Sequence[bytes],
    anchored: Head | Finding | None,
    key: bytes,
    *,
    may_lag: bool,
) -> Iterable[Finding]:
    links = [link_of(row) for row in rows]
    broken = _first_broken(links, key, source="database") or _first_column(rows)
    if broken is not None:
        yield broken
    in_file = [_link_of(line) for line in lines]
    broken = _first_broken(in_file, key, source="file")
    if broken is not None:
        yield broken
    difference = _first_difference(links, lines)
    if difference is not None:
        yield difference
    if isinstance(anchored, Finding):
        yield anchored
    else:
        yield from _against_anchor(anchored, links, in_file, may_lag=may_lag)


def _first_broken(links: Sequence[Link | None], key: bytes, *, source: Source) -> Finding | None:
    """The first link that is not what its key holder wrote after the one before it."""
    head = EMPTY
    for link in links:
        seq = head.seq + 1
        if link is None:
            return Finding(source=source, seq=seq, problem="unreadable")
        if not hmac.compare_digest(
            link.hash.encode(), seal(link.body, key).encode()
        ) or not _names_itself(link):
            return Finding(source=source, seq=seq, problem="edited")
        if link.seq != seq or link.prev != head.hash:
            return Finding(source=source, seq=seq, problem="out_of_order")
        head = link.head
    return None


def link_of(row: AuditRow) -> Link:
    """The link that a row holds."""
    return Link(seq=row.seq, prev=row.prev_hash, body=row.body, hash=row.hash)


def _names_itself(link: Link) -> bool:
    body = json.loads(link.body)
    return bool(body.get("seq") == link.seq and body.get("prev") == link.prev)


def _first_column(rows: Sequence[AuditRow]) -> Finding | None:
    for row in rows:
        body = json.loads(row.body)
        told = (body["kind"], body["actor"], body["job_id"], datetime.fromisoformat(body["at"]))
        if told != (row.kind, row.actor, row.job_id, row.at.astimezone(UTC)):
            return Finding(source="database", seq=row.seq, problem="columns_edited")
    return None


def _first_difference(links: Sequence[Link], lines: Sequence[bytes]) -> Finding | None:
    """Where file and database part. The database may be ahead by its last event."""
    for index in range(max(len(links), len(lines))):
        if index >= len(lines) and index == len(links) - 1:
            return None
        in_both = index < len(lines) and index < len(links)
        if not in_both or lines[index] + b"\n" != _line_of(links[index]):
            return Finding(source="file", seq=index + 1, problem="differs")
    return None


def _line_of(link: Link) -> bytes | None:
    """The line that the file must have; None when the row holds no event at all."""
    try:
        return link.line()
    except (ValueError, TypeError):
        return None


def _against_anchor(
    anchored: Head | None,
    links: Sequence[Link],
    in_file: Sequence[Link | None],
    *,
    may_lag: bool,
) -> Iterable[Finding]:
    if anchored is None or anchored.seq < 1:  # one that vouches for nothing is as good as none
        if len(links) > 1:  # the very first event may have been cut off before its anchor
            yield Finding(source="anchor", seq=len(links), problem="missing")
        return
    # The bot begins no event before the anchor has caught up with the one before it.
    if links and not may_lag and anchored.seq < links[-1].seq - 1:
        yield Finding(source="anchor", seq=anchored.seq + 1, problem="behind")
    sources: tuple[tuple[Source, Sequence[Link | None]], ...] = (
        ("database", links),
        ("file", in_file),
    )
    for source, chain in sources:
        heads = {link.seq: link.hash for link in chain if link is not None}
        if max(heads, default=0) < anchored.seq:
            yield Finding(source=source, seq=max(heads, default=0) + 1, problem="missing")
        elif heads.get(anchored.seq) != anchored.hash:
            yield Finding(source=source, seq=anchored.seq, problem="replaced")


def _link_of(line: bytes) -> Link | None:
    """The link of a line; None when it is none, or not written in the one canonical form."""
    try:
        given: Any = json.loads(line)
        claimed_hash = given.pop("hash")
        link = Link(
            seq=int(given["seq"]),
            prev=str(given["prev"]),
            body=canonical_json(given).decode(),
            hash=str(claimed_hash),
        )
        return link if link.line() == line + b"\n" else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
