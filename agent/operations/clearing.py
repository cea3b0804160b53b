"""Old logs are compressed and deleted: these very files, as people have seen them.

Owns: clear_stale, and the order that loses nothing: a log is packed beside itself, what was packed
is tested, unpacked here and compared with the log's own digest, and only then the log is removed.
A file that is not what was approved is left alone and said so. Running it again is safe.
"""

from __future__ import annotations

import hashlib
import posixpath
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from agent.operations.context import COMMAND_TIMEOUT_S, OperationFailed, StepContext, Verified
from agent.operations.digests import hash_files, read_pieces
from agent.operations.filesystems import capacities, fullest
from agent.operations.open_files import held_open
from agent.operations.stale import is_log, protected, real_folders
from agent.operations.tree import write_failure
from agent.transports.output import plain
from agent.transports.transport import Entry, Transport, TransportError
from agent.wire.checks import ClearStale, StaleFile
from agent.wire.readings import Column, Fact, Grid, Level, Reading, Remark, Row

_GROUP = 50  # files between two looks at what is open
_ROWS = 500
_PIECE = 1 << 20
_NO_SUCH_COMMAND = 127
_LEFT = frozenset({"changed", "open", "protected", "exists", "gone"})
_TOLD = frozenset({"permission_denied", "write_failed", "disk_full", "not_found"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """What became of one file. ``outcome``: ``done``, why it was left alone, or what failed."""

    file: StaleFile
    outcome: str
    after: int = 0  # bytes that are left of it

    @property
    def freed(self) -> int:
        return self.file.size - self.after if self.outcome == "done" else 0


class _LeftAlone(Exception):  # noqa: N818  nothing is wrong
    """The file is not treated, and why."""


async def clear_stale(context: StepContext, operation: ClearStale) -> Reading:
    """Clear the approved files, and say what became of each.

    Raises:
        OperationFailed: ``not_in_profile``, ``no_shell``, ``open_files_unknown``, before anything
            is touched; ``clear_incomplete``, with the reading.
    """
    async with context.server() as server:
        before = await used_percent(server, context)
        cleared = await clear(context, server, operation.files)
        after = await used_percent(server, context)
    reading = reading_of(cleared, before=before, after=after)
    refuse_incomplete(cleared, reading)
    return reading


async def is_cleared(context: StepContext, operation: ClearStale) -> Verified:
    """Whether all of them are gone. Otherwise running it again is safe: it looks first."""
    async with context.server() as server:
        roots = await _roots(server, context, operation.files)
        for file in operation.files:
            if await server.files.stat(_path(roots, file)) is not None:
                return Verified.NOT_DONE
    return Verified.DONE


async def used_percent(server: Transport, context: StepContext) -> float | None:
    """How full the fullest filesystem of the clearable folders is."""
    roots = await real_folders(server.files, context.target.profile.clearable)
    most = fullest(await capacities(server, list(roots.values())))
    return most[1] if most else None


async def clear(
    context: StepContext, server: Transport, files: Sequence[StaleFile]
) -> list[Cleared]:
    """Deletions first: they make the room that compressing needs.

    Raises:
        OperationFailed: ``not_in_profile``, ``no_shell``, ``open_files_unknown``.
        TransportError: the server is gone.
    """
    roots = await _roots(server, context, files)
    kept = await protected(server.files, context.target)
    ordered = sorted(files, key=lambda file: (file.treatment != "delete", file.size, file.path))
    cleared: list[Cleared] = []
    for start in range(0, len(ordered), _GROUP):
        group = ordered[start : start + _GROUP]
        paths = [_path(roots, file) for file in group]
        in_use = await held_open(server, roots.values(), paths)
        for file, path in zip(group, paths, strict=True):
            reason = "protected" if path in kept or not is_log(path) else ""
            reason = reason or ("open" if path in in_use else "")
            made = await _treat(server, file, path, root=roots[file.folder], reason=reason)
            cleared.append(made)
            context.output.append(_line(made))
            context.report(len(cleared), len(ordered))
    return cleared


def _line(made: Cleared) -> str:
    return plain(f"{made.file.treatment} {made.file.path}: {made.outcome}, freed {made.freed}")


async def _roots(
    server: Transport, context: StepContext, files: Sequence[StaleFile]
) -> dict[str, str]:
    folders = tuple(dict.fromkeys(file.folder for file in files))
    for folder in folders:
        if folder not in context.target.profile.clearable:
            raise OperationFailed("not_in_profile", path=folder)
    roots = await real_folders(server.files, folders)
    return {folder: roots.get(folder, folder) for folder in folders}


def _path(roots: Mapping[str, str], file: StaleFile) -> str:
    return posixpath.join(roots[file.folder], file.path)


async def _treat(
    server: Transport, file: StaleFile, path: str, *, root: str, reason: str
) -> Cleared:
    try:
        if reason:
            raise _LeftAlone(reason)
        entry = await _as_approved(server, file, path, root=root)
        if file.treatment == "delete":
            await server.files.remove(path)
            return Cleared(file=file, outcome="done")
        size = await _compress(server, file, path, entry=entry)
        return Cleared(file=file, outcome="done", after=size)
    except _LeftAlone as left:
        return Cleared(file=file, outcome=str(left), after=file.size)
    except OperationFailed as failed:
        return Cleared(file=file, outcome=failed.code, after=file.size)
    except TransportError as failed:
        if failed.code not in _TOLD:
            raise
        return Cleared(file=file, outcome=failed.code, after=file.size)


async def _as_approved(server: Transport, file: StaleFile, path: str, *, root: str) -> Entry:
    """The file, if it is the one that people saw, and no link is on the way to it."""
    above = posixpath.dirname(path)
    while above != root:
        entry = await server.files.stat(above)
        if entry is None or entry.kind != "folder":
            raise _LeftAlone("gone" if entry is None else "changed")
        above = posixpath.dirname(above)
    entry = await server.files.stat(path)
    if entry is None:
        raise _LeftAlone("gone")
    if (entry.kind, entry.size, int(entry.mtime)) != ("file", file.size, file.mtime):
        raise _LeftAlone("changed")
    return entry


# --- compressing -----------------------------------------------------------------------------


async def _compress(server: Transport, file: StaleFile, path: str, *, entry: Entry) -> int:
    """Pack, test, compare, and only then remove. Returns the size of what is left."""
    folder = posixpath.dirname(path)
    packed = f"{path}.gz"
    if await server.files.stat(packed) is not None:
        raise _LeftAlone("exists")
    twin = posixpath.join(folder, f".guardia-{hashlib.sha256(path.encode()).hexdigest()[:12]}")
    try:
        await _discard(server, twin)  # of a try that was cut off
        digest = await _pack(server, path, twin)
        await _compare(server, f"{twin}.gz", digest=digest, size=file.size)
        await _as_approved(server, file, path, root=folder)
        if await server.files.stat(packed) is not None:
            raise _LeftAlone("exists")
        made = await server.files.stat(f"{twin}.gz")
        await server.files.rename(f"{twin}.gz", packed, mode=entry.mode)
        await server.files.remove(path)
    finally:
        await _discard(server, twin)
    return made.size if made is not None else 0


async def _discard(server: Transport, twin: str) -> None:
    for path in (twin, f"{twin}.gz"):
        await server.files.remove(path)


async def _pack(server: Transport, path: str, twin: str) -> str:
    """Make ``<twin>.gz`` of the file, which stays. Returns the digest of its content.

    gzip would remove the log itself when it is done; it is given another name of the same file
    instead, which takes no space, and on old servers it has no option to keep one.
    """
    linked = await server.run(["ln", "--", path, twin], timeout_s=COMMAND_TIMEOUT_S)
    if linked.status != 0:
        return await _pack_through_us(server, path, twin)
    said = await _long(server, ["gzip", "-f", "--", twin])
    if said == _NO_SUCH_COMMAND:
        await server.files.remove(twin)
        return await _pack_through_us(server, path, twin)
    if said != 0:
        raise await write_failure(server, posixpath.dirname(path))
    if await _long(server, ["gzip", "-t", "--", f"{twin}.gz"]) != 0:
        raise OperationFailed("pack_damaged", path=path)
    return (await hash_files(server, [path]))[path]


async def _long(server: Transport, arguments: Sequence[str]) -> int | None:
    """A command that says nothing while it works."""
    said = await server.run(arguments, timeout_s=COMMAND_TIMEOUT_S, silence_s=COMMAND_TIMEOUT_S)
    return said.status


async def _pack_through_us(server: Transport, path: str, twin: str) -> str:
    digest = hashlib.sha256()

    async def pieces() -> AsyncIterator[bytes]:
        machine = zlib.compressobj(wbits=31)
        async for piece in read_pieces(server, path):
            digest.update(piece)
            yield machine.compress(piece)
        yield machine.flush()

    try:
        await server.put(pieces(), f"{twin}.gz")
    except TransportError as error:
        if error.code != "write_failed":
            raise
        raise await write_failure(server, posixpath.dirname(path)) from error
    # Its age is that of the log: it is deleted by it one day.
    await server.run(["touch", "-r", path, "--", f"{twin}.gz"], timeout_s=COMMAND_TIMEOUT_S)
    return digest.hexdigest()


async def _compare(server: Transport, packed: str, *, digest: str, size: int) -> None:
    """Unpack it here, and compare with what it was made of.

    Raises:
        OperationFailed: ``pack_damaged``.
    """
    machine, found, length = zlib.decompressobj(wbits=31), hashlib.sha256(), 0
    try:
        async for piece in read_pieces(server, packed):
            rest = piece
            while rest and length <= size:
                body = machine.decompress(rest, _PIECE)
                rest = machine.unconsumed_tail
                found.update(body)
                length += len(body)
        while length <= size and (body := machine.decompress(b"", _PIECE)):
            found.update(body)
            length += len(body)
    except zlib.error as error:
        raise OperationFailed("pack_damaged", path=packed) from error
    if not machine.eof or length != size or found.hexdigest() != digest:
        raise OperationFailed("pack_damaged", path=packed)


# --- what is told ----------------------------------------------------------------------------


def refuse_incomplete(cleared: Sequence[Cleared], reading: Reading) -> None:
    """Raises:
    OperationFailed: ``clear_incomplete``: of some, trying failed.
    """
    failed = [one for one in cleared if one.outcome not in _LEFT and one.outcome != "done"]
    if failed:
        raise OperationFailed(
            "clear_incomplete",
            result=reading,
            count=str(len(failed)),
            total=str(len(cleared)),
            reason=failed[0].outcome,
            lines=tuple(_line(one) for one in failed[:20]),
        )


def reading_of(cleared: Sequence[Cleared], *, before: float | None, after: float | None) -> Reading:
    """What became of every file, trouble first; and the disk before and after."""
    done = [one for one in cleared if one.outcome == "done"]
    left = len(cleared) - len(done)
    kinds = [one.file.treatment for one in done]
    level: Level = "warning" if left else "normal"
    return Reading(
        level=level,
        facts=(
            Fact(name="clear_compressed", value=kinds.count("compress"), unit="count"),
            Fact(name="clear_deleted", value=kinds.count("delete"), unit="count"),
            Fact(name="clear_left", value=left, unit="count", level=level),
            Fact(name="clear_freed", value=sum(one.freed for one in done), unit="bytes"),
            Fact(name="clear_used_before", value=before, unit="percent"),
            Fact(name="clear_used_after", value=after, unit="percent"),
        ),
        grids=(_grid(cleared),) if cleared else (),
        remarks=tuple(_remarks(cleared)),
    )


def _grid(cleared: Sequence[Cleared]) -> Grid:
    ordered = sorted(cleared, key=lambda one: (one.outcome == "done", -one.freed, one.file.path))
    return Grid(
        name="clear_files",
        columns=(
            Column(name="clear_file"),
            Column(name="clear_treatment", unit="word"),
            Column(name="clear_before", unit="bytes"),
            Column(name="clear_after", unit="bytes"),
            Column(name="clear_outcome", unit="word"),
        ),
        rows=tuple(_row(one) for one in ordered[:_ROWS]),
        more=max(0, len(ordered) - _ROWS),
    )


def _row(one: Cleared) -> Row:
    file = one.file
    path = posixpath.join(posixpath.basename(file.folder), file.path)
    treatment, outcome = f"stale_{file.treatment}", f"clear_{one.outcome}"
    return Row(
        cells=(path, treatment, file.size, one.after, outcome),
        level="normal" if one.outcome == "done" else "warning",
    )


def _remarks(cleared: Sequence[Cleared]) -> list[Remark]:
    counts: dict[str, int] = {}
    for one in cleared:
        if one.outcome != "done":
            counts[one.outcome] = counts.get(one.outcome, 0) + 1
    return [
        Remark(
            code=f"clear_{outcome}" if outcome in _LEFT else "clear_failed",
            values={"count": str(count), "reason": outcome},
            level="warning",
        )
        for outcome, count in sorted(counts.items())
    ]
