"""What a server says, made safe to keep and show.

Owns: the bound on output (head and tail), decoding that never fails, and the removal of terminal
control sequences. Pure.
"""

from __future__ import annotations

import codecs
import re
import unicodedata

LIMIT_BYTES = 1 << 20
LINE_LIMIT = 500
_LINE_HELD = 8192  # characters that wait for the end of their line

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

    def exact(self, charset: str) -> bool:
        """Whether ``text`` says every byte, so that writing it back would change nothing."""
        self._trim()
        body = bytes(self._head + self._tail)
        try:
            return not self._dropped and clean(body, charset).encode(charset) == body
        except UnicodeEncodeError:  # the mark of a byte that could not be decoded
            return False

    def _trim(self) -> None:
        excess = len(self._tail) - self._half
        if excess > 0:
            del self._tail[:excess]
            self._dropped += excess


class StreamText:
    """A stream as clean text while it comes, line by line: neither a character nor a control
    sequence is torn, wherever the pieces begin and end."""

    def __init__(self, charset: str) -> None:
        self._decoder = codecs.getincrementaldecoder(charset)(errors="replace")
        self._rest = ""

    def add(self, data: bytes) -> str:
        """The lines that are whole now; a very long one comes in parts."""
        text = self._rest + self._decoder.decode(data)
        cut = max(text.rfind("\n"), text.rfind("\r", 0, -1)) + 1
        if len(text) - cut > _LINE_HELD:
            cut = len(text)
        self._rest = text[cut:]
        return _clean(text[:cut])

    def end(self) -> str:
        """What is left without a line's end."""
        text, self._rest = self._rest + self._decoder.decode(b"", True), ""
        return _clean(text)


def clean(data: bytes, charset: str) -> str:
    """Decoded, with undecodable bytes marked, and nothing but printable text, tabs and newlines."""
    return _clean(data.decode(charset, errors="replace"))


def _clean(text: str) -> str:
    if "\x1b" in text:  # seldom, and looked for much more quickly than by the expression
        text = _ESCAPES.sub("", text)
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
