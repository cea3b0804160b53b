"""Files over SFTP, and asyncssh's errors as the seam's own.

Owns: ``SftpFiles`` and ``translated``. Knows neither how the connection came about nor any
operation.
"""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Literal

import asyncssh

from agent.transports.place import take_place
from agent.transports.transport import SILENCE_S, Capacity, Entry, TransportError


class SftpFiles:
    """Files over SFTP; rename is OpenSSH's posix-rename, which is atomic."""

    def __init__(self, sftp: Callable[[], Awaitable[asyncssh.SFTPClient]]) -> None:
        self._sftp = sftp

    async def stat(self, path: str) -> Entry | None:
        sftp = await self._sftp()
        async with translated(path):
            try:
                found = await sftp.lstat(path)
            except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
                return None
            except asyncssh.SFTPNotADirectory:
                return None
            return await _followed(sftp, path, _entry(found))

    async def rename(self, old: str, new: str, *, mode: int | None = None) -> None:
        sftp = await self._sftp()
        async with translated(new):
            if mode is not None:
                await sftp.chmod(old, mode)
            try:
                await sftp.posix_rename(old, new)
            except asyncssh.SFTPOpUnsupported:  # SFTP's own rename takes nobody's place
                await take_place(_Steps(sftp), old, new)

    async def make_folder(self, path: str, *, mode: int = 0o755) -> None:
        sftp = await self._sftp()
        async with translated(path):
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
        async with translated(path):
            await (sftp.rmdir(path) if entry.kind == "folder" else sftp.remove(path))

    async def names(self, path: str) -> tuple[str, ...]:
        return tuple(sorted(await self.entries(path)))

    async def entries(self, path: str) -> dict[str, Entry]:
        sftp = await self._sftp()
        found: dict[str, Entry] = {}
        async with translated(path) as silence:
            try:
                async for item in sftp.scandir(path):
                    silence.heard()
                    if item.filename not in {".", ".."}:
                        found[str(item.filename)] = _entry(item.attrs)
            except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
                return {}
        return found

    async def capacity(self, path: str) -> Capacity | None:
        sftp = await self._sftp()
        async with translated(path):
            try:
                told = await sftp.statvfs(path)
            except asyncssh.SFTPOpUnsupported:
                return None
            return _capacity(told)


class _Steps:
    """The moves of a server without posix-rename."""

    def __init__(self, sftp: asyncssh.SFTPClient) -> None:
        self._sftp = sftp

    async def exists(self, path: str) -> bool:
        return bool(await self._sftp.lexists(path))

    async def move(self, old: str, new: str) -> None:
        await self._sftp.rename(old, new)

    async def delete(self, path: str) -> None:
        await self._sftp.remove(path)


def _capacity(told: asyncssh.SFTPVFSAttrs) -> Capacity | None:
    if not told.blocks:  # /proc and its like
        return None
    inodes = round(100 * (told.files - told.ffree) / told.files, 1) if told.files else None
    return Capacity(
        size=told.blocks * told.frsize,
        used=(told.blocks - told.bfree) * told.frsize,
        free=told.bavail * told.frsize,
        inodes_percent=inodes,
        identity=f"{told.fsid:x}/{told.blocks}/{told.files}" if told.fsid else "",
    )


def _entry(found: asyncssh.SFTPAttrs) -> Entry:
    bits = found.permissions or 0
    return Entry(
        kind=_kind(bits),
        size=found.size or 0,
        mode=stat.S_IMODE(bits),
        mtime=found.mtime or 0,
        uid=found.uid,
        gid=found.gid,
    )


async def _followed(sftp: asyncssh.SFTPClient, path: str, entry: Entry) -> Entry:
    """With where it really lies, for what can lie elsewhere."""
    if entry.kind not in {"folder", "link"}:
        return entry
    real = None
    with suppress(asyncssh.SFTPError):  # a link into nothing
        real = str(await sftp.realpath(path))
    return replace(entry, real=real)


def _kind(bits: int) -> Literal["file", "folder", "link", "other"]:
    if stat.S_ISLNK(bits):
        return "link"
    if stat.S_ISDIR(bits):
        return "folder"
    return "file" if stat.S_ISREG(bits) else "other"


class Silence:
    """The limit on how long a server may say nothing. Keep-alive alone would not do: sshd answers
    it even where its SFTP server hangs."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._loop = asyncio.get_running_loop()
        self.timeout = asyncio.timeout(limit_s)

    def heard(self) -> None:
        """The server has answered something, or is asked only now."""
        self.timeout.reschedule(self._loop.time() + self._limit_s)

    def ours(self) -> None:
        """It is our turn: what takes long now is not the server's silence."""
        self.timeout.reschedule(None)


@asynccontextmanager
async def translated(path: str = "") -> AsyncIterator[Silence]:
    """asyncssh's errors as the seam's own; 30 s without an answer are ``silence``."""
    silence = Silence(SILENCE_S)
    try:
        async with silence.timeout:
            yield silence
    except TransportError:
        raise
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
        code = "silence" if silence.timeout.expired() else "connection_lost"
        raise TransportError(code, path=path, detail=_reason(error)) from error
    except UnicodeEncodeError as error:
        raise TransportError("name_not_encodable", path=path, charset=error.encoding) from error


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
