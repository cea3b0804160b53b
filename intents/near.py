"""Names that are misspelled: which one is meant, which ones may be, and which are strangers.

Owns: how near a spelling must be, and by what margin. A word that is right as it stands is
nobody's misspelling. Must not decide the target (``resolve``); what is not sure is only offered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bot.core.domain.estate import Vocabulary
from intents.jamo import distance
from intents.lexicon import Kind, Lexicon, Word, blanked, lexicon_of
from intents.names import Name, ends_name, is_anothers, is_excluded
from intents.phrase import Squeezed, squeeze

_MARGIN = 0.75  # letters by which the second candidate must be farther away
_SLIP = 0.5  # a syllable that is missing or doubled inside a long name counts as one letter alike
_LIMITS = ((3, 0.5), (5, 1.0), (99, 1.5))  # syllables, letters
_GENERIC = re.compile("(?:시스템|홈페이지|포털|서비스)$")
_SHORT_CORE = 2  # syllables: what is left of such a name is too little to be sure of
# Right as they stand, though one letter away from names that an estate may have.
_WORDS = frozenset(
    re.findall(
        "[가-힣]+",
        "사업부 문제부 문제처 인사차 동계청 자재부 사무처 검찰청 법무처 환불부 교육구 도로공시"
        " 전자결제 예선 예상 예약 국가 국도 국어 통제 통신 통합 통화 관제"
        " 관재 관계 인사 인증 인상 인력 민간 민영 연구 연금 연대 연기"
        " 결제 결산 회계 정보 정산 경보 홍보 예매 예금 세금 개발 관리"
        " 관찰 검색 검증 점검 지원 지진 창원 징계 징집 진단 통근 통보"
        " 통지 주문 주민 주소 자료 재료",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A misspelled name. ``name`` is set where only one can be meant; ``offers`` are the official
    names that may be."""

    name: Name | None
    offers: tuple[str, ...]


def find_near(text: str, vocabulary: Vocabulary, names: Iterable[Name]) -> list[Guess]:
    """The misspelled names of a text in which the names found are masked."""
    flat, lexicon = squeeze(text), lexicon_of(vocabulary)
    institutions = {name.value for name in names if name.kind is Kind.INSTITUTION}
    found: list[Guess] = []
    at = 0
    while at < len(flat.text):
        guess, to = _guess_at(flat, at, lexicon, institutions)
        if guess is not None:
            found.append(guess)
            if guess.name is not None and guess.name.kind is Kind.INSTITUTION:
                institutions.add(guess.name.value)
        at = to
    return found


def _guess_at(
    flat: Squeezed, at: int, lexicon: Lexicon, institutions: set[str]
) -> tuple[Guess | None, int]:
    if not flat.gap_before(at) and flat.text[at - 1].isalnum():
        return None, at + 1
    for length in lexicon.lengths:
        to = at + length
        piece = flat.text[at:to]
        if len(piece) == length and _is_open(piece) and ends_name(flat, to):
            rows = _candidates(piece, lexicon)
            if rows:
                return _weighed(rows, flat, (at, to), institutions), to
    return None, at + 1


def _is_open(piece: str) -> bool:
    hangul = all("가" <= character <= "힣" for character in piece)
    return hangul and piece not in _WORDS and _GENERIC.sub("", piece) not in _WORDS


def _candidates(piece: str, lexicon: Lexicon) -> list[tuple[float, str, Word]]:
    limit = next(letters for syllables, letters in _LIMITS if len(piece) <= syllables)
    words = {
        (spelling, word.kind): word
        for key in blanked(piece)
        for spelling, word in lexicon.near.get(key, ())
    }
    rows = [(distance(piece, spelling), spelling, word) for (spelling, _), word in words.items()]
    rows = [row for row in rows if row[0] <= limit + _MARGIN]
    if not rows:
        rows = [(_SLIP, spelling, word) for spelling, word in lexicon.slipped.get(piece, ())]
    return sorted(rows, key=lambda row: row[0])


def _weighed(
    rows: list[tuple[float, str, Word]],
    flat: Squeezed,
    span: tuple[int, int],
    institutions: set[str],
) -> Guess | None:
    limit = next(letters for syllables, letters in _LIMITS if span[1] - span[0] <= syllables)
    nearest, spelling, word = rows[0]
    if nearest > limit:
        return None
    rivals = [
        row[2]
        for row in rows[1:]
        if row[0] < nearest + _MARGIN and _official(row[2]) != _official(word)
    ]
    offers = tuple(dict.fromkeys(name for row in (word, *rivals) for name in _official(row)))
    another = is_anothers(flat, span[1])
    if rivals or another or not _is_sure(nearest, spelling, word, institutions):
        return Guess(name=None, offers=offers)
    at, to = span
    name = Name(
        kind=word.kind,
        start=flat.places[at],
        end=flat.places[to - 1] + 1,
        at=at,
        to=to,
        value=word.value,
        systems=tuple(word.systems),
        excluded=is_excluded(flat, to),
    )
    return Guess(name=name, offers=offers)


def _is_sure(letters: float, spelling: str, word: Word, institutions: set[str]) -> bool:
    """A name with little of its own needs a letter that is alike, or its institution beside it."""
    core = _GENERIC.sub("", spelling)
    if word.kind is Kind.INSTITUTION or len(core) > _SHORT_CORE or letters <= _LIMITS[0][1]:
        return True
    return any(entry.institution in institutions for entry in word.systems)


def _official(word: Word) -> tuple[str, ...]:
    if word.kind is Kind.INSTITUTION:
        return (word.value,)
    return tuple(dict.fromkeys(entry.name for entry in word.systems))
