"""The demo's child processes: started, started again when they die, stopped in the end.

Owns: one process after the other under one name, its log and its pid file. Must not know what
any of them does.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

_FIRST_DELAY_S = 1
_LAST_DELAY_S = 30
_STEADY_S = 60.0  # after this long a death counts as the first again
_GRACE_S = 40.0


class Child:
    """One name under which a process is kept running.

    ``on_death(name, exit status, delay in seconds)`` is told before each new start.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        folder: Path,
        on_death: Callable[[str, int, int], None],
    ) -> None:
        self.name = name
        self.log = folder / "logs" / f"{name}.log"
        self.deaths = 0  # in a row
        self._arguments = tuple(arguments)
        self._pid_file = folder / "run" / f"{name}.pid"
        self._on_death = on_death
        self._stopping = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the process and keep it running until ``stop``."""
        await self._launch()
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL when that does not end it in time."""
        self._stopping.set()
        if self._keeper is None:
            return
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_GRACE_S):
                await asyncio.shield(self._keeper)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self._keeper
        self._pid_file.unlink(missing_ok=True)

    async def _launch(self) -> asyncio.subprocess.Process:
        with self.log.open("ab") as log:
            # A session of its own: Ctrl+C reaches the supervisor only, which stops all in order.
            self._process = await asyncio.create_subprocess_exec(
                *self._arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        fresh = self._pid_file.with_suffix(".new")
        fresh.write_text(f"{self._process.pid}\n", "ascii")
        fresh.replace(self._pid_file)  # whoever reads it reads a whole number
        return self._process

    async def _keep(self) -> None:
        process = self._process
        while process is not None:
            began = time.monotonic()
            status = await process.wait()
            if self._stopping.is_set():
                return
            self.deaths = 1 if time.monotonic() - began > _STEADY_S else self.deaths + 1
            delay = min(_FIRST_DELAY_S * 2 ** (self.deaths - 1), _LAST_DELAY_S)
            self._on_death(self.name, status, delay)
            with suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._stopping.wait()
                    return
            process = await self._launch()
            if self._stopping.is_set():  # stop() came while the process was being started
                self._signal(signal.SIGTERM)

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)


async def end_leftovers(folder: Path) -> list[tuple[str, int]]:
    """End the children that a killed supervisor of this folder left running: name and pid.

    A pid counts only while its command line names this folder: it may be another's by now.
    """
    ended = []
    # The agent before the bot before the servers, as in an orderly stop.
    for name in ("agent", "bot", "estate"):
        pid_file = folder / "run" / f"{name}.pid"
        with suppress(OSError, ValueError):
            pid = int(pid_file.read_text("ascii"))
            if _is_ours(pid, folder):
                os.kill(pid, signal.SIGTERM)
                await _gone(pid, folder)
                ended.append((name, pid))
        pid_file.unlink(missing_ok=True)
    return ended


def _is_ours(pid: int, folder: Path) -> bool:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    own = os.fsencode(folder)
    return any(part == own or part.startswith(own + b"/") for part in arguments)


async def _gone(pid: int, folder: Path) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_GRACE_S):
            while True:
                if not _is_ours(pid, folder):
                    return
                await asyncio.sleep(0.1)
    if _is_ours(pid, folder):
        os.kill(pid, signal.SIGKILL)
