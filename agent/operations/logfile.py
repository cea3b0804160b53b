"""Reading a log file from a remembered place on, through rotation, packing and truncation.

Owns: where a log ends (inode, length and the bytes before it), what was written since then, and
decoding lines whose charset nobody guarantees. Judges nothing. Time stamps in the log are never
looked at: the server's clock may be wrong.

A log may be rotated, packed or emptied while a service restarts. What was written before that is
sought in the files beside it, and a packed or copied one is known by the bytes before the place.
Where it is in none of them, ``LogFile.lost`` says so: what nobody has read nobody has judged.
"""

from __future__ import annotations

import asyncio
import hashlib
import posixpath
import re
import zlib
from dataclasses import dataclass

from agent.operations.gzip_pieces import inflated
from agent.transports.output import clean
from agent.transports.transport import Transport, TransportError
from agent.wire.results import LogLost

_PIECE = 1 << 20  # bytes read at once
_READ_LIMIT = 16 << 20  # bytes since the mark; a start that writes more is looked at so far
_PROOF = 1024  # bytes before a place by which its file is known again
_COMMAND_S = 10.0
_CANDIDATES = 100  # rotated files looked at
_UNPROVED = 3  # copied or packed ones, the newest; each is read up to the place
_INFLATED_LIMIT = 512 << 20
_PACKED_LIMIT = 64 << 20
_UNPACK_S = 20.0  # a step of a deployment must not run out of its time over an old log
_STAT_LINE = re.compile(r"^(\d+) (\d+) (/.+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a log ends. ``inode`` None: there is no log, or the server cannot tell (FTP);
    ``proof``: SHA-256 of the bytes before it, as far as anybody has read them."""

    inode: int | None
    size: int
    proof: str | None = None

    @property
    def overlap(self) -> int:
        """How many bytes before it the proof covers."""
        return min(self.size, _PROOF)

    def goes_on_with(self, before: bytes) -> bool:
        """Whether these bytes lie before it; where there is no proof, anything may."""
        return self.proof is None or _proof(before) == self.proof


class LogFile:
    """One log, read on from a place. ``lines`` gives each line once, when it is complete."""

    def __init__(self, server: Transport, path: str, *, since: Place, charset: str) -> None:
        self._server = server
        self._path = path
        self._place = since
        self._charset = charset
        self._rest = b""
        self._read = 0
        self._tail = b""  # the last bytes that were read, at the most as many as prove a place
        self.lost: LogLost = ""

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
        known, earlier = self._place, b""
        found = None
        if None in {known.inode, now.inode} or known.inode == now.inode:
            found = await self._after(self._path, known) if now.size >= known.size else None
        if found is None:
            earlier = await self._earlier(known)
            known = Place(inode=now.inode, size=0)
            found = await self._after(self._path, known) or b""
        size = known.size + len(found)
        proof = _proof(self._tail) if size else None
        self._place = Place(inode=now.inode, size=size, proof=proof)
        return earlier + found

    async def _after(self, path: str, place: Place) -> bytes | None:
        """What a file has after that place; None: it is not the file of that place."""
        start = place.size - place.overlap
        body = await self._pieces(path, start, most=place.overlap + self._left())
        before, found = body[: place.overlap], body[place.overlap :]
        if not place.goes_on_with(before):
            return None
        self._count(found)
        self._tail = body[-_PROOF:]
        return found

    def _left(self) -> int:
        return max(0, _READ_LIMIT - self._read)

    def _count(self, found: bytes) -> None:
        self._read += len(found)
        if self._read >= _READ_LIMIT:
            self.lost = self.lost or "too_long"

    # --- what the log has become ------------------------------------------------------------

    async def _earlier(self, place: Place) -> bytes:
        """What was written after that place to a file that is not the log any more."""
        if place.inode is None and not place.size:  # there was no log
            return b""
        beside = await self._beside()
        same = await self._same_inode(beside, place)
        proved = [path for path in beside if path != same][:_UNPROVED] if place.proof else []
        for path in [*([same] if same else []), *proved]:
            packed = path.endswith(".gz")
            found = await (self._unpacked(path, place) if packed else self._after(path, place))
            if found is not None:
                return found
        self.lost = "moved"
        return b""

    async def _beside(self) -> list[str]:
        """Files of the log's name, the newest first: catalina.out.1, catalina.out-20260401.gz,
        app.0.log …"""
        folder, name = posixpath.split(self._path)
        stem = name.split(".")[0]
        found = await self._server.files.entries(folder)
        named = [
            (entry.mtime, other)
            for other, entry in found.items()
            if other.startswith(stem) and other != name and entry.kind == "file"
        ]
        return [posixpath.join(folder, other) for _, other in sorted(named, reverse=True)]

    async def _same_inode(self, beside: list[str], place: Place) -> str | None:
        if place.inode is None:
            return None
        places = await _places(self._server, beside[:_CANDIDATES])
        return next((path for path, one in places.items() if one.inode == place.inode), None)

    async def _unpacked(self, path: str, place: Place) -> bytes | None:
        """As ``_after``, of a packed file; one that takes too long or too much is none."""
        try:
            async with asyncio.timeout(_UNPACK_S):
                body = await self._inflated(path, place)
        except (TimeoutError, zlib.error):
            return None
        if len(body) < place.overlap or not place.goes_on_with(body[: place.overlap]):
            return None
        found = body[place.overlap :]
        self._count(found)
        return found

    async def _inflated(self, path: str, place: Place) -> bytes:
        """The bytes from just before the place on."""
        start, body, passed = place.size - place.overlap, bytearray(), 0
        most = min(_INFLATED_LIMIT, place.size + self._left())
        pieces = inflated(self._server, path, most=most, packed=_PACKED_LIMIT)
        async for piece in pieces:
            body += piece[max(0, start - passed) :]
            passed += len(piece)
        return bytes(body)

    async def _pieces(self, path: str, offset: int, *, most: int) -> bytes:
        body = bytearray()
        while len(body) < most:
            limit = min(_PIECE, most - len(body))
            try:
                piece = await self._server.read(path, offset=offset + len(body), limit=limit)
            except TransportError as error:
                if error.code != "not_found":
                    raise
                break
            body += piece
            if len(piece) < limit:
                break
        return bytes(body)

    def _decoded(self, body: bytes) -> list[str]:
        return [line for line in decode(body, self._charset).splitlines() if line.strip()]


def _proof(before: bytes) -> str:
    return hashlib.sha256(before).hexdigest()


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


async def proof_of(server: Transport, path: str, size: int) -> str | None:
    """What proves a place at that length; None: there is nothing before it, or it is gone."""
    overlap = min(size, _PROOF)
    if not overlap:
        return None
    try:
        before = await server.read(path, offset=size - overlap, limit=overlap)
    except TransportError as error:
        if error.code != "not_found":
            raise
        return None
    return _proof(before) if len(before) == overlap else None


async def _places(server: Transport, paths: list[str]) -> dict[str, Place]:
    """Inode and length by the server's own stat; only of those that it tells, and in time: the
    length and the bytes before a place say nearly as much."""
    if not paths:
        return {}
    try:
        output = await server.run(
            ["stat", "-L", "-c", "%i %s %n", "--", *paths], timeout_s=_COMMAND_S
        )
    except TransportError as error:
        if error.code not in {"no_shell", "timeout", "silence"}:
            raise
        return {}
    rows = [match for line in output.stdout.split("\n") if (match := _STAT_LINE.match(line))]
    return {row[3]: Place(inode=int(row[1]), size=int(row[2])) for row in rows}
