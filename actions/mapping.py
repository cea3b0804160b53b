"""How the folders of what was dropped are laid onto the deploy path.

Owns: the layouts that are possible, the choice among them by what lies on the servers, and the
sentence that the plan shows of it. Pure.

People pack archives at any depth: ``ROOT/css/main.css`` and ``css/main.css`` mean the same file.
The layout under which most files replace one that is there is the right one; where none replaces
anything, the name of the deploy path decides, and else the archive is taken as it is. Whatever is
chosen stands in the plan, with every path, before anybody approves it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from actions.nodes import note
from bot.core.domain.artifact import ArtifactEntry
from bot.core.domain.plan import Note

_DEPTH_MAX = 6
_WAR = ".war"
_FIXED = frozenset({"WEB-INF", "META-INF"})  # a container hides these from browsers


def layouts(entries: Sequence[ArtifactEntry]) -> tuple[str, ...]:
    """The leading folders that could be left off: none, then those that all entries share."""
    parents = [PurePosixPath(entry.path).parts[:-1] for entry in entries]
    shared = _common(parents)[:_DEPTH_MAX]
    return ("", *("/".join(shared[: count + 1]) for count in range(len(shared))))


def _common(parents: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    first, last = min(parents), max(parents)
    count = 0
    while count < min(len(first), len(last)) and first[count] == last[count]:
        count += 1
    return first[:count]


def laid_out(entries: Sequence[ArtifactEntry], folder: str) -> tuple[ArtifactEntry, ...]:
    """The entries without that leading folder; where they come from is kept."""
    if not folder:
        return tuple(entries)
    return tuple(
        replace(
            entry, path=entry.path.removeprefix(f"{folder}/"), source=entry.source or entry.path
        )
        for entry in entries
    )


def chosen(
    entries: Sequence[ArtifactEntry],
    present: Sequence[Mapping[str, str | None]],
    deploy_path: str,
) -> str:
    """The leading folder to leave off. ``present``: per node, the digest of each path asked for."""

    def replaced(folder: str) -> int:
        paths = [entry.path for entry in laid_out(entries, folder)]
        return sum(found.get(path) is not None for found in present for path in paths)

    candidates = [folder for folder in layouts(entries) if _keeps_meaning(folder, deploy_path)]
    best = max(candidates, key=replaced)  # the first of equals: the least is left off
    if replaced(best):
        return best
    named = [folder for folder in candidates if folder and _ends_with(deploy_path, folder)]
    return named[-1] if named else ""


def _keeps_meaning(folder: str, deploy_path: str) -> bool:
    """``WEB-INF/index.jsp`` is another file than ``index.jsp``, whatever lies on the servers. Such
    a folder is left off only where the deploy path itself ends with it."""
    parts = PurePosixPath(folder).parts
    at = next((number for number, part in enumerate(parts) if part.upper() in _FIXED), None)
    return at is None or _ends_with(deploy_path, "/".join(parts[at:]))


def _ends_with(path: str, folder: str) -> bool:
    wanted = PurePosixPath(folder).parts
    return PurePosixPath(path).parts[-len(wanted) :] == wanted


def mapping_note(folder: str, deploy_path: str, example: ArtifactEntry) -> Note:
    """What goes where, in one sentence."""
    if folder:
        return note(
            "mapping.without",
            folder=f"{folder}/",
            path=deploy_path,
            source=example.source,
            example=example.path,
        )
    return note("mapping.as_is", path=deploy_path, example=example.path)


def exploded(path: str) -> str | None:
    """The folder that a servlet container unpacks this archive into; None: it is no archive."""
    return path[: -len(_WAR)] if path.lower().endswith(_WAR) and len(path) > len(_WAR) else None


def folders_of(paths: Sequence[str]) -> tuple[str, ...]:
    """The exploded folders of the archives among these paths."""
    return tuple(folder for path in paths if (folder := exploded(path)) is not None)
