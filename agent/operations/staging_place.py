"""Where a job keeps its files on a server until they are moved into place.

Owns: the places that can be used, the choice among them, and finding again what was chosen. Knows
nothing of what is kept there.

A rename is atomic only within one file system, and a file that is made next to its destination
gets the group, the access list and the label that belong there: that is why the place is inside
the deploy path. A folder that a servlet container watches for applications is the exception: it
would take ours for one of them, serve what is staged, or remove it.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import AsyncIterator, Collection

from agent.operations.context import StepContext
from agent.operations.tree import remove_tree
from agent.transports.transport import Files, Transport, TransportError
from agent.wire.plan import NodeTarget

_OURS = r"\.guardia-J[0-9]{6}-[A-Z0-9]{6}"
_PROBE = ".probe"
# Tomcat; WildFly and WebLogic; GlassFish; old JBoss; Liberty.
_WATCHED = frozenset({"webapps", "deployments", "autodeploy", "deploy", "dropins"})
_ARCHIVES = (".war", ".ear")
_CANNOT = frozenset({"write_failed", "permission_denied", "not_found", "disk_full"})


def inside(target: NodeTarget, job_id: str) -> str:
    """In the deploy path."""
    return posixpath.join(target.deploy_path, f".guardia-{job_id}")


def beside(target: NodeTarget, job_id: str) -> tuple[str, ...]:
    """Outside the deploy path, the best first. Others may stage there for other deploy paths."""
    return tuple(
        posixpath.join(parent, f".guardia-{job_id}-{_mark(target)}") for parent in _parents(target)
    )


def is_watched(target: NodeTarget, paths: Collection[str]) -> bool:
    """Whether a container looks for applications there: by its name, or as archives lie there."""
    named = posixpath.basename(target.deploy_path).lower() in _WATCHED
    return named or any(path.lower().endswith(_ARCHIVES) for path in paths)


async def found(files: Files, target: NodeTarget, job_id: str) -> str | None:
    """The folder that this job has made there; None: there is none."""
    for folder in (inside(target, job_id), *beside(target, job_id)):
        if await files.stat(folder) is not None:
            return folder
    return None


async def chosen(server: Transport, context: StepContext, paths: Collection[str]) -> str:
    """The folder that this job has made, or the one that it can make for files at these paths."""
    target, job_id = context.target, context.job_id
    folder = await found(server.files, target, job_id)
    if folder is not None:
        return folder
    for folder in beside(target, job_id) if is_watched(target, paths) else ():
        if await _leads_into(server, folder, inside(target, job_id)):
            return folder
    return inside(target, job_id)


async def discard(files: Files, target: NodeTarget, job_id: str) -> None:
    """Remove what this job has made, wherever that is."""
    for folder in (inside(target, job_id), *beside(target, job_id)):
        await remove_tree(files, folder)
        await files.remove(folder + _PROBE)


async def sweep(files: Files, context: StepContext, paths: Collection[str]) -> None:
    """Remove what jobs left behind that were cut off: one job at a time holds the system's lock,
    so that nobody needs another job's folder any more."""
    target = context.target
    places = {target.deploy_path: _OURS}
    if is_watched(target, paths):
        places |= dict.fromkeys(_parents(target), f"{_OURS}-{_mark(target)}")
    kept = {inside(target, context.job_id), *beside(target, context.job_id)}
    for parent, pattern in places.items():
        for name in await files.names(parent):
            path = posixpath.join(parent, name)
            if re.fullmatch(f"{pattern}({re.escape(_PROBE)})?", name) and path not in kept:
                await remove_tree(files, path)


def _parents(target: NodeTarget) -> list[str]:
    above = posixpath.dirname(target.deploy_path)
    usable = above != "/" and posixpath.basename(above).lower() not in _WATCHED
    return [target.backup_path, *([above] if usable else [])]


def _mark(target: NodeTarget) -> str:
    return hashlib.sha256(target.deploy_path.encode()).hexdigest()[:8]


async def _leads_into(server: Transport, folder: str, destination: str) -> bool:
    """Whether what lies beside can be renamed into the deploy path. Device numbers do not tell:
    of a bind mount, or a quota's project, they are the same, and a rename fails."""
    made, moved = folder + _PROBE, destination + _PROBE
    try:
        await server.put(_nothing(), made)
        await server.files.rename(made, moved)
    except TransportError as error:
        if error.code not in _CANNOT:
            raise
        return False
    finally:
        await server.files.remove(made)
        await server.files.remove(moved)
    return True


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""
