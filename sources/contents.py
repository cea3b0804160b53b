"""The contents of files, out of a running ``git cat-file --batch``.

Owns: asking for every object and writing what comes, each of exactly the size that was listed.
"""

from __future__ import annotations

import asyncio
from asyncio.subprocess import Process
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.core.errors import UserError
from bot.core.file_names import quoted
from sources.git import GitFailedError, output_of
from sources.trees import TreeFile

_CHUNK = 1 << 20
_MOST_PIECES = 500
_LFS = b"version https://git-lfs.github.com/spec/"


async def copy_contents(
    git: Process, files: Sequence[TreeFile], folder: Path, repository: str
) -> list[Path]:
    """Write every file's contents into the folder; where they are, in order.

    Raises:
        UserError: a file is a mere pointer to a large one kept elsewhere (``repository_lfs``).
        GitFailedError: git gave something else than what it had listed.
    """
    asking = asyncio.create_task(_ask(git, files))
    copies = [folder / str(number) for number in range(len(files))]
    shelf = _Shelf()
    try:
        for file, copy in zip(files, copies, strict=True):
            await _copy_one(git, file, _Copy(copy, shelf, repository))
        await shelf.empty()
        await asking
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise GitFailedError from error
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    return copies


class _Shelf:
    """Pieces on their way to the disk: one trip to a thread for many of them."""

    def __init__(self) -> None:
        self._pieces: list[tuple[Path, bytes]] = []
        self._size = 0

    async def put(self, copy: Path, piece: bytes) -> None:
        self._pieces.append((copy, piece))
        self._size += len(piece)
        if self._size >= _CHUNK or len(self._pieces) >= _MOST_PIECES:
            await self.empty()

    async def empty(self) -> None:
        pieces, self._pieces, self._size = self._pieces, [], 0
        await asyncio.to_thread(_append, pieces)


def _append(pieces: Sequence[tuple[Path, bytes]]) -> None:
    for copy, piece in pieces:
        with copy.open("ab") as target:
            target.write(piece)


@dataclass(frozen=True, slots=True)
class _Copy:
    """Where one file goes, and what it is of."""

    place: Path
    shelf: _Shelf
    repository: str


async def _ask(git: Process, files: Sequence[TreeFile]) -> None:
    writer = git.stdin
    if writer is None:
        raise GitFailedError
    for file in files:
        writer.write(f"{file.object_id}\n".encode("ascii"))
        await writer.drain()
    writer.close()


async def _copy_one(git: Process, file: TreeFile, copy: _Copy) -> None:
    reader = output_of(git)
    head = await reader.readline()
    if head.split() != [file.object_id.encode("ascii"), b"blob", str(file.size).encode("ascii")]:
        raise GitFailedError
    left, first = file.size, True
    while left or first:
        piece = await reader.readexactly(min(left, _CHUNK))
        if first and piece.startswith(_LFS):
            entry = quoted(file.path)
            raise UserError("repository_lfs", repository=copy.repository, entry=entry)
        await copy.shelf.put(copy.place, piece)
        left, first = left - len(piece), False
    await reader.readexactly(1)  # the line end behind the contents
