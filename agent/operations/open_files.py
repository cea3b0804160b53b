"""Which files a process of the server holds open, as far as our account is shown.

Owns: asking ``/proc`` by ``find``, then ``fuser`` or ``lsof`` where there is one. What belongs to
other accounts is not shown to an ordinary one: nobody but root can do better.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.operations.context import OperationFailed
from agent.operations.digests import batches
from agent.transports.transport import Output, Transport, TransportError

_COMMAND_S = 60.0
_NO_SUCH_COMMAND = 127
_GLOB = str.maketrans({character: f"\\{character}" for character in "\\*?["})


async def held_open(
    server: Transport, folders: Iterable[str], paths: Sequence[str]
) -> frozenset[str]:
    """Those of the paths, all below the folders and free of links, that a process holds open.

    Raises:
        OperationFailed: ``no_shell``; ``open_files_unknown``, nothing there can tell.
    """
    if not server.shell:
        raise OperationFailed("no_shell")
    if not paths:
        return frozenset()
    linked = await _links_of_processes(server, folders)
    asked = await _by_fuser(server, paths)
    if asked is None:
        asked = await _by_lsof(server, paths)
    if linked is None and asked is None:
        raise OperationFailed("open_files_unknown")
    return frozenset(paths) & ((linked or frozenset()) | (asked or frozenset()))


async def _links_of_processes(server: Transport, folders: Iterable[str]) -> frozenset[str] | None:
    """Where ``/proc/<pid>/fd`` leads below the folders; None: this ``find`` cannot tell."""
    found: set[str] = set()
    for folder in folders:
        said = await _run(server, find_arguments(folder))
        lines = said.stdout.split("\n") if said is not None else []
        if "/proc" not in lines:  # the sign that all of the expression was understood
            return None
        found.update(lines)
    return frozenset(found)


def find_arguments(folder: str) -> list[str]:
    """Print every link below ``/proc/<pid>/fd`` that leads below the folder, and ``/proc``."""
    others = ["-path", "/proc/[!0-9]*", "-o", "-path", "/proc/[0-9]*/*"]
    descriptors = ["!", "-path", "/proc/[0-9]*/fd*"]
    links = ["-lname", f"{folder.translate(_GLOB)}/*", "-printf", "%l\\n"]
    return [
        *("find", "/proc", "-maxdepth", "3", "-path", "/proc", "-printf", "%p\\n", "-o"),
        *("(", *others, *descriptors, ")", "-prune", "-o", *links),
    ]


async def _by_fuser(server: Transport, paths: Sequence[str]) -> frozenset[str] | None:
    found: set[str] = set()
    for batch in batches(paths):
        said = await _run(server, ["fuser", *batch])  # all paths are absolute: none is an option
        if said is None:
            return None
        if said.status == 0:
            half = len(batch) // 2
            if not half:
                found.update(batch)
                continue
            for part in (batch[:half], batch[half:]):
                found |= await _by_fuser(server, part) or frozenset()
    return frozenset(found)


async def _by_lsof(server: Transport, paths: Sequence[str]) -> frozenset[str] | None:
    found: set[str] = set()
    for batch in batches(paths):
        said = await _run(server, ["lsof", "-w", "-F", "n", "--", *batch])
        if said is None:
            return None
        found.update(line[1:] for line in said.stdout.split("\n") if line.startswith("n"))
    return frozenset(found)


async def _run(server: Transport, arguments: Sequence[str]) -> Output | None:
    """None: there is no such command, or it did not end in time."""
    try:
        said = await server.run(arguments, timeout_s=_COMMAND_S, silence_s=_COMMAND_S)
    except TransportError as error:
        if error.code not in {"timeout", "silence"}:
            raise
        return None
    return None if said.status in {None, _NO_SUCH_COMMAND} else said
