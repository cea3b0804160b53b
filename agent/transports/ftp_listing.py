"""What FTP servers say about the names in a folder, as entries.

Owns: MLSD facts (RFC 3659), the ``ls -l`` lines of old Unix servers and the ``dir`` lines of
Windows ones, in any language. Pure. A line that is none of these names nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from agent.transports.transport import Entry

_UNIX = re.compile(
    r"(?P<kind>[-a-zA-Z])(?P<mode>[-rwxsStT]{9})[+.@]?\s+\d+\s+\S.*?\s(?P<size>\d+)\s+"
    r"(?P<date>\d{4}-\d\d-\d\d \d\d:\d\d|\S+\s+\S+\s+(?:\d{1,2}:\d\d|\d{4}년?)) (?P<name>.+)"
)
_WINDOWS = re.compile(
    r"(?P<date>\d\d-\d\d-\d{2,4}\s+\d\d:\d\d(?:[AP]M)?)\s+(?:(?P<folder><DIR>)|(?P<size>[\d,]+)) "
    r"(?P<name>.+)"
)
_ARROW = " -> "
_MODE_BITS = "rwxrwxrwx"
Kind = Literal["file", "folder", "link", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An entry and, of a link, what it says it leads to."""

    entry: Entry
    target: str | None = None


def read_facts(lines: Iterable[str]) -> dict[str, Listed]:
    """The answer of MLSD."""
    found = {}
    for line in lines:
        facts_text, space, name = line.partition(" ")
        if not space or name in {"", ".", ".."}:
            continue
        pairs = (fact.partition("=") for fact in facts_text.split(";"))
        facts = {key.lower(): value for key, _, value in pairs}
        kind, target = _fact_kind(facts.get("type", ""))
        if kind is not None:
            mode = facts.get("unix.mode", "")
            entry = Entry(
                kind=kind,
                size=_number(facts.get("size", facts.get("sizd", ""))),
                mode=int(mode, 8) & 0o7777 if re.fullmatch("[0-7]+", mode) else 0o644,
                mtime=_fact_time(facts.get("modify", "")),
            )
            found[name.rpartition("/")[2]] = Listed(entry=entry, target=target)
    return found


def read_lines(lines: Iterable[str]) -> dict[str, Listed]:
    """The answer of LIST."""
    found = {}
    for line in lines:
        name, listed = _unix(line) or _windows(line) or ("", None)
        if listed is not None and name not in {".", ".."}:
            found[name] = listed
    return found


def _fact_kind(word: str) -> tuple[Kind | None, str | None]:
    kind = word.lower()
    if kind in {"cdir", "pdir", ""}:
        return None, None
    if kind.startswith(("os.unix=slink", "os.unix=symlink")):
        target = word.partition(":")[2]
        return "link", target or None
    known: dict[str, Kind] = {"file": "file", "dir": "folder"}
    return known.get(kind, "other"), None


def _unix(line: str) -> tuple[str, Listed] | None:
    match = _UNIX.fullmatch(line)
    if match is None:
        return None
    name, target = match["name"], None
    kind: Kind = "other"
    if match["kind"] == "l":
        kind = "link"
        name, _, target = name.partition(_ARROW)
    elif match["kind"] in "-d":
        kind = "file" if match["kind"] == "-" else "folder"
    entry = Entry(
        kind=kind, size=int(match["size"]), mode=_mode(match["mode"]), mtime=_ls_time(match["date"])
    )
    return name, Listed(entry=entry, target=target)


def _windows(line: str) -> tuple[str, Listed] | None:
    match = _WINDOWS.fullmatch(line)
    if match is None:
        return None
    size = 0 if match["folder"] else int(match["size"].replace(",", ""))
    kind: Kind = "folder" if match["folder"] else "file"
    return match["name"].lstrip(), Listed(entry=Entry(kind=kind, size=size))


def _mode(text: str) -> int:
    """``rwxr-xr-x`` as bits; what stands for set-id and sticky is not told apart."""
    bits = 0
    for at, (letter, full) in enumerate(zip(text, _MODE_BITS, strict=True)):
        if letter in (full, "s", "t"):
            bits |= 1 << (8 - at)
    return bits


def _fact_time(text: str) -> float:
    try:
        return datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


def _ls_time(text: str) -> float:
    """To the day or minute, in whatever zone the server is: good for an order, not for a clock."""
    for form in ("%Y-%m-%d %H:%M", "%b %d %Y"):
        try:
            return datetime.strptime(" ".join(text.split()), form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    return _this_year(text)


def _this_year(text: str) -> float:
    """Without a year it is of the last twelve months."""
    now = datetime.now(UTC)
    for year in (now.year, now.year - 1):
        try:
            told = f"{year} {' '.join(text.split())} +0000"
            found = datetime.strptime(told, "%Y %b %d %H:%M %z")
        except ValueError:
            continue
        if (found - now).days < 2:
            return found.timestamp()
    return 0.0


def _number(text: str) -> int:
    return int(text) if text.isdigit() and text.isascii() else 0
