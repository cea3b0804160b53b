"""Every line of the account's crontab against what cron wrote down.

Owns: read_crontab, the node's own clock, and what is late, never, failing or fine. Due times are
the node's local ones: cron knows no others.
"""

from __future__ import annotations

import asyncio
import re
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from agent.operations.account_crontab import read_crontab
from agent.operations.context import OperationFailed, StepContext
from agent.operations.cron_log import CronHistory, Run, history_in, read_lines
from agent.operations.masking import masked
from agent.transports.transport import Transport, TransportError
from agent.wire.checks import ReadCrontab
from agent.wire.crontab import REBOOT, CronLine, last_due, next_due, parse_crontab
from agent.wire.readings import Column, Fact, Grid, Level, Reading, Remark, Row, worst

_COMMAND_S = 10.0
_GRACE = timedelta(seconds=90)  # until a run that is due now is in the log
_EARLY = timedelta(seconds=5)
_LOOKED_BACK = 10  # due times whose run is looked for
_CLOCK_WRONG_S = 60
_SHOWN = 160  # characters of a command
_ROWS = 200
_JUDGED = 1000  # lines; an account may have as many as it likes
_ZONE = re.compile(r"/zoneinfo/(?:posix/|right/)?([A-Za-z0-9_+/-]+)$")
_LEVELS: dict[str, Level] = {
    "cron_fine": "normal",
    "cron_waiting": "normal",
    "cron_at_boot": "normal",
    "cron_missed": "warning",
    "cron_late": "warning",
    "cron_broken": "warning",
    "cron_failing": "critical",
    "cron_never": "critical",
}
_BAD_FIRST: tuple[Level, ...] = ("critical", "warning", "unknown", "normal")
_COLUMNS = (
    Column(name="cron_command"),
    Column(name="cron_state", unit="word"),
    Column(name="cron_schedule"),
    Column(name="cron_due", unit="instant"),
    Column(name="cron_ran", unit="instant"),
    Column(name="cron_next", unit="instant"),
    Column(name="cron_misses", unit="count"),
    Column(name="cron_line", unit="count"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The node's time with its zone, and how far it is ahead of the agent's."""

    now: datetime
    zone: str
    ahead_s: int | None


async def read(context: StepContext, operation: ReadCrontab) -> Reading:
    """The crontab of the account, line by line.

    Raises:
        OperationFailed: ``no_shell``, ``cron_missing``, ``cron_refused``.
    """
    remarks: list[Remark] = []
    async with context.server() as server:
        if not server.shell:
            raise OperationFailed("no_shell")
        clock = await node_clock(server)
        # Off the loop, as all that follows: an account may have any number of lines, a log of a
        # month has many runs, and other nodes are waiting.
        lines = await asyncio.to_thread(parse_crontab, await read_crontab(server))
        jobs = [line for line in lines if line.kind in {"job", "broken"}]
        history = await _history(server, context, clock, remarks) if jobs else None
    if not jobs:
        remarks.append(Remark(code="crontab_empty"))
    if any(line.kind == "environment" and "CRON_TZ" in line.text for line in lines):
        remarks.append(Remark(code="cron_tz", level="unknown"))
    if len(jobs) > _JUDGED:
        values = {"count": str(len(jobs) - _JUDGED)}
        remarks.append(Remark(code="cron_too_many", values=values, level="unknown"))
    rows = await asyncio.to_thread(_rows, jobs[:_JUDGED], history, clock.now)
    return _reading(rows, clock, history, remarks)


async def node_clock(server: Transport) -> Clock:
    """What time it is there, by its own clock and zone."""
    asked = datetime.now(UTC)
    said = await server.run(["date", "+%Y-%m-%d %H:%M:%S %z"], timeout_s=_COMMAND_S)
    middle = asked + (datetime.now(UTC) - asked) / 2
    try:
        now = datetime.strptime(said.stdout.strip(), "%Y-%m-%d %H:%M:%S %z")
    except ValueError:
        return Clock(now=middle, zone="UTC", ahead_s=None)
    ahead_s = round((now - middle).total_seconds())
    name = await _zone_name(server)
    zone = _zone(name, now) if name else None
    if zone is None:
        offset = now.utcoffset() or timedelta()
        return Clock(now=now.astimezone(timezone(offset)), zone=now.strftime("%z"), ahead_s=ahead_s)
    return Clock(now=now.astimezone(zone), zone=zone.key, ahead_s=ahead_s)


async def _zone_name(server: Transport) -> str | None:
    """What the server calls its zone; None: it has no such link, or keeps it from this account,
    as one that sees its own folder only."""
    try:
        entry = await server.files.stat("/etc/localtime")
    except TransportError as error:
        if error.code not in {"permission_denied", "not_found", "write_failed"}:
            raise
        return None
    match = _ZONE.search(entry.real) if entry is not None and entry.real else None
    return match[1] if match else None


def _zone(name: str, now: datetime) -> ZoneInfo | None:
    """The zone of that name, where this machine knows it and it says the same of now."""
    try:
        zone = ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None
    return zone if now.astimezone(zone).utcoffset() == now.utcoffset() else None


async def _history(
    server: Transport, context: StepContext, clock: Clock, remarks: list[Remark]
) -> CronHistory | None:
    path = context.target.profile.cron_log
    if path is None:
        remarks.append(Remark(code="cron_log_not_said", level="unknown"))
        return None
    try:
        lines = await read_lines(server, path, context.target.charset)
    except TransportError as error:
        if error.code not in {"not_found", "permission_denied"}:
            raise
        remarks.append(Remark(code=f"cron_log_{error.code}", level="unknown"))
        return None
    history = await asyncio.to_thread(history_in, lines, user=context.target.user, now=clock.now)
    if not history.speaks:
        remarks.append(Remark(code="cron_silent", level="warning"))
    return history


# --- one line ------------------------------------------------------------------------------------


def _rows(lines: list[CronLine], history: CronHistory | None, now: datetime) -> list[Row]:
    return [_row(line, history, now) for line in lines]


def _row(line: CronLine, history: CronHistory | None, now: datetime) -> Row:
    runs = history.runs_of(line) if history and line.kind == "job" else ()
    due = None if line.kind == "broken" else last_due(line.schedule, now)
    coming = None if line.kind == "broken" else next_due(line.schedule, now)
    missed = _misses(line, runs, history, now)
    state = _state(line, runs, history, now)
    if state == "cron_fine" and missed:
        state = "cron_missed"
    ran = runs[-1].at if runs else None
    shown = masked(line.command or line.text)
    cells = (
        shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…",
        state,
        line.schedule or "-",
        *(None if at is None else at.isoformat(timespec="seconds") for at in (due, ran, coming)),
        missed,
        line.number,
    )
    return Row(cells=cells, level=_LEVELS.get(state, "unknown"))


def _state(
    line: CronLine, runs: tuple[Run, ...], history: CronHistory | None, now: datetime
) -> str:
    if line.kind == "broken" or line.schedule == REBOOT:
        return "cron_broken" if line.kind == "broken" else "cron_at_boot"
    due = last_due(line.schedule, now - _GRACE)
    if history is None or due is None:
        return "cron_unknown"
    if runs and runs[-1].at >= due - _EARLY:
        return "cron_failing" if runs[-1].failed else "cron_fine"
    if history.replaced is not None and due < history.replaced:
        return "cron_waiting"
    covered = history.since is not None and due >= history.since
    unrun = "cron_late" if runs else "cron_never"
    return unrun if covered else "cron_unknown"


def _misses(
    line: CronLine, runs: tuple[Run, ...], history: CronHistory | None, now: datetime
) -> int | None:
    """Of the last due times that the log covers, those without a run; None: not to be told."""
    if history is None or history.since is None or line.kind != "job" or line.schedule == REBOOT:
        return None
    since = max(history.since, history.replaced or history.since)
    missed, until, seen = 0, now, 0
    starts = [run.at for run in runs]
    at = last_due(line.schedule, now - _GRACE)
    while at is not None and at >= since and seen < _LOOKED_BACK:
        missed += bisect_left(starts, at - _EARLY) == bisect_left(starts, until - _EARLY)
        seen, until = seen + 1, at
        at = last_due(line.schedule, at - timedelta(seconds=1))
    return missed if seen else None


# --- all of it -----------------------------------------------------------------------------------


def _reading(
    rows: list[Row], clock: Clock, history: CronHistory | None, remarks: list[Remark]
) -> Reading:
    wrong = clock.ahead_s is None or abs(clock.ahead_s) > _CLOCK_WRONG_S
    clock_level: Level = "warning" if wrong else "normal"
    if wrong and rows:
        remarks.append(Remark(code="cron_clock_wrong", level="warning"))
    bad = sum(row.level in {"warning", "critical"} for row in rows)
    level = worst(*(row.level for row in rows))
    facts = [
        Fact(name="cron_jobs", value=len(rows), unit="count"),
        Fact(name="cron_troubled", value=bad, unit="count", level=level),
        Fact(name="node_time", value=clock.now.isoformat(timespec="seconds"), unit="instant"),
        Fact(name="node_zone", value=clock.zone),
        Fact(name="clock_ahead", value=clock.ahead_s, unit="seconds", level=clock_level),
    ]
    if history is not None and history.since is not None:
        since = history.since.isoformat(timespec="seconds")
        facts.append(Fact(name="cron_log_since", value=since, unit="instant"))
    ordered = sorted(rows, key=lambda row: _BAD_FIRST.index(row.level))
    grid = Grid(
        name="cron_lines",
        columns=_COLUMNS,
        rows=tuple(ordered[:_ROWS]),
        more=max(0, len(rows) - _ROWS),
    )
    return Reading(
        level=worst(level, *(remark.level for remark in remarks)) if rows else "normal",
        facts=tuple(facts),
        grids=(grid,) if rows else (),
        remarks=tuple(remarks),
    )
