"""Can this node be changed, before anything is: login, folders, write permission, free space."""

from __future__ import annotations

import time

from agent.operations.context import OperationFailed, StepContext
from agent.operations.tree import free_bytes, nearest, writable
from agent.transports.transport import Files, Transport
from agent.wire.operations import Preflight
from agent.wire.results import Space

_CLOCK_S = 10.0
_AT_SERVICE = {"stop_service", "start_service"}


async def preflight(context: StepContext, operation: Preflight) -> Space:
    """The smaller of the free spaces of deploy and backup path, where the server can tell; the
    old algorithms in use; and how far its clock is ahead.

    Where nothing can be run, writing is tried with a small file that is removed at once, unless
    the plan changes nothing (a survey, which nobody has approved); a plan that stops or starts
    the service there ends here, while nothing has been touched.

    Raises:
        OperationFailed: ``path_missing``, ``permission_denied``, ``disk_full``, ``no_shell``.
    """
    needed = operation.bytes_needed + operation.bytes_needed // 10
    async with context.server() as server:
        if not server.shell and _restarts(context):
            raise OperationFailed("no_shell")
        # The backup path is made when it is first used.
        backup = await nearest(server.files, context.target.backup_path)
        folders = (context.target.deploy_path, backup)
        for path in folders:
            await _require_folder(server.files, path)
        if server.shell or context.plan.lock is not None:
            for path in folders:
                await _require_writable(server, path)
        free = [await _room(server, path, needed) for path in folders]
        told = [space for space in free if space is not None]
        return Space(
            free_bytes=min(told, default=None),
            legacy=server.legacy,
            clock_ahead_s=await _clock_ahead_s(server),
        )


def _restarts(context: StepContext) -> bool:
    return any(
        step.node_id == context.target.node_id and step.operation.kind in _AT_SERVICE
        for step in context.plan.steps()
    )


async def _require_folder(files: Files, path: str) -> None:
    entry = await files.stat(path)
    if entry is None or entry.kind not in {"folder", "link"}:
        raise OperationFailed("path_missing", path=path)


async def _require_writable(server: Transport, path: str) -> None:
    if not await writable(server, path):
        raise OperationFailed("permission_denied", path=path)


async def _room(server: Transport, path: str, needed: int) -> int | None:
    free = await free_bytes(server, path)
    if free is not None and free < needed:
        raise OperationFailed(
            "disk_full", path=path, free_bytes=str(free), needed_bytes=str(needed)
        )
    return free


async def _clock_ahead_s(server: Transport) -> int | None:
    """Against the middle of the question, so that a slow line does not count as a wrong clock."""
    if not server.shell:
        return None
    asked = time.time()
    told = (await server.run(["date", "+%s"], timeout_s=_CLOCK_S)).stdout.strip()
    middle = (asked + time.time()) / 2
    return round(int(told) - middle) if told.isdigit() and told.isascii() else None
