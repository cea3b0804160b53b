"""Watched files against what they should be: recording that, and comparing with it.

Owns: record_baseline and compare_baseline. Digests are taken by the server, text only of files
whose changes may be shown, and masked before it is kept or compared. Changes nothing on a server.
"""

from __future__ import annotations

import asyncio
import difflib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from agent.operations.baselines import Baseline, BaselineError, Baselines, KeptFile
from agent.operations.context import OperationFailed, StepContext, Verified
from agent.operations.digests import batches, hash_files, parse
from agent.operations.logfile import decode
from agent.operations.masking import masked_lines
from agent.operations.side_by_side import each
from agent.transports.output import plain
from agent.transports.transport import Transport, TransportError
from agent.wire.checks import CompareBaseline, RecordBaseline
from agent.wire.readings import Column, Excerpt, Fact, Grid, Level, Reading, Remark, Row, worst
from agent.wire.results import Done

TEXT_LIMIT = 64 << 10  # bytes of a file whose changed lines are shown
_LINES = 200  # of all differences together
_COMMAND_S = 120.0
_DIGEST_SHOWN = 12
_UNREADABLE = {"not_found", "permission_denied", "write_failed"}

FileState = Literal[
    "file_unchanged",
    "file_changed",
    "file_missing",
    "file_new",
    "file_absent",
    "file_unreadable",
    "file_not_kept",
]
_LEVELS: dict[FileState, Level] = {
    "file_unchanged": "normal",
    "file_absent": "normal",  # as recorded
    "file_changed": "warning",
    "file_new": "warning",
    "file_missing": "critical",
    "file_unreadable": "unknown",
    "file_not_kept": "unknown",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A file as it lies on the server. ``sha256`` None: it is not there, or not ``readable``."""

    sha256: str | None
    readable: bool = True


def kept_by(context: StepContext) -> Baselines:
    """Where this agent keeps baselines.

    Raises:
        OperationFailed: nowhere (``baseline_unavailable``).
    """
    if context.baselines is None:
        raise OperationFailed("baseline_unavailable")
    return context.baselines


def watched_by(context: StepContext) -> list[str]:
    """Configuration files first, then system binaries, each once."""
    profile = context.target.profile
    return list(dict.fromkeys([*(file.path for file in profile.watched), *profile.binaries]))


async def record(context: StepContext, operation: RecordBaseline) -> Done:
    """Keep these digests, after checking that the files are still the ones that were approved.

    Raises:
        OperationFailed: ``not_in_profile``, ``baseline_moved`` (a file has changed since the
            plan), ``unreadable``, ``baseline_unavailable``.
    """
    known = set(watched_by(context))
    for path, _ in operation.expected:
        if path not in known:
            raise OperationFailed("not_in_profile", path=path)
    async with context.server() as server:
        seen = await look_at(server, [path for path, _ in operation.expected])
        for path, expected in operation.expected:
            _require(path, expected, seen[path])
        lines = await _lines_of(server, context, seen)
    baseline = Baseline(
        recorded=datetime.now(UTC).replace(microsecond=0),
        job_id=context.job_id,
        files={
            path: KeptFile(sha256=digest, lines=lines.get(path))
            for path, digest in operation.expected
        },
    )
    try:
        await asyncio.to_thread(kept_by(context).keep, context.target.node_id, baseline)
    except BaselineError as error:
        raise OperationFailed("baseline_unavailable", detail=str(error)) from error
    return Done(note="recorded")


async def is_recorded(context: StepContext, operation: RecordBaseline) -> Verified:
    """The baseline is replaced in one go: it is this one, or the one before."""
    kept = await find_kept(context)
    digests = {path: file.sha256 for path, file in kept.files.items()} if kept else None
    return Verified.DONE if digests == dict(operation.expected) else Verified.NOT_DONE


async def compare(context: StepContext, operation: CompareBaseline) -> Reading:
    """Every watched file: as it was recorded, changed, missing, new; and the changed lines.

    Raises:
        OperationFailed: ``baseline_unavailable``.
    """
    paths = watched_by(context)
    if not paths:
        return Reading(level="unknown", remarks=(Remark(code="nothing_watched", level="unknown"),))
    kept = await find_kept(context)
    async with context.server() as server:
        seen = await look_at(server, paths)
        states = {path: _state(seen[path], kept, path) for path in paths}
        changed = {path: seen[path] for path in paths if states[path] == "file_changed"}
        now = await _lines_of(server, context, changed)
    told = _Told(states=states, seen=seen)
    if kept is None:
        return told.reading(kept, remarks=[Remark(code="baseline_missing", level="unknown")])
    excerpt, remarks = _differences(kept, now, list(changed))
    return told.reading(kept, remarks=remarks, excerpt=excerpt)


async def find_kept(context: StepContext) -> Baseline | None:
    """The node's baseline; None: nobody has recorded one.

    Raises:
        OperationFailed: ``baseline_unavailable``: it cannot be read.
    """
    try:
        return await asyncio.to_thread(kept_by(context).find, context.target.node_id)
    except BaselineError as error:
        raise OperationFailed("baseline_unavailable", detail=str(error)) from error


async def look_at(server: Transport, paths: list[str]) -> dict[str, Seen]:
    """The digest of each file, links followed; what cannot be read is an answer."""
    found: dict[str, str] = {}
    if server.shell:
        for batch in batches(paths):
            output = await server.run(["sha256sum", "--", *batch], timeout_s=_COMMAND_S)
            found |= parse(output.stdout)
    seen = {path: Seen(sha256=digest) for path, digest in found.items() if path in set(paths)}

    async def ask(path: str) -> None:
        seen[path] = await _look_closer(server, path)

    await each([path for path in paths if path not in seen], ask)
    return seen


async def _look_closer(server: Transport, path: str) -> Seen:
    try:
        entry = await server.files.stat(path)
        if entry is None or (entry.kind == "link" and entry.real is None):
            return Seen(sha256=None)
        if entry.kind == "folder":
            return Seen(sha256=None, readable=False)
        return Seen(sha256=(await hash_files(server, [path]))[path])
    except OperationFailed:
        return Seen(sha256=None, readable=False)
    except TransportError as error:
        if error.code not in _UNREADABLE:
            raise
        return Seen(sha256=None, readable=False)


def _require(path: str, expected: str | None, seen: Seen) -> None:
    if not seen.readable:
        raise OperationFailed("unreadable", path=path)
    if seen.sha256 != expected:
        raise OperationFailed(
            "baseline_moved", path=path, expected=expected or "-", found=seen.sha256 or "-"
        )


async def _lines_of(
    server: Transport, context: StepContext, seen: dict[str, Seen]
) -> dict[str, tuple[str, ...]]:
    """The masked lines of those files that may show them and are small enough."""
    shown = [file.path for file in context.target.profile.watched if file.diff]
    found: dict[str, tuple[str, ...]] = {}
    for path in shown:
        if path not in seen or seen[path].sha256 is None:
            continue
        body = await server.read(path, limit=TEXT_LIMIT + 1)
        if len(body) <= TEXT_LIMIT and b"\0" not in body:
            text = decode(body, context.target.charset)
            found[path] = tuple(masked_lines(text))
    return found


def _state(seen: Seen, kept: Baseline | None, path: str) -> FileState:
    if not seen.readable:
        return "file_unreadable"
    if kept is None:
        return "file_not_kept"
    if path not in kept.files:
        return "file_new" if seen.sha256 is not None else "file_absent"
    expected = kept.files[path].sha256
    if seen.sha256 == expected:
        return "file_unchanged" if expected is not None else "file_absent"
    if seen.sha256 is None:
        return "file_missing"
    return "file_changed" if expected is not None else "file_new"


def _differences(
    kept: Baseline, now: dict[str, tuple[str, ...]], changed: list[str]
) -> tuple[Excerpt | None, list[Remark]]:
    lines: list[str] = []
    remarks = []
    for path in changed:
        before, after = kept.files[path].lines, now.get(path)
        if before is None or after is None:
            continue
        found = list(difflib.unified_diff(before, after, path, path, n=2, lineterm=""))
        lines += map(plain, found)
        if not found:
            remarks.append(Remark(code="masked_change", values={"path": path}, level="warning"))
    more = max(0, len(lines) - _LINES)
    excerpt = Excerpt(name="config_changes", lines=tuple(lines[:_LINES]), more=more)
    return (excerpt if lines else None), remarks


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What was found, on its way to a reading."""

    states: dict[str, FileState]
    seen: dict[str, Seen]

    def reading(
        self, kept: Baseline | None, *, remarks: list[Remark], excerpt: Excerpt | None = None
    ) -> Reading:
        rows = [
            Row(cells=(path, state, *_digest_cells(self.seen[path])), level=_LEVELS[state])
            for path, state in self.states.items()
        ]
        level = worst(*(row.level for row in rows))
        bad = sum(row.level in {"warning", "critical"} for row in rows)
        facts = [
            Fact(name="watched_count", value=len(rows), unit="count"),
            Fact(
                name="changed_count",
                value=bad if kept else None,
                unit="count",
                level=level,
            ),
        ]
        if kept is not None:
            recorded = kept.recorded.isoformat()
            facts.append(Fact(name="baseline_recorded", value=recorded, unit="instant"))
        return Reading(
            level=level,
            facts=tuple(facts),
            grids=(_grid(rows),),
            excerpts=(excerpt,) if excerpt else (),
            remarks=tuple(remarks)[:50],
        )


def _digest_cells(seen: Seen) -> tuple[str | None, str | None]:
    """Short and whole."""
    return (seen.sha256[:_DIGEST_SHOWN] if seen.sha256 else None), seen.sha256


def _grid(rows: list[Row]) -> Grid:
    order: tuple[Level, ...] = ("critical", "warning", "unknown", "normal")
    return Grid(
        name="watched_files",
        columns=(
            Column(name="watched_path"),
            Column(name="file_state", unit="word"),
            Column(name="file_digest"),
            Column(name="file_sha256"),  # for the plan of a new baseline; people see the short one
        ),
        rows=tuple(sorted(rows, key=lambda row: order.index(row.level))),
    )
