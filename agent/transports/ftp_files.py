"""Files over FTP, found by listing the folder that they lie in.

Owns: ``FtpFiles``. A folder's listing is kept for a moment, so that looking at 2,000 files of one
folder is one listing; what we change ourselves is looked at anew. Old servers have no other way
to tell a link from a file. Knows no data connection and no operation.
"""

from __future__ import annotations

import posixpath
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from agent.transports.ftp_listing import Listed, read_facts, read_lines
from agent.transports.ftp_session import FtpSession, RefusedError
from agent.transports.place import take_place
from agent.transports.transport import Entry, TransportError

_FRESH_S = 2.0
_LISTING_LIMIT = 32 << 20  # bytes
_QUOTED = '"'


@dataclass(frozen=True, slots=True, kw_only=True)
class _Folder:
    """``real``: as the server names it, links followed; None: there is no such folder."""

    real: str | None
    names: dict[str, Listed]
    at: float


class FtpFiles:
    """Files over FTP."""

    def __init__(
        self, session: FtpSession, *, charset: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._session = session
        self._charset = charset
        self._clock = clock
        self._known: dict[str, _Folder] = {}
        self._sets_modes = True

    async def stat(self, path: str) -> Entry | None:
        if path == "/":
            return Entry(kind="folder", real="/")
        parent, name = posixpath.split(path)
        folder = await self._folder(parent)
        listed = folder.names.get(name)
        if listed is None:
            # Servers hide names with a dot, and folders that may be entered but not read.
            hidden = folder.real is not None and (name.startswith(".") or not folder.names)
            return await self._hidden(path) if hidden else None
        if listed.entry.kind == "folder":
            return replace(listed.entry, real=await self._real_folder(path))
        if listed.entry.kind == "link":
            return replace(listed.entry, real=await self._led_to(path, listed, folder))
        return listed.entry

    async def rename(self, old: str, new: str, *, mode: int | None = None) -> None:
        if mode is not None:
            await self._set_mode(old, mode)
        steps = _Steps(self, self._session)
        try:
            await steps.move(old, new)
        except RefusedError as error:
            if await self.stat(old) is None:
                raise TransportError("not_found", path=old) from error
            if await self.stat(new) is None:
                raise await self.why(error, new) from error
            await self._take(steps, old, new)

    async def make_folder(self, path: str, *, mode: int = 0o755) -> None:
        missing: list[str] = []
        while path != "/" and await self._real_folder(path) is None:
            missing.append(path)
            path = posixpath.dirname(path)
        for folder in reversed(missing):
            self.changed(folder)
            try:
                await self._session.ask("MKD", folder)
            except RefusedError as error:  # somebody was faster, or a file is in the way
                if await self._real_folder(folder) is not None:
                    continue
                found = await self.stat(folder)
                raise error if found else await self.why(error, folder) from error
            await self._set_mode(folder, mode)

    async def remove(self, path: str) -> None:
        self.changed(path)
        try:
            await self._session.ask("DELE", path)
        except RefusedError as error:
            entry = await self.stat(path)
            if entry is None:
                return
            if entry.kind != "folder":
                raise await self.why(error, path) from error
            await self._remove_folder(path)
        finally:
            self.changed(path)

    async def _remove_folder(self, path: str) -> None:
        try:
            await self._session.ask("RMD", path)
        except RefusedError as error:
            raise await self.why(error, path) from error

    async def _take(self, steps: _Steps, old: str, new: str) -> None:
        """A server that lets nobody replace anything, or one that does not let us."""
        try:
            await take_place(steps, old, new)
        except RefusedError as error:
            raise await self.why(error, new) from error

    async def names(self, path: str) -> tuple[str, ...]:
        return tuple(sorted(await self.entries(path)))

    async def entries(self, path: str) -> dict[str, Entry]:
        folder = await self._folder(path)
        return {name: listed.entry for name, listed in folder.names.items()}

    def changed(self, path: str) -> None:
        """What was known of it and of its folder is known no more."""
        self._known.pop(posixpath.dirname(path), None)
        self._known.pop(path, None)

    async def why(self, error: RefusedError, path: str, *, reading: bool = False) -> TransportError:
        """The reason of a refusal, found by looking: what is to be read or the folder to write
        to is not there, or it is and we may not."""
        self.changed(path)
        if reading:
            there = await self.stat(path) is not None
        else:
            there = await self._real_folder(posixpath.dirname(path)) is not None
        code = "permission_denied" if there else "not_found"
        return TransportError(code, path=path, detail=error.values.get("detail", ""))

    # --- looking -----------------------------------------------------------------------------

    async def _folder(self, path: str) -> _Folder:
        known = self._known.get(path)
        if known is None or self._clock() - known.at > _FRESH_S:
            real = await self._real_folder(path)
            names = {} if real is None else await self._list(path)
            known = self._known[path] = _Folder(real=real, names=names, at=self._clock())
        return known

    async def _list(self, path: str) -> dict[str, Listed]:
        if self._session.features & {"MLST", "MLSD"}:
            with suppress(RefusedError):
                return read_facts(await self._lines("MLSD", path))
        with suppress(RefusedError):
            found = read_lines(await self._lines("LIST -a", path))
            if found:
                return found
        try:
            return read_lines(await self._lines("LIST", path))
        except RefusedError:
            return {}

    async def _lines(self, command: str, folder: str) -> list[str]:
        body = bytearray()
        async with self._session.transfer(command, folder=folder) as data:
            while piece := await data.receive(1 << 16):
                body += piece
                if len(body) > _LISTING_LIMIT:
                    raise TransportError("write_failed", path=folder, detail="listing")
        return [line.rstrip("\r") for line in body.decode(self._charset, "replace").split("\n")]

    async def _real_folder(self, path: str) -> str | None:
        try:
            await self._session.ask("CWD", path)
            return _directory(await self._session.ask("PWD"))
        except RefusedError:
            return None

    async def _led_to(self, path: str, listed: Listed, folder: _Folder) -> str | None:
        real = await self._real_folder(path)
        if real is not None or listed.target is None or folder.real is None:
            return real
        leads = posixpath.normpath(posixpath.join(folder.real, listed.target))
        parent = await self._real_folder(posixpath.dirname(leads))
        if parent is None or await self._size(path) is None:
            return None
        return posixpath.join(parent, posixpath.basename(leads))

    async def _hidden(self, path: str) -> Entry | None:
        real = await self._real_folder(path)
        if real is not None:
            return Entry(kind="folder", real=real)
        size = await self._size(path)
        return None if size is None else Entry(kind="file", size=size)

    async def _size(self, path: str) -> int | None:
        try:
            text = await self._session.ask("SIZE", path)
        except RefusedError:
            return None
        return int(text.strip()) if text.strip().isdigit() else None

    async def _set_mode(self, path: str, mode: int) -> None:
        """Where the server can; elsewhere it sets modes itself."""
        if self._sets_modes:
            try:
                await self._session.ask("SITE CHMOD", f"{mode:o} {path}")
            except RefusedError as error:
                self._sets_modes = not error.values.get("detail", "").startswith("50")


class _Steps:
    """The moves of a server that lets no name be taken."""

    def __init__(self, files: FtpFiles, session: FtpSession) -> None:
        self._files = files
        self._session = session

    async def exists(self, path: str) -> bool:
        return await self._files.stat(path) is not None

    async def move(self, old: str, new: str) -> None:
        try:
            await self._session.rename(old, new)
        finally:
            self._files.changed(old)
            self._files.changed(new)

    async def delete(self, path: str) -> None:
        await self._files.remove(path)


def _directory(reply: str) -> str | None:
    """The path of a 257 reply: between quotes, a quote doubled."""
    _, quote, rest = reply.partition(_QUOTED)
    path = rest[: rest.rfind(_QUOTED)].replace(_QUOTED * 2, _QUOTED)
    return path if quote and path.startswith("/") else None
