"""A constant load of requests while something else happens, by wrk.

Owns: starting wrk, ending it early, and reading what it counted. Knows nothing of the site.
"""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.lab import processes
from tests.lab.account import Unavailable
from tests.lab.part import Part

_WRK = Path("/usr/bin/wrk")
_SCRIPT = """\
function delay() return %d end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\nRESULT {"requests": %%d, "duration_us": %%d, "non_2xx": %%d, "connect": %%d, ' ..
    '"read": %%d, "write": %%d, "timeout": %%d, "p50_us": %%d, "p99_us": %%d}\\n',
    summary.requests, summary.duration, e.status, e.connect, e.read, e.write, e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """What was asked and what went wrong. ``non_2xx``: answers of status 400 and above."""

    requests: int
    duration_us: int
    non_2xx: int
    connect: int
    read: int
    write: int
    timeout: int
    p50_us: int
    p99_us: int

    @property
    def lost(self) -> int:
        """Requests without a good answer."""
        return self.non_2xx + self.connect + self.read + self.write + self.timeout


class Load(Part):
    """As a context manager: load while inside, ``result`` after it (or after ``stop``).

    Each connection asks, waits ``pause_ms``, asks again. Without ``keep_alive`` every request has
    a connection of its own, so that a balancer's reload cannot close one under a request.
    """

    def __init__(
        self,
        url: str,
        folder: Path,
        *,
        connections: int = 8,
        pause_ms: int = 10,
        keep_alive: bool = False,
    ) -> None:
        self.url = url
        self.connections = connections
        self.result: LoadResult | None = None
        self._script = folder / f"wrk-{secrets.token_hex(4)}.lua"
        self._pause_ms = pause_ms
        self._keep_alive = keep_alive
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Raises Unavailable without wrk."""
        if not _WRK.exists():
            raise Unavailable("no wrk: run deploy/system-packages.sh")
        self._script.write_text(_SCRIPT % self._pause_ms, "ascii")
        header = [] if self._keep_alive else ["-H", "Connection: close"]
        arguments = ["-t", "1", "-c", str(self.connections), "-d", "3600s", "--timeout", "60s"]
        self._process = subprocess.Popen(
            [_WRK, *arguments, *header, "--latency", "-s", self._script, self.url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        # Stopped before it minds SIGINT, it would die without its figures.
        pid = self._process.pid
        processes.await_true(lambda: processes.catches(pid, signal.SIGINT), "wrk's start")

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)  # ends the run and prints its figures
        output, _ = self._process.communicate(timeout=processes.START_S)
        self._process = None
        found = [line for line in output.decode().splitlines() if line.startswith("RESULT ")]
        if not found:
            raise RuntimeError(f"wrk gave no figures: {output.decode()}")
        self.result = LoadResult(**json.loads(found[0].removeprefix("RESULT ")))
