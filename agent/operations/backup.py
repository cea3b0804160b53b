"""Backups on the server: made, proved, put back, and thrown away when there are newer ones.

Owns: backup_files and restore_backup, and what a backup looks like: ``files/…`` and, written
last, ``manifest.json``. A folder without a manifest is no backup, and is never removed.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import AsyncIterator

from pydantic import Field, ValidationError

from agent.operations.context import OperationFailed, StepContext, Verified
from agent.operations.digests import fingerprint, require
from agent.operations.paths import look, refuse_unless_file, staging_folder
from agent.operations.tree import copy_files, remove_tree, write_failure
from agent.transports.transport import Transport, TransportError
from agent.wire.operations import BackupFiles, Digests, Done, RestoreBackup
from agent.wire.types import NodeId, RelativePath, Sha256, Slug, WireModel

_MANIFEST = "manifest.json"
_MANIFEST_LIMIT = 16 << 20  # bytes; 5,000 files of the longest names need 8 MB
_OWN_NAME = re.compile(r"^J[0-9]{6}-[A-Z0-9]{6}")  # a backup is named after the job that made it


class SavedFile(WireModel):
    """One file as it was. Null: there was none, and putting back means removing."""

    sha256: Sha256 | None
    mode: int = Field(default=0o644, ge=0, le=0o7777)


class Manifest(WireModel):
    """What a backup holds."""

    version: int = 1
    backup_id: Slug
    node_id: NodeId
    files: dict[RelativePath, SavedFile]

    def digests(self) -> dict[str, str | None]:
        return {path: saved.sha256 for path, saved in self.files.items()}

    def present(self) -> dict[str, str | None]:
        return {path: digest for path, digest in self.digests().items() if digest}


async def back_up(context: StepContext, operation: BackupFiles) -> Digests:
    """Copy the files, check the copies, write the manifest, remove the oldest backups.

    Raises:
        OperationFailed: ``kind_conflict``, ``path_escapes``, ``backup_conflict`` (there is
            another backup of that name), ``digest_mismatch``, ``disk_full`` and the like.
    """
    target = context.target
    folder = posixpath.join(target.backup_path, operation.backup_id)
    async with context.server() as server:
        known = await _read_manifest(server, folder)
        if known is not None:
            return await _already_there(server, folder, known, operation)
        entries = await look(server.files, target.deploy_path, operation.paths)
        refuse_unless_file(entries)
        wanted = await fingerprint(server, target.deploy_path, operation.paths)
        present = [path for path, digest in wanted.items() if digest]
        copies = posixpath.join(folder, "files")
        await _make_folder(server, copies, parent=target.backup_path)
        await copy_files(
            server,
            present,
            source=target.deploy_path,
            destination=copies,
            report=context.report,
        )
        manifest = Manifest(
            backup_id=operation.backup_id,
            node_id=target.node_id,
            files={
                path: SavedFile(sha256=digest, mode=entry.mode if entry else 0o644)
                for (path, digest), entry in zip(wanted.items(), entries.values(), strict=True)
            },
        )
        await require(server, copies, manifest.present())
        await _write_manifest(server, folder, manifest)
        await _thin_out(server, target.backup_path, made=operation.backup_id, keep=operation.keep)
    return Digests(files=wanted)


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
    """Prove the backup, copy it next to the destination, rename it into place.

    Safe to repeat. Removes what the backup recorded as absent, and what the job had staged.

    Raises:
        OperationFailed: ``backup_unreadable``, ``kind_conflict``, ``path_escapes``,
            ``digest_mismatch``, ``disk_full`` and the like.
    """
    target = context.target
    folder = posixpath.join(target.backup_path, operation.backup_id)
    async with context.server() as server:
        manifest = await _proved_manifest(server, folder, operation.backup_id, target.node_id)
        refuse_unless_file(await look(server.files, target.deploy_path, list(manifest.files)))
        staging = staging_folder(target, context.job_id)
        copies = posixpath.join(staging, "restore")
        await _make_folder(server, copies, parent=target.deploy_path)
        present = manifest.present()
        source = posixpath.join(folder, "files")
        await copy_files(server, list(present), source=source, destination=copies)
        await require(server, copies, present)
        await _put_back(context, server, manifest, copies)
        await require(server, target.deploy_path, manifest.digests())
        await remove_tree(server.files, staging)
    return Done()


async def is_restored(context: StepContext, operation: RestoreBackup) -> Verified:
    """Anything but all of it in place, and cleaned up after, can be restored again."""
    target = context.target
    folder = posixpath.join(target.backup_path, operation.backup_id)
    async with context.server() as server:
        try:
            manifest = await _proved_manifest(server, folder, operation.backup_id, target.node_id)
            await require(server, target.deploy_path, manifest.digests())
        except OperationFailed:
            return Verified.NOT_DONE
        left = await server.files.stat(staging_folder(target, context.job_id))
    return Verified.NOT_DONE if left else Verified.DONE


async def _put_back(
    context: StepContext, server: Transport, manifest: Manifest, copies: str
) -> None:
    root = context.target.deploy_path
    for count, (path, saved) in enumerate(manifest.files.items(), start=1):
        destination = posixpath.join(root, path)
        if saved.sha256 is None:
            await server.files.remove(destination)
        else:
            await server.files.make_folder(posixpath.dirname(destination))
            await server.files.rename(posixpath.join(copies, path), destination, mode=saved.mode)
        context.report(count, len(manifest.files))


async def _already_there(
    server: Transport, folder: str, known: Manifest, operation: BackupFiles
) -> Digests:
    """A repeated step finds its own backup. Writing over another's would lose it."""
    if set(known.files) != set(operation.paths):
        raise OperationFailed("backup_conflict", backup_id=operation.backup_id)
    await require(server, posixpath.join(folder, "files"), known.present())
    return Digests(files=known.digests())


async def _proved_manifest(
    server: Transport, folder: str, backup_id: str, node_id: str
) -> Manifest:
    manifest = await _read_manifest(server, folder)
    if manifest is None or (manifest.backup_id, manifest.node_id) != (backup_id, node_id):
        raise OperationFailed("backup_unreadable", backup_id=backup_id, path=folder)
    try:
        await require(server, posixpath.join(folder, "files"), manifest.present())
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
