"""The files that a log consists of, and reading of them only what a time window needs.

Owns: which files beside a log are earlier parts of it, how the window is found in a large file by
halving, and how much is read and inflated at the most. Judges no line.

Bounds of one search: ``READ_BYTES`` of plain text (the newest that are in the window),
``INFLATED_BYTES`` out of compressed files and as many of these themselves, ``_PARTS`` files.
Halving costs some 20 reads of 64 KiB.
"""

from __future__ import annotations

import posixpath
import re
import time
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone, tzinfo

from agent.operations.context import OperationFailed
from agent.operations.log_stamps import Stamps, zone_of
from agent.transports.output import plain
from agent.transports.transport import Entry, Transport, TransportError

READ_BYTES = 64 << 20
INFLATED_BYTES = 256 << 20
_PARTS = 40
_PIECE = 1 << 20
_FED = 64 << 10
_MEMBER_COSTS = 8 << 10  # of the inflated bytes: one that becomes nothing is work all the same
_PROBE = 64 << 10
_PROBE_MOST = 1 << 20  # a stack trace can be long
_WHOLE = 4 << 20  # smaller files are read from their beginning
_SLACK = timedelta(seconds=5)  # lines of several threads are not in order
_COMMAND_S = 10.0
_SAME_CLOCK = timedelta(seconds=5)
_KOREA = timezone(timedelta(hours=9))
_DATE = r"[._-]\d{4}[-.]?\d{2}[-.]?\d{2}"
_OTHER_PACKERS = (".bz2", ".xz", ".zip", ".zst", ".Z", ".lz4")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """``since`` is in it, ``until`` is not."""

    since: datetime
    until: datetime

    def has(self, at: datetime) -> bool:
        return self.since <= at < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file. ``parallel``: it says the same as the log itself, for its own day."""

    path: str
    size: int
    mtime: float
    parallel: bool = False

    @property
    def packed(self) -> bool:
        return self.path.endswith(".gz")

    @property
    def name(self) -> str:
        """As it can be told: whatever bytes it has on its server."""
        return plain(posixpath.basename(self.path))


@dataclass(slots=True, kw_only=True)
class Parts:
    """What there is, oldest first, and what was left aside."""

    files: list[Part]
    dropped: int = 0  # beyond the bound
    unreadable: list[str] = field(default_factory=list)  # packed as we cannot read it


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerClock:
    """What the clock that dates the lines shows. ``told``: the server said so itself; ``ahead``:
    of the agent's, zero where it is no more than a connection may take."""

    zone: tzinfo
    told: bool
    ahead: timedelta = timedelta()


async def clock_at(server: Transport) -> ServerClock:
    """The server's clock; where it cannot be asked, Korea's."""
    if server.shell:
        asked = time.time()
        said = await server.run(["date", "+%s %z"], timeout_s=_COMMAND_S)
        middle = (asked + time.time()) / 2
        seconds, _, offset = said.stdout.strip().partition(" ")
        zone = zone_of(offset)
        if said.status == 0 and zone is not None and re.fullmatch(r"[0-9]{1,12}", seconds):
            ahead = timedelta(seconds=round(int(seconds) - middle))
            exact = abs(ahead) <= _SAME_CLOCK
            return ServerClock(zone=zone, told=True, ahead=timedelta() if exact else ahead)
    return ServerClock(zone=_KOREA, told=False)


async def find_parts(
    server: Transport, path: str, *, folders: Sequence[str], since: datetime
) -> Parts:
    """The log and its earlier parts that were written to since then.

    ``folders``: where a log may lie; one that is a link must lead into one of them.

    Raises:
        OperationFailed: ``log_missing``; ``log_escapes``.
    """
    folder, name = posixpath.split(path)
    entries = await server.files.entries(folder)
    own = await _own(server, path, folders)
    found = [
        Part(path=posixpath.join(folder, other), size=entry.size, mtime=entry.mtime, parallel=kind)
        for other, entry in entries.items()
        if entry.kind == "file" and (kind := kinship(name, other)) is not None
    ]
    if own is None and not found:
        raise OperationFailed("log_missing", path=path)
    if own is not None:
        found = [part for part in found if part.path != own.path] + [own]
    oldest = (since - timedelta(minutes=1)).timestamp()
    fresh = sorted(
        (part for part in found if part.mtime >= oldest and part.size),
        key=lambda part: (part is not own, part.parallel, -part.mtime),
    )
    readable = [part for part in fresh if not part.name.endswith(_OTHER_PACKERS)]
    kept = readable[:_PARTS]
    return Parts(
        files=sorted(kept, key=lambda part: (not part.parallel, part is own, part.mtime)),
        dropped=len(readable) - len(kept),
        unreadable=[part.name for part in fresh if part not in readable],
    )


async def _own(server: Transport, path: str, folders: Sequence[str]) -> Part | None:
    entry: Entry | None = await server.files.stat(path)
    real = path
    if entry is not None and entry.kind == "link":
        # Whoever may write in the folder could lead us anywhere.
        homes = {posixpath.dirname(path), *folders}
        homes |= {
            place.real for home in homes if (place := await server.files.stat(home)) and place.real
        }
        if entry.real is None or not any(entry.real.startswith(f"{home}/") for home in homes):
            raise OperationFailed("log_escapes", path=path)
        real = entry.real
        entry = await server.files.stat(real)
    if entry is None:
        return None
    if entry.kind != "file":
        raise OperationFailed("log_missing", path=path)
    return Part(path=real, size=entry.size, mtime=entry.mtime)


def kinship(name: str, other: str) -> bool | None:
    """Whether a file is an earlier part of the log (False) or of another one that says the same
    day by day (True), such as ``catalina.2026-05-22.log`` of ``catalina.out``; None: neither."""
    plain = other.removesuffix(".gz")
    if other != name and plain.startswith((f"{name}.", f"{name}-", f"{name}_")):
        return False
    stem, dot, ending = name.rpartition(".")
    if not dot or other == name:
        return None
    numbered = rf"{re.escape(stem)}(?:[._-]\d{{1,4}}|{_DATE}[\d._-]*)\.{re.escape(ending)}"
    if re.fullmatch(numbered, plain):
        return False
    beside = rf"{re.escape(stem)}{_DATE}(?:[._-]\d+)?\.(?:log|out|txt)"
    return True if re.fullmatch(beside, plain) else None


class Reader:
    """Gives the bytes of parts that a window needs. ``read_bytes`` counts, what was skipped is
    told in ``cut``."""

    def __init__(self, server: Transport, stamps: Stamps, window: Window) -> None:
        self._server = server
        self._stamps = stamps
        self._window = window
        self._ranges: dict[str, tuple[int, int]] = {}
        self._inflated_each = INFLATED_BYTES
        self.read_bytes = 0
        self.cut: list[str] = []  # names of files of which not all that is in the window was read

    async def prepare(
        self, parts: Sequence[Part], *, most: int = READ_BYTES, inflated: int = INFLATED_BYTES
    ) -> None:
        """Decide what is read of each: the newest first, until the bound is reached."""
        packed = sum(part.packed for part in parts)
        self._inflated_each = inflated // max(1, packed)
        left = most
        for part in reversed(parts):
            if part.packed:
                continue
            start, end = await self._range(part)
            if end - start > left:
                self.cut.append(part.name)
                start = end - left
            self._ranges[part.path] = (start, end)
            left -= end - start

    async def first_stamp(self, part: Part) -> datetime | None:
        """When a file begins."""
        body = await self._read(part, 0, _PROBE)
        if part.packed:
            with suppress(zlib.error):  # told when it is read
                body = _inflate(zlib.decompressobj(wbits=31), memoryview(body), _PROBE)[0]
        return self._stamps.first(body, whole_line=True)

    async def has_stamps(self, part: Part) -> bool:
        """Whether there is any stamp at its beginning or end."""
        if await self.first_stamp(part):
            return True
        if part.packed:
            return False
        tail = await self._read(part, max(0, part.size - _PROBE), _PROBE)
        return self._stamps.last(tail) is not None

    async def tail(self, part: Part, most: int) -> None:
        """Of this one, only the end will be read, whatever its stamps."""
        start = max(0, part.size - most)
        if start:
            self.cut.append(part.name)
        self._ranges[part.path] = (start, part.size)

    async def pieces(self, part: Part) -> AsyncIterator[bytes]:
        """The bytes, in order; the first line is whole, or else cut at a line's end before."""
        if part.packed:
            async for piece in self._inflated(part):
                yield piece
            return
        start, end = self._ranges[part.path]
        begins = start == 0
        while start < end:
            piece = await self._read(part, start, min(_PIECE, end - start))
            if not piece:
                return
            start += len(piece)
            if not begins:
                _, newline, piece = piece.partition(b"\n")
                begins = bool(newline)
            yield piece

    async def _inflated(self, part: Part) -> AsyncIterator[bytes]:
        """Bounded: nobody knows how large a compressed file becomes until it has, and one that
        becomes nothing may go on for ever."""
        machine, offset, left = zlib.decompressobj(wbits=31), 0, self._inflated_each
        pending = memoryview(b"")
        while left > 0 and offset <= self._inflated_each:
            if not pending:
                pending = memoryview(await self._read(part, offset, _PIECE))
                offset += len(pending)
            ended = not pending
            try:
                body, taken, following = _inflate(machine, pending, min(_PIECE, left))
            except zlib.error:
                break
            if ended and not body:  # zlib may have held some back
                return
            left -= len(body) + (_MEMBER_COSTS if following is not machine else 0)
            machine, pending = following, pending[taken:]
            if body and not self._is_before(body):
                yield body
        self.cut.append(part.name)

    def _is_before(self, body: bytes) -> bool:
        """Whether a piece ends long before the window: none of its lines is needed."""
        last = self._stamps.last(body)
        return last is not None and last < self._window.since - _SLACK

    async def _range(self, part: Part) -> tuple[int, int]:
        if part.size <= _WHOLE:
            return 0, part.size
        start = await self._place(part, self._window.since - _SLACK, undated_before=False)
        end = await self._place(part, self._window.until + _SLACK, undated_before=True)
        return start, max(start, min(part.size, end + _PROBE))

    async def _place(self, part: Part, instant: datetime, *, undated_before: bool) -> int:
        """Where the lines of that instant begin, found by halving, a piece early at the most.
        ``undated_before``: what has no stamp far and wide is taken as older, else as newer."""
        low, high = 0, part.size
        while high - low > _PROBE:
            middle = (low + high) // 2
            at = await self._stamp_after(part, middle, high)
            if undated_before if at is None else at < instant:
                low = middle
            else:
                high = middle
        return low if low == 0 or high < part.size else await self._last_place(part, low, instant)

    async def _last_place(self, part: Part, low: int, instant: datetime) -> int:
        """Near the end of the file: all of it is before the instant, or what is left is needed."""
        last = self._stamps.last(await self._read(part, low, part.size - low))
        return part.size if last is not None and last < instant else low

    async def _stamp_after(self, part: Part, offset: int, end: int) -> datetime | None:
        size = _PROBE
        while True:
            body = await self._read(part, offset, min(size, end - offset))
            at = self._stamps.first(body)
            if at is not None or size >= _PROBE_MOST or len(body) < size:
                return at
            size *= 4

    async def _read(self, part: Part, offset: int, limit: int) -> bytes:
        try:
            body = await self._server.read(part.path, offset=offset, limit=limit)
        except TransportError as error:
            if error.code == "not_found":  # rotated away under our hands
                return b""
            if error.code == "permission_denied":
                raise OperationFailed("unreadable", path=part.path) from error
            raise
        self.read_bytes += len(body)
        return body


def _inflate(
    machine: zlib._Decompress, packed: memoryview, most: int
) -> tuple[bytes, int, zlib._Decompress]:
    """At most so many bytes of it, how many packed ones are done with, and what goes on with the
    rest: a file may be several packed ones in a row. What is left over is copied each time, so that
    only a little is given at once."""
    fed = packed[:_FED]
    body = machine.decompress(fed, most)
    if not machine.eof:
        return body, len(fed) - len(machine.unconsumed_tail), machine
    rest = machine.unused_data.lstrip(b"\0")
    return body, len(fed) - len(rest), zlib.decompressobj(wbits=31)
