"""Files that people dropped, checked and opened.

Owns: what a checked upload contains. Contents live in the file store under their SHA-256.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from agent.wire.types import canonical_json


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactEntry:
    """One file to be deployed: ``path`` relative to the deploy path, digest and size (bytes).

    ``source`` is its name where it came from (archive or repository), if that is another.
    """

    path: str
    sha256: str
    size: int
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRef:
    """A tag or branch of a system's repository, nailed to the commit that it was when read.

    ``also_branch``: a branch has the same name; the tag is what was taken.
    """

    repository: str  # a name for people; never its address
    ref: str  # e.g. "SR-2026-0402"
    kind: str  # "tag" or "branch"
    commit: str  # 40 hexadecimal digits
    author: str
    subject: str  # first line of the commit message
    also_branch: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """What one request's dropped files come to. ``digest`` covers the sorted entries, ``name``
    is a label for people, ``sources`` are the dropped files' names,
    ``skipped`` what desktops had left in an archive and is not deployed, ``ref`` the commit
    that it is, where it came from a repository."""

    digest: str
    name: str
    size: int
    entries: tuple[ArtifactEntry, ...]
    sources: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    ref: SourceRef | None = None


def digest_of_entries(entries: Sequence[ArtifactEntry]) -> str:
    """What an artifact of these entries, sorted by path, is called: SHA-256 in hexadecimal."""
    rows = [[entry.path, entry.sha256, entry.size] for entry in entries]
    return hashlib.sha256(canonical_json(rows)).hexdigest()
