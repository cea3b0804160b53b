"""The bytes of one stage step on their way to the staging folder.

Owns: one tar stream for many files where the server has tar, else one upload each with a few
under way at a time; reading ahead from the bot; and the progress. What arrives lies under its
staged name and counts for nothing until its digest has been read on the server.
"""

from __future__ import annotations

import asyncio
import posixpath
import tarfile
from collections import deque
from collections.abc import AsyncIterator, Sequence

from agent.operations.context import COMMAND_TIMEOUT_S, OperationFailed, StepContext
from agent.operations.paths import staged_name
from agent.operations.side_by_side import each
from agent.operations.tree import write_failure
from agent.transports.transport import Transport, TransportError
from agent.wire.operations import FileSpec

PIECE_BYTES = 256 * 1024
STAGED_MODE = 0o644  # within a folder that is ours alone; what most files keep
_STREAMED_FROM = 4  # files; below that a stream of their own is not worth the question
_STREAMED_UP_TO = 8 << 20  # bytes; a single large file goes by itself, so that a cut costs less
_UPLOADS_AT_ONCE = 8
_READ_AHEAD = 8  # pieces: as many as the link asks for at once
_BLOCK = 512
_END_OF_ARCHIVE = bytes(2 * _BLOCK)


class Transfer:
    """One step's transfer into one folder, over as many connections as it takes."""

    def __init__(self, context: StepContext, folder: str, *, total: int) -> None:
        self._context = context
        self._folder = folder
        self._total = total
        self._done = 0

    def begin(self, *, done: int) -> None:
        """So many bytes need not be sent (any more)."""
        self._done = 0
        self._advance(done)

    async def bring(self, server: Transport, files: Sequence[FileSpec]) -> None:
        """Send these files.

        Raises:
            OperationFailed: ``blob_missing``, ``disk_full``, ``permission_denied``,
                ``write_failed``.
        """
        small = [file for file in files if file.size <= _STREAMED_UP_TO]
        if len(small) >= _STREAMED_FROM and await self._has_tar(server):
            await self._stream(server, small)
            files = [file for file in files if file.size > _STREAMED_UP_TO]
        await each(files, lambda file: self._upload(server, file), at_once=_UPLOADS_AT_ONCE)

    # --- one stream -------------------------------------------------------------------------

    async def _has_tar(self, server: Transport) -> bool:
        """An empty archive, taken in just the way that the files will be."""

        async def nothing() -> AsyncIterator[bytes]:
            yield _END_OF_ARCHIVE

        if not server.shell:
            return False
        output = await server.run(self._extract(), timeout_s=COMMAND_TIMEOUT_S, stdin=nothing())
        return output.status == 0

    def _extract(self) -> list[str]:
        # -o and -m: the server's own owner and clock. Letters, because busybox may know no words.
        return ["tar", "-x", "-o", "-m", "-f", "-", "-C", self._folder]

    async def _stream(self, server: Transport, files: Sequence[FileSpec]) -> None:
        output = await server.run(
            self._extract(), timeout_s=COMMAND_TIMEOUT_S, stdin=self._archive(files)
        )
        if output.status != 0:
            needed = sum(file.size for file in files)
            raise await write_failure(server, self._folder, needed=needed, output=output)

    async def _archive(self, files: Sequence[FileSpec]) -> AsyncIterator[bytes]:
        """A tar of plain files under their staged names, in pieces worth a packet."""
        gathered, advanced = bytearray(), 0
        async for file, offset, piece in self._ahead(files):
            gathered += b"" if offset else _header(file)
            gathered += piece
            end = offset + len(piece)
            gathered += bytes(-end % _BLOCK) if end == file.size else b""
            advanced += len(piece)
            if len(gathered) >= PIECE_BYTES:
                yield bytes(gathered)
                self._advance(advanced)
                gathered, advanced = bytearray(), 0
        yield bytes(gathered) + _END_OF_ARCHIVE
        self._advance(advanced)

    async def _ahead(self, files: Sequence[FileSpec]) -> AsyncIterator[tuple[FileSpec, int, bytes]]:
        """The pieces in order, a few asked for before they are needed."""
        wanted = iter(
            (file, offset) for file in files for offset in range(0, file.size or 1, PIECE_BYTES)
        )
        under_way: deque[tuple[FileSpec, int, asyncio.Task[bytes]]] = deque()
        try:
            while True:
                while len(under_way) < _READ_AHEAD and (following := next(wanted, None)):
                    file, offset = following
                    reading = asyncio.ensure_future(self._whole_piece(file, offset))
                    reading.add_done_callback(_seen)
                    under_way.append((file, offset, reading))
                if not under_way:
                    return
                file, offset, reading = under_way.popleft()
                yield file, offset, await reading
        finally:
            for _, _, reading in under_way:
                reading.cancel()

    async def _whole_piece(self, file: FileSpec, offset: int) -> bytes:
        """A source may give less than was asked for at a time."""
        length = min(PIECE_BYTES, file.size - offset)
        piece = b""
        while len(piece) < length:
            more = await self._context.blobs.read(
                self._context.job_id, file.sha256, offset + len(piece), length - len(piece)
            )
            if not more:
                raise OperationFailed("blob_missing", path=file.path, sha256=file.sha256)
            piece += more
        return piece

    # --- one by one -------------------------------------------------------------------------

    async def _upload(self, server: Transport, file: FileSpec) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            async for _, _, piece in self._ahead([file]):
                yield piece
                self._advance(len(piece))

        path = posixpath.join(self._folder, staged_name(file.path, file.sha256))
        try:
            await server.put(pieces(), path, mode=STAGED_MODE)
        except TransportError as error:
            if error.code != "write_failed":
                raise
            raise await write_failure(server, self._folder, needed=file.size) from error

    def _advance(self, size: int) -> None:
        self._done += size
        self._context.report(self._done, self._total)


def _header(file: FileSpec) -> bytes:
    info = tarfile.TarInfo(staged_name(file.path, file.sha256))
    info.size = file.size
    info.mode = STAGED_MODE
    return info.tobuf(tarfile.GNU_FORMAT)


def _seen(reading: asyncio.Task[bytes]) -> None:
    """What was read ahead in vain may have failed in vain."""
    if not reading.cancelled():
        reading.exception()
