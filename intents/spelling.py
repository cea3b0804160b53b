"""Words of requests that are misspelled in the ways people misspell them: "제기동", "해조", "베포".

Owns: which words are put right, and how near a spelling must be. A word is only ever replaced by
one of as many characters, so that places in the text stay what they were. Must not know names of
the estate: those are ``near``'s.
"""

from __future__ import annotations

import re
from collections import defaultdict

from intents.jamo import distance

_RIGHT = re.findall(
    "[가-힣]+",
    "재기동 재시작 리스타트 헬스체크 디스크 인증서 메모리 크론탭 타임라인 파이프라인 젠킨스 앤서블"
    " 보안점검 무결성 기준값 접속자 스케줄 트랜잭션 인터페이스 카탈리나 엔진엑스 자가치유",
)
_OTHER_WORDS = frozenset({"메모지", "디스코", "인정서", "접속사", "접속기", "기준가"})
_NEAREST = 1.0  # letters
_SLIPS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), right)
    for pattern, right in (
        (r"베포|배표(?!지)|뱁포", "배포"),
        (r"롤벡|롤빽|롤뱍", "롤백"),
        (r"벡업|빽업|뱍업", "백업"),
        (r"껏다", "껐다"),
        (r"톰켓|탐캣|톰캇|톰갯", "톰캣"),
        (r"스케쥴", "스케줄"),
        (r"앤시블|엔서블", "앤서블"),
        (r"주세[여용욤욥오](?![가-힣])", "주세요"),
        (r"(?<=[해려여겨켜와둬봐])[조죠져쥬](?![가-힣])", "줘"),
        (r"(?<=부탁드려)[여용오](?![가-힣])", "요"),
        (r"(?<=[좀줘])[여용욤염](?![가-힣])|(?<=부탁)[여용욤염](?![가-힣])", "요"),
        (r"(?<=부탁드립니)당(?![가-힣])", "다"),
        (r"쥬세요", "주세요"),
        (r"됬", "됐"),
    )
)


def _keys() -> dict[str, tuple[str, ...]]:
    table: dict[str, list[str]] = defaultdict(list)
    for word in _RIGHT:
        for place in range(len(word)):
            table[f"{word[:place]}?{word[place + 1 :]}"].append(word)
    return {key: tuple(words) for key, words in table.items()}


_BY_KEY = _keys()
_LENGTHS = sorted({len(word) for word in _RIGHT}, reverse=True)
_HANGUL = re.compile("[가-힣]{3,}")


def put_right(text: str) -> str:
    """The text with such words put right; it is as long as before."""
    for pattern, right in _SLIPS:
        text = pattern.sub(right, text)
    return _HANGUL.sub(lambda match: _run(match.group()), text)


def _run(run: str) -> str:
    for length in _LENGTHS:
        for at in range(len(run) - length + 1):
            piece = run[at : at + length]
            word = _meant(piece)
            if word is not None:
                run = run[:at] + word + run[at + length :]
    return run


def _meant(piece: str) -> str | None:
    if piece in _RIGHT or piece in _OTHER_WORDS:
        return None
    for place in range(len(piece)):
        for word in _BY_KEY.get(f"{piece[:place]}?{piece[place + 1 :]}", ()):
            if distance(piece, word) <= _NEAREST:
                return word
    return None
