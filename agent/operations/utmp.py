"""The binary table of logins that glibc systems keep (``/run/utmp``). Pure.

Owns: its layout, and whose login each line is. The layout is that of x86 and of everything that
keeps 32-bit times in it; aarch64 has 400 bytes a record with 64-bit times.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

PATHS = ("/run/utmp", "/var/run/utmp")
LIMIT = 1 << 20  # bytes; 2,700 logins
_USER_PROCESS = 7
_TYPES = range(10)
_SHORT = struct.Struct("<h2xi32s4s32s256shhiii16s20x")  # 384 bytes
_LONG = struct.Struct("<h2xi32s4s32s256shhqqq16s20x4x")  # 400 bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRecord:
    """One login. ``source`` is where it came from, as sshd or login wrote it down."""

    pid: int
    terminal: str  # "pts/0", "tty1"
    user: str
    source: str
    since: int  # seconds since 1970


def logins(table: bytes) -> Mapping[str, LoginRecord]:
    """Logins by terminal. A table that fits no layout says nothing."""
    for layout in (_SHORT, _LONG):
        if len(table) % layout.size:
            continue
        records = list(layout.iter_unpack(table))
        if all(fields[0] in _TYPES for fields in records):
            found = (_record(fields) for fields in records if fields[0] == _USER_PROCESS)
            return {record.terminal: record for record in found}
    return {}


def _record(fields: tuple[int | bytes, ...]) -> LoginRecord:
    pid, line, user, host, since = fields[1], fields[2], fields[4], fields[5], fields[9]
    return LoginRecord(
        pid=int(pid), terminal=_text(line), user=_text(user), source=_text(host), since=int(since)
    )


def _text(field: int | bytes) -> str:
    raw = field if isinstance(field, bytes) else b""
    return raw.partition(b"\0")[0].decode("utf-8", "replace")
