"""The seam to one server: run an argument list, move a file, look at and rename files.

Owns: the protocols ``Transport`` and ``Files``, their values and their one error. Knows neither
SSH nor any operation; ``agent/transports/ssh.py`` and the test fake implement it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from agent.wire.plan import NodeAccess

SILENCE_S = 30.0
OnOutput = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What a command said. Text is decoded, free of control characters, and bounded.

    ``status`` is None when a signal ended the command or it never reported one. ``exact``: the
    text of ``stdout`` says every byte of it, nothing was left out or replaced.
    """

    status: int | None
    stdout: str
    stderr: str
    exact: bool = True

    def lines(self) -> tuple[str, ...]:
        """Both streams, line by line, without empty lines."""
        text = f"{self.stdout}\n{self.stderr}"
        return tuple(line for line in text.splitlines() if line.strip())


class TransportError(Exception):
    """The server could not be reached or did not do what was asked.

    ``code`` is one of: unreachable, host_key_changed, legacy_needed (the server speaks only old
    algorithms that its profile does not allow), login_refused, silence, timeout,
    connection_lost, not_found, permission_denied, disk_full, write_failed, name_not_encodable,
    no_shell (nothing can be run there).
    ``output`` is what had been said until then.
    """

    def __init__(self, code: str, output: Output | None = None, **values: str) -> None:
        super().__init__(code, values)
        self.code = code
        self.values = values
        self.output = output


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One name in a file tree, looked at without following a link.

    ``real`` is where a folder or link really lies, all links followed (None: nowhere);
    ``mtime`` is in seconds since 1970; ``uid`` and ``gid`` are None where a server does not tell.
    """

    kind: Literal["file", "folder", "link", "other"]
    size: int = 0
    mode: int = 0o644
    mtime: float = 0.0
    real: str | None = None
    uid: int | None = None
    gid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """A filesystem, in bytes. ``free`` is what an ordinary account may still use; ``identity`` is
    the same for two paths only if they share it (empty: nobody says)."""

    size: int
    used: int
    free: int
    inodes_percent: float | None = None  # used; None: it has none, or nobody says
    identity: str = ""

    @property
    def used_percent(self) -> float:
        """As ``df`` says it: of what ordinary accounts can have at all."""
        usable = self.used + self.free
        return round(100 * self.used / usable, 1) if usable else 100.0


@runtime_checkable
class Measured(Protocol):
    """Files of a server that tells how full its filesystems are. Not every one does."""

    async def capacity(self, path: str) -> Capacity | None:
        """The filesystem that the path lies on; None: this server does not tell.

        Raises:
            TransportError: ``not_found``, ``permission_denied``.
        """


class Files(Protocol):
    """File primitives; every path is absolute."""

    async def stat(self, path: str) -> Entry | None:
        """What is there, links not followed; None: nothing."""

    async def rename(self, old: str, new: str, *, mode: int | None = None) -> None:
        """Atomically take the place of ``new``, with ``mode`` set before.

        Where a server has no atomic way, the old file is kept until the new one is in place; a
        server that sets modes itself (FTP) may ignore ``mode``.
        """

    async def make_folder(self, path: str, *, mode: int = 0o755) -> None:
        """Create the folder and its parents; existing ones are left as they are."""

    async def remove(self, path: str) -> None:
        """Remove a file, a link or an empty folder; nothing there is fine."""

    async def names(self, path: str) -> tuple[str, ...]:
        """The names in a folder, sorted; no folder: none."""

    async def entries(self, path: str) -> dict[str, Entry]:
        """What lies in a folder by name, in few round trips; no folder: nothing.

        ``real`` is not told here.
        """


class Transport(Protocol):
    """One server, logged in to. Every method raises TransportError and nothing else.

    ``shell``: whether ``run`` can be used at all. ``legacy``: the old algorithms in use, by name.
    """

    files: Files
    shell: bool
    legacy: tuple[str, ...]

    async def run(
        self,
        arguments: Sequence[str],
        *,
        timeout_s: float,
        silence_s: float = SILENCE_S,
        stdin: AsyncIterator[bytes] | None = None,
        on_output: OnOutput | None = None,
        disposable: bool = False,
    ) -> Output:
        """Run one argument list; returns when the command has ended, whatever its status.

        ``stdin`` is written to the command piece by piece, as fast as it reads. ``on_output``
        is given both streams as clean text while they come, whole lines where they are not too
        long; the command waits while it is awaited. ``disposable``: a command that is given up
        is told to end (TERM); any other is left to itself, a service may be its child.

        Raises:
            TransportError: ``timeout`` or ``silence``, with the output until then; ``no_shell``.
        """

    async def put(self, source: AsyncIterator[bytes], path: str, *, mode: int = 0o600) -> None:
        """Write all pieces to the path, replacing what was there. Not atomic."""

    async def read(self, path: str, *, offset: int = 0, limit: int) -> bytes:
        """At most ``limit`` bytes from the offset on; empty past the end.

        Raises:
            TransportError: ``not_found``, ``permission_denied``.
        """


Connect = Callable[[NodeAccess], AbstractAsyncContextManager[Transport]]
