"""The number of a service request, however it is written or dictated.

Owns: bringing "sr 2026 0428", "sr20260488", "2026-0500 sr" and "에스알 이공이육 공사일공" into the
one form that the rest of the code reads. Must not know whether there is such a request.
"""

from __future__ import annotations

import re

_DIGITS = {
    **{"공": "0", "영": "0", "일": "1", "이": "2", "삼": "3", "사": "4"},
    **{"오": "5", "육": "6", "륙": "6", "칠": "7", "팔": "8", "구": "9"},
}
_SPOKEN = f"[{''.join(_DIGITS)}]"
_CALLED = r"(?<![a-z0-9가-힣-])(?:sr|서비스\s?요청)|에스\s?알"
_LABEL = r"\s*(?:번호|넘버|no\.?|건)?\s*[:#=]?\s*[-_]?\s*"
# Years of this century only: other digits behind "sr" are counts, months and days.
_NUMBER = r"(20\d\d)\s*[-_./ ]?\s*(\d{4})(?![0-9a-z]|-[0-9a-z]|\s*년)"
_BEHIND = re.compile(rf"(?:{_CALLED}){_LABEL}{_NUMBER}", re.ASCII)
_BEFORE = re.compile(
    r"(?<![\w-])(20\d\d)-(\d{4})\s*(?:번|건)?\s*(?:의\s*)?(?:sr|에스알)(?![a-z0-9-])", re.ASCII
)
_DICTATED = re.compile(
    rf"(?:{_CALLED}){_LABEL}({_SPOKEN}{{4}})\s*(?:다시|대시|하이픈|에|의|-)?\s*({_SPOKEN}{{4}})"
)
_USUAL = re.compile(r"sr[- ]?20\d\d-\d{1,6}(?!\d)", re.ASCII)


def with_numbers_spelled(text: str) -> str:
    """The text with numbers of service requests as ``sr-2026-0428``, each a word of its own."""
    text = _BEHIND.sub(lambda match: _spelled(match, match[1], match[2]), text)
    text = _BEFORE.sub(lambda match: f" sr-{match[1]}-{match[2]} ", text)
    return _DICTATED.sub(
        lambda match: _spelled(match, *(_as_digits(part) for part in match.groups())), text
    )


def _spelled(match: re.Match[str], year: str, number: str) -> str:
    if _USUAL.fullmatch(match.group()) or not year.startswith("20"):
        return match.group()
    return f" sr-{year}-{number} "


def _as_digits(spoken: str) -> str:
    return "".join(_DIGITS[syllable] for syllable in spoken)
