"""Whole folders on the server: exploded archives that are kept, cleared and put back.

Owns: listing everything below a folder without following a link, clearing by moving aside, and
putting back by one rename. What is moved aside lies in the job's staging folder and goes with it;
so do the pages that a Tomcat has compiled of them.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pydantic import TypeAdapter, ValidationError

from agent.operations import staging_place
from agent.operations.context import COMMAND_TIMEOUT_S, OperationFailed, StepContext
from agent.operations.digests import fingerprint
from agent.operations.paths import look
from agent.operations.side_by_side import each
from agent.operations.tree import copy_files, remove_tree, write_failure
from agent.transports.transport import Entry, Files, Transport, TransportError
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
    level = [""]
    while level:
        deeper: list[str] = []

        async def look_into(above: str, deeper: list[str] = deeper) -> None:
            for name, below in (await files.entries(posixpath.join(root, folder, above))).items():
                path = posixpath.join(above, name)
                _add(listing, folder, path, below)
                if below.kind == "folder":
                    deeper.append(path)

        await each(level, look_into)
        level = deeper
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


async def copy_folder(server: Transport, listing: Listing, *, source: str, to: str) -> None:
    """Copy all that is listed from below one folder to below another, and nothing else.

    Raises:
        OperationFailed: ``disk_full`` and the like.
    """
    await server.files.make_folder(to, mode=listing.mode | _OWNER)
    if not server.shell:
        for folder in sorted(listing.folders):
            path = posixpath.join(to, folder)
            await server.files.make_folder(path, mode=listing.folders[folder] | _OWNER)
        await copy_files(server, list(listing.files), source=source, destination=to)
        return
    # One command for thousands of files; -P: links are copied as links, never followed.
    output = await server.run(["cp", "-pPR", "--", f"{source}/.", to], timeout_s=COMMAND_TIMEOUT_S)
    if output.status != 0:
        raise await write_failure(server, to, output=output)
    await _prune(server.files, to, listing)


async def _prune(files: Files, folder: str, listing: Listing) -> None:
    """Remove what was copied along and is not listed: it came, or was left, in between."""

    async def prune(below: str) -> None:
        for name, entry in (await files.entries(posixpath.join(folder, below))).items():
            path = posixpath.join(below, name)
            known = path in (listing.folders if entry.kind == "folder" else listing.files)
            if not known:
                await remove_tree(files, posixpath.join(folder, path))

    await each(["", *listing.folders], prune)


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
        await _forget_compiled(context, server, folder)


async def _forget_compiled(context: StepContext, server: Transport, folder: str) -> None:
    """Remove what a Tomcat has compiled of that application's pages.

    It compiles a page again when its time differs from that of the class, and pages of archives
    with fixed times never do: the old ones would be served from the new archive, and the new ones
    after going back. Where it is not ours to remove, the output of the step says so.
    """
    target = context.target
    for home in sorted({posixpath.dirname(target.deploy_path), target.service.home}):
        hosts = posixpath.join(home, "work", "Catalina")
        for host in await server.files.names(hosts):
            compiled = posixpath.join(hosts, host, folder)
            try:
                await remove_tree(server.files, compiled)
            except TransportError as error:
                if error.code not in {"permission_denied", "write_failed"}:
                    raise
                context.output.append(f"left as it is, {error.code}: {compiled}")


async def are_cleared(context: StepContext, server: Transport, cleared: Sequence[str]) -> bool:
    """Whether none of the folders is there."""
    entries = await look(server.files, context.target.deploy_path, cleared)
    return all(entry is None for entry in entries.values())


async def put_in_place(
    context: StepContext, server: Transport, folder: str, *, copy: str, mode: int
) -> None:
    """Replace the folder by the finished copy of it: the old one aside, the copy renamed."""
    root = context.target.deploy_path
    await clear_folders(context, server, [folder])
    destination = posixpath.join(root, folder)
    await server.files.make_folder(posixpath.dirname(destination))
    await server.files.rename(copy, destination, mode=mode)


async def _move_aside(context: StepContext, server: Transport, folder: str) -> None:
    aside = posixpath.join(await staging_place.chosen(server, context, [f"{folder}.war"]), "aside")
    await server.files.make_folder(aside, mode=_OWNER)
    place = posixpath.join(aside, hashlib.sha256(folder.encode()).hexdigest()[:12])
    await remove_tree(
        server.files, place
    )  # of an earlier try; no folder is renamed onto a full one
    await server.files.rename(posixpath.join(context.target.deploy_path, folder), place)
