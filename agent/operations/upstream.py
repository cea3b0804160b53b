"""The text of nginx upstream blocks: one member taken out or put back, all else kept.

Owns: finding ``server <member> …;`` inside an upstream block and its ``down`` parameter. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

_COMMENT = re.compile(r"#[^\n]*")
_BLOCK = re.compile(r"\bupstream\s+[^\s{;]+\s*\{([^{}]*)\}")
_SERVER = re.compile(r"(?<![\w.])server\s+([^\s;]+)([^;]*);")
_DOWN = re.compile(r"\sdown(?=\s|$)")


class MemberMissing(Exception):  # noqa: N818  says what is the case
    """No upstream block has this server."""


class LastMember(Exception):  # noqa: N818  says what is the case
    """It is the only one of its block that is not down."""


def set_member(text: str, member: str, state: Literal["down", "up"]) -> str:
    """The text with the member down or up in every upstream block that has it.

    Raises:
        MemberMissing, LastMember: the text cannot be changed like that.
    """
    # Comments become blanks of the same length, so that positions hold in the original.
    visible = _COMMENT.sub(lambda match: " " * len(match[0]), text)
    edits: list[tuple[int, int, str]] = []
    found = False
    for servers in _blocks(visible):
        for server in servers:
            if server[1] != member:
                continue
            found = True
            others = [other for other in servers if other[1] != member]
            if state == "down" and not any(not _is_down(other) for other in others):
                raise LastMember(member)
            edits += _edits(server, state)
    if not found:
        raise MemberMissing(member)
    for start, end, replacement in reversed(edits):
        text = text[:start] + replacement + text[end:]
    return text


def _blocks(visible: str) -> Iterator[list[re.Match[str]]]:
    for block in _BLOCK.finditer(visible):
        yield list(_SERVER.finditer(visible, block.start(1), block.end(1)))


def _is_down(server: re.Match[str]) -> bool:
    return _DOWN.search(server[2]) is not None


def _edits(server: re.Match[str], state: Literal["down", "up"]) -> list[tuple[int, int, str]]:
    if state == "down":
        return [] if _is_down(server) else [(server.end() - 1, server.end() - 1, " down")]
    offset = server.start(2)
    return [
        (offset + match.start(), offset + match.end(), "") for match in _DOWN.finditer(server[2])
    ]
