"""Copying and removing on the server, and why it did not work.

Owns: batches of cp (or reading and writing back where nothing can be run), removal of our own
folders entry by entry, free space, and the reason behind a failed write, found by looking rather
than by reading messages.
"""

from __future__ import annotations

import posixpath
import re
import secrets
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence

from agent.operations.context import COMMAND_TIMEOUT_S, OperationFailed
from agent.operations.digests import batches, read_pieces
from agent.operations.side_by_side import each
from agent.transports.transport import Entry, Files, Output, Transport, TransportError

_DF_ROW = re.compile(r"\s\d+\s+\d+\s+(\d+)\s+\d+%\s")
_NEARLY_FULL_BYTES = 64 * 1024
_PROBE_BYTES = 64 * 1024
_IN_MEMORY_BYTES = 8 << 20
_PIECE_BYTES = 256 * 1024
_COPIES_AT_ONCE = 4  # each is a whole file in memory or in a temporary one


async def copy_files(
    server: Transport,
    paths: Sequence[str],
    *,
    source: str,
    destination: str,
    report: Callable[[int, int], None] | None = None,
) -> None:
    """Copy files below one folder to the same places below another, with mode and, where
    commands can be run, times.

    Raises:
        OperationFailed: as ``write_failure``.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        groups[posixpath.dirname(path)].append(posixpath.join(source, path))
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if report is not None:
            report(done, len(paths))

    for parent, files in groups.items():
        folder = posixpath.join(destination, parent) if parent else destination
        await server.files.make_folder(folder, mode=0o755)
        if server.shell:
            await _copy_by_command(server, files, folder, advance)
        else:
            await _copy_through_us(server, files, folder, advance)


async def _copy_by_command(
    server: Transport, files: Sequence[str], folder: str, advance: Callable[[int], None]
) -> None:
    for batch in batches(files):
        output = await server.run(["cp", "-p", "--", *batch, folder], timeout_s=COMMAND_TIMEOUT_S)
        if output.status != 0:
            raise await write_failure(server, folder, output=output)
        advance(len(batch))


async def _copy_through_us(
    server: Transport, files: Sequence[str], folder: str, advance: Callable[[int], None]
) -> None:
    found = await server.files.entries(posixpath.dirname(files[0])) if files else {}

    async def copy(path: str) -> None:
        name = posixpath.basename(path)
        await _copy_one(server, path, posixpath.join(folder, name), found.get(name))
        advance(1)

    await each(files, copy, at_once=_COPIES_AT_ONCE)


async def _copy_one(server: Transport, path: str, copy: str, entry: Entry | None) -> None:
    """Kept here in between: a server that does one thing at a time cannot read and write."""
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as kept:
        async for piece in read_pieces(server, path):
            kept.write(piece)
        kept.seek(0)

        async def pieces() -> AsyncIterator[bytes]:
            while piece := kept.read(_PIECE_BYTES):
                yield piece

        try:
            await server.put(pieces(), copy, mode=entry.mode if entry else 0o644)
        except TransportError as error:
            if error.code != "write_failed":
                raise
            raise await write_failure(server, posixpath.dirname(copy)) from error


async def remove_tree(files: Files, path: str) -> None:
    """Remove a folder of our own and what is in it. Links are removed, never followed."""
    entry = await files.stat(path)
    if entry is not None and entry.kind == "folder":
        await _empty(files, path)
    await files.remove(path)


async def _empty(files: Files, folder: str) -> None:
    found = await files.entries(folder)
    for name, entry in found.items():
        if entry.kind == "folder":
            await _empty(files, posixpath.join(folder, name))

    await each([posixpath.join(folder, name) for name in found], files.remove)


async def free_bytes(server: Transport, path: str) -> int | None:
    """Bytes that are free for us on the path's file system; None: the server cannot tell.

    Raises:
        OperationFailed: ``space_unknown``.
    """
    if not server.shell:
        return None
    output = await server.run(["df", "-Pk", "--", path], timeout_s=COMMAND_TIMEOUT_S)
    row = _DF_ROW.search(output.stdout)
    if output.status != 0 or row is None:
        raise OperationFailed("space_unknown", path=path, lines=output.lines()[-5:])
    return int(row[1]) * 1024


async def writable(server: Transport, path: str) -> bool:
    """Whether our login may write there: by the server's own word, or else by doing it."""
    if not server.shell:
        return await _try_writing(server, path) in {None, "disk_full"}
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
    if free is None:
        code = await _try_writing(server, folder) or "write_failed"
        return OperationFailed(code, path=folder, needed_bytes=str(needed or ""), lines=lines)
    if free < max(needed, _NEARLY_FULL_BYTES):
        return OperationFailed(
            "disk_full",
            path=folder,
            free_bytes=str(free),
            needed_bytes=str(needed or ""),
            lines=lines,
        )
    if not await writable(server, folder):
        return OperationFailed("permission_denied", path=folder, lines=lines)
    return OperationFailed("write_failed", path=folder, lines=lines)


async def _try_writing(server: Transport, folder: str) -> str | None:
    """Write and remove a small file. None: it can be done; otherwise why not.

    A name that can be made but not filled is what a full disk looks like.
    """
    path = posixpath.join(folder, f".guardia-probe-{secrets.token_hex(4)}")

    async def body(size: int) -> AsyncIterator[bytes]:
        if size:
            yield b"\0" * size

    try:
        try:
            await server.put(body(0), path)
        except TransportError as error:
            if error.code not in {"write_failed", "permission_denied", "not_found", "disk_full"}:
                raise
            return "disk_full" if error.code == "disk_full" else "permission_denied"
        try:
            await server.put(body(_PROBE_BYTES), path)
            entry = await server.files.stat(path)
        except TransportError as error:
            if error.code not in {"write_failed", "disk_full", "connection_lost"}:
                raise
            return "disk_full"
        return None if entry is not None and entry.size == _PROBE_BYTES else "disk_full"
    finally:
        await server.files.remove(path)
