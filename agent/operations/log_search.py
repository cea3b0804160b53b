"""The operation ``search_log``: lines of a log within a time window, and what they come to.

Owns: which log is meant, the order of reading, and the reading that is made of it. Its level is
``critical`` where a found line says that a process has died or cannot go on (FATAL, out of memory,
no space, no file handles), ``warning`` where one is an error (ERROR, SEVERE, an exception, HTTP
5xx), else ``normal``: only found lines count, so that a search for one word says nothing of others.
"""

from __future__ import annotations

import asyncio
import posixpath
from datetime import datetime, timedelta

from agent.operations.context import OperationFailed, StepContext
from agent.operations.log_files import (
    INFLATED_BYTES,
    READ_BYTES,
    Part,
    Parts,
    Reader,
    Window,
    clock_at,
    find_parts,
)
from agent.operations.log_stamps import Stamps
from agent.operations.log_tally import Count, Tally
from agent.wire.checks import SearchLog
from agent.wire.profile import LogSpec
from agent.wire.readings import Column, Excerpt, Fact, Grid, Level, Reading, Remark, Row

_UNDATED_BYTES = 4 << 20  # of a log without time stamps
_DAYS_BY_HOUR = 7
_MESSAGES_SHOWN = 50
_ROWS = 1000


async def search(context: StepContext, operation: SearchLog) -> Reading:
    """Look through the log and its earlier parts.

    Raises:
        OperationFailed: ``not_in_profile``, ``log_missing``, ``log_escapes``, ``unreadable``.
    """
    spec = _log_of(context, operation.log)
    async with context.server() as server:
        clock = await clock_at(server)
        # The last hour of a server whose clock is wrong is that of its clock.
        since, until = operation.since + clock.ahead, operation.until + clock.ahead
        operation = operation.model_copy(update={"since": since, "until": until})
        window = Window(since=since, until=until)
        folders = [posixpath.dirname(log.path) for log in context.target.profile.logs]
        folders += [posixpath.dirname(context.target.service.log_path)]
        parts = await find_parts(server, spec.path, folders=folders, since=window.since)
        stamps = Stamps(clock.zone, window.until)
        reader = Reader(server, stamps, window)
        dated, newest = await _dated(reader, parts)
        tally = Tally(operation, window=window, stamps=stamps, charset=spec.charset, dated=dated)
        await _read(context, reader, tally, parts=parts, dated=newest if not dated else None)
    made = _Made(spec=spec, operation=operation, parts=parts, reader=reader, tally=tally)
    made.remarks += [] if clock.told else [Remark(code="log_zone_assumed")]
    if clock.ahead:
        side = "ahead" if clock.ahead > timedelta() else "behind"
        seconds = str(round(abs(clock.ahead).total_seconds()))
        made.remarks.append(Remark(code=f"log_clock_{side}", values={"seconds": seconds}))
    made.remarks += [] if dated else [Remark(code="log_undated", level="unknown")]
    return made.reading(stamps)


def _log_of(context: StepContext, name: str | None) -> LogSpec:
    target = context.target
    if name is None:
        return LogSpec(
            name=target.service.name, path=target.service.log_path, charset=target.charset
        )
    found = next((log for log in target.profile.logs if log.name == name), None)
    if found is None:
        raise OperationFailed("not_in_profile", name=name)
    return found


async def _dated(reader: Reader, parts: Parts) -> tuple[bool, Part | None]:
    """Whether the log has time stamps at all, as its newest file says."""
    newest = parts.files[-1] if parts.files else None
    return newest is None or await reader.has_stamps(newest), newest


async def _read(
    context: StepContext, reader: Reader, tally: Tally, *, parts: Parts, dated: Part | None
) -> None:
    """``dated``: the only part that is read, of a log without stamps."""
    if dated is not None:
        parts.files = [dated]
        await reader.prepare([dated])
        if not dated.packed:
            await reader.tail(dated, _UNDATED_BYTES)
        horizon = None
    else:
        horizon = await _settle_parallel(reader, parts, since=tally.since)
        await reader.prepare(parts.files)
    for number, part in enumerate(parts.files):
        tally.begin(horizon=horizon if part.parallel else None)
        async for piece in reader.pieces(part):
            # Off the loop: a million lines take seconds, and other nodes are waiting.
            await asyncio.to_thread(tally.feed, piece)
        context.report(number + 1, len(parts.files))
    tally.end()


async def _settle_parallel(reader: Reader, parts: Parts, *, since: datetime) -> datetime | None:
    """Where the log itself begins: only before that, files that say the same are needed."""
    own = [part for part in parts.files if not part.parallel]
    if not own or len(own) == len(parts.files):
        return None
    horizon = await reader.first_stamp(own[0])
    if horizon is not None and horizon <= since:
        parts.files = own
    return horizon


class _Made:
    """The reading in the making."""

    def __init__(
        self, *, spec: LogSpec, operation: SearchLog, parts: Parts, reader: Reader, tally: Tally
    ) -> None:
        self._spec = spec
        self._operation = operation
        self._parts = parts
        self._reader = reader
        self._tally = tally
        self.remarks: list[Remark] = []

    def reading(self, stamps: Stamps) -> Reading:
        lines, more = self._tally.lines()
        self._bounds()
        return Reading(
            level=self._level(),
            facts=self._facts(stamps),
            grids=tuple(grid for grid in (self._times(), self._messages()) if grid.rows),
            excerpts=(Excerpt(name="log_lines", lines=lines, more=more),) if lines else (),
            remarks=tuple(self.remarks),
        )

    def _level(self) -> Level:
        if self._tally.fatal:
            return "critical"
        return "warning" if self._tally.total.errors else "normal"

    def _facts(self, stamps: Stamps) -> tuple[Fact, ...]:
        operation, total = self._operation, self._tally.total
        asked = [Fact(name="log_pattern", value=operation.pattern)] if operation.pattern else []
        return (
            Fact(name="log_name", value=self._spec.name),
            *asked,
            Fact(name="log_found", value=total.found, unit="count"),
            Fact(name="log_errors", value=total.errors, unit="count", level=self._level()),
            Fact(name="log_since", value=_told(operation.since, stamps), unit="instant"),
            Fact(name="log_until", value=_told(operation.until, stamps), unit="instant"),
            Fact(name="log_files", value=len(self._parts.files), unit="count"),
            Fact(name="log_read", value=self._reader.read_bytes, unit="bytes"),
        )

    def _times(self) -> Grid:
        """Newest first; by day where the window is long."""
        by_day = (self._operation.until - self._operation.since).days > _DAYS_BY_HOUR
        counts: dict[datetime, Count] = {}
        for hour, count in self._tally.hours.items():
            slot = counts.setdefault(hour.replace(hour=0) if by_day else hour, Count())
            slot.found += count.found
            slot.errors += count.errors
        rows = [
            Row(cells=(at.isoformat(), count.found, count.errors), level=_warned(count.errors))
            for at, count in sorted(counts.items(), reverse=True)
        ]
        name = "log_per_day" if by_day else "log_per_hour"
        return Grid(
            name=name,
            columns=(
                Column(name="log_day" if by_day else "log_hour", unit="instant"),
                Column(name="log_found", unit="count"),
                Column(name="log_errors", unit="count"),
            ),
            rows=tuple(rows[:_ROWS]),
            more=max(0, len(rows) - _ROWS),
        )

    def _messages(self) -> Grid:
        """Those that tell of trouble first, then the most frequent."""
        ordered = sorted(
            self._tally.messages.items(),
            key=lambda item: (not item[1].errors, -item[1].found, item[0]),
        )
        rows = [
            Row(
                cells=(count.found, text, count.last.isoformat() if count.last else None),
                level=_warned(count.errors),
            )
            for text, count in ordered[:_MESSAGES_SHOWN]
        ]
        return Grid(
            name="log_per_message",
            columns=(
                Column(name="log_found", unit="count"),
                Column(name="log_message"),
                Column(name="log_last", unit="instant"),
            ),
            rows=tuple(rows),
            more=len(ordered) - len(rows) + bool(self._tally.other.found),
        )

    def _bounds(self) -> None:
        """What was not looked at, and why."""
        if self._reader.cut:
            self._remark(
                "log_cut",
                files=", ".join(dict.fromkeys(self._reader.cut)),
                plain=str(READ_BYTES >> 20),
                packed=str(INFLATED_BYTES >> 20),
            )
        if self._parts.dropped:
            self._remark("log_files_dropped", count=str(self._parts.dropped))
        if self._parts.unreadable:
            self._remark("log_other_packers", files=", ".join(self._parts.unreadable[:5]))

    def _remark(self, code: str, **values: str) -> None:
        self.remarks.append(Remark(code=code, values=values, level="unknown"))


def _told(at: datetime, stamps: Stamps) -> str:
    return at.astimezone(stamps.zone).isoformat(timespec="seconds")


def _warned(errors: int) -> Level:
    return "warning" if errors else "normal"
