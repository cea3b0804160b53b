"""What people typed and what they called their files, in the one form that the core reads.

Owns: the cleaning of texts and file names that every messenger hands on, how a call of the bot may
end, and which lines call it by a slash. Pure; must not know any messenger's own escapes.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

# Behind the bot's name: "GUARDiA야, 재기동해줘". A part of a regular expression.
CALL_ENDING = r"(?:(?:야|님)?(?=[\s,:;.!?~]|$)[,:;.!?~]*)?"
_COMMAND = re.compile(r"\s*/(sm|guardia)(?:\s+|$)", re.IGNORECASE)
_NAME_CHARACTERS = 200
_SUFFIX_CHARACTERS = 10


class SlashCommand(NamedTuple):
    """``/name rest``, typed as a message."""

    name: str
    rest: str


def slash_command(text: str) -> SlashCommand | None:
    """The command that a text begins with; None: it is talk."""
    match = _COMMAND.match(text)
    return SlashCommand(match[1].lower(), text[match.end() :].strip()) if match else None


def clean_text(text: str) -> str:
    """Composed Hangul, no control characters but line breaks and tabs, no blanks around it."""
    composed = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    kept = (c for c in composed if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
    return "".join(kept).strip()


def clean_name(name: str) -> str:
    """A file name as a label: its last path element, without control characters."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    kept = "".join(c for c in last if unicodedata.category(c) not in ("Cc", "Cf", "Cs")).strip()
    if len(kept) > _NAME_CHARACTERS:
        stem, dot, suffix = kept.rpartition(".")
        tail = dot + suffix if stem and len(suffix) <= _SUFFIX_CHARACTERS else ""
        kept = kept[: _NAME_CHARACTERS - len(tail)] + tail
    return kept if kept.strip(".") else "file"
