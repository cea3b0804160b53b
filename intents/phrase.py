"""A message made comparable: one form of characters, and no text that is only quoted.

Owns: normalisation, what counts as quoted, splitting into sentences, squeezing out spaces.
Must not know names, actions or what anything means.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from intents.citing import without_shown
from intents.spelling import put_right

LONGEST = 2000  # characters; a longer text is no request
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_CITED_LINE = re.compile(r"^\s*(?:>|&gt;).*$", re.MULTILINE)
_QUOTED = re.compile(r"'([^'\n]{1,200})'|\"([^\"\n]{1,200})\"|‘([^’\n]{1,200})’|“([^”\n]{1,200})”")
# A mail that somebody hands on: from its head on it is another person's text.
_MAIL = re.compile(
    r"^[ \t]*(?:[-_]{2,}[ \t]*(?:original|forwarded|원본|전달|원문)[^\n]*"
    r"|(?:from|보낸[ \t]*(?:사람|이)|발신(?:자|인)?)[ \t]*:[^\n]*\n).*",
    re.DOTALL | re.IGNORECASE | re.MULTILINE,
)
# Letters that nobody sees, and letters of other alphabets that look like Latin ones.
_UNSEEN = frozenset("\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800")
# NFKC makes other letters of "ㅋㅋ" and "ㄴㄴ" than are typed.
_ALONE = {ord(unicodedata.normalize("NFKC", chr(at))): at for at in range(0x3131, 0x3164)}
_LOOKALIKES = _ALONE | str.maketrans("аеорсухіјѕАВЕКМНОРСТХ", "aeopcyxijsABEKMHOPCTX")
_ADDRESS = re.compile(r"<@[A-Z0-9]+>|@?\b(?:guardia|가디아)\b(?:야|님)?[,:]?", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[가-힣ㄱ-ㅎa-z)])[.]+(?=\s|$)|(?<=[?!])\s+|\n+")


def syllables(tail: int, *, but: str = "") -> str:
    """A character class of every syllable with that final consonant."""
    found = (chr(code) for code in range(0xAC00 + tail, 0xD7A4, 28))
    return "[" + "".join(character for character in found if character not in but) + "]"


PAST = syllables(20, but="있겠")  # ㅆ: "했", "봤", "지웠"
WILL = syllables(8)  # ㄹ: "할", "볼", "지울"
# People who chat leave the full stop out: "백업 받아놨어요 걱정마세요" is two sentences.
_UNMARKED_END = re.compile(
    rf"((?:니다|{PAST}(?:어요|음|죠|지요|구요|고요|거든요|답니다)|네요|군요|[가-힣](?:대|래|랍니|답니)요|더라고요|더라구요"
    rf"|거[예에]요|것\s?같아요|{WILL}[게께]요)[ㅋㅎㅠㅜ~^,]*(?:\s*[ㅋㅎㅠㅜ]{{2,}})?|[가-힣]\s*[ㅋㅎㅠㅜ]{{2,}})\s+"
)


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
        character for character in full if character in "\n\t" or _is_seen(character)
    ).translate(_LOOKALIKES)
    bare = _MAIL.sub(" ", without_shown(_CODE.sub(" ", full)))
    bare = _ADDRESS.sub(" ", _CITED_LINE.sub(" ", bare))
    quotes = tuple(
        next(group for group in match.groups() if group) for match in _QUOTED.finditer(bare)
    )
    cased = _QUOTED.sub(" ▒ ", bare)
    return Phrase(full=full, cased=cased, text=put_right(cased.lower()), quotes=quotes)


def _is_seen(character: str) -> bool:
    """Controls, format characters and marks laid over letters are no part of what is read."""
    hidden = unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs", "Mn", "Me")
    return not hidden and character not in _UNSEEN


def sentences(text: str) -> list[str]:
    """The sentences of a text, without the empty ones."""
    marked = _UNMARKED_END.sub(r"\1\n", text)
    return [part.strip() for part in _SENTENCE_END.split(marked) if part and part.strip()]


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
