"""What the lines of a log come to: those that were asked for, how many an hour, which messages.

Owns: which line is found, which one is a sign of trouble, the lines around it, the counts, and
their bounds. Pure; blocks while it counts.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from agent.operations.log_files import Window
from agent.operations.log_masking import mask_line
from agent.operations.log_stamps import Stamps
from agent.operations.logfile import decode
from agent.transports.output import plain
from agent.wire.checks import SearchLog

_LINE_BYTES = 4096  # of a line that is looked at, kept and shown
_UNENDED = 1 << 20  # bytes without a newline; what is longer is several lines
_MESSAGES = 5000  # different ones that are told apart
_MESSAGE = 160  # characters of one
_LOOKED_AT = 3 * 2 * _MESSAGE  # bytes of a line, which tell its message
_KNOWN = 20_000
_SHOWN_BYTES = 2_000_000  # of all lines that are shown: a frame of the wire is 4 MiB
_ERROR = re.compile(
    rb"\b(?:ERROR|SEVERE|FATAL|CRITICAL|EMERG|ALERT|PANIC)\b|\[(?:error|crit|alert|emerg)\]"
    rb"|Exception\b|OutOfMemoryError|StackOverflowError|\" 5\d\d "
    rb"|No space left on device|Too many open files|"
    + b"|".join(rb"(?<!\w)" + "심각".encode(charset) + rb"[: \]]" for charset in ("utf-8", "cp949"))
)
_FATAL = re.compile(
    rb"\bFATAL\b|\bEMERG\b|\bPANIC\b|\[emerg\]|OutOfMemoryError|StackOverflowError"
    rb"|No space left on device|Too many open files"
)
_STAMP_LIKE = re.compile(
    r"^\W*(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}-\S{3}-\d{4}|\w{3} +\d{1,2})[ T]"
    r"[\d:.,]+(?:Z|[+-]\d{2}:?\d{2})?\W*"
)
_ACCESS = re.compile(r'\] "([A-Z]{3,10}) ([^"? ]{1,300})[^"]{0,2000}" (\d{3}) ')
_STATUS = re.compile(rb'" (\d{3}) ')
_VARIABLE = re.compile(
    r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"  # UUID
    r"|\b0x[0-9a-fA-F]+\b|(?<=@)[0-9a-f]{4,}\b"
    r"|\b(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{12,}\b"  # digest, session
    r"|\d+"
)


@dataclass(slots=True)
class Count:
    """How often, and how often of that a sign of trouble."""

    found: int = 0
    errors: int = 0
    last: datetime | None = None

    def add(self, at: datetime | None, *, error: bool) -> None:
        self.found += 1
        self.errors += error
        self.last = at or self.last


@dataclass(slots=True)
class _Entry:
    """A found line with those around it. ``number``: of its first line, to see what is left out."""

    number: int
    lines: list[bytes] = field(default_factory=list)


class Tally:
    """Fed with the pieces of files, oldest first. ``dated``: whether the log has time stamps."""

    def __init__(
        self, search: SearchLog, *, window: Window, stamps: Stamps, charset: str, dated: bool = True
    ) -> None:
        self._window = window
        self._stamps = stamps
        self._charset = charset
        self._dated = dated
        self._pattern = search.pattern.casefold() if search.pattern is not None else None
        self._needles = _needles(self._pattern)
        self._context = search.context
        self._entries: deque[_Entry] = deque(maxlen=search.lines)
        self._before: deque[tuple[int, bytes]] = deque(maxlen=search.context or 1)
        self._following = 0
        self._rest = b""
        self._number = 0
        self._at: datetime | None = None
        self._horizon: datetime | None = None
        self._record = 0
        self._counted = -1  # the record whose error has been counted
        self._known: dict[bytes, str] = {}
        self.total = Count()
        self.fatal = 0
        self.hours: dict[datetime, Count] = {}
        self.messages: dict[str, Count] = {}
        self.other = Count()  # messages beyond the bound

    @property
    def since(self) -> datetime:
        return self._window.since

    def begin(self, *, horizon: datetime | None = None) -> None:
        """Another file. ``horizon``: only its lines before that count."""
        self.end()
        self._horizon = horizon
        self._following = 0
        self._before.clear()

    def feed(self, piece: bytes) -> None:
        """The next bytes of the file."""
        lines = (self._rest + piece).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._line(line)
        if len(self._rest) > _UNENDED:
            self.end()

    def end(self) -> None:
        """The file's last line has no newline."""
        rest, self._rest = self._rest, b""
        if rest:
            self._line(rest)

    def _line(self, line: bytes) -> None:
        # A log that was emptied under its writer's hands begins with a hole.
        line = line.lstrip(b"\0")[:_LINE_BYTES].rstrip(b"\r")
        self._number += 1
        at = self._stamps.of(line) if self._dated else None
        if at is not None:
            self._at = at
            self._record += 1
        if not line.strip() or not self._is_in_window():
            return
        if self._is_found(line):
            self._keep(line)
            self._count(line, stamped=at is not None)
        elif self._context:
            self._beside(line)

    def _is_in_window(self) -> bool:
        if not self._dated:
            return True
        if self._at is None or not self._window.has(self._at):
            return False
        return self._horizon is None or self._at < self._horizon

    def _is_found(self, line: bytes) -> bool:
        if self._pattern is None:
            return True
        lower = line.lower()
        if not any(needle in lower for needle in self._needles):
            return False
        # Half of one letter of CP949 may look like another.
        return self._pattern in decode(line, self._charset).casefold()

    def _keep(self, line: bytes) -> None:
        entry = _Entry(self._number)
        if self._context and self._before:
            entry.number = self._before[0][0]
            entry.lines += [before for _, before in self._before]
            self._before.clear()
        entry.lines.append(line)
        self._entries.append(entry)
        self._following = self._context

    def _beside(self, line: bytes) -> None:
        if self._following and self._entries:
            self._entries[-1].lines.append(line)
            self._following -= 1
        else:
            self._before.append((self._number, line))

    def _count(self, line: bytes, *, stamped: bool) -> None:
        error = bool(_ERROR.search(line))
        self.fatal += error and bool(_FATAL.search(line))
        # A stack trace is one error, however many lines of it say so.
        counts = error and (not self._dated or self._counted != self._record)
        if counts:
            self._counted = self._record
        self.total.add(self._at, error=counts)
        if self._at is not None:
            local = self._at
            if local.tzinfo is not self._stamps.zone:
                local = local.astimezone(self._stamps.zone)
            hour = local.replace(minute=0, second=0, microsecond=0)
            self.hours.setdefault(hour, Count()).add(self._at, error=counts)
        if stamped or self._pattern is not None or not self._dated:
            message = self._message(line)
            known = message in self.messages or len(self.messages) < _MESSAGES
            count = self.messages.setdefault(message, Count()) if known else self.other
            count.add(self._at, error=error)

    def _message(self, line: bytes) -> str:
        """As ``normalised``. Lines that differ in digits only are normalised once: a log of a
        million lines has a few hundred of those."""
        key = line[:_LOOKED_AT].translate(None, b"0123456789")
        if b" HTTP/" in line and (status := _STATUS.search(line)):
            key += status[1]
        message = self._known.get(key)
        if message is None:
            message = normalised(decode(line, self._charset))
            if len(self._known) < _KNOWN:
                self._known[key] = message
        return message

    # --- what is shown ----------------------------------------------------------------------

    def lines(self) -> tuple[tuple[str, ...], int]:
        """The newest found lines with those around them, oldest first, and how many found ones
        are not among them. ``--`` stands where lines are left out between."""
        shown: deque[list[str]] = deque()
        size, count, kept = 0, 0, 0
        following = 0
        for entry in reversed(self._entries):
            texts = [plain(mask_line(decode(line, self._charset))) for line in entry.lines]
            if self._context and following and entry.number + len(entry.lines) < following:
                texts.append("--")
            following = entry.number
            size += sum(len(text.encode()) + 4 for text in texts)
            count += len(texts)
            if size > _SHOWN_BYTES or count > 5000:
                break
            shown.appendleft(texts)
            kept += 1
        return tuple(text for texts in shown for text in texts), self.total.found - kept


def normalised(line: str) -> str:
    """The message of a line without what differs from one time to the next; of an access log,
    method, path and status."""
    access = _ACCESS.search(line[:_LINE_BYTES])
    if access is not None:
        path = _VARIABLE.sub("#", mask_line(access[2]))
        return plain(f"{access[1]} {path} {access[3]}")[:_MESSAGE]
    message = _STAMP_LIKE.sub("", line.strip(), count=1)
    message = _VARIABLE.sub("#", mask_line(message[: 2 * _MESSAGE]))
    return plain(message)[:_MESSAGE] or "-"


def _needles(pattern: str | None) -> tuple[bytes, ...]:
    """The pattern as bytes, in each charset that a line may be in."""
    needles = []
    for charset in ("utf-8", "cp949") if pattern is not None else ():
        try:
            needles.append((pattern or "").encode(charset).lower())
        except UnicodeEncodeError:
            continue
    return tuple(needles)
