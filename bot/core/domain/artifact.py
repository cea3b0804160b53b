"""Files that people dropped, checked and opened.

Owns: what a checked upload contains. Contents live in the file store under their SHA-256.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactEntry:
    """One file to be deployed: ``path`` relative to the deploy path, digest and size (bytes)."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """What one request's dropped files come to. ``digest`` covers the sorted entries, ``name``
    is a label for people, ``sources`` are the dropped files' names,
    ``skipped`` what desktops had left in an archive and is not deployed."""

    digest: str
    name: str
    size: int
    entries: tuple[ArtifactEntry, ...]
    sources: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
