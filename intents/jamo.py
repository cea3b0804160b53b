"""How far two Korean spellings are apart, counted in letters (jamo) rather than syllables.

Owns: taking syllables apart and the weighted distance. Letters that sound alike or that slip into
each other on the keyboard cost half. Must not know names, nor how near is near enough.
"""

from __future__ import annotations

_FIRST = 0xAC00
_LAST = 0xD7A3
_LEADS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_TAILS = (
    *("", "ㄱ", "ㄲ", "ㄱㅅ", "ㄴ", "ㄴㅈ", "ㄴㅎ", "ㄷ", "ㄹ", "ㄹㄱ", "ㄹㅁ", "ㄹㅂ", "ㄹㅅ"),
    *(
        "ㄹㅌ",
        "ㄹㅍ",
        "ㄹㅎ",
        "ㅁ",
        "ㅂ",
        "ㅂㅅ",
        "ㅅ",
        "ㅆ",
        "ㅇ",
        "ㅈ",
        "ㅊ",
        "ㅋ",
        "ㅌ",
        "ㅍ",
        "ㅎ",
    ),
)
_ALIKE = (
    "ㅐㅔㅒㅖ",
    "ㅚㅙㅞ",
    "ㅓㅕ",
    "ㅏㅑ",
    "ㅗㅛ",
    "ㅜㅠ",
    "ㅢㅟㅣ",
    "ㄱㄲㅋ",
    "ㄷㄸㅌ",
    "ㅂㅃㅍ",
    "ㅈㅉㅊ",
    "ㅅㅆ",
)
_HALF = frozenset(
    (left, right) for group in _ALIKE for left in group for right in group if left != right
)


def letters(text: str) -> str:
    """The text with every Hangul syllable taken apart; other characters as they are."""
    return "".join(_apart(character) for character in text)


def distance(left: str, right: str) -> float:
    """Damerau-Levenshtein distance of two spellings in letters; letters that are alike cost 0.5."""
    return _edits(letters(left), letters(right))


def _apart(character: str) -> str:
    code = ord(character)
    if not _FIRST <= code <= _LAST:
        return character
    lead, rest = divmod(code - _FIRST, len(_VOWELS) * len(_TAILS))
    vowel, tail = divmod(rest, len(_TAILS))
    return _LEADS[lead] + _VOWELS[vowel] + _TAILS[tail]


def _edits(left: str, right: str) -> float:
    rows: list[list[float]] = [[float(column) for column in range(len(right) + 1)]]
    for row, a in enumerate(left, 1):
        line = [float(row)]
        for column, b in enumerate(right, 1):
            change = 0.0 if a == b else 0.5 if (a, b) in _HALF else 1.0
            cost = min(rows[-1][column] + 1, line[column - 1] + 1, rows[-1][column - 1] + change)
            swapped = row > 1 and column > 1 and (a, b) == (right[column - 2], left[row - 2])
            if swapped and a != b:
                cost = min(cost, rows[-2][column - 2] + 1)
            line.append(cost)
        rows.append(line)
    return rows[-1][-1]
