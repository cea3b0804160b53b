"""One server over SSH and SFTP. asyncssh is at home in ``ssh*.py`` of this folder.

Owns: what can be done over one login, and the transfer of files. Login and pinned host key are
``ssh_login``'s, commands ``ssh_exec``'s, the file primitives ``ssh_files``'. Knows nothing of
operations.

A name that is not of the server's charset is given as it is, in surrogates: it hides no other
one, and is no text that a plan could carry.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import asyncssh

from agent.transports.ssh_blocks import read_blocks, write_blocks
from agent.transports.ssh_exec import ExecRequest, execute
from agent.transports.ssh_files import SftpFiles, translated
from agent.transports.ssh_login import log_in
from agent.transports.transport import (
    SILENCE_S,
    Files,
    OnOutput,
    Output,
    Transport,
    TransportError,
)
from agent.wire.plan import NodeAccess

_GOODBYE_S = 2.0
_PROBE_S = 10.0
_SHELL_SIGN = "guardia-shell"


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
        on_output: OnOutput | None = None,
        disposable: bool = False,
    ) -> Output:
        if not self.shell:
            raise TransportError("no_shell", command=arguments[0])
        command = ExecRequest(
            arguments=tuple(arguments),
            charset=self._charset,
            timeout_s=timeout_s,
            silence_s=silence_s,
            disposable=disposable,
        )
        return await execute(self._connection, command, stdin=stdin, on_output=on_output)

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
                        path_encoding=self._charset, path_errors="surrogateescape"
                    )
            return self._sftp
