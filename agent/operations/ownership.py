"""Owner and group of files that are replaced.

Owns: keeping the group where our login is in it, and naming beforehand what cannot be kept. A file
that takes another's place belongs to whoever wrote it: only root gives files away, and no login of
ours is root.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.operations.context import COMMAND_TIMEOUT_S, StepContext
from agent.operations.digests import batches
from agent.transports.transport import Entry, Transport, TransportError

_COMMAND_S = 10.0
_NAME_MAX = 100
_TOLD = 500  # files, of thousands that mostly are alike


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Our account on a server, in numbers."""

    user: int
    groups: frozenset[int]


async def login_at(server: Transport) -> Login | None:
    """Who we are there; None: the server cannot be asked, or answers something else."""
    if not server.shell:
        return None
    # Numbers alone: the words of a plain "id" are in the server's language.
    user = (await _said(server, ["id", "-u"])).split()
    groups = (await _said(server, ["id", "-G"])).split()
    if len(user) != 1 or not groups or not all(map(str.isdecimal, user + groups)):
        return None
    return Login(user=int(user[0]), groups=frozenset(map(int, groups)))


async def not_kept(
    server: Transport, root: str, entries: Mapping[str, Entry | None]
) -> dict[str, str]:
    """The present owner of each file that will belong to our login once it is replaced, as
    ``user``, or ``user:group`` where the group is lost with it. Some hundreds of them, at the most.
    """
    known = {path: entry for path, entry in entries.items() if entry and entry.uid is not None}
    login = await login_at(server) if known else None
    if login is None:
        return {}
    found: dict[str, str] = {}
    names: dict[tuple[int | None, int | None], str] = {}
    for path, entry in known.items():
        lost = entry.gid not in login.groups
        if (entry.uid == login.user and not lost) or len(found) >= _TOLD:
            continue
        key = (entry.uid, entry.gid if lost else None)
        if key not in names:
            names[key] = await _named(server, posixpath.join(root, path), entry, lost=lost)
        found[path] = names[key]
    return found


async def _named(server: Transport, path: str, entry: Entry, *, lost: bool) -> str:
    form = "%U:%G" if lost else "%U"
    names = (await _said(server, ["stat", "-c", form, "--", path])).strip()
    if names and "UNKNOWN" not in names:
        return names[:_NAME_MAX]
    return f"{entry.uid}:{entry.gid}" if lost else f"{entry.uid}"


async def _said(server: Transport, command: Sequence[str]) -> str:
    """What it prints; nothing where it fails, or not in time: no plan waits for a name."""
    try:
        output = await server.run(command, timeout_s=_COMMAND_S)
    except TransportError as error:
        if error.code not in {"timeout", "silence"}:
            raise
        return ""
    return output.stdout if output.status == 0 else ""


async def keep_groups(
    context: StepContext,
    server: Transport,
    places: Sequence[tuple[str, Entry]],
    *,
    staged: Mapping[str, Entry],
    folder: str,
) -> None:
    """Give staged files the groups of those that they will replace: a service of another account
    may read its files by its group only.

    ``places``: the staged file's name and what it replaces. A group that is not ours stays as it
    is: the output of the step says so.
    """
    wanted: dict[int, list[str]] = defaultdict(list)
    for name, replaced in places:
        now = staged.get(name)
        if now is not None and replaced.gid is not None and now.gid not in (None, replaced.gid):
            wanted[replaced.gid].append(posixpath.join(folder, name))
    for group, paths in wanted.items() if server.shell else ():
        for batch in batches(paths):
            command = ["chgrp", "--", str(group), *batch]
            output = await server.run(command, timeout_s=COMMAND_TIMEOUT_S)
            if output.status != 0:
                context.output.append(f"group {group} not kept for {len(batch)} files")
