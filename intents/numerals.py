"""Numbers that are spelled out before what they count: "오백 줄", "팔십오 프로", "육십일 지난".

Owns: reading Sino-Korean numbers up to 9,999 where a unit follows. Must not know what is counted.
"""

from __future__ import annotations

import re

_ONES = {syllable: value for value, syllable in enumerate("일이삼사오육칠팔구", start=1)}
_PLACES = {"십": 10, "백": 100, "천": 1000}
_UNIT = (
    r"(?:줄|라인|퍼센트|퍼(?=\s|$)|프로(?!그|젝|세|필|토)|%"
    r"|일(?=\s*(?:치|간|이?\s*지난|넘|이상|동안|보다|된)))"
)
_NUMBER = re.compile(
    rf"(?<![가-힣])((?:[이삼사오육칠팔구]?[천백십])+[일이삼사오육칠팔구]?|[삼사오육칠팔구])(?=\s?{_UNIT})"
)


def counted_in_digits(text: str) -> str:
    """The text with such numbers in digits."""
    return _NUMBER.sub(lambda match: str(_value(match[1])), text)


def _value(spoken: str) -> int:
    total, digit = 0, 0
    for syllable in spoken:
        if syllable in _PLACES:
            total, digit = total + max(digit, 1) * _PLACES[syllable], 0
        else:
            digit = _ONES[syllable]
    return total + digit
