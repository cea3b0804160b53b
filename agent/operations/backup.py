"""Backups on the server: made, proved, put back, and thrown away when there are newer ones.

Owns: backup_files and restore_backup, and what a backup looks like: ``files/…`` with the files
and the whole folders and, written last, ``manifest.json``. A folder without a manifest is no
backup, and is never removed.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import AsyncIterator, Mapping
from typing import Literal

from pydantic import Field, ValidationError

from agent.operations import staging_place
from agent.operations.context import OperationFailed, StepContext, Verified
from agent.operations.digests import fingerprint, hash_entries, require
from agent.operations.folders import (
    Listing,
    clear_folders,
    copy_folder,
    digests_below,
    list_folder,
    put_in_place,
)
from agent.operations.paths import look, refuse_unless_file
from agent.operations.side_by_side import each
from agent.operations.tree import copy_files, remove_tree, write_failure
from agent.transports.transport import Files, Transport, TransportError
from agent.wire.operations import BackupFiles, RestoreBackup
from agent.wire.results import Digests, Done
from agent.wire.types import NodeId, RelativePath, Sha256, Slug, WireModel

_MANIFEST = "manifest.json"
_MANIFEST_LIMIT = 16 << 20  # bytes; 5,000 files of the longest names need 8 MB
_OWN_NAME = re.compile(r"^J[0-9]{6}-[A-Z0-9]{6}")  # a backup is named after the job that made it


class SavedFile(WireModel):
    """One file as it was. Null: there was none, and putting back means removing."""

    sha256: Sha256 | None
    mode: int = Field(default=0o644, ge=0, le=0o7777)


class SavedFolder(WireModel):
    """One folder as it was, whole; ``files`` and ``folders`` are relative to it.

    ``present`` false: there was none, and putting back means removing.
    """

    present: bool
    mode: int = Field(default=0o755, ge=0, le=0o7777)
    files: dict[RelativePath, SavedFile] = Field(default_factory=dict)
    folders: dict[RelativePath, int] = Field(default_factory=dict)  # mode

    def contents(self) -> tuple[bool, dict[str, str | None], frozenset[str]]:
        """What must be the same after putting back; modes are the server's umask's business."""
        digests = {path: saved.sha256 for path, saved in self.files.items()}
        return self.present, digests, frozenset(self.folders)

    def listing(self) -> Listing:
        modes = {path: saved.mode for path, saved in self.files.items()}
        return Listing(mode=self.mode, files=modes, folders=dict(self.folders))


class Manifest(WireModel):
    """What a backup holds. Version 1 knew no folders."""

    version: Literal[1, 2] = 2
    backup_id: Slug
    node_id: NodeId
    files: dict[RelativePath, SavedFile]
    folders: dict[RelativePath, SavedFolder] = Field(default_factory=dict)

    def digests(self) -> dict[str, str | None]:
        return {path: saved.sha256 for path, saved in self.files.items()}

    def present(self) -> dict[str, str | None]:
        return {path: digest for path, digest in self.digests().items() if digest}

    def copies(self) -> dict[str, str | None]:
        """Every file that the backup has a copy of, those in folders included."""
        below = {
            posixpath.join(folder, path): saved.sha256
            for folder, kept in self.folders.items()
            for path, saved in kept.files.items()
        }
        return {**below, **self.present()}


async def back_up(context: StepContext, operation: BackupFiles) -> Digests:
    """Copy the files and folders, check the copies, write the manifest, remove the oldest backups.

    Raises:
        OperationFailed: ``kind_conflict``, ``path_escapes``, ``folder_not_plain``,
            ``folder_too_large``, ``backup_conflict`` (there is another backup of that name),
            ``digest_mismatch``, ``disk_full`` and the like.
    """
    target = context.target
    folder = posixpath.join(target.backup_path, operation.backup_id)
    async with context.server() as server:
        known = await _read_manifest(server, folder)
        if known is not None:
            return await _already_there(server, folder, known, operation)
        manifest = await _described(context, server, operation)
        copies = posixpath.join(folder, "files")
        await _make_folder(server, copies, parent=target.backup_path)
        await _copy(context, server, manifest, copies)
        await require(server, copies, manifest.copies())
        await _write_manifest(server, folder, manifest)
        await _thin_out(server, target.backup_path, made=operation.backup_id, keep=operation.keep)
    return Digests(files=manifest.digests())


async def _described(context: StepContext, server: Transport, operation: BackupFiles) -> Manifest:
    """What is there now, with its digests."""
    root = context.target.deploy_path
    entries = await look(server.files, root, operation.paths)
    refuse_unless_file(entries)
    digests = await fingerprint(server, root, operation.paths)
    return Manifest(
        backup_id=operation.backup_id,
        node_id=context.target.node_id,
        files={
            path: SavedFile(sha256=digests[path], mode=entry.mode if entry else 0o644)
            for path, entry in entries.items()
        },
        folders={folder: await _saved_folder(server, root, folder) for folder in operation.folders},
    )


async def _saved_folder(server: Transport, root: str, folder: str) -> SavedFolder:
    listing = await list_folder(server.files, root, folder)
    if listing is None:
        return SavedFolder(present=False)
    digests = await digests_below(server, root, folder, listing.files)
    files = {
        path: SavedFile(sha256=digests[path], mode=mode) for path, mode in listing.files.items()
    }
    return SavedFolder(present=True, mode=listing.mode, files=files, folders=listing.folders)


async def _copy(context: StepContext, server: Transport, manifest: Manifest, copies: str) -> None:
    root = context.target.deploy_path
    await copy_files(
        server, list(manifest.present()), source=root, destination=copies, report=context.report
    )
    for folder, saved in manifest.folders.items():
        if saved.present:
            source, to = posixpath.join(root, folder), posixpath.join(copies, folder)
            await copy_folder(server, saved.listing(), source=source, to=to)


async def is_backed_up(context: StepContext, operation: BackupFiles) -> Verified:
    """Without a manifest nothing counts, and copying again completes it."""
    folder = posixpath.join(context.target.backup_path, operation.backup_id)
    async with context.server() as server:
        known = await _read_manifest(server, folder)
        if known is None:
            return Verified.NOT_DONE
        try:
            await _already_there(server, folder, known, operation)
        except OperationFailed:
            return Verified.PARTIAL
    return Verified.DONE


async def restore(context: StepContext, operation: RestoreBackup) -> Done:
    """Prove the backup, copy what differs next to its destination, rename it into place.

    Safe to repeat, wherever it was cut off. Removes what the backup recorded as absent, folders
    included, and what the job had staged. A file that is as it was is left alone: where it could
    not be replaced, it could not be put back either.

    Raises:
        OperationFailed: ``backup_unreadable``, ``kind_conflict``, ``path_escapes``,
            ``digest_mismatch``, ``disk_full`` and the like.
    """
    target = context.target
    folder = posixpath.join(target.backup_path, operation.backup_id)
    async with context.server() as server:
        manifest = await _proved_manifest(server, folder, operation.backup_id, target.node_id)
        lost = await _differing(server, target.deploy_path, manifest)
        staging = await staging_place.chosen(server, context, list(manifest.files))
        copies = posixpath.join(staging, "restore")
        await _make_room(server.files, staging)
        await remove_tree(server.files, copies)
        await _make_folder(server, copies, parent=posixpath.dirname(staging))
        present = {path: digest for path, digest in manifest.present().items() if path in lost}
        source = posixpath.join(folder, "files")
        await copy_files(server, list(present), source=source, destination=copies)
        await require(server, copies, present)
        trees = await _copied_folders(server, manifest, source, posixpath.join(staging, "trees"))
        await _put_folders_back(context, server, manifest, trees)
        await _put_back(context, server, {path: manifest.files[path] for path in lost}, copies)
        await require(server, target.deploy_path, manifest.digests())
        await _require_folders(server, target.deploy_path, manifest)
        await remove_tree(server.files, staging)
    return Done()


async def _differing(server: Transport, root: str, manifest: Manifest) -> list[str]:
    """The files that are not as the backup has them. Those that cannot be read count."""
    entries = await look(server.files, root, list(manifest.files))
    refuse_unless_file(entries)
    try:
        found = await hash_entries(server, root, entries)
    except OperationFailed as error:
        if error.code != "unreadable":
            raise
        return list(manifest.files)
    return [path for path, digest in manifest.digests().items() if found[path] != digest]


async def _make_room(files: Files, staging: str) -> None:
    """What was staged is not wanted any more, and the disk may be full."""
    found = await files.entries(staging)
    staged = [name for name, entry in found.items() if entry.kind == "file"]
    await each(staged, lambda name: files.remove(posixpath.join(staging, name)))


async def _copied_folders(
    server: Transport, manifest: Manifest, source: str, trees: str
) -> dict[str, str]:
    """A proved copy of each folder on the file system that it belongs to, by its path."""
    await remove_tree(server.files, trees)
    copies: dict[str, str] = {}
    for number, (folder, saved) in enumerate(manifest.folders.items()):
        if not saved.present:
            continue
        copy = posixpath.join(trees, str(number))
        await copy_folder(server, saved.listing(), source=posixpath.join(source, folder), to=copy)
        await require(server, copy, {path: file.sha256 for path, file in saved.files.items()})
        copies[folder] = copy
    return copies


async def _put_folders_back(
    context: StepContext, server: Transport, manifest: Manifest, copies: dict[str, str]
) -> None:
    for folder, saved in manifest.folders.items():
        if folder in copies:
            await put_in_place(context, server, folder, copy=copies[folder], mode=saved.mode)
        else:
            await clear_folders(context, server, [folder])


async def _require_folders(server: Transport, root: str, manifest: Manifest) -> None:
    """Every folder holds exactly what the backup recorded.

    Raises:
        OperationFailed: ``digest_mismatch``, ``kind_conflict``, ``folder_not_plain``.
    """
    for folder, saved in manifest.folders.items():
        if (await _saved_folder(server, root, folder)).contents() != saved.contents():
            raise OperationFailed("digest_mismatch", path=folder)


async def is_restored(context: StepContext, operation: RestoreBackup) -> Verified:
    """Anything but all of it in place, and cleaned up after, can be restored again."""
    target = context.target
    folder = posixpath.join(target.backup_path, operation.backup_id)
    async with context.server() as server:
        try:
            manifest = await _proved_manifest(server, folder, operation.backup_id, target.node_id)
            await require(server, target.deploy_path, manifest.digests())
            await _require_folders(server, target.deploy_path, manifest)
        except OperationFailed:
            return Verified.NOT_DONE
        left = await staging_place.found(server.files, target, context.job_id)
    return Verified.NOT_DONE if left else Verified.DONE


async def _put_back(
    context: StepContext, server: Transport, lost: Mapping[str, SavedFile], copies: str
) -> None:
    root, done = context.target.deploy_path, 0
    present = [path for path, saved in lost.items() if saved.sha256 is not None]
    for parent in sorted({posixpath.dirname(path) for path in present} - {""}):
        await server.files.make_folder(posixpath.join(root, parent))

    async def put(path: str) -> None:
        nonlocal done
        saved, destination = lost[path], posixpath.join(root, path)
        if saved.sha256 is None:
            await server.files.remove(destination)
        else:
            await server.files.rename(posixpath.join(copies, path), destination, mode=saved.mode)
        done += 1
        context.report(done, len(lost))

    await each(lost, put)


async def _already_there(
    server: Transport, folder: str, known: Manifest, operation: BackupFiles
) -> Digests:
    """A repeated step finds its own backup. Writing over another's would lose it."""
    same = set(known.files) == set(operation.paths)
    if not same or set(known.folders) != set(operation.folders):
        raise OperationFailed("backup_conflict", backup_id=operation.backup_id)
    await require(server, posixpath.join(folder, "files"), known.copies())
    return Digests(files=known.digests())


async def _proved_manifest(
    server: Transport, folder: str, backup_id: str, node_id: str
) -> Manifest:
    manifest = await _read_manifest(server, folder)
    if manifest is None or (manifest.backup_id, manifest.node_id) != (backup_id, node_id):
        raise OperationFailed("backup_unreadable", backup_id=backup_id, path=folder)
    try:
        await require(server, posixpath.join(folder, "files"), manifest.copies())
    except OperationFailed as error:
        path = error.values.get("path", folder)
        raise OperationFailed("backup_unreadable", backup_id=backup_id, path=path) from error
    return manifest


async def _read_manifest(server: Transport, folder: str) -> Manifest | None:
    """The manifest; None: there is none.

    Raises:
        OperationFailed: ``backup_unreadable``, it is damaged.
    """
    path = posixpath.join(folder, _MANIFEST)
    try:
        body = await server.read(path, limit=_MANIFEST_LIMIT)
    except TransportError as error:
        if error.code == "not_found":
            return None
        raise
    try:
        return Manifest.model_validate_json(body)
    except ValidationError as error:
        raise OperationFailed(
            "backup_unreadable", backup_id=posixpath.basename(folder), path=path
        ) from error


async def _write_manifest(server: Transport, folder: str, manifest: Manifest) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield manifest.model_dump_json(indent=1).encode()

    final = posixpath.join(folder, _MANIFEST)
    await server.put(body(), f"{final}.part")
    await server.files.rename(f"{final}.part", final)


async def _thin_out(server: Transport, backup_path: str, *, made: str, keep: int) -> None:
    """Keep the newest ``keep`` backups: those with our kind of name and a manifest."""
    ages = []
    for name in await server.files.names(backup_path):
        if not _OWN_NAME.match(name):
            continue
        entry = await server.files.stat(posixpath.join(backup_path, name, _MANIFEST))
        if entry is not None and entry.kind == "file" and name != made:
            ages.append((entry.mtime, name))
    for _, name in sorted(ages, reverse=True)[max(keep - 1, 0) :]:
        folder = posixpath.join(backup_path, name)
        # The manifest goes first: half a backup must not look like one.
        await server.files.remove(posixpath.join(folder, _MANIFEST))
        await remove_tree(server.files, folder)


async def _make_folder(server: Transport, path: str, *, parent: str) -> None:
    try:
        await server.files.make_folder(path, mode=0o700)
    except TransportError as error:
        if error.code != "write_failed":
            raise
        raise await write_failure(server, parent) from error
