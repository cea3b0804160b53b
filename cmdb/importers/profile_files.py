"""What a site registers of its nodes beside how to reach them: ``profiles.toml``.

Owns: the form of that file, its faults by line, and which of its tables count for a node. Tables
are for a system (perhaps one layer or environment of it) or for one node; what the more specific
one says of a key replaces what the others say of it. Knows no database.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from agent.wire.profile import NodeProfile
from agent.wire.types import NodeId, Slug
from bot.core.domain.estate import Environment, Layer

FILE = "profiles.toml"
Fault = tuple[str, int, str, str]  # file, line, column, problem

_HEADER = re.compile(r"\s*\[\[\s*profile\s*\]\]\s*(?:#.*)?")
_PLACE = re.compile(r"\(at line (\d+), column \d+\)|\(at end of document\)")
_SCOPE = ("node", "system", "layer", "env")


class ProfileEntry(NodeProfile):
    """One ``[[profile]]``: for whom it is, and the keys of a profile."""

    node: NodeId | None = None
    system: Slug | None = None  # its code
    layer: Layer | None = None
    env: Environment | None = None

    @property
    def scope(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in _SCOPE)

    @property
    def weight(self) -> int:
        """How specific it is."""
        return sum(one is not None for one in self.scope) + (4 if self.node else 0)

    def fits(self, place: NodePlace) -> bool:
        """Whether it is for this node."""
        if self.node is not None:
            return self.node == place.node_id
        return (
            self.system == place.system
            and self.layer in (None, place.layer)
            and self.env in (None, place.env)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePlace:
    """A node as the tables name it; ``system`` is a code."""

    node_id: str
    system: str
    layer: Layer
    env: Environment


def profile_of(entries: Sequence[ProfileEntry], place: NodePlace) -> NodeProfile:
    """What all tables together say of a node."""
    said: dict[str, object] = {}
    for entry in sorted((one for one in entries if one.fits(place)), key=lambda one: one.weight):
        given = entry.model_fields_set - set(_SCOPE)
        said |= {name: getattr(entry, name) for name in given}
    return NodeProfile.model_validate(said)


def read_profiles(
    folder: Path, systems: Collection[str], nodes: Collection[str]
) -> tuple[tuple[ProfileEntry, ...], list[Fault]]:
    """The tables of an estate's folder with everything that is wrong; without the file, none.

    ``systems``: their codes; ``nodes``: those that are connected.
    """
    path = folder / FILE
    if not path.exists():
        return (), []
    try:
        text = path.read_text("utf-8-sig")
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return (), [_unreadable(error)]
    except (OSError, UnicodeDecodeError) as error:
        return (), [(FILE, 0, "-", f"cannot be read as TOML in UTF-8: {error}")]
    return _entries(tables, _Blocks(text), systems, nodes)


def profile_table(node_id: str, profile: NodeProfile) -> str:
    """A node's profile as this file carries it; what is not said is left out."""
    said = profile.model_dump(mode="json", exclude_none=True)
    default = NodeProfile().model_dump(mode="json")
    lines = [f"{name} = {_toml(value)}" for name, value in said.items() if value != default[name]]
    return "\n".join(["[[profile]]", f"node = {_toml(node_id)}", *lines, ""])


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{name} = {_toml(one)}' for name, one in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(_toml(one) for one in value)}]"
    return json.dumps(value, ensure_ascii=False)


def _unreadable(error: tomllib.TOMLDecodeError) -> Fault:
    place = _PLACE.search(str(error))
    line = int(place[1]) if place and place[1] else 0
    return FILE, line, "-", f"is no TOML: {_PLACE.sub('', str(error)).strip()}"


def _entries(
    tables: Mapping[str, object],
    blocks: _Blocks,
    systems: Collection[str],
    nodes: Collection[str],
) -> tuple[tuple[ProfileEntry, ...], list[Fault]]:
    listed = tables.get("profile", [])
    if set(tables) - {"profile"} or not isinstance(listed, list):
        name = next(iter(set(tables) - {"profile"}), "profile")
        return (), [(FILE, blocks.line_of_key(name), name, "the file consists of [[profile]]")]
    entries: list[ProfileEntry] = []
    faults: list[Fault] = []
    first: dict[tuple[object, ...], int] = {}
    for number, table in enumerate(listed):
        found = _parsed(table, number, blocks)
        if isinstance(found, ProfileEntry):
            wrong = _wrong_place(found, systems, nodes) or _twice(found)
            earlier = first.setdefault(found.scope, blocks.line(number))
            if wrong is None and earlier != blocks.line(number):
                wrong = ("node" if found.node else "system", f"the same as in line {earlier}")
            bad = [] if wrong is None else [(blocks.line(number, wrong[0]), *wrong)]
            entries.append(found)
        else:
            bad = found
        faults += [(FILE, *one) for one in bad]
    return tuple(entries), faults


def _parsed(
    table: object, number: int, blocks: _Blocks
) -> ProfileEntry | list[tuple[int, str, str]]:
    try:
        return ProfileEntry.model_validate(table)
    except ValidationError as error:
        seen: dict[str, tuple[int, str, str]] = {}
        for fault in error.errors(include_url=False, include_context=False):
            loc = fault["loc"] or ("-",)
            column = ".".join(str(part) for part in loc if not isinstance(part, int))
            seen.setdefault(str(loc), (blocks.line(number, *loc), column, fault["msg"]))
        return list(seen.values())


def _wrong_place(
    entry: ProfileEntry, systems: Collection[str], nodes: Collection[str]
) -> tuple[str, str] | None:
    if (entry.node is None) == (entry.system is None):
        return "system", "one of system and node is given, not both"
    if entry.node is not None and (entry.layer or entry.env):
        return "layer" if entry.layer else "env", "goes with a system, not with a node"
    if entry.system is not None and entry.system not in systems:
        return "system", "names what no other file has"
    if entry.node is not None and entry.node not in nodes:
        return "node", "names what connections.csv does not have"
    return None


def _twice(entry: ProfileEntry) -> tuple[str, str] | None:
    """Logs are called by their names, and a template is of one program."""
    for column, names in (
        ("logs", [log.name for log in entry.logs]),
        ("cron_jobs", [job.template for job in entry.cron_jobs]),
    ):
        if len(set(names)) != len(names):
            return column, "has a name twice"
    empty = [one for one in entry.certificates if one.path is None and one.port is None]
    return ("certificates", "needs a path, a port, or both") if empty else None


class _Blocks:
    """Where the tables and their keys stand in the text."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        self._starts = [at for at, line in enumerate(self._lines) if _HEADER.fullmatch(line)]

    def line(self, number: int, *loc: str | int) -> int:
        """The line, from 1, of the table of that number, or of the key in it."""
        if number >= len(self._starts):
            return 1  # written as an array: nobody knows
        start = self._starts[number]
        end = next((at for at in self._starts if at > start), len(self._lines))
        found = start
        for part in loc:
            at = self._find(part, found, end, whole=found == start)
            found = found if at is None else at
        return found + 1

    def line_of_key(self, name: str) -> int:
        """The line, from 1, of a key or table of the file itself."""
        at = self._find(name, -1, len(self._lines), whole=True)
        return 1 if at is None else at + 1

    def _find(self, part: str | int, found: int, end: int, *, whole: bool) -> int | None:
        if isinstance(part, int):
            return self._repeated(part, found, end)
        key = re.escape(part)
        heads = rf"\s*\[\[?\s*(?:[\w.-]+\.)?{key}\s*\]\]?" if whole else r"(?!)"
        wanted = re.compile(rf"{heads}|\s*\"?{key}\"?\s*=")
        lines = range(found + 1, end)
        return next((at for at in lines if wanted.match(self._lines[at])), None)

    def _repeated(self, number: int, found: int, end: int) -> int | None:
        """The header of the same name, so many further on: ``[[profile.logs]]``."""
        header = self._lines[found].split("#")[0].strip() if found >= 0 else ""
        if not header.startswith("[["):
            return None
        same = [at for at in range(found, end) if self._lines[at].split("#")[0].strip() == header]
        return same[number] if number < len(same) else None
