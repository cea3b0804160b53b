"""Records of the table of logins, as glibc writes them."""

from __future__ import annotations

import struct

SHORT = struct.Struct("<h2xi32s4s32s256shhiii16s20x")  # x86
LONG = struct.Struct("<h2xi32s4s32s256shhqqq16s20x4x")  # aarch64


def login_record(
    layout: struct.Struct = SHORT,
    *,
    kind: int = 7,
    pid: int = 4711,
    line: str = "pts/0",
    user: str = "kim",
) -> bytes:
    """One record; somebody logged in from 10.20.30.40, unless ``kind`` says otherwise."""
    name, terminal = user.encode(), line.encode()
    host, since = b"10.20.30.40", 1795314758
    return layout.pack(kind, pid, terminal, b"ts/0", name, host, 0, 0, 1, since, 0, b"")
