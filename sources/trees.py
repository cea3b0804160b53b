"""What git says of refs and trees, as values.

Owns: reading the output of ``ls-remote`` and ``ls-tree``, and every reason not to deploy a tree.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bot.core.domain.estate import Repository
from bot.core.errors import UserError
from bot.core.file_names import (
    check_path,
    left_by_desktop,
    name_of_bytes,
    quoted,
    refuse_collisions,
    source_of,
)

_TAGS, _BRANCHES = "refs/tags/", "refs/heads/"
_LINK, _SUBMODULE = b"120000", b"160000"
_OF_GIT = (".gitattributes", ".gitignore", ".gitkeep", ".gitmodules", ".mailmap")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLimits:
    """How much of a repository may be deployed: files, bytes of one file and of all."""

    max_files: int = 5000
    max_file_bytes: int = 300 << 20
    max_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Refs:
    """The names of a repository's tags and branches."""

    tags: frozenset[str]
    branches: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeFile:
    """One regular file of a tree: its id in the repository, where it goes, what it was called."""

    object_id: str
    path: str
    size: int
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The files of a tree, sorted by path, and what is not deployed of it."""

    files: tuple[TreeFile, ...]
    skipped: tuple[str, ...]


def refs_of(listing: bytes) -> Refs:
    """The refs that ``git ls-remote`` has listed; names that are no UTF-8 are nobody's to ask."""
    names = [line.partition(b"\t")[2].decode("utf-8", "replace") for line in listing.splitlines()]
    return Refs(
        tags=frozenset(
            name.removeprefix(_TAGS)
            for name in names
            if name.startswith(_TAGS) and not name.endswith("^{}")
        ),
        branches=frozenset(
            name.removeprefix(_BRANCHES) for name in names if name.startswith(_BRANCHES)
        ),
    )


def tree_of(listing: bytes, repository: Repository, limits: SourceLimits) -> Tree:
    """The tree that ``git ls-tree -r -z -l`` has listed.

    Raises:
        UserError: it has a link, a submodule, a name that no server is shown, or too much.
    """
    files: dict[str, TreeFile] = {}
    skipped: list[str] = []
    for mode, object_id, size, raw in _rows(listing):
        path = _checked_path(raw, repository)
        _refuse_kind(mode, path, repository)
        if path.rsplit("/", 1)[-1] in _OF_GIT or left_by_desktop(path):
            skipped.append(path)
            continue
        if path in files:
            raise UserError("repository_path", repository=repository.name, entry=quoted(path))
        source = source_of(raw, path)
        files[path] = TreeFile(object_id=object_id, path=path, size=size, source=source)
    _refuse_clashes(list(files), repository)
    _refuse_size(list(files.values()), repository, limits)
    return Tree(files=tuple(files[path] for path in sorted(files)), skipped=tuple(skipped))


def _rows(listing: bytes) -> Iterator[tuple[bytes, str, int, bytes]]:
    for row in listing.split(b"\0"):
        if row:
            facts, _, raw = row.partition(b"\t")
            mode, _, object_id, size = facts.split()
            yield mode, object_id.decode("ascii"), 0 if size == b"-" else int(size), raw


def _checked_path(raw: bytes, repository: Repository) -> str:
    values = {"repository": repository.name, "entry": quoted(raw.decode("utf-8", "replace"))}
    try:
        path = name_of_bytes(raw)
        check_path(path, repository.name)
    except (UnicodeDecodeError, UserError) as error:
        raise UserError("repository_path", **values) from error
    return path


def _refuse_kind(mode: bytes, path: str, repository: Repository) -> None:
    codes = {_LINK: "repository_link", _SUBMODULE: "repository_submodule"}
    if mode in codes:
        raise UserError(codes[mode], repository=repository.name, entry=quoted(path))


def _refuse_clashes(paths: list[str], repository: Repository) -> None:
    try:
        refuse_collisions(paths, repository.name)
    except UserError as error:
        values = {"repository": repository.name, "entry": error.values["entry"]}
        raise UserError("repository_path", **values) from error


def _refuse_size(files: list[TreeFile], repository: Repository, limits: SourceLimits) -> None:
    name = repository.name
    if not files:
        raise UserError("repository_empty", repository=name, folder=repository.folder or "/")
    if len(files) > limits.max_files:
        count, limit = len(files), limits.max_files
        raise UserError("repository_files", repository=name, count=count, limit=limit)
    for file in files:
        if file.size > limits.max_file_bytes:
            limit, entry = limits.max_file_bytes >> 20, quoted(file.path)
            raise UserError("repository_file_large", repository=name, entry=entry, limit=limit)
    if sum(file.size for file in files) > limits.max_bytes:
        raise UserError("repository_too_large", repository=name, limit=limits.max_bytes >> 20)
