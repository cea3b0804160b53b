"""A part that is started and stopped by scripts of its own below ``home/bin``, as sites have them.

Owns: what such parts say of themselves, their pid file, their scripts and a GET of them. Knows no
one of them.
"""

from __future__ import annotations

import http.client
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from agent.wire.plan import ServiceSpec
from tests.lab import processes
from tests.lab.part import Ground, Part


class Scripted(Part):
    """``SERVICE``: its name, also of ``run/<name>.pid``; ``END``: what ends it at once."""

    SERVICE: ClassVar[str]
    END: ClassVar[signal.Signals] = signal.SIGKILL
    ground: Ground
    home: Path
    host: str
    port: int
    health_path: str
    log: Path

    @property
    def spec(self) -> ServiceSpec:
        return ServiceSpec(
            name=self.SERVICE,
            kind="scripts",
            home=str(self.home),
            port=self.port,
            health_path=self.health_path,
            log_path=str(self.log),
        )

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/"

    @property
    def pid(self) -> int | None:
        """Of the pid file, where that process lives."""
        with suppress(OSError, ValueError):
            pid = int((self.home / "run" / f"{self.SERVICE}.pid").read_text("ascii"))
            return pid if processes.alive(pid) else None
        return None

    def stop(self) -> None:
        """End it at once: a stop by its script is what deployments do."""
        pid = self.pid
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, self.END)
            processes.await_true(lambda: not processes.alive(pid), f"the end of {self.SERVICE}")

    def script(self, name: str) -> str:
        """Run one of its scripts as the account; its output.

        Raises:
            RuntimeError: its status is not 0.
        """
        status, output = self.ground.run([self.home / "bin" / name], cwd=self.home)
        if status:
            raise RuntimeError(f"{name}: status {status}: {output}")
        return output

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of a GET, on a connection of its own."""
        return get(self.host, self.port, path)


def get(host: str, port: int, path: str, *, timeout_s: float = 60) -> tuple[int, bytes]:
    """Status and body of a GET.

    Raises:
        OSError, http.client.HTTPException: no answer.
    """
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
