"""Old logs: which files below a node's clearable folders may be compressed or deleted.

Owns: list_stale and the rules that protect everything else. Only plain files with the name of a
log, below folders that the profile names, without a link on the way; never the service's own log
or another registered one, never one that a process holds open, never one that a plan could not
name (control characters).
"""

from __future__ import annotations

import posixpath
import re
import time

from pydantic import TypeAdapter, ValidationError

from agent.operations.context import OperationFailed, StepContext
from agent.operations.filesystems import capacities, fullest
from agent.operations.open_files import held_open
from agent.transports.transport import Entry, Files, Transport
from agent.wire.checks import ListStale, StaleFile, StaleLogs
from agent.wire.plan import NodeTarget
from agent.wire.types import RelativePath

FILES_MOST = 2000
_OPEN_SHOWN = 200
_ENTRIES = 20_000  # below one folder
_DEPTH = 6
_DAY_S = 86_400
_COMMAND_S = 10.0
_PATH: TypeAdapter[str] = TypeAdapter(RelativePath)
_LOG_NAME = re.compile(
    r"(?i)\.(?:log|out|err|trc|audit)(?:$|[._-])|[._-]logs?(?:$|[._-])|^(?:access|error|catalina)[._-]"
)
PACKED = (".gz", ".bz2", ".xz", ".zip", ".zst", ".Z", ".lz4", ".tgz")


async def list_stale(context: StepContext, operation: ListStale) -> StaleLogs:
    """What is old enough, the largest first, and how full the fullest filesystem of theirs is.

    Raises:
        OperationFailed: ``nothing_clearable``, the profile names no folder; ``no_shell``;
            ``too_many_files``; ``open_files_unknown``.
    """
    folders = context.target.profile.clearable
    if not folders:
        raise OperationFailed("nothing_clearable")
    async with context.server() as server:
        if not server.shell:
            raise OperationFailed("no_shell")
        roots = await real_folders(server.files, folders)
        now = await _now(server)
        found: dict[str, StaleFile] = {}
        odd = 0
        for folder, root in roots.items():
            files, unnamed = await _old_ones(
                server.files, folder, root, operation=operation, now=now
            )
            odd += unnamed
            found |= {posixpath.join(root, file.path): file for file in files}
        for path in await protected(server.files, context.target):
            found.pop(path, None)
        in_use = await held_open(server, roots.values(), list(found))
        used = fullest(await capacities(server, list(roots.values())))
    free = sorted(
        (file for path, file in found.items() if path not in in_use),
        key=lambda file: (-file.size, file.path),
    )
    return StaleLogs(
        files=tuple(free[:FILES_MOST]),
        open_files=tuple(sorted(posixpath.basename(path) for path in in_use)[:_OPEN_SHOWN]),
        more=len(free) - len(free[:FILES_MOST]) + odd,
        used_percent=used[1] if used else None,
    )


async def real_folders(files: Files, folders: tuple[str, ...]) -> dict[str, str]:
    """Where each folder really lies; those that are not there are left out."""
    found = {}
    for folder in folders:
        entry = await files.stat(folder)
        if entry is not None and entry.kind in {"folder", "link"} and entry.real:
            found[folder] = entry.real
    return found


async def protected(files: Files, target: NodeTarget) -> frozenset[str]:
    """The registered logs, under every name that leads to them."""
    profile = target.profile
    known = [target.service.log_path, *(log.path for log in profile.logs)]
    known += [profile.cron_log] if profile.cron_log else []
    found = set(known)
    for path in known:
        folder = await files.stat(posixpath.dirname(path))
        entry = await files.stat(path)
        if folder is not None and folder.real:
            found.add(posixpath.join(folder.real, posixpath.basename(path)))
        if entry is not None and entry.real:
            found.add(entry.real)
    return frozenset(found)


def is_log(path: str) -> bool:
    """Whether a file's name says that it is a log. Hidden ones are somebody's own matter."""
    name = posixpath.basename(path)
    return not name.startswith(".") and bool(_LOG_NAME.search(name))


async def _old_ones(
    files: Files, folder: str, root: str, *, operation: ListStale, now: float
) -> tuple[list[StaleFile], int]:
    """The old files below one folder, and how many more there are that no plan can name."""
    found, odd, seen = [], 0, 0
    level = [""]
    for _ in range(_DEPTH):
        deeper: list[str] = []
        for above in level:
            entries = await files.entries(posixpath.join(root, above))
            seen += len(entries)
            if seen > _ENTRIES:
                raise OperationFailed("too_many_files", path=folder, limit=str(_ENTRIES))
            for name, entry in entries.items():
                path = posixpath.join(above, name)
                treatment = _treatment(path, entry, entries, operation=operation, now=now)
                if entry.kind == "folder" and not name.startswith(".") and _tellable(path):
                    deeper.append(path)
                elif treatment is not None and not _tellable(path):
                    odd += 1
                elif treatment is not None:
                    found.append(_stale(folder, path, entry, treatment))
        level = deeper
    return found, odd


def _treatment(
    path: str, entry: Entry, beside: dict[str, Entry], *, operation: ListStale, now: float
) -> str | None:
    """What is to become of a file; None: nothing."""
    if entry.kind != "file" or not is_log(path):
        return None
    days = (now - entry.mtime) / _DAY_S
    if days >= operation.delete_days:
        return "delete"
    name = posixpath.basename(path)
    packable = entry.size > 0 and not name.endswith(PACKED) and f"{name}.gz" not in beside
    return "compress" if packable and days >= operation.compress_days else None


def _stale(folder: str, path: str, entry: Entry, treatment: str) -> StaleFile:
    return StaleFile(
        folder=folder,
        path=path,
        size=entry.size,
        mtime=int(entry.mtime),
        treatment="delete" if treatment == "delete" else "compress",
    )


def _tellable(path: str) -> bool:
    try:
        _PATH.validate_python(path)
    except ValidationError:
        return False
    return True


async def _now(server: Transport) -> float:
    """By the server's own clock, which wrote the files' times."""
    said = (await server.run(["date", "+%s"], timeout_s=_COMMAND_S)).stdout.strip()
    return float(said) if said.isascii() and said.isdigit() else time.time()
