"""A message made comparable: one form of characters, and no text that is only quoted.

Owns: normalisation, what counts as quoted, splitting into sentences, squeezing out spaces.
Must not know names, actions or what anything means.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from intents.spelling import put_right

LONGEST = 2000  # characters; a longer text is no request
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_CITED_LINE = re.compile(r"^\s*(?:>|&gt;).*$", re.MULTILINE)
_QUOTED = re.compile(r"'([^'\n]{1,200})'|\"([^\"\n]{1,200})\"|‘([^’\n]{1,200})’|“([^”\n]{1,200})”")
_ADDRESS = re.compile(r"<@[A-Z0-9]+>|@?\b(?:guardia|가디아)\b(?:야|님)?[,:]?", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[가-힣ㄱ-ㅎa-z)])[.]+(?=\s|$)|(?<=[?!])\s+|\n+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """``text`` in NFKC and lower case, its common words put right and quoted parts replaced by
    ``▒``; ``quotes`` those parts, ``full`` the whole message as it was meant to be read; ``cased``
    keeps upper case."""

    full: str
    cased: str
    text: str
    quotes: tuple[str, ...]


def read_phrase(message: str) -> Phrase:
    """The comparable form of a message."""
    full = unicodedata.normalize("NFKC", message)
    full = "".join(
        character
        for character in full
        if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Co", "Cs")
    )
    bare = _ADDRESS.sub(" ", _CITED_LINE.sub(" ", _CODE.sub(" ", full)))
    quotes = tuple(
        next(group for group in match.groups() if group) for match in _QUOTED.finditer(bare)
    )
    cased = _QUOTED.sub(" ▒ ", bare)
    return Phrase(full=full, cased=cased, text=put_right(cased.lower()), quotes=quotes)


def sentences(text: str) -> list[str]:
    """The sentences of a text, without the empty ones."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part and part.strip()]


@dataclass(frozen=True, slots=True)
class Squeezed:
    """A text without white space, and where each of its characters stood."""

    text: str
    places: tuple[int, ...]

    def gap_before(self, at: int) -> bool:
        """Whether white space stood before the character at ``at``, or nothing did."""
        return at == 0 or at >= len(self.text) or self.places[at] != self.places[at - 1] + 1


def squeeze(text: str) -> Squeezed:
    """The text without white space."""
    kept = [(character, place) for place, character in enumerate(text) if not character.isspace()]
    return Squeezed("".join(row[0] for row in kept), tuple(row[1] for row in kept))
