"""What long steps say, on disk: a file up to a bound, and beyond it the end of what came.

Owns: one folder a job and two files a step. A piece counts once, by its place in all that was
said; where pieces are missing the text says how much. Must not know what a step does. All disk
work runs off the event loop.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import BinaryIO
from weakref import WeakValueDictionary

from bot.core.check_ports import OutputPart
from bot.core.errors import OperationError
from bot.core.redaction import redact

_JOB = re.compile(r"J[0-9]{6}-[A-Z0-9]{6}")
_STEP = re.compile(r"[a-z0-9][a-z0-9.-]{0,80}")
_KEPT_S = 30 * 86_400
_BLOCK = 256 * 1024
_KEY_LINES = 300  # a key of 16,384 bits has 200
# Of everything that ``bot.core.redaction`` calls a secret, in small letters.
_SECRETIVE = tuple(
    word.encode()
    for word in (
        *("pass", "pw", "secret", "token", "key", "authorization", "bearer", "eyj", "://", "jdbc:"),
        *("cookie", "session", "sess=", "sid=", "sessid", "credential", "akia", "asia", "xox"),
        *("xapp-", "_pat_", "glpat-", "gat1.", "mysql", "curl", "sqlplus", "sqlldr", "tbsql"),
        *("impdp", "expdp", "userid=", "gho_", "ghp_", "ghs_", "ghu_", "ghr_"),
        *("비밀번호", "비번", "패스워드", "암호"),
    )
)
# What moves a terminal's cursor or rings its bell; honest agents send none of it.
_CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n") + b"\x7f"
# Resident and telephone numbers; each begins with a literal, which is looked for quickly.
_PERSONAL = (
    re.compile(rb"-\s?[0-9]{7}"),
    re.compile(rb"[0-9]{6} ?[0-9]{7}"),
    re.compile(rb"1[016789][-.) ]?[0-9]{3,4}[-. ]?[0-9]{4}"),
    re.compile(rb"[0-9]{4}[- ][0-9]{4}[- ][0-9]{4}"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputLimits:
    """Bytes of one step: of the file, and of the end that is kept beyond it. ``job_bytes``: of the
    files of all steps of a job; ``spare_bytes``: what is never taken of the disk, whatever agents
    say: everything else of ours lies on it, too."""

    file_bytes: int = 200 << 20
    tail_bytes: int = 1 << 20
    job_bytes: int = 1 << 30
    spare_bytes: int = 256 << 20
    swept_every_s: float = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """``size``: bytes that came; ``end``: up to where in all that was said; ``lost``: what never
    came; ``beyond``: bytes that came after the file was full."""

    size: int = 0
    end: int = 0
    lost: int = 0
    beyond: int = 0


class DiskOutputStore:
    """``OutputStore`` in one folder."""

    def __init__(self, folder: Path, *, limits: OutputLimits | None = None) -> None:
        self._folder = folder
        self._limits = limits or OutputLimits()
        # A lock lives as long as somebody holds it or waits for it.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._sweep()
        self._swept_at = time.monotonic()

    async def append(self, job_id: str, step_id: str, *, offset: int, text: str) -> None:
        """See ``OutputStore.append``.

        Raises:
            OperationError: it could not be written (``output_not_kept``).
        """
        place = self._place(job_id, step_id)
        if time.monotonic() - self._swept_at >= self._limits.swept_every_s:
            self._swept_at = time.monotonic()
            await asyncio.to_thread(self._sweep)
        async with self._turns.setdefault(job_id, asyncio.Lock()):  # one writer a job
            try:
                await asyncio.to_thread(place.add, offset, text.encode(errors="replace"))
            except OSError as error:
                raise OperationError("output_not_kept", job=job_id) from error

    async def part(self, job_id: str, step_id: str, *, most: int) -> OutputPart | None:
        """See ``OutputStore.part``."""
        return await asyncio.to_thread(self._place(job_id, step_id).part, most)

    async def file(self, job_id: str, step_id: str) -> AsyncIterator[bytes] | None:
        """See ``OutputStore.file``. Secrets are masked in it, piece by piece as it is read: nothing
        of it is kept a second time, and the job goes on meanwhile."""
        place = self._place(job_id, step_id)
        state = await asyncio.to_thread(place.state)
        return None if state.size == 0 else _read(place)

    def _place(self, job_id: str, step_id: str) -> _Place:
        if not _JOB.fullmatch(job_id) or not _STEP.fullmatch(step_id):
            raise OperationError("output_not_kept", job=job_id[:20])
        return _Place(self._folder / job_id / step_id, self._limits)

    def _sweep(self) -> None:
        """Old jobs, and what a killed process left behind."""
        for path in self._folder.iterdir():
            with suppress(OSError):
                if path.stat().st_mtime < time.time() - _KEPT_S:
                    shutil.rmtree(path)


class _Place:
    """The files of one step. Everything here blocks."""

    def __init__(self, stem: Path, limits: OutputLimits) -> None:
        self._file = stem.with_name(f"{stem.name}.txt")
        self._tail = stem.with_name(f"{stem.name}.tail")
        self._state = stem.with_name(f"{stem.name}.json")
        self._limits = limits

    def state(self) -> _State:
        try:
            kept = json.loads(self._state.read_bytes())
            return _State(**{each.name: kept[each.name] for each in fields(_State)})
        except (FileNotFoundError, ValueError, TypeError, LookupError):
            return _State()

    def put(self, state: _State) -> None:
        new = self._state.with_suffix(".new")
        new.write_text(json.dumps(asdict(state)))
        new.replace(self._state)

    def add(self, offset: int, data: bytes) -> None:
        state = self.state()
        if offset + len(data) <= state.end:
            return
        data = data[max(0, state.end - offset) :]
        gap = max(0, offset - state.end)
        self._file.parent.mkdir(exist_ok=True, mode=0o700)
        # What is full stays full: later lines would stand before earlier ones.
        room = 0 if state.beyond else self._room()
        beyond = self._write(_mark(gap) + data if gap else data, room)
        state = replace(
            state,
            size=state.size + len(data),
            end=state.end + gap + len(data),
            lost=state.lost + gap,
            beyond=state.beyond + beyond,
        )
        self.put(state)

    def _room(self) -> int:
        """Bytes that the file may still take."""
        own = self._file.stat().st_size if self._file.exists() else 0
        job = sum(path.stat().st_size for path in self._file.parent.glob("*.txt"))
        free = shutil.disk_usage(self._file.parent).free
        limits = self._limits
        rooms = (limits.file_bytes - own, limits.job_bytes - job, free - limits.spare_bytes)
        return max(0, min(rooms))

    def _write(self, data: bytes, room: int) -> int:
        """How much of it found no place in the file."""
        with self._file.open("ab") as file:
            file.write(data[:room])
        rest = data[room:]
        if rest:
            with self._tail.open("ab") as file:
                file.write(rest)
                grown = file.tell()
            if grown > 2 * self._limits.tail_bytes:  # now and then, so that adding stays cheap
                self._tail.write_bytes(self._end_of(self._tail, self._limits.tail_bytes))
        return len(rest)

    def part(self, most: int) -> OutputPart | None:
        state = self.state()
        if state.size == 0:
            return None
        whole = self._file.stat().st_size
        if not state.beyond and whole <= 2 * most:
            text = _text(self._file.read_bytes())
            return OutputPart(head=text, tail="", left_out=state.lost, size=state.size)
        with self._file.open("rb") as file:
            head = _whole_lines(file.read(most), at_end=True)
        most_of_tail = min(most, self._limits.tail_bytes) if state.beyond else most
        tail = _whole_lines(self._last(most_of_tail, state), at_end=False)
        between = whole + state.beyond - len(head) - len(tail)
        return OutputPart(
            head=_text(head),
            tail=_text(tail),
            left_out=state.lost + max(0, between),
            size=state.size,
        )

    def _last(self, most: int, state: _State) -> bytes:
        if not state.beyond:
            return self._end_of(self._file, most)
        end = self._end_of(self._tail, most)
        return self._end_of(self._file, most - len(end)) + end

    def _end_of(self, path: Path, most: int) -> bytes:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - most))
            return file.read(most)

    def masked(self) -> Iterator[bytes]:
        """The file, and beyond its bound the end; in it no secret and no person's number."""
        return map(_masked, self._blocks())

    def _blocks(self) -> Iterator[bytes]:
        """Whole lines, many at a time."""
        with self._file.open("rb") as file:
            while block := file.read(_BLOCK):
                block += file.readline(_BLOCK)
                yield block + b"".join(_rest_of_key(block, file))
        beyond = self.state().beyond
        if not beyond:
            return
        end = self._end_of(self._tail, self._limits.tail_bytes)
        if beyond > len(end):
            yield _mark(beyond - len(end))
        yield end


async def _read(place: _Place) -> AsyncIterator[bytes]:
    pieces = place.masked()
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece


def _masked(block: bytes) -> bytes:
    """Masking all that is masked in chat takes a second a megabyte; and those who may have the
    file may read addresses. So only what looks like holding a secret is masked, line by line."""
    block = block.translate(None, _CONTROLS)
    if not _suspect(block):
        return block
    if b"PRIVATE KEY" in block:  # goes over lines
        return _redacted(block)
    lines = block.splitlines(keepends=True)
    return b"".join(_redacted(line) if _suspect(line) else line for line in lines)


def _text(data: bytes) -> str:
    return data.translate(None, _CONTROLS).decode(errors="replace")


def _suspect(data: bytes) -> bool:
    low = data.lower()
    return any(word in low for word in _SECRETIVE) or any(
        pattern.search(data) for pattern in _PERSONAL
    )


def _redacted(data: bytes) -> bytes:
    return redact(data.decode(errors="replace")).encode(errors="replace")


def _rest_of_key(block: bytes, file: BinaryIO) -> Iterator[bytes]:
    """The lines of a private key that begins in that block: it is masked as a whole, or not."""
    if b"PRIVATE KEY" not in block or block.rfind(b"-----END") > block.rfind(b"-----BEGIN"):
        return
    for _ in range(_KEY_LINES):
        line = file.readline(_BLOCK)
        yield line
        if not line or b"-----END" in line:
            return


def _mark(gap: int) -> bytes:
    return f"\n[... {gap} bytes ...]\n".encode()


def _whole_lines(data: bytes, *, at_end: bool) -> bytes:
    """Without the torn line at that end, unless it is all there is; then without a torn
    character."""
    if at_end:
        cut = data.rfind(b"\n") + 1
        return data[:cut] if cut else data.decode(errors="ignore").encode()
    cut = data.find(b"\n") + 1
    return data[cut:] if cut < len(data) else data.decode(errors="ignore").encode()
