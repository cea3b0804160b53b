"""Copying and removing on the server, and why it did not work.

Owns: batches of cp, removal of our own folders entry by entry, free space, and the reason behind
a failed write, found by looking rather than by reading messages.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Callable, Sequence

from agent.operations.context import COMMAND_TIMEOUT_S, OperationFailed
from agent.operations.digests import batches
from agent.transports.transport import Files, Output, Transport

_DF_ROW = re.compile(r"\s\d+\s+\d+\s+(\d+)\s+\d+%\s")
_NEARLY_FULL_BYTES = 64 * 1024


async def copy_files(
    server: Transport,
    paths: Sequence[str],
    *,
    source: str,
    destination: str,
    report: Callable[[int, int], None] | None = None,
) -> None:
    """Copy files below one folder to the same places below another, with mode and times.

    Raises:
        OperationFailed: as ``write_failure``.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        groups[posixpath.dirname(path)].append(posixpath.join(source, path))
    done = 0
    for parent, files in groups.items():
        folder = posixpath.join(destination, parent) if parent else destination
        await server.files.make_folder(folder, mode=0o755)
        for batch in batches(files):
            output = await server.run(
                ["cp", "-p", "--", *batch, folder], timeout_s=COMMAND_TIMEOUT_S
            )
            if output.status != 0:
                raise await write_failure(server, folder, output=output)
            done += len(batch)
            if report is not None:
                report(done, len(paths))


async def remove_tree(files: Files, path: str) -> None:
    """Remove a folder of our own and what is in it. Links are removed, never followed."""
    entry = await files.stat(path)
    if entry is not None and entry.kind == "folder":
        for name in await files.names(path):
            await remove_tree(files, posixpath.join(path, name))
    await files.remove(path)


async def free_bytes(server: Transport, path: str) -> int:
    """Bytes that are free for us on the path's file system.

    Raises:
        OperationFailed: ``space_unknown``.
    """
    output = await server.run(["df", "-Pk", "--", path], timeout_s=COMMAND_TIMEOUT_S)
    row = _DF_ROW.search(output.stdout)
    if output.status != 0 or row is None:
        raise OperationFailed("space_unknown", path=path, lines=output.lines()[-5:])
    return int(row[1]) * 1024


async def writable(server: Transport, path: str) -> bool:
    """Whether our login may write there, by the server's own word."""
    output = await server.run(["test", "-w", path], timeout_s=COMMAND_TIMEOUT_S)
    return output.status == 0


async def nearest(files: Files, path: str) -> str:
    """The path itself, or the nearest one above it that exists."""
    while path != "/" and await files.stat(path) is None:
        path = posixpath.dirname(path)
    return path


async def write_failure(
    server: Transport, folder: str, *, needed: int = 0, output: Output | None = None
) -> OperationFailed:
    """Why a write below this folder failed: ``disk_full``, ``permission_denied`` or
    ``write_failed``. ``needed`` is in bytes."""
    lines = output.lines()[-5:] if output else ()
    folder = await nearest(server.files, folder)
    free = await free_bytes(server, folder)
    if free < max(needed, _NEARLY_FULL_BYTES):
        return OperationFailed(
            "disk_full", path=folder, free=str(free), needed=str(needed), lines=lines
        )
    if not await writable(server, folder):
        return OperationFailed("permission_denied", path=folder, lines=lines)
    return OperationFailed("write_failed", path=folder, lines=lines)
