"""Whether two sets of deployed files touch each other. Pure.

Owns: that comparison. Knows neither jobs nor servers.
"""

from __future__ import annotations

from collections.abc import Iterable

_ARCHIVE = ".war"


def shared(these: Iterable[str], those: Iterable[str]) -> str | None:
    """A path of these that is one of those, or lies in the folder that an archive of the other
    side unpacks to; None: they do not touch."""
    mine, theirs = sorted(set(these)), set(those)
    folders = [_exploded(path) for path in mine]
    for path in mine:
        if path in theirs or _is_below(path, map(_exploded, theirs)):
            return path
    return next((path for path in sorted(theirs) if _is_below(path, folders)), None)


def _exploded(path: str) -> str:
    return path[: -len(_ARCHIVE)] + "/" if path.lower().endswith(_ARCHIVE) else ""


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(folder and path.startswith(folder) for folder in folders)
