"""One server over SSH and SFTP. The agent's only home of asyncssh.

Owns: the pinned host key, the login, exec channels and SFTP, and the translation of asyncssh's
errors into TransportError. Takes nothing from the user's surroundings: no configuration, no
agent, no known_hosts, no keys but the one it is given. Knows nothing of operations.
"""

from __future__ import annotations

import asyncio
import shlex
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Literal, cast

import asyncssh

from agent.transports.output import BoundedBytes
from agent.transports.transport import SILENCE_S, Entry, Files, Output, Transport, TransportError
from agent.wire.plan import KeyLogin, NodeAccess

CONNECT_TIMEOUT_S = 10
_KEEPALIVE_S = 10  # three unanswered ones end the connection: SFTP's share of the silence limit
_DRAIN_S = 1.0  # for output still under way; a daemon that kept the stream open never ends it
_GOODBYE_S = 2.0
# A server has one host key per family and shows the first that the client asks for.
_KEY_FAMILIES: tuple[tuple[str, ...], ...] = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "rsa-sha2-256"),
)


@asynccontextmanager
async def connect(access: NodeAccess) -> AsyncIterator[Transport]:
    """Log in to the node of this access record, and out again at the end.

    Raises:
        TransportError: ``unreachable``; ``host_key_changed``, before any authentication;
            ``login_refused``.
    """
    connection = await _log_in(access)
    try:
        yield SshTransport(connection, charset=access.target.charset)
    finally:
        connection.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await connection.wait_closed()


class _PinnedClient(asyncssh.SSHClient):
    """Accepts exactly one host key. asyncssh asks before it begins to authenticate."""

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint
        self.seen: asyncssh.SSHKey | None = None

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        self.seen = key
        return key.get_fingerprint("sha256") == self._fingerprint


class _UnreachableError(TransportError):
    """No connection, or none that got as far as a host key."""


async def _log_in(access: NodeAccess) -> asyncssh.SSHClientConnection:
    """The pinned key may be of a family that the server does not show first: ask for each."""
    target = access.target
    client = _PinnedClient(target.host_key)
    try:
        return await _open(access, client, None)
    except asyncssh.HostKeyNotVerifiable:
        shown = client.seen
    for family in _KEY_FAMILIES:
        if shown is not None and shown.get_algorithm() in _base_names(family):
            continue
        # Servers hang up in various ways on a family that they have no key of.
        with suppress(asyncssh.HostKeyNotVerifiable, _UnreachableError):
            return await _open(access, client, family)
    seen = shown.get_fingerprint("sha256") if shown else ""
    raise TransportError("host_key_changed", host=target.host, expected=target.host_key, seen=seen)


def _base_names(family: tuple[str, ...]) -> tuple[str, ...]:
    return ("ssh-rsa",) if family[0].startswith("rsa-") else family


async def _open(
    access: NodeAccess, client: _PinnedClient, family: tuple[str, ...] | None
) -> asyncssh.SSHClientConnection:
    target = access.target
    algorithms: dict[str, Any] = {"server_host_key_algs": family} if family else {}
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            return await asyncssh.connect(
                target.host,
                target.port,
                username=target.user,
                client_factory=lambda: client,
                # A function, because asyncssh takes an empty list for "read ~/.ssh/known_hosts".
                known_hosts=lambda host, addr, port: ([], [], []),
                config=None,
                agent_path=None,
                agent_forwarding=False,
                gss_host=None,
                gss_kex=False,
                host_based_auth=False,
                x509_trusted_certs=None,
                keepalive_interval=_KEEPALIVE_S,
                connect_timeout=CONNECT_TIMEOUT_S,
                login_timeout=CONNECT_TIMEOUT_S,
                **algorithms,
                **_credentials(access),
            )
    except asyncssh.HostKeyNotVerifiable:
        raise
    except (asyncssh.PermissionDenied, asyncssh.KeyImportError) as error:
        raise TransportError("login_refused", host=target.host, user=target.user) from error
    except (asyncssh.Error, OSError) as error:
        raise _UnreachableError("unreachable", host=target.host, detail=_reason(error)) from error


def _credentials(access: NodeAccess) -> dict[str, Any]:
    login = access.login
    if isinstance(login, KeyLogin):
        key = asyncssh.import_private_key(login.private_key)
        return {"client_keys": [key], "preferred_auth": ("publickey",)}
    return {
        "client_keys": None,
        "password": login.password,
        "preferred_auth": ("password", "keyboard-interactive"),
    }


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


class _Capture(asyncssh.SSHClientSession[bytes]):
    """Collects what one exec channel says until it has ended."""

    def __init__(self) -> None:
        self.stdout = BoundedBytes()
        self.stderr = BoundedBytes()
        self.status: int | None = None
        self.error: Exception | None = None
        self.exited = asyncio.Event()
        self.closed = asyncio.Event()
        self.heard: Callable[[], None] = lambda: None

    def data_received(self, data: bytes, datatype: int | None) -> None:
        (self.stdout if datatype is None else self.stderr).add(data)
        self.heard()

    def exit_status_received(self, status: int) -> None:
        self.status = status
        self.exited.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = exc
        self.exited.set()
        self.closed.set()

    async def follow(self, timeout_s: float, silence_s: float) -> str | None:
        """Wait for the end. None: ended; otherwise which limit was reached first."""
        loop = asyncio.get_running_loop()
        silence = asyncio.timeout(silence_s)
        try:
            async with asyncio.timeout(timeout_s), silence:
                self.heard = lambda: silence.reschedule(loop.time() + silence_s)
                await self.exited.wait()
        except TimeoutError:
            return "silence" if silence.expired() else "timeout"
        finally:
            self.heard = lambda: None
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                await self.closed.wait()
        return None


class SshTransport:
    """A Transport over one SSH connection."""

    def __init__(self, connection: asyncssh.SSHClientConnection, *, charset: str) -> None:
        self._connection = connection
        self._charset = charset
        self._files = SftpFiles(self._open_sftp)
        self._sftp: asyncssh.SFTPClient | None = None
        self._opening = asyncio.Lock()
        self.files: Files = self._files

    async def run(
        self, arguments: Sequence[str], *, timeout_s: float, silence_s: float = SILENCE_S
    ) -> Output:
        capture = _Capture()
        with _translated():
            command = shlex.join(arguments).encode(self._charset)
            channel, _ = await self._connection.create_session(
                lambda: capture,
                cast(str, command),  # bytes pass as they are; text would always become UTF-8
                encoding=None,
            )
        try:
            channel.write_eof()
            limit = await capture.follow(timeout_s, silence_s)
        except OSError as error:  # the channel was closed under our hands
            raise TransportError("connection_lost", self._said(capture)) from error
        finally:
            # Closed, not killed: sshd would signal the whole group, daemons just started included.
            channel.close()
        if limit:
            raise TransportError(limit, self._said(capture), command=arguments[0])
        if capture.error is not None:
            raise TransportError("connection_lost", self._said(capture)) from capture.error
        return self._said(capture)

    async def put(self, source: AsyncIterator[bytes], path: str, *, mode: int = 0o600) -> None:
        sftp = await self._open_sftp()
        attributes = asyncssh.SFTPAttrs(permissions=mode)
        with _translated(path):
            async with sftp.open(path, "wb", attributes) as file:
                async for piece in source:
                    await file.write(piece)
                with suppress(asyncssh.SFTPOpUnsupported):
                    await file.fsync()

    async def read(self, path: str, *, offset: int = 0, limit: int) -> bytes:
        sftp = await self._open_sftp()
        with _translated(path):
            async with sftp.open(path, "rb") as file:
                return await file.read(limit, offset)

    async def _open_sftp(self) -> asyncssh.SFTPClient:
        async with self._opening:
            if self._sftp is None:
                with _translated():
                    self._sftp = await self._connection.start_sftp_client(
                        path_encoding=self._charset, path_errors="strict"
                    )
            return self._sftp

    def _said(self, capture: _Capture) -> Output:
        return Output(
            status=capture.status,
            stdout=capture.stdout.text(self._charset),
            stderr=capture.stderr.text(self._charset),
        )


class SftpFiles:
    """Files over SFTP; rename is OpenSSH's posix-rename, which is atomic."""

    def __init__(self, sftp: Callable[[], Awaitable[asyncssh.SFTPClient]]) -> None:
        self._sftp = sftp

    async def stat(self, path: str) -> Entry | None:
        sftp = await self._sftp()
        with _translated(path):
            try:
                found = await sftp.lstat(path)
            except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
                return None
            except asyncssh.SFTPNotADirectory:
                return None
            return await self._entry(sftp, path, found)

    async def rename(self, old: str, new: str, *, mode: int | None = None) -> None:
        sftp = await self._sftp()
        with _translated(new):
            if mode is not None:
                await sftp.chmod(old, mode)
            await sftp.posix_rename(old, new)

    async def make_folder(self, path: str, *, mode: int = 0o755) -> None:
        sftp = await self._sftp()
        with _translated(path):
            missing = []
            while path != "/" and not await sftp.exists(path):
                missing.append(path)
                path = path.rpartition("/")[0] or "/"
            for folder in reversed(missing):
                # SFTP has no word for "a file is in the way" or "somebody was faster": see below.
                with suppress(
                    asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists, asyncssh.SFTPNoSuchFile
                ):
                    await sftp.mkdir(folder, asyncssh.SFTPAttrs(permissions=mode))
            if missing and not await sftp.isdir(missing[0]):
                raise TransportError("write_failed", path=missing[0])

    async def remove(self, path: str) -> None:
        entry = await self.stat(path)
        if entry is None:
            return
        sftp = await self._sftp()
        with _translated(path):
            await (sftp.rmdir(path) if entry.kind == "folder" else sftp.remove(path))

    async def names(self, path: str) -> tuple[str, ...]:
        sftp = await self._sftp()
        with _translated(path):
            try:
                found = await sftp.listdir(path)
            except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
                return ()
        return tuple(sorted(name for name in found if name not in {".", ".."}))

    @staticmethod
    async def _entry(sftp: asyncssh.SFTPClient, path: str, found: asyncssh.SFTPAttrs) -> Entry:
        bits = found.permissions or 0
        real = None
        if stat.S_ISLNK(bits) or stat.S_ISDIR(bits):
            with suppress(asyncssh.SFTPError):  # a link into nothing
                real = str(await sftp.realpath(path))
        return Entry(
            kind=_kind(bits),
            size=found.size or 0,
            mode=stat.S_IMODE(bits),
            mtime=found.mtime or 0,
            real=real,
        )


def _kind(bits: int) -> Literal["file", "folder", "link", "other"]:
    if stat.S_ISLNK(bits):
        return "link"
    if stat.S_ISDIR(bits):
        return "folder"
    return "file" if stat.S_ISREG(bits) else "other"


@contextmanager
def _translated(path: str = "") -> Iterator[None]:
    """asyncssh's errors as the seam's own."""
    try:
        yield
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
        raise TransportError("not_found", path=path) from error
    except (asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect) as error:
        raise TransportError("permission_denied", path=path) from error
    except (asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded) as error:
        raise TransportError("disk_full", path=path) from error
    except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection) as error:
        raise TransportError("connection_lost", path=path) from error
    except asyncssh.SFTPError as error:
        raise TransportError("write_failed", path=path, detail=_reason(error)) from error
    except (asyncssh.Error, OSError) as error:
        raise TransportError("connection_lost", path=path, detail=_reason(error)) from error
    except UnicodeEncodeError as error:
        raise TransportError("name_not_encodable", path=path, charset=error.encoding) from error
