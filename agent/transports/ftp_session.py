"""One FTP login: the control connection, its data connections, and what its replies mean.

Owns: aioftp (its only home with ``ftp.py``), the limits, and the translation of replies and
network errors into TransportError. Takes nothing on trust: a data connection goes to the host of
the control connection whatever the server says (no bounce), and no name may carry a line break.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress

import aioftp

from agent.transports.transport import SILENCE_S, TransportError
from agent.wire.plan import NodeAccess, PasswordLogin

CONNECT_TIMEOUT_S = 10
_GOODBYE_S = 2.0
_BREAKS = ("\r", "\n", "\0")
_CODES = {
    "530": "login_refused",
    "532": "login_refused",
    "421": "connection_lost",
    "425": "connection_lost",
    "426": "connection_lost",
    "452": "disk_full",
    "552": "disk_full",
}


class RefusedError(TransportError):
    """The server said no, without saying why: whoever asked looks for the reason."""


class _Client(aioftp.Client):
    """Reads replies as RFC 959 has them, in any charset: a reply ends with its own code and a
    space, whatever its other lines look like."""

    async def parse_line(self) -> tuple[aioftp.Code, str]:
        line = await self.stream.readline()
        if not line:
            self.stream.close()
            raise ConnectionResetError
        text = line.decode(self.encoding, errors="replace").rstrip("\r\n")
        return aioftp.Code(text[:3]), text[3:]

    async def parse_response(self) -> tuple[aioftp.Code, list[str]]:
        code, rest = await self.parse_line()
        lines = [rest]
        if rest.startswith("-"):
            end = ("", "")
            while end[0] != code or not end[1].startswith(" "):
                end = await self.parse_line()
                lines.append(end[1] if end[0] == code else f"{end[0]}{end[1]}")
        return code, lines


class Data:
    """One data connection. ``send`` and ``receive`` give up after the silence limit."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.enough = False  # no more is wanted, and the server's complaint about it means nothing

    async def send(self, piece: bytes) -> None:
        async with asyncio.timeout(SILENCE_S):
            self._writer.write(piece)
            await self._writer.drain()

    async def receive(self, limit: int) -> bytes:
        async with asyncio.timeout(SILENCE_S):
            return await self._reader.read(limit)

    async def finish(self) -> None:
        """Everything has been sent or read."""
        if self.enough:
            self.abort()
            return
        async with asyncio.timeout(SILENCE_S):
            self._writer.close()
            with suppress(ConnectionError):
                await self._writer.wait_closed()

    def abort(self) -> None:
        self._writer.transport.abort()


class FtpSession:
    """A login that is renewed when it has broken. One command or transfer at a time."""

    def __init__(self, access: NodeAccess) -> None:
        self._access = access
        self._client: _Client | None = None
        self._turn = asyncio.Lock()
        self.features: frozenset[str] = frozenset()

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(OSError, aioftp.AIOFTPException):
                async with asyncio.timeout(_GOODBYE_S):
                    await client.quit()
            client.close()

    async def open(self) -> None:
        """Log in.

        Raises:
            TransportError: ``unreachable``, ``login_refused``.
        """
        async with self._turn:
            await self._logged_in()

    async def ask(self, command: str, path: str = "", *, expect: tuple[str, ...] = ("2xx",)) -> str:
        """The last line of the reply.

        Raises:
            RefusedError: another reply than expected; ``code`` says what it means.
        """
        async with self._exclusive(path) as client:
            return await self._command(client, f"{command} {path}" if path else command, expect)

    async def rename(self, old: str, new: str) -> None:
        """RNFR and RNTO belong together. Raises as ``ask``."""
        async with self._exclusive(f"{old}{new}") as client:
            await self._command(client, f"RNFR {old}", ("3xx",))
            await self._command(client, f"RNTO {new}", ("2xx",))

    @asynccontextmanager
    async def transfer(
        self, command: str, path: str = "", *, offset: int = 0, folder: str = ""
    ) -> AsyncIterator[Data]:
        """A data connection for one command; its last reply is read at the end.

        ``folder``: made the working directory before. What is raised within aborts it.
        """
        async with self._exclusive(path or folder) as client:
            if folder:
                await self._command(client, f"CWD {folder}", ("2xx",))
            data = Data(*await client.get_passive_connection("I"))
            in_step = False
            try:
                if offset:
                    await self._command(client, f"REST {offset}", ("3xx",))
                await self._command(client, f"{command} {path}" if path else command, ("1xx",))
                try:
                    yield data
                    await data.finish()
                except ConnectionError:  # the reply says why the server closed it
                    data.abort()
                await self._command(client, None, ("xxx",) if data.enough else ("2xx",))
                in_step = True
            except aioftp.StatusCodeError:
                in_step = True
                raise
            finally:
                data.abort()
                if not in_step:
                    self._drop()

    @asynccontextmanager
    async def _exclusive(self, path: str) -> AsyncIterator[_Client]:
        if any(character in path for character in _BREAKS):
            raise TransportError("name_not_encodable", path=path, charset="ftp")
        async with self._turn:
            client = await self._logged_in()
            try:
                yield client
            except UnicodeEncodeError as error:
                raise TransportError(
                    "name_not_encodable", path=path, charset=error.encoding
                ) from error
            except aioftp.StatusCodeError as error:
                raise self._refused(error, path) from error
            except (OSError, ValueError, IndexError, AttributeError, aioftp.AIOFTPException) as e:
                self._drop()
                code = "silence" if isinstance(e, TimeoutError) else "connection_lost"
                raise TransportError(code, path=path) from e

    async def _command(self, client: _Client, line: str | None, expect: tuple[str, ...]) -> str:
        _, lines = await client.command(line, expect)
        return lines[-1]

    def _refused(self, error: aioftp.StatusCodeError, path: str) -> TransportError:
        reply = str(error.received_codes[-1])
        code = _CODES.get(reply, "write_failed")
        if code in {"connection_lost", "login_refused"} and reply in {"421", "530", "532"}:
            self._drop()
        kind = RefusedError if code == "write_failed" else TransportError
        return kind(code, path=path, detail=reply)

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    async def _logged_in(self) -> _Client:
        if self._client is None:
            self._client = await self._log_in()
        return self._client

    async def _log_in(self) -> _Client:
        client = _Client(
            encoding=self._access.target.charset,
            socket_timeout=SILENCE_S,
            connection_timeout=CONNECT_TIMEOUT_S,
        )
        with ExitStack() as unless_in:
            unless_in.callback(client.close)
            await self._introduce(client)
            unless_in.pop_all()
        return client

    async def _introduce(self, client: _Client) -> None:
        target, login = self._access.target, self._access.login
        if not isinstance(login, PasswordLogin):
            raise TransportError("login_refused", host=target.host, user=target.user)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await client.connect(target.host, target.port)
                # A name could lead elsewhere when it is asked for again.
                client.server_host = client.stream.writer.get_extra_info("peername")[0]
                await client.login(target.user, login.password)
                await self._learn(client)
        except aioftp.StatusCodeError as error:
            if str(error.received_codes[-1]) in {"530", "532", "430", "332"}:
                raise TransportError("login_refused", host=target.host, user=target.user) from error
            raise TransportError("unreachable", host=target.host, detail="FTP") from error
        except (OSError, ValueError, aioftp.AIOFTPException) as error:
            silent = isinstance(error, TimeoutError)
            detail = str(error) or ("" if silent else type(error).__name__)
            raise TransportError("unreachable", host=target.host, detail=detail) from error

    async def _learn(self, client: _Client) -> None:
        """What the server can do, and that names are in the node's charset."""
        _, lines = await client.command("FEAT", ("2xx", "5xx"))
        self.features = frozenset(word for line in lines for word in line.upper().split()[:1])
        if "UTF8" in self.features:
            word = "ON" if self._access.target.charset == "utf-8" else "OFF"
            await client.command(f"OPTS UTF8 {word}", ("xxx",))
