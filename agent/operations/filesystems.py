"""How full the filesystems of a node are.

Owns: read_disks, the choice of the paths that may be asked for, and asking: by SFTP's own
statvfs, which knows inodes, too, else by ``df``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from agent.operations.context import OperationFailed, StepContext
from agent.operations.proc_files import require_own_view
from agent.transports.transport import Capacity, Measured, Transport, TransportError
from agent.wire.checks import ReadDisks
from agent.wire.plan import NodeTarget
from agent.wire.readings import Column, Fact, Grid, Level, Reading, Remark, Row, Threshold, worst

_DF_S = 20.0  # a dead NFS mount answers never
# size, used, available, in KiB; and where it is mounted
_DF_ROW = re.compile(r"\s(\d+)\s+(\d+)\s+(-?\d+)\s+\d+%\s+(/.*)")
_NOT_SHOWN = frozenset({"not_found", "permission_denied", "write_failed"})
_COLUMNS = (
    Column(name="path"),
    Column(name="used_percent", unit="percent"),
    Column(name="used", unit="bytes"),
    Column(name="free", unit="bytes"),
    Column(name="size", unit="bytes"),
    Column(name="inodes_percent", unit="percent"),
)


def known_paths(target: NodeTarget) -> tuple[str, ...]:
    """Those that may be asked for: the profile's, and where deployments and backups lie."""
    own = (target.deploy_path, target.backup_path)
    return tuple(dict.fromkeys((*target.profile.disks, *own)))


async def read_disks(context: StepContext, operation: ReadDisks) -> Reading:
    """A row for each filesystem, the fullest first.

    Raises:
        OperationFailed: ``not_in_profile``, a path that is none of the node's; ``not_by_ftp``.
    """
    known = known_paths(context.target)
    for path in operation.paths:
        if path not in known:
            raise OperationFailed("not_in_profile", path=path)
    require_own_view(context)
    async with context.server() as server:
        found = by_filesystem(await capacities(server, operation.paths or known))
    rows = [_row(path, capacity, operation.used) for path, capacity in found.items()]
    rows.sort(key=lambda row: -float(row.cells[1] or 0))
    level = worst(*(row.level for row in rows))
    return Reading(
        level=level,
        facts=_fullest(found, operation.used),
        grids=(Grid(name="disks", columns=_COLUMNS, rows=tuple(rows)),),
        remarks=_remarks(found),
    )


async def capacities(server: Transport, paths: Sequence[str]) -> dict[str, Capacity | None]:
    """The filesystem of each path; None: there is no such path, or it cannot be told."""
    return {path: await capacity(server, path) for path in paths}


async def capacity(server: Transport, path: str) -> Capacity | None:
    """The filesystem that this path lies on.

    Raises:
        TransportError: the line is gone.
    """
    try:
        if isinstance(server.files, Measured):
            told = await server.files.capacity(path)
            if told is not None:
                return told
    except TransportError as error:
        if error.code not in _NOT_SHOWN:
            raise
    if not server.shell:
        return None
    try:
        said = await server.run(["df", "-Pk", "--", path], timeout_s=_DF_S)
    except TransportError as error:
        if error.code not in {"timeout", "silence"}:
            raise
        return None
    return read_df(said.stdout) if said.status == 0 else None


def read_df(text: str) -> Capacity | None:
    """One row of ``df -Pk``."""
    row = _DF_ROW.search(text)
    if row is None:
        return None
    size, used, free = (int(number) * 1024 for number in row.groups()[:3])
    return Capacity(size=size, used=used, free=max(free, 0), identity=row[4].rstrip())


def by_filesystem(found: Mapping[str, Capacity | None]) -> dict[str, Capacity | None]:
    """Each filesystem once, by those of its paths that lie below none of the others."""
    shared: dict[str, list[str]] = {}
    for path, one in found.items():
        shared.setdefault(one.identity if one and one.identity else f"path:{path}", []).append(path)
    return {", ".join(_outermost(paths)): found[paths[0]] for paths in shared.values()}


def _outermost(paths: Sequence[str]) -> list[str]:
    return [
        path
        for path in paths
        if not any(path != other and path.startswith(f"{other.rstrip('/')}/") for other in paths)
    ]


def fullest(found: dict[str, Capacity | None]) -> tuple[str, float] | None:
    """The path whose filesystem is the fullest, and how full; None: none can be told."""
    told = {path: one.used_percent for path, one in found.items() if one is not None}
    return max(told.items(), key=lambda item: item[1], default=None)


def _fullest(found: dict[str, Capacity | None], used: Threshold) -> tuple[Fact, ...]:
    most = fullest(found)
    if most is None:
        return (Fact(name="disk", value=None, unit="percent", level="unknown"),)
    path, percent = most
    return (
        Fact(name="disk", value=percent, unit="percent", level=used.level_of(percent)),
        Fact(name="fullest", value=path),
    )


def _row(path: str, one: Capacity | None, used: Threshold) -> Row:
    if one is None:
        return Row(cells=(path, None, None, None, None, None), level="unknown")
    level: Level = used.level_of(one.used_percent)
    if one.inodes_percent is not None:  # without an inode, free bytes are of no use
        level = worst(level, used.level_of(one.inodes_percent))
    cells = (path, one.used_percent, one.used, one.free, one.size, one.inodes_percent)
    return Row(cells=cells, level=level)


def _remarks(found: dict[str, Capacity | None]) -> tuple[Remark, ...]:
    unread = [path for path, one in found.items() if one is None]
    if not unread:
        return ()
    values = {"paths": ", ".join(unread[:10])}
    return (Remark(code="disk_unread", values=values, level="unknown"),)
