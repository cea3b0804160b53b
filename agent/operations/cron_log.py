"""What cron wrote down: which command ran when, and how it ended, as far as it says.

Owns: the two forms of time stamps (syslog's, RFC 3339), cron's own lines (Debian's and cronie's),
and reading a log with its rotated ones. Judges nothing.
"""

from __future__ import annotations

import posixpath
import re
import zlib
from calendar import month_abbr
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

from agent.operations.logfile import decode
from agent.transports.transport import Entry, Transport
from agent.wire.crontab import CronLine

_BUDGET = 16 << 20  # bytes of all files together, unpacked
_PACKED = 4 << 20  # bytes of one packed file
_FILES = 12
_PIECE = 1 << 20
_ROTATED = re.compile(r"^[.-]\d[\d.-]*(?:\.gz)?$")
_LONG = 900  # characters; syslog may have cut off what is longer
_MONTHS = {name: number for number, name in enumerate(month_abbr) if name}
_STAMP = re.compile(
    r"^(?:(?P<month>[A-Z][a-z]{2}) +(?P<day>\d{1,2}) (?P<clock>\d\d:\d\d:\d\d)"
    r"|(?P<iso>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?\d*(?:Z|[+-]\d\d:?\d\d))) "
)
_CRON = re.compile(r"^\S+ \S*?(?:CROND?|crond?|crontab)\S*?(?:\[(?P<pid>\d+)\])?: (?P<said>.*)$")
_SAID = re.compile(r"^\((?P<user>[^)]*)\) (?P<what>[A-Za-z]+)(?: \((?P<detail>.*)\))?")
_JOB_PID = re.compile(r"^\[\d+\] ")  # Debian's with -L 8 and more
_CHILD = re.compile(r"(?:grandchild|child) #(?P<pid>\d+) failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One start of a command. ``failed``: the log says so; most logs say nothing."""

    at: datetime
    command: str
    pid: str
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CronHistory:
    """What the log says of one account. ``since``: from when on it says anything at all."""

    since: datetime | None = None
    runs: tuple[Run, ...] = ()
    replaced: datetime | None = None  # when the account's crontab was last installed
    speaks: bool = False  # cron has written anything, of whomever

    def runs_of(self, line: CronLine) -> tuple[Run, ...]:
        """The starts of that line's command, oldest first."""
        command = line.logged
        # cron writes what is not ASCII in its own way.
        plain = re.split(r"[^\x20-\x7e]", command, maxsplit=1)[0].rstrip()
        if plain != command:
            return tuple(run for run in self.runs if plain and run.command.startswith(plain))
        return tuple(run for run in self.runs if _is_same(command, run.command))


async def read_lines(server: Transport, path: str, charset: str) -> list[str]:
    """The log's lines, rotated ones first, as far back as the bounds allow.

    Raises:
        TransportError: ``not_found``, ``permission_denied``.
    """
    texts: list[str] = []
    left = _BUDGET
    for name in [path, *await _rotated(server, path)][:_FILES]:
        body = await _body(server, name, left)
        left -= len(body)
        texts.append(decode(body, charset))
        if left <= 0:
            break
    return [line for text in reversed(texts) for line in text.splitlines()]


async def _rotated(server: Transport, path: str) -> list[str]:
    """The newest first."""
    folder, name = posixpath.split(path)
    found: dict[str, Entry] = await server.files.entries(folder)
    old = [
        other
        for other in found
        if other.startswith(name) and _ROTATED.match(other.removeprefix(name))
    ]
    old.sort(key=lambda other: found[other].mtime, reverse=True)
    return [posixpath.join(folder, other) for other in old]


async def _body(server: Transport, path: str, budget: int) -> bytes:
    """The end of the file, as much as the budget allows."""
    if path.endswith(".gz"):
        packed = await _read(server, path, 0, _PACKED)
        try:
            return zlib.decompressobj(wbits=31).decompress(packed, budget)
        except zlib.error:
            return b""
    entry = await server.files.stat(path)
    if entry is not None and entry.kind == "link" and entry.real:
        entry = await server.files.stat(entry.real)
    size = entry.size if entry is not None else 0
    return await _read(server, path, max(0, size - budget), budget)


async def _read(server: Transport, path: str, offset: int, limit: int) -> bytes:
    body = bytearray()
    while len(body) < limit:
        wanted = min(_PIECE, limit - len(body))
        piece = await server.read(path, offset=offset + len(body), limit=wanted)
        body += piece
        if len(piece) < wanted:
            break
    return bytes(body)


@dataclass(slots=True)
class _Reader:
    """A log on its way to a history."""

    user: str
    now: datetime
    since: datetime | None = None
    replaced: datetime | None = None
    speaks: bool = False
    runs: list[Run] = field(default_factory=list)

    def take(self, line: str) -> None:
        stamp = _STAMP.match(line)
        at = _instant(stamp, self.now) if stamp else None
        if stamp is None or at is None:
            return
        self.since = at if self.since is None else min(self.since, at)
        match = _CRON.match(line[stamp.end() :])
        said = _SAID.match(match["said"]) if match else None
        if match is None or said is None:
            return
        self.speaks = True
        self._heard(at, match["pid"] or "", said)

    def _heard(self, at: datetime, pid: str, said: re.Match[str]) -> None:
        what, detail = said["what"].upper(), said["detail"] or ""
        if what == "ERROR":
            child = _CHILD.search(detail)
            if child:
                self._failed({pid, child["pid"]})
        elif said["user"] != self.user:
            return
        elif what == "CMD":
            command = " ".join(_JOB_PID.sub("", detail).split())
            self.runs.append(Run(at=at, command=command, pid=pid))
        elif what == "REPLACE":
            self.replaced = at if self.replaced is None else max(self.replaced, at)

    def _failed(self, pids: set[str]) -> None:
        for index in range(len(self.runs) - 1, -1, -1):  # numbers come again: the latest counts
            if self.runs[index].pid in pids:
                self.runs[index] = replace(self.runs[index], failed=True)
                return


def history_in(lines: Iterable[str], *, user: str, now: datetime) -> CronHistory:
    """What the lines say of that account. ``now``: the server's clock, with its zone, by which
    stamps without a year and a zone are read."""
    reader = _Reader(user=user, now=now)
    for line in lines:
        reader.take(line)
    return CronHistory(
        since=reader.since,
        runs=tuple(sorted(reader.runs, key=lambda run: run.at)),
        replaced=reader.replaced,
        speaks=reader.speaks,
    )


def _instant(stamp: re.Match[str], now: datetime) -> datetime | None:
    try:
        if stamp["iso"]:
            return datetime.fromisoformat(stamp["iso"]).astimezone(now.tzinfo)
        clock = time.fromisoformat(stamp["clock"])
        return _latest(_MONTHS[stamp["month"]], int(stamp["day"]), clock, now)
    except (ValueError, KeyError):
        return None


def _latest(month: int, day: int, clock: time, now: datetime) -> datetime | None:
    """The latest such instant that is not in the future."""
    for year in (now.year, now.year - 1):
        try:
            at = datetime.combine(date(year, month, day), clock, tzinfo=now.tzinfo)
        except ValueError:  # 29 February of another year
            continue
        if at <= now + timedelta(days=1):
            return at
    return None


def _is_same(command: str, logged: str) -> bool:
    """syslog cuts long lines off."""
    return logged == command or (len(logged) > _LONG and command.startswith(logged))
