"""Bringing files to the server next to their destination, and moving them into place.

Owns: stage_files and replace_files. Staged files lie in one folder of the job (``staging_place``);
what is missing there has been moved, which is how an interrupted replacement is read.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence

from agent.operations import staging_place
from agent.operations.context import OperationFailed, StepContext, Verified
from agent.operations.digests import hash_entries, require
from agent.operations.folders import are_cleared, clear_folders
from agent.operations.ownership import keep_groups
from agent.operations.paths import look, refuse_unless_file, staged_name
from agent.operations.side_by_side import each
from agent.operations.transfer import Transfer
from agent.operations.tree import nearest, writable, write_failure
from agent.transports.transport import Entry, Transport, TransportError
from agent.wire.operations import DiscardStaging, FileSpec, ReplaceFiles, StageFiles
from agent.wire.results import Done

_NEW_FILE_MODE = 0o644
_QUESTIONS = 8  # commands at once; sshd takes ten sessions on a connection


async def stage(context: StepContext, operation: StageFiles) -> Done:
    """Transfer every file that is not staged yet, and check all of them on the server.

    A connection that is lost on the way is opened again, once; what lies there already and is
    proved is not sent again. That every file can be put into place later is found out now, while
    the service still runs.

    Raises:
        OperationFailed: ``blob_missing``, ``digest_mismatch``, ``disk_full``,
            ``permission_denied``, ``write_failed``, ``kind_conflict``, ``path_escapes``.
    """
    try:
        await _stage(context, operation)
    except TransportError as error:
        if error.code != "connection_lost":  # who waited 30 s for an answer need not wait again
            raise
        await _stage(context, operation)
    return Done()


async def _stage(context: StepContext, operation: StageFiles) -> None:
    files = operation.files
    async with context.server() as server:
        root, paths = context.target.deploy_path, [file.path for file in files]
        refuse_unless_file(await look(server.files, root, paths))
        await _require_writable(server, root, paths)
        await staging_place.sweep(server.files, context, paths)
        folder = await staging_place.chosen(server, context, paths)
        await _make_folder(server, folder)
        staged = await _staged(server, folder, files)
        missing = [file for file in files if staged.get(file.path) != file.sha256]
        transfer = Transfer(context, folder, total=sum(file.size for file in files))
        transfer.begin(done=sum(file.size for file in set(files) - set(missing)))
        if missing:
            await transfer.bring(server, missing)
            await _require_right(server, folder, missing)


async def _require_writable(server: Transport, root: str, paths: Sequence[str]) -> None:
    """Every folder that a file goes into takes it. Where nothing can be run the renames will
    tell: to try it out would put probes into folders that are being served."""
    if not server.shell:
        return

    async def check(parent: str) -> None:
        folder = await nearest(server.files, posixpath.join(root, parent) if parent else root)
        if not await writable(server, folder):
            raise OperationFailed("permission_denied", path=folder)

    await each(sorted({posixpath.dirname(path) for path in paths}), check, at_once=_QUESTIONS)


async def _require_right(server: Transport, folder: str, sent: Sequence[FileSpec]) -> None:
    """What arrived wrong is removed, so that nothing can take it for staged."""
    staged = await _staged(server, folder, sent)
    wrong = [file for file in sent if staged.get(file.path) != file.sha256]
    for file in wrong:
        await server.files.remove(posixpath.join(folder, staged_name(file.path, file.sha256)))
    for file in wrong:
        found = staged.get(file.path) or "-"
        raise OperationFailed("digest_mismatch", path=file.path, expected=file.sha256, found=found)


async def is_staged(context: StepContext, operation: StageFiles) -> Verified:
    """A part of the files staged harms nothing: staging again completes them."""
    async with context.server() as server:
        folder = await _found(server, context)
        staged = await _staged(server, folder, operation.files)
    complete = all(staged.get(file.path) == file.sha256 for file in operation.files)
    return Verified.DONE if complete else Verified.NOT_DONE


async def discard(context: StepContext, operation: DiscardStaging) -> Done:
    """Remove the staging folder of this job. Never in the way of what is undone besides."""
    try:
        async with context.server() as server:
            await staging_place.discard(server.files, context.target, context.job_id)
    except TransportError as error:
        return Done(note=f"left_behind: {error.code}")
    return Done()


async def is_discarded(context: StepContext, operation: DiscardStaging) -> Verified:
    """Gone or not; doing it again is harmless."""
    async with context.server() as server:
        folder = await _found(server, context)
    return Verified.DONE if folder is None else Verified.NOT_DONE


async def replace(context: StepContext, operation: ReplaceFiles) -> Done:
    """Move each staged file into place by one atomic rename, and remove the staging folder.

    Everything that could stand in the way is checked before the first file is moved. What is in
    place already stays: a replacement that was cut off at its end is cleared up after.

    Raises:
        OperationFailed: ``kind_conflict``, ``path_escapes``, ``not_staged``, ``digest_mismatch``.
    """
    target = context.target
    paths = [file.path for file in operation.files]
    async with context.server() as server:
        folder = await _found(server, context)
        entries = await look(server.files, target.deploy_path, paths)
        refuse_unless_file(entries)
        found = await hash_entries(server, target.deploy_path, entries)
        missing = [file for file in operation.files if found[file.path] != file.sha256]
        await _require_staged(server, folder, missing)
        await clear_folders(context, server, operation.cleared)
        await _make_parents(server, target.deploy_path, entries)
        if folder is not None:
            await _move(context, server, missing, entries, folder=folder)
        wanted = {file.path: file.sha256 for file in operation.files}
        await require(server, target.deploy_path, wanted)
        await staging_place.discard(server.files, target, context.job_id)
    return Done()


async def is_replaced(context: StepContext, operation: ReplaceFiles) -> Verified:
    """All in place: done, once the staging folder is gone. All still staged: not begun.
    Anything between: partial."""
    paths = [file.path for file in operation.files]
    async with context.server() as server:
        entries = await look(server.files, context.target.deploy_path, paths)
        found = await hash_entries(server, context.target.deploy_path, entries)
        folder = await _found(server, context)
        staged = await _staged(server, folder, operation.files)
        cleared = await are_cleared(context, server, operation.cleared)
    if all(found[file.path] == file.sha256 for file in operation.files):
        return Verified.DONE if folder is None and cleared else Verified.NOT_DONE
    if all(staged.get(file.path) == file.sha256 for file in operation.files):
        return Verified.NOT_DONE
    return Verified.PARTIAL


async def _move(
    context: StepContext,
    server: Transport,
    files: Sequence[FileSpec],
    replaced: Mapping[str, Entry | None],
    *,
    folder: str,
) -> None:
    """One rename each; a mode is set only where the staged file has another."""
    root = context.target.deploy_path
    staged = await server.files.entries(folder)
    places = [
        (staged_name(file.path, file.sha256), entry)
        for file in files
        if (entry := replaced[file.path]) is not None
    ]
    await keep_groups(context, server, places, staged=staged, folder=folder)
    moved = 0

    async def move(file: FileSpec) -> None:
        nonlocal moved
        name, mode = staged_name(file.path, file.sha256), _mode(replaced[file.path])
        as_it_is = name in staged and staged[name].mode == mode
        await server.files.rename(
            posixpath.join(folder, name),
            posixpath.join(root, file.path),
            mode=None if as_it_is else mode,
        )
        moved += 1
        context.report(moved, len(files))

    await each(files, move)


async def _make_parents(server: Transport, root: str, entries: Mapping[str, Entry | None]) -> None:
    """Where a file lies already, so do the folders above it."""
    parents = {posixpath.dirname(path) for path, entry in entries.items() if entry is None}
    for parent in sorted(parents - {""}):
        await _make_folder(server, posixpath.join(root, parent), mode=0o755)


async def _found(server: Transport, context: StepContext) -> str | None:
    return await staging_place.found(server.files, context.target, context.job_id)


async def _staged(
    server: Transport, folder: str | None, files: Sequence[FileSpec]
) -> dict[str, str | None]:
    """Digest of each file's staged copy, by destination path. Anything but plain files of our
    own names counts for nothing."""
    itself = await server.files.stat(folder) if folder else None
    if folder is None or itself is None or itself.kind != "folder":
        return {}
    names = {staged_name(file.path, file.sha256): file for file in files}
    found = await server.files.entries(folder)
    whole = {
        name: entry
        for name, entry in found.items()
        if name in names and entry.kind == "file" and entry.size == names[name].size
    }
    digests = await hash_entries(server, folder, whole)
    return {names[name].path: digest for name, digest in digests.items()}


async def _require_staged(server: Transport, folder: str | None, files: Sequence[FileSpec]) -> None:
    staged = await _staged(server, folder, files)
    for file in files:
        if staged.get(file.path) != file.sha256:
            raise OperationFailed("not_staged", path=file.path)


async def _make_folder(server: Transport, path: str, *, mode: int = 0o700) -> None:
    try:
        await server.files.make_folder(path, mode=mode)
    except TransportError as error:
        if error.code != "write_failed":
            raise
        raise await write_failure(server, posixpath.dirname(path)) from error


def _mode(replaced: Entry | None) -> int:
    return _NEW_FILE_MODE if replaced is None else replaced.mode
