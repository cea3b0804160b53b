"""Can this node be changed, before anything is: login, folders, write permission, free space."""

from __future__ import annotations

from agent.operations.context import OperationFailed, StepContext
from agent.operations.tree import free_bytes, nearest, writable
from agent.transports.transport import Files, Transport
from agent.wire.operations import Preflight, Space


async def preflight(context: StepContext, operation: Preflight) -> Space:
    """The smaller of the free spaces of deploy and backup path.

    Raises:
        OperationFailed: ``path_missing``, ``permission_denied``, ``disk_full``.
    """
    needed = operation.bytes_needed + operation.bytes_needed // 10
    async with context.server() as server:
        # The backup path is made when it is first used.
        backup = await nearest(server.files, context.target.backup_path)
        folders = (context.target.deploy_path, backup)
        for path in folders:
            await _require_folder(server.files, path)
        return Space(free_bytes=min([await _check(server, path, needed) for path in folders]))


async def _require_folder(files: Files, path: str) -> None:
    entry = await files.stat(path)
    if entry is None or entry.kind not in {"folder", "link"}:
        raise OperationFailed("path_missing", path=path)


async def _check(server: Transport, path: str, needed: int) -> int:
    if not await writable(server, path):
        raise OperationFailed("permission_denied", path=path)
    free = await free_bytes(server, path)
    if free < needed:
        raise OperationFailed("disk_full", path=path, free=str(free), needed=str(needed))
    return free
