"""Paths below a root on a server: none may leave it.

Owns: the look at every path of a step before anything is touched, and where staged files lie.
"""

from __future__ import annotations

import asyncio
import hashlib
import posixpath
import re
from collections.abc import Iterable, Sequence

from agent.operations.context import OperationFailed
from agent.transports.transport import Entry, Files
from agent.wire.plan import NodeTarget

STAGING_NAME = re.compile(r"\.guardia-J[0-9]{6}-[A-Z0-9]{6}")
_AT_ONCE = 32  # requests on one SFTP channel


def staging_folder(target: NodeTarget, job_id: str) -> str:
    """In the deploy path, because a rename is atomic only within one file system."""
    return posixpath.join(target.deploy_path, f".guardia-{job_id}")


def staged_name(path: str, sha256: str) -> str:
    """Two destinations with the same content are two staged files: each is moved away."""
    return f"{sha256}-{hashlib.sha256(path.encode()).hexdigest()[:12]}"


async def look(files: Files, root: str, paths: Sequence[str]) -> dict[str, Entry | None]:
    """What lies at each path below the root, after checking that no link leads out of it.

    Raises:
        OperationFailed: ``path_missing`` (no root), ``path_escapes`` (a link leaves the root),
            ``kind_conflict`` (a file lies where a folder is needed).
    """
    base = await files.stat(root)
    if base is None or base.real is None:
        raise OperationFailed("path_missing", path=root)
    missing = await _check_folders(files, root, base.real, paths)
    gate = asyncio.Semaphore(_AT_ONCE)

    async def entry_of(path: str) -> Entry | None:
        if posixpath.dirname(path) in missing:
            return None
        async with gate:
            return await files.stat(posixpath.join(root, path))

    entries = dict(zip(paths, await asyncio.gather(*map(entry_of, paths)), strict=True))
    for path, entry in entries.items():
        if entry is not None and entry.kind == "link":
            _check_inside(base.real, entry, path)
    return entries


async def _check_folders(files: Files, root: str, real_root: str, paths: Iterable[str]) -> set[str]:
    """Check every folder on the way; returns those that do not exist."""
    missing: set[str] = set()
    for folder in sorted({parent for path in paths for parent in _parents(path)}):
        if posixpath.dirname(folder) in missing:
            missing.add(folder)
            continue
        entry = await files.stat(posixpath.join(root, folder))
        if entry is None:
            missing.add(folder)
        elif entry.kind == "link":
            _check_inside(real_root, entry, folder)
        elif entry.kind != "folder":
            raise OperationFailed("kind_conflict", path=folder)
    return missing


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def _check_inside(real_root: str, entry: Entry, path: str) -> None:
    if entry.real is None or not entry.real.startswith(real_root.rstrip("/") + "/"):
        raise OperationFailed("path_escapes", path=path)


def refuse_unless_file(entries: dict[str, Entry | None]) -> None:
    """A destination is a plain file or nothing.

    Raises:
        OperationFailed: ``kind_conflict``.
    """
    for path, entry in entries.items():
        if entry is not None and entry.kind != "file":
            raise OperationFailed("kind_conflict", path=path, found=entry.kind)
