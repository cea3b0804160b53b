"""Who is logged in to a node, and ending one of these logins.

Owns: what a login session is, its process, list_sessions and end_session. A session is a login on
a terminal: the process of sshd (or login) that holds it, told from every later process of the
same number by when it began. What has no terminal (file transfers, the agent's own connections)
is counted, and can be neither named nor ended.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.operations import proc, utmp
from agent.operations.context import OperationFailed, StepContext, Verified
from agent.operations.proc_files import read_text, require_own_view
from agent.operations.side_by_side import each
from agent.transports.transport import Output, Transport, TransportError
from agent.wire.checks import EndSession, ListSessions
from agent.wire.readings import Column, Fact, Grid, Reading, Row
from agent.wire.results import Done

PROGRAMS = ("sshd", "sshd-session", "login")
HELPER = "/usr/local/sbin/guardia-end-session"  # deploy/sbin; allowed by deploy/sudoers.d/opsagent
_COMMAND_S = 15.0
_END_S = 15.0
_POLL_S = 0.3
_MOST = 500  # sessions in one answer
_FIELDS = ("-o", "pid=", "-o", "ppid=", "-o", "uid=", "-o", "args=")
_LISTING = ("ps", "-ww", "-C", ",".join(PROGRAMS), *_FIELDS)
_ROW = re.compile(r"^\s*(\d{1,10})\s+(\d{1,10})\s+(\d{1,10})\s+(.*)$")
# What sshd calls the process of a login, and what login is called while it waits for its shell.
_SSH = re.compile(r"^sshd(?:-session)?: (\S{1,256})@([a-z0-9/]{1,32})(?:,[a-z0-9/,]*)?$")
_LOGIN = re.compile(r"^(?:/bin/|/usr/bin/)?login\b.* -- ([^\s-]\S{0,255})$")
_NO_TERMINAL = frozenset({"notty", "internal-sftp"})
_DISPLAY = re.compile(r"^:[0-9]")  # of the server itself
_IPV4 = re.compile(r"^(\d{1,3})\.(\d{1,3})\.\d{1,3}\.\d{1,3}$")
_COLUMNS = (
    Column(name="pid"),
    Column(name="user"),
    Column(name="terminal"),
    Column(name="source"),
    Column(name="since", unit="instant"),
    Column(name="idle", unit="seconds"),
    Column(name="ticks"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A login on a terminal. ``source`` is masked already; None: the server does not say."""

    pid: int
    uid: int
    user: str
    terminal: str
    started: int  # clock ticks since boot
    source: str | None = None
    since: datetime | None = None
    idle_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    sessions: tuple[Session, ...]
    without_terminal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Titled:
    """A row of the listing that calls itself a login."""

    pid: int
    parent: int
    uid: int
    user: str
    terminal: str


# --- listing -------------------------------------------------------------------------------------


async def list_sessions(context: StepContext, operation: ListSessions) -> Reading:
    """A row for each session, the longest idle first.

    Raises:
        OperationFailed: ``not_by_ftp``; ``needs_shell``; ``sessions_unreadable``.
    """
    require_own_view(context)
    async with context.server() as server:
        found = await _sessions(server)
    ordered = sorted(found.sessions, key=lambda one: -(one.idle_s or 0))
    rows = tuple(_cells(one) for one in ordered[:_MOST])
    return Reading(
        level="normal",
        facts=(
            Fact(name="sessions", value=len(ordered), unit="count"),
            Fact(name="without_terminal", value=found.without_terminal, unit="count"),
        ),
        grids=(Grid(name="sessions", columns=_COLUMNS, rows=rows, more=len(ordered) - len(rows)),),
    )


def _cells(one: Session) -> Row:
    since = one.since.isoformat() if one.since else None
    cells = (one.pid, one.user, one.terminal, one.source, since, one.idle_s, one.started)
    return Row(cells=cells)


async def _sessions(server: Transport) -> _Found:
    if not server.shell:
        raise OperationFailed("needs_shell")
    said = await _run(server, _LISTING)
    if said.status not in {0, 1}:  # 1: there is no such process
        raise OperationFailed("sessions_unreadable", lines=said.lines()[-5:])
    titled = [row for line in said.stdout.splitlines() if (row := read_row(line)) is not None]
    on_terminals = [row for row in titled if row.terminal not in _NO_TERMINAL]
    records = await _logins(server)
    clock = await _clock(server)
    found: list[Session] = []

    async def look(row: _Titled) -> None:
        one = await _session(server, row, records, clock)
        if one is not None:
            found.append(one)

    await each(on_terminals[: 2 * _MOST], look, at_once=8)
    without = sum(row.terminal == "notty" for row in titled)
    return _Found(sessions=tuple(found), without_terminal=without)


def read_row(line: str) -> _Titled | None:
    """A row of ``ps``; None: it is no login's."""
    row = _ROW.match(line)
    if row is None:
        return None
    by_ssh, by_login = _SSH.match(row[4]), _LOGIN.match(row[4])
    if by_ssh is not None:
        user, terminal = by_ssh[1], by_ssh[2]
    elif by_login is not None:
        user, terminal = by_login[1], "console"
    else:
        return None
    return _Titled(
        pid=int(row[1]), parent=int(row[2]), uid=int(row[3]), user=user, terminal=terminal
    )


async def _session(
    server: Transport,
    row: _Titled,
    records: dict[str, utmp.LoginRecord],
    clock: _Clock | None,
) -> Session | None:
    """The session of a row; None: it is over by now, or only calls itself one."""
    process = await _process(server, row.pid)
    parent = await _process(server, row.parent)
    if process is None or process.command not in PROGRAMS:
        return None
    # A program may call itself what it likes, but cannot make sshd its parent.
    if row.terminal != "console" and (parent is None or parent.command not in PROGRAMS):
        return None
    record = records.get(row.terminal) or next(
        (one for one in records.values() if one.pid == row.pid), None
    )
    terminal = record.terminal if record and row.terminal == "console" else row.terminal
    return Session(
        pid=row.pid,
        uid=row.uid,
        user=row.user,
        terminal=terminal,
        started=process.started,
        source=masked_source(record.source) if record and record.user == row.user else None,
        since=clock.at(process.started) if clock else None,
        idle_s=await _idle_s(server, terminal, clock),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clock:
    """The server's own: when it was booted, and how long it has been up, when we looked."""

    booted: int
    up_s: float

    def at(self, ticks: int) -> datetime:
        return datetime.fromtimestamp(self.booted + ticks // proc.TICKS_PER_S, UTC)

    def ago_s(self, instant: float) -> int:
        return max(0, round(self.booted + self.up_s - instant))


async def _clock(server: Transport) -> _Clock | None:
    booted = proc.booted_at(await read_text(server, "/proc/stat") or "")
    uptime = (await read_text(server, "/proc/uptime") or "").split()
    if booted is None or not uptime:
        return None
    return _Clock(booted=booted, up_s=float(uptime[0]))


async def _idle_s(server: Transport, terminal: str, clock: _Clock | None) -> int | None:
    """Since something was last written to the terminal, the echo of typing included."""
    if clock is None or terminal == "console":
        return None
    try:
        entry = await server.files.stat(f"/dev/{terminal}")
    except TransportError as error:
        if error.code not in {"permission_denied", "write_failed"}:
            raise
        return None
    return clock.ago_s(entry.mtime) if entry is not None and entry.mtime else None


async def _logins(server: Transport) -> dict[str, utmp.LoginRecord]:
    """By terminal; systems without the table say nothing of sources."""
    for path in utmp.PATHS:
        try:
            return dict(utmp.logins(await server.read(path, limit=utmp.LIMIT)))
        except TransportError as error:
            if error.code not in {"not_found", "permission_denied", "write_failed"}:
                raise
    return {}


async def _process(server: Transport, pid: int) -> proc.Process | None:
    return proc.process(await read_text(server, f"/proc/{pid}/stat") or "")


def masked_source(source: str) -> str | None:
    """Half of an IPv4 address, the first two groups of an IPv6 one, of a name nothing but its
    domain. The rest is not sent at all."""
    if not source:
        return None
    source = source.removeprefix("::ffff:")
    if source == "::1" or _DISPLAY.match(source):
        return "local"
    address = _IPV4.match(source)
    if address:
        return f"{address[1]}.{address[2]}.*.*"
    if ":" in source:
        return ":".join([*source.split(":")[:2], "*"])
    _, dot, domain = source.partition(".")
    return f"*.{domain}" if dot and not domain.replace(".", "").isdigit() else "*"


# --- ending --------------------------------------------------------------------------------------


async def end_session(context: StepContext, operation: EndSession) -> Done:
    """End this very session, and wait until it is over. One that is over already is fine.

    Our own account's is ended as ourselves, anybody else's through one program that sudo allows.

    Raises:
        OperationFailed: ``session_changed`` (the number belongs to another process by now),
            ``not_a_session``, ``sudo_refused``, ``session_refused`` (the program on the server
            says no), ``session_remains``; and those of ``list_sessions``.
    """
    require_own_view(context)
    async with context.server() as server:
        process = await _process(server, operation.pid)
        if process is None or process.state == "Z":
            return Done(note="already_ended")
        if process.started != operation.started:
            raise OperationFailed("session_changed", pid=str(operation.pid))
        session = await _the(server, operation)
        context.report(1, 3)
        await _end(context, server, session)
        context.report(2, 3)
        if not await _await_end(server, operation):
            raise OperationFailed("session_remains", pid=str(operation.pid), user=session.user)
        return Done()


async def is_ended(context: StepContext, operation: EndSession) -> Verified:
    """Asking a session to end twice is safe: its process is told by when it began."""
    async with context.server() as server:
        return Verified.NOT_DONE if await _lives(server, operation) else Verified.DONE


async def _the(server: Transport, operation: EndSession) -> Session:
    wanted = (operation.pid, operation.started)
    for one in (await _sessions(server)).sessions:
        if (one.pid, one.started) == wanted:
            return one
    raise OperationFailed("not_a_session", pid=str(operation.pid))


async def _end(context: StepContext, server: Transport, session: Session) -> None:
    pid, started = str(session.pid), str(session.started)
    if session.user == context.target.user:
        said = await _run(server, ("kill", "-TERM", pid))
        if said.status == 0:
            return
    said = await _run(server, ("sudo", "-n", "--", HELPER, pid, started))
    context.output.extend(said.lines())
    if said.status == 0:
        return
    # The program itself says 64 and more; what is below comes from sudo and the shell.
    by_sudo = said.status is None or said.status < 64 or said.status >= 126
    code = "sudo_refused" if by_sudo else "session_refused"
    raise OperationFailed(code, pid=pid, user=session.user, lines=said.lines()[-5:])


async def _await_end(server: Transport, operation: EndSession) -> bool:
    deadline = time.monotonic() + _END_S
    while await _lives(server, operation):
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(_POLL_S)
    return True


async def _lives(server: Transport, operation: EndSession) -> bool:
    process = await _process(server, operation.pid)
    return process is not None and process.state != "Z" and process.started == operation.started


async def _run(server: Transport, arguments: tuple[str, ...]) -> Output:
    return await server.run(list(arguments), timeout_s=_COMMAND_S)
