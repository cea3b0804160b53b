"""A statement's text without the values in it, for people to read.

Owns: what of another session's SQL may be shown. Literals, numbers and comments carry people's
data and passwords; they are replaced. What cannot be told apart for sure is hidden. Pure.
"""

from __future__ import annotations

import re

HIDDEN = "?"
_LONGEST = 300  # characters shown
_NEXT = re.compile(
    r"(?P<line>--)|(?P<block>/\*)|(?P<dollar>(?<![\w$])\$(?:[A-Za-z_]\w*)?\$)"
    r"""|(?P<quote>(?P<escapes>(?<![\w$])[eE])?')|(?P<name>"[^"]*"?)"""
    r"|(?P<number>(?<![\w$])\.?[0-9][\w.]*(?:(?<=[eE])[+-][0-9]+)?)"
)
_ESCAPED_END = re.compile(r"(?:[^'\\]|\\.|'')*'", re.DOTALL)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


def without_values(text: str) -> str:
    """One line of SQL, at most 300 characters, in which every literal and number is ``?``."""
    shown: list[str] = []
    at = 0
    while match := _NEXT.search(text, at):
        shown.append(text[at : match.start()])
        piece, at = _piece(text, match)
        shown.append(piece)
    line = " ".join("".join([*shown, text[at:]]).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _piece(text: str, match: re.Match[str]) -> tuple[str, int]:
    """What is shown in place of a token, and where the text goes on."""
    kind = match.lastgroup
    if kind == "name":
        return match[0], match.end()
    if kind == "number":
        return HIDDEN, match.end()
    if kind == "line":
        end = text.find("\n", match.end())
        return " ", len(text) if end < 0 else end
    if kind == "block":
        return " ", _end_of_comment(text, match.end())
    if kind == "dollar":
        end = text.find(match[0], match.end())
        return HIDDEN, len(text) if end < 0 else end + len(match[0])
    return HIDDEN, _end_of_string(text, match.end(), escapes=match["escapes"] is not None)


def _end_of_comment(text: str, at: int) -> int:
    """Comments nest."""
    depth = 1
    while depth:
        edge = _COMMENT_EDGE.search(text, at)
        if edge is None:
            return len(text)
        depth += 1 if edge[0] == "/*" else -1
        at = edge.end()
    return at


def _end_of_string(text: str, at: int, *, escapes: bool) -> int:
    if escapes:
        found = _ESCAPED_END.match(text, at)
        return len(text) if found is None else found.end()
    while True:
        end = text.find("'", at)
        # Whether a backslash escapes here is a setting of the server: from there on, nothing.
        if end < 0 or text[end - 1] == "\\":
            return len(text)
        if text[end + 1 : end + 2] != "'":
            return end + 1
        at = end + 2
