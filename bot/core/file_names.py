"""Which names a file to be deployed may have, wherever it comes from.

Owns: the rules for paths of archives and repositories. Pure. ``archive`` is what the path is of,
for messages: an archive's name or a repository's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath

from bot.core.errors import UserError

_OURS = ".guardia-"  # begins the names of the agent's folders
_LONGEST_PATH, _LONGEST_PART = 512, 255  # characters (as the wire has it), bytes
_LEFT_BY_DESKTOPS = {".ds_store", "thumbs.db", "desktop.ini"}


def name_of_bytes(raw: bytes, *, encodings: Sequence[str] = ("utf-8", "cp949")) -> str:
    """A name in NFC. Windows tools write Korean names as cp949 and do not say so.

    Raises:
        UnicodeDecodeError: it is in none of the encodings.
    """
    for encoding in encodings[:-1]:
        try:
            return unicodedata.normalize("NFC", raw.decode(encoding))
        except UnicodeDecodeError:
            continue
    return unicodedata.normalize("NFC", raw.decode(encodings[-1]))


def source_of(raw: bytes, path: str) -> str:
    """What ``ArtifactEntry.source`` says of a name that was not written as UTF-8; else nothing.

    One name in two Unicode forms looks the same and is not worth a word.
    """
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return f"{path} (CP949)"
    return ""


def quoted(name: str) -> str:
    """A name as it may be shown: without invisible characters, and short."""
    visible = "".join("�" if _invisible(character) else character for character in name)
    return visible if len(visible) <= 80 else f"{visible[:50]}…{visible[-25:]}"


def check_path(path: str, archive: str) -> None:
    """Refuses what does not stay below the folder it is put into, on any operating system.

    Raises:
        UserError: ``archive_entry_path``, ``archive_entry_name``, or ``archive_entry_reserved``:
            the agent's own folders on a server are swept away by the next job.
    """
    values = {"archive": archive, "entry": quoted(path)}
    if any(_invisible(character) for character in path):
        raise UserError("archive_entry_name", **values)
    parts = path.removesuffix("/").split("/")
    escapes = "\\" in path or re.match(r"[A-Za-z]:", path) or {"", ".", ".."} & set(parts)
    if escapes:
        raise UserError("archive_entry_path", **values)
    if any(_folded(part).startswith(_OURS) for part in parts):
        raise UserError("archive_entry_reserved", **values)
    if len(path) > _LONGEST_PATH or any(len(part.encode()) > _LONGEST_PART for part in parts):
        raise UserError("archive_entry_long", **values)


def refuse_collisions(paths: list[str], archive: str) -> None:
    """Refuses two names for one file, also where only case differs, and a file that another
    entry uses as a folder.

    Raises:
        UserError: ``archive_duplicate``.
    """
    seen: set[str] = set()
    for path in paths:
        if _folded(path) in seen:
            raise UserError("archive_duplicate", archive=archive, entry=quoted(path))
        seen.add(_folded(path))
    for path in paths:
        for parent in PurePosixPath(_folded(path)).parents:
            if str(parent) in seen:
                raise UserError("archive_duplicate", archive=archive, entry=quoted(path))


def left_by_desktop(path: str) -> bool:
    """Whether a desktop put it there unasked."""
    parts = path.casefold().removesuffix("/").split("/")
    return parts[0] == "__macosx" or parts[-1] in _LEFT_BY_DESKTOPS


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path.casefold())


def _invisible(character: str) -> bool:
    # Category C: controls, line breaks, bidirectional overrides, surrogates, unassigned.
    category = unicodedata.category(character)
    return category[0] == "C" or category in ("Zl", "Zp")
