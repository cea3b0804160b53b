"""What a server says, made safe to keep and show.

Owns: the bound on output (head and tail), decoding that never fails, and the removal of terminal
control sequences. Pure.
"""

from __future__ import annotations

import re
import unicodedata

LIMIT_BYTES = 1 << 20
LINE_LIMIT = 500

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC: titles, links
    r"|\x1b[PX^_][^\x1b]*\x1b\\"  # strings that terminals interpret
    r"|\x1b[ -/]*[0-~]"
)


class BoundedBytes:
    """Keeps the first and the last half of ``limit`` bytes of a stream of any length."""

    def __init__(self, limit: int = LIMIT_BYTES) -> None:
        self._half = limit // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    def add(self, data: bytes) -> None:
        room = self._half - len(self._head)
        self._head += data[:room]
        self._tail += data[room:] if room > 0 else data
        if len(self._tail) > 2 * self._half:  # trimmed now and then, so that adding stays cheap
            self._trim()

    def text(self, charset: str) -> str:
        """Head and tail, decoded and cleaned, with a mark where bytes were left out."""
        self._trim()
        head, tail = bytes(self._head), bytes(self._tail)
        if not self._dropped:
            return clean(head + tail, charset)
        return f"{clean(head, charset)}\n[... {self._dropped} bytes ...]\n{clean(tail, charset)}"

    def _trim(self) -> None:
        excess = len(self._tail) - self._half
        if excess > 0:
            del self._tail[:excess]
            self._dropped += excess


def clean(data: bytes, charset: str) -> str:
    """Decoded, with undecodable bytes marked, and nothing but printable text, tabs and newlines."""
    text = _ESCAPES.sub("", data.decode(charset, errors="replace"))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.replace("\n", "").replace("\t", "").isprintable():  # mostly; and much the quickest
        return text
    return "".join(character for character in text if character in "\n\t" or _visible(character))


def plain(text: str) -> str:
    """One printable line of at most ``LINE_LIMIT`` characters."""
    line = " ".join(clean(text.encode(errors="replace"), "utf-8").split("\n"))
    return line if len(line) <= LINE_LIMIT else line[: LINE_LIMIT - 1] + "…"


def _visible(character: str) -> bool:
    return not unicodedata.category(character).startswith("C")
