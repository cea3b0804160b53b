"""Ports that nobody else is given: neither in this process nor in one that tests beside it.

Owns: choosing them, and the file by whose locks processes of one user keep out of each other's
way. A port stays given until this process ends: whatever is stopped finds it free when it starts
again. Knows nothing of what listens.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
import threading
from contextlib import ExitStack
from functools import cache
from pathlib import Path

# Below the range from which Linux takes the ports of outgoing connections.
_PORTS = range(10000, 32000)
_given: set[int] = set()
_one_at_a_time = threading.Lock()


def free_port(host: str = "127.0.0.1", *, count: int = 1) -> int:
    """A port at which nothing listens at that address and which nobody else is given; the first of
    so many that follow each other."""
    for _ in range(1000):
        first = random.randrange(_PORTS.start, _PORTS.stop - count)
        wanted = range(first, first + count)
        if _taken(wanted) and _free(host, wanted):
            return first
    raise OSError(f"no free port at {host}")


def _taken(ports: range) -> bool:
    """Whether they are this caller's from now on."""
    with _one_at_a_time:
        if not _given.isdisjoint(ports) or not _locked(ports):
            return False
        _given.update(ports)
        return True


def _locked(ports: range) -> bool:
    """Whether no other process has them. The kernel lets go of the lock when this one is gone."""
    try:
        fcntl.lockf(_locks(), fcntl.LOCK_EX | fcntl.LOCK_NB, len(ports), ports.start)
    except (BlockingIOError, PermissionError):
        return False
    return True


@cache
def _locks() -> int:
    """Opened once: closing any handle of this file would let go of all its locks."""
    file = Path(tempfile.gettempdir()) / f"guardia-ports-{os.geteuid()}"
    return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _free(host: str, ports: range) -> bool:
    with ExitStack() as stack:
        for port in ports:
            probe = stack.enter_context(socket.socket())
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True
