"""A login that somebody has left open on a node's terminal: what ending one is shown with.

Owns: the terminal, the process that holds it, and that both look as sshd's do in a process list.
Nobody can type there.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
from contextlib import suppress
from pathlib import Path

from bot.app.demo.nodes import NodeLayout

_SET_NAME = 15  # prctl(2), PR_SET_NAME
_PROGRAM = "sshd"


class ForgottenLogin:
    """One such login, open until it is ended from either side."""

    def __init__(self, layout: NodeLayout) -> None:
        self._layout = layout
        self._terminal: int | None = None
        self._process: asyncio.subprocess.Process | None = None

    async def open(self) -> None:
        """Begin it, where this is a Linux with terminals; elsewhere there is none to be seen."""
        program = self._program()
        if program is None:
            return
        try:
            self._terminal, held = os.openpty()
        except OSError:
            return
        name = os.ttyname(held).removeprefix("/dev/")
        try:
            # A login's process belongs to one that is called so as well: the estate is the SSH
            # server of its nodes.
            ctypes.CDLL(None).prctl(_SET_NAME, _PROGRAM.encode(), 0, 0, 0)
            self._process = await asyncio.create_subprocess_exec(
                f"{_PROGRAM}: {self._layout.os_user}@{name}",
                executable=str(program),
                stdin=held,
                stdout=held,
                stderr=held,
                cwd=self._layout.folder,
                env=self._layout.environment,
                start_new_session=True,
            )
        finally:
            os.close(held)
        self._layout.logins.parent.mkdir(parents=True, exist_ok=True)
        self._layout.logins.write_text(f"{self._process.pid}\n", "ascii")

    async def close(self) -> None:
        """End it, if nobody has."""
        self._layout.logins.unlink(missing_ok=True)
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.terminate()
            await self._process.wait()
        if self._terminal is not None:
            os.close(self._terminal)
            self._terminal = None

    def _program(self) -> Path | None:
        """``cat`` under the name of a login's process: it waits for what nobody types."""
        cat = shutil.which("cat", path="/usr/bin:/bin")
        if cat is None or not Path("/proc/self/stat").exists():
            return None
        program = self._layout.folder / "sbin" / _PROGRAM
        program.parent.mkdir(exist_ok=True)
        program.unlink(missing_ok=True)
        program.symlink_to(cat)
        return program
