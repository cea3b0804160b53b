"""Reading a log file from a remembered place on, through rotation and truncation.

Owns: where a log ends (inode and length), what was written since then, and decoding lines whose
charset nobody guarantees. Judges nothing. Time stamps in the log are never looked at: the
server's clock may be wrong.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from agent.transports.output import clean
from agent.transports.transport import Transport, TransportError

_PIECE = 1 << 20  # bytes read at once
_READ_LIMIT = 16 << 20  # bytes since the mark; a start that writes more is looked at so far
_COMMAND_S = 10.0
_CANDIDATES = 100  # rotated files looked at
_STAT_LINE = re.compile(r"^(\d+) (\d+) (/.+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a log ends. ``inode`` None: there is no log, or the server cannot tell (FTP)."""

    inode: int | None
    size: int


class LogFile:
    """One log, read on from a place. ``lines`` gives each line once, when it is complete."""

    def __init__(self, server: Transport, path: str, *, since: Place, charset: str) -> None:
        self._server = server
        self._path = path
        self._place = since
        self._charset = charset
        self._rest = b""
        self._read = 0

    async def lines(self) -> list[str]:
        """What was written since the last call; an unfinished last line comes with the next."""
        body = self._rest + await self._written()
        whole, newline, self._rest = body.rpartition(b"\n")
        return self._decoded(whole + newline)

    def rest(self) -> list[str]:
        """The unfinished last line, if there is one."""
        rest, self._rest = self._rest, b""
        return self._decoded(rest)

    async def _written(self) -> bytes:
        now = await place_of(self._server, self._path)
        known, body = self._place, b""
        moved = None not in {known.inode, now.inode} and known.inode != now.inode
        if moved:
            rotated = await self._rotated(known)
            if rotated is not None:
                body = await self._pieces(rotated, known.size)
        offset = 0 if moved or now.size < known.size else known.size
        found = await self._pieces(self._path, offset)
        self._place = Place(inode=now.inode, size=offset + len(found))
        return body + found

    async def _rotated(self, known: Place) -> str | None:
        """The file that the log has become: catalina.out.1, catalina.out-20260401, app.0.log …"""
        folder, name = posixpath.split(self._path)
        stem = name.split(".")[0]
        names = [
            other
            for other in await self._server.files.names(folder)
            if other.startswith(stem) and other != name
        ]
        paths = [posixpath.join(folder, other) for other in names[-_CANDIDATES:]]
        places = await _places(self._server, paths)
        return next((path for path, place in places.items() if place.inode == known.inode), None)

    async def _pieces(self, path: str, offset: int) -> bytes:
        body = bytearray()
        while self._read < _READ_LIMIT:
            try:
                piece = await self._server.read(path, offset=offset + len(body), limit=_PIECE)
            except TransportError as error:
                if error.code != "not_found":
                    raise
                break
            body += piece
            self._read += len(piece)
            if len(piece) < _PIECE:
                break
        return bytes(body)

    def _decoded(self, body: bytes) -> list[str]:
        return [line for line in decode(body, self._charset).splitlines() if line.strip()]


def decode(body: bytes, charset: str) -> str:
    """Each line in the charset that it fits: UTF-8, the node's own, CP949. Never fails.

    UTF-8 first: Korean in CP949 is hardly ever valid UTF-8, but the other way round it often is.
    """
    return "\n".join(_decode_line(line, charset) for line in body.split(b"\n"))


def _decode_line(line: bytes, charset: str) -> str:
    for candidate in ("utf-8", charset, "cp949"):
        try:
            return clean(line.decode(candidate).encode(), "utf-8")
        except UnicodeDecodeError:
            continue
    return clean(line, charset)


async def place_of(server: Transport, path: str) -> Place:
    """Where the log ends now, links followed; length 0 where there is none."""
    found = (await _places(server, [path])).get(path)
    if found is not None:
        return found
    entry = await server.files.stat(path)
    if entry is not None and entry.kind == "link" and entry.real:
        entry = await server.files.stat(entry.real)
    return Place(inode=None, size=entry.size if entry is not None else 0)


async def _places(server: Transport, paths: list[str]) -> dict[str, Place]:
    """Inode and length by the server's own stat; only of those that it tells."""
    if not paths:
        return {}
    try:
        output = await server.run(
            ["stat", "-L", "-c", "%i %s %n", "--", *paths], timeout_s=_COMMAND_S
        )
    except TransportError as error:
        if error.code != "no_shell":
            raise
        return {}
    rows = [match for line in output.stdout.split("\n") if (match := _STAT_LINE.match(line))]
    return {row[3]: Place(inode=int(row[1]), size=int(row[2])) for row in rows}
