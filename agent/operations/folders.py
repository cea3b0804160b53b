"""Whole folders on the server: exploded archives that are kept, cleared and put back.

Owns: listing everything below a folder without following a link, clearing by moving aside, and
putting back by one rename. What is moved aside lies in the job's staging folder and goes with it.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import TypeAdapter, ValidationError

from agent.operations.context import OperationFailed, StepContext
from agent.operations.digests import fingerprint
from agent.operations.paths import look, staging_folder
from agent.operations.tree import copy_files, remove_tree
from agent.transports.transport import Entry, Files, Transport
from agent.wire.types import RelativePath

_ENTRIES = 20_000  # in one folder; an exploded application has a few thousand
_PATH: TypeAdapter[str] = TypeAdapter(RelativePath)
_OWNER = 0o700  # what our own login needs in a folder that it fills


@dataclass(slots=True)
class Listing:
    """All that lies below a folder, by path relative to it."""

    mode: int
    files: dict[str, int] = field(default_factory=dict)  # mode
    folders: dict[str, int] = field(default_factory=dict)  # mode; parents before children


async def list_folder(files: Files, root: str, folder: str) -> Listing | None:
    """What lies below the folder of the root; None: there is no such folder.

    Raises:
        OperationFailed: ``kind_conflict`` (it is no folder), ``path_escapes`` (a link on the way
            to it leaves the root), ``folder_not_plain`` (a link or special file in it: what a
            link leads to would not be kept), ``folder_too_large``.
    """
    entry = (await look(files, root, [folder]))[folder]
    if entry is None:
        return None
    if entry.kind != "folder":
        raise OperationFailed("kind_conflict", path=folder, found=entry.kind)
    listing = Listing(mode=entry.mode)
    waiting = [""]
    while waiting:
        above = waiting.pop(0)
        found = await files.entries(posixpath.join(root, folder, above))
        for name, below in sorted(found.items()):
            path = posixpath.join(above, name)
            _add(listing, folder, path, below)
            if below.kind == "folder":
                waiting.append(path)
    return listing


def _add(listing: Listing, folder: str, path: str, entry: Entry) -> None:
    if not _is_tellable(path):
        raise OperationFailed("folder_not_plain", path=posixpath.join(folder, path), found="name")
    if entry.kind == "folder":
        listing.folders[path] = entry.mode
    elif entry.kind == "file":
        listing.files[path] = entry.mode
    else:
        raise OperationFailed(
            "folder_not_plain", path=posixpath.join(folder, path), found=entry.kind
        )
    if len(listing.files) + len(listing.folders) > _ENTRIES:
        raise OperationFailed("folder_too_large", path=folder, limit=str(_ENTRIES))


def _is_tellable(path: str) -> bool:
    """Whether a manifest can name it: no control characters, not longer than a path may be."""
    try:
        _PATH.validate_python(path)
    except ValidationError:
        return False
    return True


async def digests_below(
    server: Transport, root: str, folder: str, paths: Iterable[str]
) -> dict[str, str | None]:
    """Digest of each file, by path relative to the folder."""
    named = {posixpath.join(folder, path): path for path in paths}
    found = await fingerprint(server, root, list(named))
    return {named[path]: digest for path, digest in found.items()}


async def make_folders(files: Files, path: str, mode: int, below: Mapping[str, int]) -> None:
    """The folder and those below it, empty ones included."""
    await files.make_folder(path, mode=mode | _OWNER)
    for folder in sorted(below):
        await files.make_folder(posixpath.join(path, folder), mode=below[folder] | _OWNER)


async def copy_folder(server: Transport, listing: Listing, *, source: str, to: str) -> None:
    """Copy all that is listed from below one folder to below another."""
    await make_folders(server.files, to, listing.mode, listing.folders)
    await copy_files(server, list(listing.files), source=source, destination=to)


async def clear_folders(context: StepContext, server: Transport, cleared: Sequence[str]) -> None:
    """Take each folder out of the deploy path by one rename; what is not there is fine.

    They go with the staging folder of the job, which the caller removes at its end. Safe to
    repeat.

    Raises:
        OperationFailed: ``kind_conflict``, ``path_escapes``.
    """
    entries = await look(server.files, context.target.deploy_path, cleared)
    for folder, entry in entries.items():
        if entry is not None and entry.kind != "folder":
            raise OperationFailed("kind_conflict", path=folder, found=entry.kind)
    for folder, entry in entries.items():
        if entry is not None:
            await _move_aside(context, server, folder)


async def are_cleared(context: StepContext, server: Transport, cleared: Sequence[str]) -> bool:
    """Whether none of the folders is there."""
    entries = await look(server.files, context.target.deploy_path, cleared)
    return all(entry is None for entry in entries.values())


async def put_in_place(
    context: StepContext, server: Transport, folder: str, *, copy: str, mode: int
) -> None:
    """Replace the folder by the finished copy of it: the old one aside, the copy renamed."""
    root = context.target.deploy_path
    if (await look(server.files, root, [folder]))[folder] is not None:
        await _move_aside(context, server, folder)
    destination = posixpath.join(root, folder)
    await server.files.make_folder(posixpath.dirname(destination))
    await server.files.rename(copy, destination, mode=mode)


async def _move_aside(context: StepContext, server: Transport, folder: str) -> None:
    aside = posixpath.join(staging_folder(context.target, context.job_id), "aside")
    await server.files.make_folder(aside, mode=_OWNER)
    place = posixpath.join(aside, hashlib.sha256(folder.encode()).hexdigest()[:12])
    await remove_tree(
        server.files, place
    )  # of an earlier try; no folder is renamed onto a full one
    await server.files.rename(posixpath.join(context.target.deploy_path, folder), place)
