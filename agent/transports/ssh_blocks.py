"""Reading and writing a file over SFTP with several requests under way.

Owns: the blocks. asyncssh could do that, too, but leaves its requests to themselves when it is
interrupted, so that each of them complains later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar, cast

import asyncssh

BLOCK_BYTES = 32768  # what every SFTP server takes and gives at once
_WIDEST = 32  # blocks

Value = TypeVar("Value")


async def write_blocks(file: asyncssh.SFTPClientFile, piece: bytes, offset: int) -> None:
    """All blocks of the piece at once."""
    await _together(
        file.write(piece[at : at + BLOCK_BYTES], offset + at)
        for at in range(0, len(piece), BLOCK_BYTES)
    )


async def read_blocks(file: asyncssh.SFTPClientFile, offset: int, limit: int) -> bytes:
    """At most ``limit`` bytes from the offset on; more at once the longer the file proves to be."""
    body = bytearray()
    width = 1
    while len(body) < limit:
        end = min(limit, len(body) + width * BLOCK_BYTES)
        sizes = [min(BLOCK_BYTES, end - at) for at in range(len(body), end, BLOCK_BYTES)]
        starts = [offset + len(body) + number * BLOCK_BYTES for number in range(len(sizes))]
        blocks = await _together(
            file.read(size, at) for size, at in zip(sizes, starts, strict=True)
        )
        for size, block in zip(sizes, blocks, strict=True):
            body += cast(bytes, block)
            if len(block) < size:  # the end, or less than it could have given
                break
        if not blocks[0]:
            break
        width = min(2 * width, _WIDEST)
    return bytes(body)


async def _together(requests: Iterable[Coroutine[Any, Any, Value]]) -> list[Value]:
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(request) for request in requests]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from failures
    return [task.result() for task in tasks]
