"""Processes of the lab: waiting until they listen, and ending them with all they left behind.

Owns: reading /proc, and the mark that every process of a lab carries. Only processes of
that mark, or that this module was given, are ever signalled.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

MARK = "GUARDIA_LAB"  # in the environment of all that a lab starts, with the lab's folder
START_S = 180.0  # a noisy machine of two cores, or a slow one
_GRACE_S = 20.0


def await_true(condition: Callable[[], bool], what: str, *, timeout_s: float = START_S) -> None:
    """Poll until it holds.

    Raises:
        TimeoutError: it did not in that time; ``what`` tells of what was waited for.
    """
    until = time.monotonic() + timeout_s
    pause = 0.002
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"waited {timeout_s:.0f} s for: {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def listens(host: str, port: int) -> bool:
    """Whether a connection to that address is taken."""
    with socket.socket() as probe:
        probe.settimeout(20)
        return probe.connect_ex((host, port)) == 0


def await_listening(
    host: str, port: int, process: subprocess.Popen[bytes] | None, log: Path
) -> None:
    """Wait until it listens.

    Raises:
        RuntimeError: the process has ended; the end of its log is quoted.
        TimeoutError: see ``await_true``.
    """

    def ready() -> bool:
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"did not start, status {process.returncode}: {tail(log)}")
        return listens(host, port)

    await_true(ready, f"a listener at {host}:{port}; {log}")


def tail(log: Path, *, limit: int = 2000) -> str:
    """The end of a log, empty where there is none."""
    try:
        return log.read_bytes()[-limit:].decode("utf-8", "replace")
    except OSError:
        return ""


def end(process: subprocess.Popen[bytes] | None, *, by: int = signal.SIGTERM) -> None:
    """Signal it, wait for its end, kill it when it does not end in time. Fine when it has ended."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(by)
    process.send_signal(signal.SIGCONT)
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def kill(pids: Iterable[int]) -> None:
    """Kill these processes. Fine when they are gone."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def alive(pid: int) -> bool:
    """Whether that process exists and is no zombie."""
    found = _stat(pid)
    return found is not None and found[1] != "Z"


def catches(pid: int, number: int) -> bool:
    """Whether a process has a handler for that signal, or has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("utf-8")
    except OSError:
        return True
    caught = next((line for line in status.splitlines() if line.startswith("SigCgt:")), "SigCgt:0")
    return bool(int(caught.split(":")[1], 16) >> (number - 1) & 1) or not alive(pid)


def descendants(pid: int) -> list[int]:
    """All children of a process, and theirs."""
    parents = {child: stat[2] for child in _pids() if (stat := _stat(child)) is not None}
    found = [pid]
    for one in found:  # grows while it is walked
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def name_of(pid: int) -> str:
    """The program name of a process, empty when it is gone."""
    found = _stat(pid)
    return found[0] if found else ""


def end_marked(folder: Path) -> list[int]:
    """Kill every process that carries the mark of this lab; their numbers."""
    mark = f"{MARK}={folder}".encode()
    ended: list[int] = []
    for _ in range(20):  # a script may be starting another process at this moment
        found = [pid for pid in _pids() if pid != os.getpid() and mark in _environment(pid)]
        found = [pid for pid in found if alive(pid)]
        if not found:
            break
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        ended += found
        time.sleep(0.02)
    return ended


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _stat(pid: int) -> tuple[str, str, int] | None:
    """Name, state and parent."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    name, rest = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :].split()
    return name, rest[0], int(rest[1])
