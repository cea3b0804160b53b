"""Names of the estate in a text: institutions, systems, layers, environments, hostnames.

Owns: finding them however they are spaced or inflected, where a name may begin and end, and
which of them are excluded ("말고"). Must not decide which target is meant (``resolve``).
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from bot.core.domain.estate import Environment, Layer, NodeEntry, SystemEntry, Vocabulary
from intents.phrase import Squeezed, squeeze


class Kind(StrEnum):
    INSTITUTION = "institution"
    SYSTEM = "system"
    LAYER = "layer"
    ENV = "env"


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """One name found. ``start`` and ``end`` are places in the text, ``at`` and ``to`` in the
    squeezed text. ``weak``: so short that it may be an ordinary word."""

    kind: Kind
    start: int
    end: int
    at: int
    to: int
    value: str = ""
    systems: tuple[SystemEntry, ...] = ()
    weak: bool = False
    excluded: bool = False


@dataclass(slots=True)
class _Word:
    kind: Kind
    value: str = ""
    systems: list[SystemEntry] = field(default_factory=list)
    official: bool = False


_FIXED: Mapping[Kind, Mapping[str, str]] = {
    Kind.ENV: {
        Environment.PROD: "운영 실운영 prod production prd 상용 라이브 실서버",
        Environment.STAGE: "스테이징 스테이지 staging stage stg 검증",
        Environment.DEV: "개발 dev development",
    },
    Kind.LAYER: {
        Layer.WAS: "was 와스",
        Layer.WEB: "web 웹",
        Layer.DB: "db 디비 데이터베이스",
    },
}

_PARTICLE = (
    "이랑|랑|하고|에서는|에서도|에서만|에서|에는|에도|에만|에선|엔|에게|에다가|에다|에|으로|로|은|는|이고|이며"
    "|이야|이에요|인데|입니다|이|가|을|를|의|와|과|도|만|까지|부터|말고|빼고|제외하고|제외|예요|야|요|건|거|용"
    "|내|들|고"
)
_SUFFIX = (
    "시스템|서버|웹서버|쪽|측|계|기|망|환경|장비|노드|단|관련|담당|기관|전체|전부|모두|다|둘다"
)
_TAIL = re.compile(rf"(?:{_SUFFIX})*(?:{_PARTICLE})*")
_GOES_ON = re.compile(
    "재기동|재시작|배포|반영|롤백|백업|헬스|상태|로그|디스크|점검|확인|접속|정보|서버|인증서|락|세션|톰캣|메모리"
    "|에러|장애|보안|설정|용량|자원|조회|살아|기동|중지|시작|재배포|패치|업로드|크론|배치|큐|sr|cpu|아이피|ip"
    "|[0-9]|#|시스템"
)
_EXCLUDES = re.compile(
    rf"(?:{_SUFFIX})?(?:은|는|이|가|을|를)?(?:말고|빼고|빼|제외|아니라|아니고|아니야|아닌|아님)"
)
# Words behind an environment's name that make it something else: a team, a finished development.
_NO_ENVIRONMENT = re.compile(
    "팀|자|담당|체제|사업|비용|중|하|되|된|한|했|해|완료|지원|계획|내용|요청|산출물|부서|사에|후에|결과|매뉴얼|인력"
    "|시간|소스|건을|건은|본부|업체"
)
_NO_LAYER = re.compile("프로세스|사이트|페이지|로직|투비|소켓|브라우저|팀|담당|관리자|상에서")
_NO_APPROVAL_SYSTEM = re.compile("규칙|단계|라인|절차|받|없이|올")


def find_names(text: str, vocabulary: Vocabulary) -> list[Name]:
    """Every name in a text, left to right, never two at one place."""
    flat = squeeze(text)
    words = _words(vocabulary)
    found: list[Name] = []
    at = 0
    while at < len(flat.text):
        name = _name_at(flat, at, words, found)
        if name is None:
            at += 1
        else:
            found.append(name)
            at = name.to
    return [replace(name, excluded=bool(_EXCLUDES.match(flat.text, name.to))) for name in found]


def find_hosts(text: str, vocabulary: Vocabulary) -> list[tuple[NodeEntry, re.Match[str]]]:
    """Nodes that are called by their hostname."""
    nodes = {node.node_id.lower(): node for node in vocabulary.nodes}
    return [
        (nodes[match.group()], match)
        for match in re.finditer(r"(?<![a-z0-9.-])[a-z0-9][a-z0-9.-]*[a-z0-9]", text)
        if match.group() in nodes
    ]


def gap_is_empty(text: str, left: Name, right: Name) -> bool:
    """Whether nothing but a particle stands between two names."""
    between = text[left.end : right.start]
    return bool(re.fullmatch(rf"\s*(?:{_PARTICLE})?\s*[(\[-]?\s*", between))


def _words(vocabulary: Vocabulary) -> dict[str, list[tuple[str, _Word]]]:
    words: dict[tuple[str, Kind], _Word] = {}
    for institution in vocabulary.institutions:
        for name in (institution.name, *institution.aliases):
            words.setdefault(
                (_flat(name), Kind.INSTITUTION), _Word(Kind.INSTITUTION, institution.name)
            )
    for system in vocabulary.systems:
        for name in (system.name, *system.aliases):
            word = words.setdefault((_flat(name), Kind.SYSTEM), _Word(Kind.SYSTEM))
            word.systems.append(system)
            word.official = word.official or name == system.name
    for kind, table in _FIXED.items():
        for value, spellings in table.items():
            for spelling in spellings.split():
                words.setdefault((spelling, kind), _Word(kind, value))
    return _by_first_character(words)


def _by_first_character(
    words: Mapping[tuple[str, Kind], _Word],
) -> dict[str, list[tuple[str, _Word]]]:
    table: dict[str, list[tuple[str, _Word]]] = defaultdict(list)
    for (spelling, _), word in sorted(words.items(), key=lambda row: -len(row[0][0])):
        if spelling:
            table[spelling[0]].append((spelling, word))
    return table


def _flat(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).lower().split())


def _name_at(
    flat: Squeezed,
    at: int,
    words: Mapping[str, list[tuple[str, _Word]]],
    found: list[Name],
) -> Name | None:
    for spelling, word in words.get(flat.text[at], ()):
        to = at + len(spelling)
        if (
            flat.text.startswith(spelling, at)
            and _may_begin(flat, at, spelling, found)
            and _may_end(flat, to, word, words)
        ):
            return Name(
                kind=word.kind,
                start=flat.places[at],
                end=flat.places[to - 1] + 1,
                at=at,
                to=to,
                value=word.value,
                systems=tuple(word.systems),
                weak=_is_weak(spelling, word),
            )
    return None


def _is_weak(spelling: str, word: _Word) -> bool:
    shared = len(word.systems) > 1 and len(spelling) <= 3
    return not word.official and (shared or len(spelling) <= 2)


def _may_begin(flat: Squeezed, at: int, spelling: str, found: list[Name]) -> bool:
    before = flat.text[at - 1 : at]
    if spelling[0].isascii() and before.isascii() and (before.isalnum() or before in tuple("-_./")):
        return flat.gap_before(at)
    if flat.gap_before(at) or not before.isalnum():
        return True
    if not spelling[0].isascii() and before.isascii():
        return True
    if not found:
        return False
    between = flat.text[found[-1].to : at]
    return bool(re.fullmatch(rf"(?:{_SUFFIX})?(?:{_PARTICLE})?", between))


def _may_end(
    flat: Squeezed, to: int, word: _Word, words: Mapping[str, list[tuple[str, _Word]]]
) -> bool:
    rest = flat.text[to:]
    if _is_something_else(rest, word, flat.text[to - 2 : to]):
        return False
    if flat.gap_before(to):
        return True
    if flat.text[to - 1].isascii() and rest[0].isascii():
        return _ascii_may_follow(rest, word)
    token = rest[: _token_length(flat, to)]
    if not token[0].isalnum() or _TAIL.fullmatch(re.split(r"[^\w]", token)[0]):
        return True
    if flat.text[to - 1].isascii() and word.kind is Kind.LAYER:
        return True
    return bool(_GOES_ON.match(rest)) or _another_begins(rest, words)


def _is_something_else(rest: str, word: _Word, spelled: str) -> bool:
    if word.kind is Kind.ENV:
        return bool(_NO_ENVIRONMENT.match(rest))
    if word.kind is Kind.LAYER:
        return bool(re.match(rf"(?:서버)?(?:{_NO_LAYER.pattern})", rest))
    return word.kind is Kind.SYSTEM and spelled == "결재" and bool(_NO_APPROVAL_SYSTEM.match(rest))


def _ascii_may_follow(rest: str, word: _Word) -> bool:
    if word.kind is Kind.LAYER:
        return not re.match(r"[a-z_.]|-[a-z]", rest) or rest == "."
    return not re.match(r"[a-z0-9_]|[-.][a-z0-9]", rest)


def _token_length(flat: Squeezed, start: int) -> int:
    end = start + 1
    while end < len(flat.text) and not flat.gap_before(end):
        end += 1
    return end - start


def _another_begins(rest: str, words: Mapping[str, list[tuple[str, _Word]]]) -> bool:
    after = re.sub(rf"^(?:{_PARTICLE})(?=.)", "", rest)
    return any(
        candidate.startswith(spelling)
        for candidate in (rest, after)
        for spelling, _ in _candidates(candidate, words)
    )


def _candidates(
    text: str, words: Mapping[str, list[tuple[str, _Word]]]
) -> Iterable[tuple[str, _Word]]:
    return [row for row in words.get(text[:1], []) if len(row[0]) >= 2]
