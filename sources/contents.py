"""The contents of files, out of a running ``git cat-file --batch``.

Owns: asking for every object and writing what comes, each of exactly the size that was listed.
"""

from __future__ import annotations

import asyncio
from asyncio.subprocess import Process
from collections.abc import Sequence
from pathlib import Path

from bot.core.errors import UserError
from bot.core.file_names import quoted
from sources.git import GitFailedError, output_of
from sources.trees import TreeFile

_CHUNK = 1 << 20
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
    try:
        copies = []
        for number, file in enumerate(files):
            copies.append(await _copy_one(git, file, folder / str(number), repository))
        await asking
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise GitFailedError from error
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    return copies


async def _ask(git: Process, files: Sequence[TreeFile]) -> None:
    writer = git.stdin
    if writer is None:
        raise GitFailedError
    for file in files:
        writer.write(f"{file.object_id}\n".encode("ascii"))
        await writer.drain()
    writer.close()


async def _copy_one(git: Process, file: TreeFile, copy: Path, repository: str) -> Path:
    reader = output_of(git)
    head = await reader.readline()
    if head.split() != [file.object_id.encode("ascii"), b"blob", str(file.size).encode("ascii")]:
        raise GitFailedError
    left, first = file.size, True
    with copy.open("wb") as target:
        while left or first:
            piece = await reader.readexactly(min(left, _CHUNK))
            if first and piece.startswith(_LFS):
                raise UserError("repository_lfs", repository=repository, entry=quoted(file.path))
            await asyncio.to_thread(target.write, piece)
            left, first = left - len(piece), False
    await reader.readexactly(1)  # the line end behind the contents
    return copy
