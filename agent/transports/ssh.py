"""One server over SSH and SFTP. asyncssh is at home in ``ssh*.py`` of this folder.

Owns: exec channels with their bounds, and the transfer of files. Login and pinned host key are
``ssh_login``'s, the file primitives ``ssh_files``'. Knows nothing of operations.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import cast

import asyncssh

from agent.transports.output import BoundedBytes
from agent.transports.ssh_blocks import read_blocks, write_blocks
from agent.transports.ssh_files import SftpFiles, Silence, translated
from agent.transports.ssh_login import log_in
from agent.transports.transport import SILENCE_S, Files, Output, Transport, TransportError
from agent.wire.plan import NodeAccess

_DRAIN_S = 1.0  # for output still under way; a daemon that kept the stream open never ends it
_GOODBYE_S = 2.0
_PROBE_S = 10.0
_SHELL_SIGN = "guardia-shell"
_REFUSED = {asyncssh.OPEN_REQUEST_SESSION_FAILED, asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED}


@asynccontextmanager
async def connect(access: NodeAccess) -> AsyncIterator[Transport]:
    """Log in to the node of this access record, and out again at the end.

    Raises:
        TransportError: ``unreachable``; ``host_key_changed``, before any authentication;
            ``legacy_needed``; ``login_refused``.
    """
    connection, legacy = await log_in(access)
    try:
        server = SshTransport(connection, charset=access.target.charset, legacy=legacy)
        server.shell = await server.runs_commands()
        yield server
    finally:
        await _say_goodbye(connection)


async def _say_goodbye(connection: asyncssh.SSHClientConnection) -> None:
    connection.close()
    try:
        async with asyncio.timeout(_GOODBYE_S):
            await connection.wait_closed()
    except TimeoutError:  # a silent server takes no goodbye
        connection.abort()
        await connection.wait_closed()


class _Exec(asyncssh.SSHClientSession[bytes]):
    """One exec channel until it has ended: what it says is kept, what it reads is fed."""

    def __init__(self) -> None:
        self.stdout = BoundedBytes()
        self.stderr = BoundedBytes()
        self.status: int | None = None
        self.error: Exception | None = None
        self.exited = asyncio.Event()
        self.closed = asyncio.Event()
        self._silence: Silence | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        (self.stdout if datatype is None else self.stderr).add(data)
        self._heard()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def exit_status_received(self, status: int) -> None:
        self.status = status
        self.exited.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = exc
        self.exited.set()
        self.closed.set()
        self._writable.set()

    def _heard(self) -> None:
        if self._silence is not None:
            self._silence.heard()

    def _our_turn(self) -> None:
        if self._silence is not None:
            self._silence.ours()

    async def feed(
        self, channel: asyncssh.SSHClientChannel[bytes], source: AsyncIterator[bytes] | None
    ) -> None:
        """Write as fast as the command reads; a command that has ended needs no more."""
        if source is not None:
            self._our_turn()
            async for piece in source:
                self._heard()
                await self._writable.wait()
                if self.exited.is_set():
                    return
                channel.write(piece)
                self._our_turn()
            self._heard()
        channel.write_eof()

    async def follow(self, timeout_s: float, silence_s: float) -> str | None:
        """Wait for the end. None: ended; otherwise which limit was reached first."""
        self._silence = Silence(silence_s)
        try:
            async with asyncio.timeout(timeout_s), self._silence.timeout:
                await self.exited.wait()
        except TimeoutError:
            return "silence" if self._silence.timeout.expired() else "timeout"
        finally:
            self._silence = None
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                await self.closed.wait()
        return None


class SshTransport:
    """A Transport over one SSH connection."""

    def __init__(
        self,
        connection: asyncssh.SSHClientConnection,
        *,
        charset: str,
        legacy: tuple[str, ...] = (),
    ) -> None:
        self.shell = True
        self.legacy = legacy
        self._connection = connection
        self._charset = charset
        self._sftp: asyncssh.SFTPClient | None = None
        self._opening = asyncio.Lock()
        self.files: Files = SftpFiles(self._open_sftp)

    async def runs_commands(self) -> bool:
        """Whether commands are what they seem: a forced one answers something of its own."""
        try:
            said = await self.run(["echo", _SHELL_SIGN], timeout_s=SILENCE_S, silence_s=_PROBE_S)
        except TransportError as error:
            if error.code != "no_shell":
                raise
            return False
        return said.status == 0 and _SHELL_SIGN in said.stdout.splitlines()

    async def run(
        self,
        arguments: Sequence[str],
        *,
        timeout_s: float,
        silence_s: float = SILENCE_S,
        stdin: AsyncIterator[bytes] | None = None,
    ) -> Output:
        if not self.shell:
            raise TransportError("no_shell", command=arguments[0])
        execution, channel = await self._begin(arguments)
        feeding = asyncio.ensure_future(execution.feed(channel, stdin))
        # What the source raises ends the command, too.
        feeding.add_done_callback(
            lambda task: execution.exited.set() if task.cancelled() or task.exception() else None
        )
        try:
            limit = await execution.follow(timeout_s, silence_s)
        finally:
            feeding.cancel()
            await asyncio.wait({feeding})
            # Closed, not killed: sshd would signal the whole group, daemons just started included.
            channel.close()
        said = self._said(execution)
        if limit:
            raise TransportError(limit, said, command=arguments[0])
        _raise_for_input(feeding, said)
        if execution.error is not None:
            raise TransportError("connection_lost", said) from execution.error
        return said

    async def _begin(
        self, arguments: Sequence[str]
    ) -> tuple[_Exec, asyncssh.SSHClientChannel[bytes]]:
        execution = _Exec()
        async with translated():
            command = shlex.join(arguments).encode(self._charset)
            try:
                channel, _ = await self._connection.create_session(
                    lambda: execution,
                    cast(str, command),  # bytes pass as they are; text would always become UTF-8
                    encoding=None,
                )
            except asyncssh.ChannelOpenError as error:
                if error.code not in _REFUSED:
                    raise
                raise TransportError("no_shell", command=arguments[0]) from error
        return execution, cast("asyncssh.SSHClientChannel[bytes]", channel)

    async def put(self, source: AsyncIterator[bytes], path: str, *, mode: int = 0o600) -> None:
        sftp = await self._open_sftp()
        attributes = asyncssh.SFTPAttrs(permissions=mode)
        async with translated(path) as silence:
            # Closed only after a good end: what has failed would be waited for once more.
            file = await sftp.open(path, "wb", attributes, block_size=0)
            silence.ours()
            offset = 0
            async for piece in source:
                silence.heard()
                await write_blocks(file, piece, offset)
                offset += len(piece)
                silence.ours()
            silence.heard()
            with suppress(asyncssh.SFTPOpUnsupported):
                await file.fsync()
            await file.close()

    async def read(self, path: str, *, offset: int = 0, limit: int) -> bytes:
        sftp = await self._open_sftp()
        async with translated(path):
            file = await sftp.open(path, "rb", block_size=0)
            body = await read_blocks(file, offset, limit)
            await file.close()
            return body

    async def _open_sftp(self) -> asyncssh.SFTPClient:
        async with self._opening:
            if self._sftp is None:
                async with translated():
                    self._sftp = await self._connection.start_sftp_client(
                        path_encoding=self._charset, path_errors="strict"
                    )
            return self._sftp

    def _said(self, execution: _Exec) -> Output:
        return Output(
            status=execution.status,
            stdout=execution.stdout.text(self._charset),
            stderr=execution.stderr.text(self._charset),
        )


def _raise_for_input(feeding: asyncio.Future[None], said: Output) -> None:
    """The source's own error as it is; a channel that closed under our hands as a lost line,
    unless the command had ended by itself."""
    error = None if feeding.cancelled() else feeding.exception()
    if error is None:
        return
    if not isinstance(error, OSError):
        raise error
    if said.status is None:
        raise TransportError("connection_lost", said) from error
