"""Bringing files to the server next to their destination, and moving them into place.

Owns: stage_files and replace_files. Staged files lie in one folder of the job inside the deploy
path; what is missing there has been moved, which is how an interrupted replacement is read.
"""

from __future__ import annotations

import posixpath
from collections.abc import AsyncIterator, Iterable, Sequence

from agent.operations.context import OperationFailed, StepContext, Verified
from agent.operations.digests import fingerprint, hash_files, require
from agent.operations.folders import are_cleared, clear_folders
from agent.operations.paths import (
    STAGING_NAME,
    look,
    refuse_unless_file,
    staged_name,
    staging_folder,
)
from agent.operations.tree import remove_tree, write_failure
from agent.transports.transport import Entry, Transport, TransportError
from agent.wire.operations import DiscardStaging, Done, FileSpec, ReplaceFiles, StageFiles

PIECE_BYTES = 256 * 1024
_NEW_FILE_MODE = 0o644
_CHECKED_AT_ONCE = 50  # files per call of sha256sum


async def stage(context: StepContext, operation: StageFiles) -> Done:
    """Transfer every file that is not staged yet, checking each on the server.

    Raises:
        OperationFailed: ``blob_missing``, ``digest_mismatch``, ``disk_full``,
            ``permission_denied``, ``write_failed``.
    """
    transfer = _Transfer(context, total=sum(file.size for file in operation.files))
    async with context.server() as server:
        await look(server.files, context.target.deploy_path, [])
        await _sweep(server, context)
        await _make_folder(server, transfer.folder)
        staged = await _staged(server, context, operation.files)
        missing = [file for file in operation.files if staged.get(file.path) != file.sha256]
        transfer.skip(set(operation.files) - set(missing))
        for start in range(0, len(missing), _CHECKED_AT_ONCE):
            await transfer.bring(server, missing[start : start + _CHECKED_AT_ONCE])
    return Done()


async def is_staged(context: StepContext, operation: StageFiles) -> Verified:
    """A part of the files staged harms nothing: staging again completes them."""
    async with context.server() as server:
        staged = await _staged(server, context, operation.files)
    complete = all(staged.get(file.path) == file.sha256 for file in operation.files)
    return Verified.DONE if complete else Verified.NOT_DONE


async def discard(context: StepContext, operation: DiscardStaging) -> Done:
    """Remove the staging folder of this job. Never in the way of what is undone besides."""
    try:
        async with context.server() as server:
            await remove_tree(server.files, staging_folder(context.target, context.job_id))
    except TransportError as error:
        return Done(note=f"left_behind: {error.code}")
    return Done()


async def is_discarded(context: StepContext, operation: DiscardStaging) -> Verified:
    """Gone or not; doing it again is harmless."""
    async with context.server() as server:
        entry = await server.files.stat(staging_folder(context.target, context.job_id))
    return Verified.DONE if entry is None else Verified.NOT_DONE


async def replace(context: StepContext, operation: ReplaceFiles) -> Done:
    """Move each staged file into place by one atomic rename, and remove the staging folder.

    Everything that could stand in the way is checked before the first file is moved. What is in
    place already stays: a replacement that was cut off at its end is cleared up after.

    Raises:
        OperationFailed: ``kind_conflict``, ``path_escapes``, ``not_staged``, ``digest_mismatch``.
    """
    target = context.target
    folder = staging_folder(target, context.job_id)
    paths = [file.path for file in operation.files]
    async with context.server() as server:
        entries = await look(server.files, target.deploy_path, paths)
        refuse_unless_file(entries)
        found = await fingerprint(server, target.deploy_path, paths)
        missing = [file for file in operation.files if found[file.path] != file.sha256]
        await _require_staged(server, context, missing)
        await clear_folders(context, server, operation.cleared)
        for parent in sorted({posixpath.dirname(path) for path in paths} - {""}):
            await _make_folder(server, posixpath.join(target.deploy_path, parent), mode=0o755)
        for count, file in enumerate(missing, start=1):
            await server.files.rename(
                posixpath.join(folder, staged_name(file.path, file.sha256)),
                posixpath.join(target.deploy_path, file.path),
                mode=_mode(entries[file.path]),
            )
            context.report(count, len(missing))
        wanted = {file.path: file.sha256 for file in operation.files}
        await require(server, target.deploy_path, wanted)
        await remove_tree(server.files, folder)
    return Done()


async def is_replaced(context: StepContext, operation: ReplaceFiles) -> Verified:
    """All in place: done, once the staging folder is gone. All still staged: not begun.
    Anything between: partial."""
    paths = [file.path for file in operation.files]
    folder = staging_folder(context.target, context.job_id)
    async with context.server() as server:
        found = await fingerprint(server, context.target.deploy_path, paths)
        staged = await _staged(server, context, operation.files)
        swept = await server.files.stat(folder) is None
        cleared = await are_cleared(context, server, operation.cleared)
    if all(found[file.path] == file.sha256 for file in operation.files):
        return Verified.DONE if swept and cleared else Verified.NOT_DONE
    if all(staged.get(file.path) == file.sha256 for file in operation.files):
        return Verified.NOT_DONE
    return Verified.PARTIAL


class _Transfer:
    """The bytes of one stage step on their way."""

    def __init__(self, context: StepContext, *, total: int) -> None:
        self.folder = staging_folder(context.target, context.job_id)
        self._context = context
        self._total = total
        self._done = 0

    def skip(self, files: Iterable[FileSpec]) -> None:
        self._advance(sum(file.size for file in files))

    async def bring(self, server: Transport, files: Sequence[FileSpec]) -> None:
        """Transfer these files under draft names, and name them once all are proved right."""
        drafts = {f"{self._final(file)}.part": file for file in files}
        for draft, file in drafts.items():
            await self._put(server, file, draft)
        digests = await hash_files(server, list(drafts))
        for draft, file in drafts.items():
            if digests[draft] != file.sha256:
                await server.files.remove(draft)
                raise OperationFailed(
                    "digest_mismatch", path=file.path, expected=file.sha256, found=digests[draft]
                )
        for draft, file in drafts.items():
            await server.files.rename(draft, self._final(file))

    def _final(self, file: FileSpec) -> str:
        return posixpath.join(self.folder, staged_name(file.path, file.sha256))

    async def _put(self, server: Transport, file: FileSpec, draft: str) -> None:
        try:
            await server.put(self._pieces(file), draft)
        except TransportError as error:
            if error.code != "write_failed":
                raise
            raise await write_failure(server, self.folder, needed=file.size) from error

    async def _pieces(self, file: FileSpec) -> AsyncIterator[bytes]:
        offset = 0
        while offset < file.size:
            length = min(PIECE_BYTES, file.size - offset)
            piece = await self._context.blobs.read(
                self._context.job_id, file.sha256, offset, length
            )
            if not piece:
                raise OperationFailed("blob_missing", path=file.path, sha256=file.sha256)
            yield piece
            offset += len(piece)
            self._advance(len(piece))

    def _advance(self, size: int) -> None:
        self._done += size
        self._context.report(self._done, self._total)


async def _sweep(server: Transport, context: StepContext) -> None:
    """Remove what jobs left behind that were cut off: one job at a time holds the system's lock,
    so that nobody needs another job's folder any more."""
    own = staging_folder(context.target, context.job_id)
    for name in await server.files.names(context.target.deploy_path):
        path = posixpath.join(context.target.deploy_path, name)
        if STAGING_NAME.fullmatch(name) and path != own:
            await remove_tree(server.files, path)


async def _staged(
    server: Transport, context: StepContext, files: Sequence[FileSpec]
) -> dict[str, str | None]:
    """Digest of each file's staged copy, by destination path."""
    folder = staging_folder(context.target, context.job_id)
    if await server.files.stat(folder) is None:
        return {}
    names = {staged_name(file.path, file.sha256): file.path for file in files}
    found = await fingerprint(server, folder, list(names))
    return {names[name]: digest for name, digest in found.items()}


async def _require_staged(
    server: Transport, context: StepContext, files: Sequence[FileSpec]
) -> None:
    staged = await _staged(server, context, files)
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
