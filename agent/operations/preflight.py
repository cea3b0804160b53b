"""Can this node be changed, before anything is: login, folders, write permission, free space."""

from __future__ import annotations

import posixpath

from agent.operations.context import OperationFailed, StepContext
from agent.operations.tree import free_bytes, writable
from agent.transports.transport import Files, Transport
from agent.wire.operations import Preflight, Space


async def preflight(context: StepContext, operation: Preflight) -> Space:
    """The smaller of the free spaces of deploy and backup path.

    Raises:
        OperationFailed: ``path_missing``, ``permission_denied``, ``disk_full``.
    """
    needed = operation.bytes_needed + operation.bytes_needed // 10
    async with context.server() as server:
        entry = await server.files.stat(context.target.deploy_path)
        if entry is None or entry.kind not in {"folder", "link"}:
            raise OperationFailed("path_missing", path=context.target.deploy_path)
        backup = await _nearest(server.files, context.target.backup_path)
        folders = (context.target.deploy_path, backup)
        return Space(free_bytes=min([await _check(server, path, needed) for path in folders]))


async def _nearest(files: Files, path: str) -> str:
    """The path, or the nearest folder above it: the backup path is made when it is first used."""
    while True:
        entry = await files.stat(path)
        if entry is not None and entry.kind in {"folder", "link"}:
            return path
        if entry is not None or path == "/":
            raise OperationFailed("path_missing", path=path)
        path = posixpath.dirname(path)


async def _check(server: Transport, path: str, needed: int) -> int:
    if not await writable(server, path):
        raise OperationFailed("permission_denied", path=path)
    free = await free_bytes(server, path)
    if free < needed:
        raise OperationFailed("disk_full", path=path, free=str(free), needed=str(needed))
    return free
