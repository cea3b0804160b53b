"""One server over plain FTP: files and nothing else, for nodes that have no SSH.

Owns: upload, reading back and the login's life. Nothing can be run there, nothing proves which
server answers, and the server keeps its own file modes. Knows nothing of operations.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from agent.transports.ftp_files import FtpFiles
from agent.transports.ftp_session import FtpSession, RefusedError
from agent.transports.transport import SILENCE_S, Files, OnOutput, Output, Transport, TransportError
from agent.wire.plan import NodeAccess

_PIECE_BYTES = 64 * 1024


@asynccontextmanager
async def connect(access: NodeAccess) -> AsyncIterator[Transport]:
    """Log in to the node of this access record, and out again at the end.

    Raises:
        TransportError: ``unreachable``, ``login_refused``.
    """
    session = FtpSession(access)
    await session.open()
    try:
        yield FtpTransport(session, charset=access.target.charset)
    finally:
        await session.close()


class FtpTransport:
    """A Transport over one FTP login."""

    def __init__(self, session: FtpSession, *, charset: str) -> None:
        self.shell = False
        self.legacy: tuple[str, ...] = ()
        self._session = session
        self._files = FtpFiles(session, charset=charset)
        self.files: Files = self._files

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
        raise TransportError("no_shell", command=arguments[0])

    async def put(self, source: AsyncIterator[bytes], path: str, *, mode: int = 0o600) -> None:
        """The mode is the server's own until a rename sets one."""
        try:
            async with self._session.transfer("STOR", path) as data:
                async for piece in source:
                    await data.send(piece)
        except RefusedError as error:
            # 451: while it was written; anything else: it could not even be begun
            if error.values.get("detail") == "451":
                raise
            raise await self._files.why(error, path) from error
        finally:
            self._files.changed(path)

    async def read(self, path: str, *, offset: int = 0, limit: int) -> bytes:
        try:
            return await self._read(path, offset, limit)
        except RefusedError as error:
            if offset and (await self._files.stat(path)) is not None:
                return b""  # some servers refuse to begin past the end
            raise await self._files.why(error, path, reading=True) from error

    async def _read(self, path: str, offset: int, limit: int) -> bytes:
        body = bytearray()
        async with self._session.transfer("RETR", path, offset=offset) as data:
            while len(body) < limit:
                piece = await data.receive(min(_PIECE_BYTES, limit - len(body)))
                if not piece:
                    return bytes(body)
                body += piece
            data.enough = True
        return bytes(body)
