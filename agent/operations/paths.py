"""Paths below a root on a server: none may leave it.

Owns: the look at every path of a step before anything is touched, and the names of staged files.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections import defaultdict
from collections.abc import Sequence

from agent.operations.context import OperationFailed
from agent.operations.side_by_side import each
from agent.transports.transport import Entry, Files

_LISTED_FROM = 20  # so many paths in one folder, and listing it costs less than asking for each


def staged_name(path: str, sha256: str) -> str:
    """Two destinations with the same content are two staged files: each is moved away."""
    return f"{sha256}-{hashlib.sha256(path.encode()).hexdigest()[:12]}"


def require_encodable(charset: str, paths: Sequence[str]) -> None:
    """The server's charset can write every name, those of folders that do not exist included.

    Raises:
        OperationFailed: ``name_not_encodable`` names the first.
    """
    for path in paths:
        try:
            path.encode(charset)
        except UnicodeEncodeError as error:
            raise OperationFailed("name_not_encodable", path=path, charset=charset) from error


async def look(files: Files, root: str, paths: Sequence[str]) -> dict[str, Entry | None]:
    """What lies at each path below the root, after checking that no link leads out of it.

    Raises:
        OperationFailed: ``path_missing`` (no root), ``path_escapes`` (a link leaves the root),
            ``kind_conflict`` (a file lies where a folder is needed).
    """
    entries, conflicts = await survey(files, root, paths)
    for failure in conflicts.values():
        raise failure
    return entries


async def survey(
    files: Files, root: str, paths: Sequence[str]
) -> tuple[dict[str, Entry | None], dict[str, OperationFailed]]:
    """As ``look``, but what is wrong with a path is an answer; such a path has no entry.

    Raises:
        OperationFailed: ``path_missing`` (no root).
    """
    base = await files.stat(root)
    if base is None or base.real is None:
        raise OperationFailed("path_missing", path=root)
    surveyor = _Surveyor(files, root, base.real)
    await surveyor.folders(paths)
    await surveyor.files_of(paths)
    return {path: surveyor.entries.get(path) for path in paths}, {
        path: surveyor.conflicts[path] for path in paths if path in surveyor.conflicts
    }


class _Surveyor:
    """One look at one root."""

    def __init__(self, files: Files, root: str, real_root: str) -> None:
        self._files = files
        self._root = root
        self._real_root = real_root
        self._missing: set[str] = set()  # folders on the way
        self._wrong: dict[str, OperationFailed] = {}  # folders on the way
        self.entries: dict[str, Entry | None] = {}
        self.conflicts: dict[str, OperationFailed] = {}

    async def folders(self, paths: Sequence[str]) -> None:
        """Look at every folder on the way, level by level."""
        levels: dict[int, set[str]] = defaultdict(set)
        for path in paths:
            for parent in _parents(path):
                levels[parent.count("/")].add(parent)
        for _, level in sorted(levels.items()):
            await each(sorted(level), self._folder)

    async def files_of(self, paths: Sequence[str]) -> None:
        """Look at the paths themselves, below the folders that are there."""
        groups: dict[str, list[str]] = defaultdict(list)
        for path in paths:
            parent = posixpath.dirname(path)
            if parent in self._wrong:
                self.conflicts[path] = self._wrong[parent]
            elif parent not in self._missing:
                groups[parent].append(path)
        listed = [parent for parent, group in groups.items() if len(group) >= _LISTED_FROM]
        single = [path for parent in groups if parent not in listed for path in groups[parent]]

        async def ask(parent: str) -> None:
            single.extend(await self._listed(parent, groups[parent]))

        await each(listed, ask)
        await each(single, self._file)

    async def _folder(self, folder: str) -> None:
        above = posixpath.dirname(folder)
        if above in self._wrong:
            self._wrong[folder] = self._wrong[above]
            return
        if above in self._missing:
            self._missing.add(folder)
            return
        entry = await self._files.stat(posixpath.join(self._root, folder))
        if entry is None:
            self._missing.add(folder)
        elif entry.kind == "link":
            if not self._is_inside(entry):
                self._wrong[folder] = OperationFailed("path_escapes", path=folder)
        elif entry.kind != "folder":
            self._wrong[folder] = OperationFailed("kind_conflict", path=folder, found=entry.kind)

    async def _listed(self, parent: str, group: list[str]) -> list[str]:
        """Those of the group that a listing cannot tell all about."""
        found = await self._files.entries(posixpath.join(self._root, parent))
        rest = []
        for path in group:
            entry = found.get(posixpath.basename(path))
            if entry is not None and entry.kind != "file":
                rest.append(path)
            else:
                self.entries[path] = entry
        return rest

    async def _file(self, path: str) -> None:
        entry = await self._files.stat(posixpath.join(self._root, path))
        if entry is None or entry.kind != "link" or self._is_inside(entry):
            self.entries[path] = entry
        else:
            self.conflicts[path] = OperationFailed("path_escapes", path=path)

    def _is_inside(self, link: Entry) -> bool:
        root = self._real_root.rstrip("/") + "/"
        return link.real is not None and link.real.startswith(root)


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def refuse_unless_file(entries: dict[str, Entry | None]) -> None:
    """A destination is a plain file or nothing.

    Raises:
        OperationFailed: ``kind_conflict``.
    """
    for path, entry in entries.items():
        if entry is not None and entry.kind != "file":
            raise OperationFailed("kind_conflict", path=path, found=entry.kind)
