"""A dump of a node's database, made on the node itself.

Owns: dump_database: the argument lists of pg_dump and pg_restore, the names of our dumps, and how
many are kept. The node's own account logs in to the database by its ``~/.pgpass``; no password
passes through here. A dump has its name only once it is whole, listed and hashed.
"""

from __future__ import annotations

import posixpath
import re
import time
from collections.abc import AsyncIterator
from contextlib import suppress

from agent.operations.context import COMMAND_TIMEOUT_S, OperationFailed, StepContext, Verified
from agent.operations.databases import require_database
from agent.operations.digests import hash_files
from agent.operations.masking import masked
from agent.operations.tree import free_bytes, writable
from agent.transports.database import Statement
from agent.transports.transport import Files, Output, Transport, TransportError
from agent.wire.checks import DumpDatabase
from agent.wire.profile import DatabaseSpec
from agent.wire.readings import Fact, Reading, Remark

_DUMP_S = 3500.0  # below the longest time of a step
_LINES = 20
_NO_SUCH_COMMAND = 127
_PART = ".guardia-part"
_JOB = r"J[0-9]{6}-[A-Z0-9]{6}"
SIZE = Statement("select pg_database_size(current_database()) as bytes")


async def dump(context: StepContext, operation: DumpDatabase) -> Reading:
    """Space first; then the dump under another name, its listing, its digest, its name; then
    our oldest ones go. A dump that exists already is checked, not made again.

    Raises:
        OperationFailed: ``not_in_profile``, ``no_shell``, ``path_missing``,
            ``permission_denied``, ``disk_full``, ``space_unknown``, ``program_missing``,
            ``dump_failed``, ``dump_unreadable``: no dump of this job is there.
        TransportError: as the transports; ``query_…`` and ``database_…`` for its size.
    """
    spec, folder = _place(context)
    path = posixpath.join(folder, _name(context, spec))
    size = await _size(context)
    began = time.monotonic()
    async with context.server() as server:
        if not server.shell:
            raise OperationFailed("no_shell")
        await _require_room(server, folder, size)
        await _remove_parts(server.files, context, spec, folder)
        if await server.files.stat(path) is None:
            await _make(context, server, spec, path)
        entries = await _listed(server, path)
        digest = (await hash_files(server, [path]))[path]
        entry = await server.files.stat(path)
        removed = await _keep(server.files, context, spec, keep=operation.keep)
        free = await free_bytes(server, folder)
    return Reading(
        level="normal",
        facts=(
            Fact(name="dump_file", value=path),
            Fact(name="dump_size", value=entry.size if entry else None, unit="bytes"),
            Fact(name="dump_sha256", value=digest),
            Fact(name="dump_entries", value=entries, unit="count"),
            Fact(name="dump_took", value=round(time.monotonic() - began), unit="seconds"),
            Fact(name="database_size", value=size, unit="bytes"),
            Fact(name="dump_free", value=free, unit="bytes"),
        ),
        remarks=(Remark(code="dumps_removed", values={"count": str(removed)}),) if removed else (),
    )


async def is_dumped(context: StepContext, operation: DumpDatabase) -> Verified:
    """The name stands for a whole dump; anything else is made anew."""
    spec, folder = _place(context)
    path = posixpath.join(folder, _name(context, spec))
    async with context.server() as server:
        if not server.shell:
            raise OperationFailed("no_shell")
        if await server.files.stat(path) is None:
            return Verified.NOT_DONE
        try:
            await _listed(server, path)
        except OperationFailed:
            return Verified.PARTIAL
    return Verified.DONE


def _place(context: StepContext) -> tuple[DatabaseSpec, str]:
    spec = require_database(context)
    if spec.dump_folder is None:
        raise OperationFailed("not_in_profile", profile_field="dump_folder")
    return spec, spec.dump_folder


def _stem(context: StepContext, spec: DatabaseSpec) -> str:
    """Nodes may share a folder; each has its own dumps there."""
    return f"guardia-{context.target.node_id}-{spec.name}"


def _name(context: StepContext, spec: DatabaseSpec) -> str:
    return f"{_stem(context, spec)}.{context.job_id}.dump"


async def _size(context: StepContext) -> int:
    async with context.database() as database:
        return int((await database.rows(SIZE))[0]["bytes"])


async def _require_room(server: Transport, folder: str, size: int) -> None:
    """As much as the database has: a dump is compressed, but nobody knows how well."""
    entry = await server.files.stat(folder)
    if entry is None or entry.kind not in {"folder", "link"}:
        raise OperationFailed("path_missing", path=folder)
    if not await writable(server, folder):
        raise OperationFailed("permission_denied", path=folder)
    free = await free_bytes(server, folder)
    if free is not None and free < size:
        raise OperationFailed(
            "disk_full", path=folder, free_bytes=str(free), needed_bytes=str(size)
        )


async def _make(context: StepContext, server: Transport, spec: DatabaseSpec, path: str) -> None:
    part = path + _PART
    whole = False
    try:
        await server.put(_nothing(), part, mode=0o600)  # pg_dump itself would let others read it
        await _run_dump(context, server, spec, part)
        await _listed(server, part)
        await server.files.rename(part, path, mode=0o600)
        whole = True
    finally:
        if not whole:
            with suppress(TransportError):
                await server.files.remove(part)


async def _run_dump(context: StepContext, server: Transport, spec: DatabaseSpec, part: str) -> None:
    arguments = [
        *("pg_dump", "--format=custom", "--no-password", "--verbose", "--lock-wait-timeout=30s"),
        *(f"--host={context.target.host}", f"--port={spec.port}", f"--username={spec.user}"),
        *(f"--file={part}", "--", spec.name),
    ]

    async def heard(text: str) -> None:
        await context.tell("\n".join(masked(line) for line in text.split("\n")))

    output = await server.run(
        arguments, timeout_s=_DUMP_S, silence_s=_DUMP_S, on_output=heard, disposable=True
    )
    if output.status == _NO_SUCH_COMMAND:
        raise OperationFailed("program_missing", program="pg_dump")
    if output.status != 0:
        raise OperationFailed("dump_failed", database=spec.name, lines=_lines(output))


async def _listed(server: Transport, path: str) -> int:
    """How many entries the dump's own table of contents has.

    Raises:
        OperationFailed: ``program_missing``, ``dump_unreadable``.
    """
    output = await server.run(["pg_restore", "--list", "--", path], timeout_s=COMMAND_TIMEOUT_S)
    if output.status == _NO_SUCH_COMMAND:
        raise OperationFailed("program_missing", program="pg_restore")
    if output.status != 0:
        raise OperationFailed("dump_unreadable", path=path, lines=_lines(output))
    return sum(bool(line) and not line.startswith(";") for line in output.stdout.splitlines())


async def _remove_parts(
    files: Files, context: StepContext, spec: DatabaseSpec, folder: str
) -> None:
    """What was cut off. Something that still writes to one writes to nowhere from now on."""
    ours = re.compile(rf"^{re.escape(_stem(context, spec))}\.{_JOB}\.dump{re.escape(_PART)}$")
    for name in await files.names(folder):
        if ours.match(name):
            await files.remove(posixpath.join(folder, name))


async def _keep(files: Files, context: StepContext, spec: DatabaseSpec, *, keep: int) -> int:
    """Remove all but the newest of our own dumps of this node and database; how many went."""
    _, folder = _place(context)
    ours = re.compile(rf"^{re.escape(_stem(context, spec))}\.{_JOB}\.dump$")
    found = {
        name: entry
        for name, entry in (await files.entries(folder)).items()
        if ours.match(name) and entry.kind == "file" and name != _name(context, spec)
    }
    newest = sorted(found, key=lambda name: (found[name].mtime, name), reverse=True)
    for name in newest[keep - 1 :]:
        await files.remove(posixpath.join(folder, name))
    return len(newest[keep - 1 :])


def _lines(output: Output) -> tuple[str, ...]:
    return tuple(masked(line) for line in output.lines()[-_LINES:])


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""
