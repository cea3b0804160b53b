"""Names of the estate in a text: institutions, systems, layers, environments, hostnames.

Owns: finding them however they are spaced or inflected, where a name may begin and end, and
which of them are excluded ("말고"). Must not decide which target is meant (``resolve``).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from bot.core.domain.estate import NodeEntry, SystemEntry, Vocabulary
from intents.lexicon import Kind, Word, Words, lexicon_of
from intents.phrase import Squeezed, squeeze

__all__ = ["Kind", "Name", "ends_name", "find_hosts", "find_names", "gap_is_empty", "is_excluded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """One name found. ``start`` and ``end`` are places in the text, ``at`` and ``to`` in the
    squeezed text. ``weak``: so short that it may be an ordinary word; ``code``: an abbreviation
    that means an institution only right before its system; ``spelled`` as it stands there."""

    kind: Kind
    start: int
    end: int
    at: int
    to: int
    value: str = ""
    systems: tuple[SystemEntry, ...] = ()
    weak: bool = False
    code: bool = False
    excluded: bool = False
    spelled: str = ""


_PARTICLE = (
    "이랑|랑|하고|에서는|에서도|에서만|에서|에는|에도|에만|에선|엔|에게|에다가|에다|에|으로|로|은|는|이고|이며"
    "|이야|이에요|인데|입니다|이|가|을|를|의|와|과|도|만|까지|부터|말고|빼고|제외하고|제외|예요|야|요|건|거|용"
    "|내|들|고"
)
_SUFFIX = (
    "시스템|서버|웹서버|쪽|측|계|기|망|환경|장비|노드|단|관련|담당|기관|전체|전부|모두|다|둘다"
    "|꺼|거|것|껀|껄|건|먼저"
)


def _longest_first(words: str) -> str:
    return "|".join(sorted(words.split("|"), key=len, reverse=True))


# Possessive: no text makes it slow.
_TAIL = re.compile(rf"(?:{_longest_first(_SUFFIX)})*+(?:{_longest_first(_PARTICLE)})*+")
_GOES_ON = re.compile(
    "재기동|재시작|배포|반영|롤백|백업|헬스|상태|로그|디스크|점검|확인|접속|정보|서버|인증서|락|세션|톰캣|메모리"
    "|에러|장애|보안|설정|용량|자원|조회|살아|기동|중지|시작|재배포|패치|업로드|크론|배치|큐|sr|cpu|아이피|ip"
    "|[0-9]|#|시스템"
)
# Where a whole sentence is written without spaces, these too may follow a name.
_RUNS_ON = re.compile(
    rf"(?:{_PARTICLE})?(?:{_GOES_ON.pattern}|[a-z]|웹(?!사이트|페이지|툰|하드)|와스|디비"
    rf"|[일이삼사오육칠팔구]번|첫|어제|오늘|최근|지난|이번|지금|현재"
    r"|전체|모두|전부|다시|배치|무중단|파일|이미지|소스|담당자|미처리|실패|인터페이스|트랜잭션|누가|누구|왜|얼마|몇|내역|이력|목록"
    r"|타임라인|열린|포트|무결성|기준값|방화벽|접근|사양|스펙|죽|느려|안열|살려|꺼|켜|내려|올려|하드|램|씨피유|힙|부하|파티션|공간"
    r"|덤프|복구|원복|되돌|티켓|승인|감사|남은|밀린|어떻게|언제|뭐)"
)
_SPOKEN_NUMBER = re.compile("[일이삼사오육칠팔구]번")
_EXCLUDES = re.compile(
    rf"(?:{_SUFFIX})?(?:은|는|이|가|을|를)?(?:말고|빼고|빼|제외|아니라|아니고|아니야|아닌|아님)"
)
_CORRECTS = re.compile(
    rf"(?:{_SUFFIX})?(?:{_PARTICLE})?[\s.,…~-]*(?:(?:아+|앗|어+|음+|참)[\s,.]*)?"
    r"(?:아니(?:지|다|야|요|에요|참)?|아냐|정정)[\s,.…~]+"
)
# Words behind an environment's name that make it something else: a team, a finished development.
_NO_ENVIRONMENT = re.compile(
    "팀|자|담당|체제|사업|비용|중|하|되|된|한|했|해|완료|지원|계획|내용|요청|산출물|부서|사에|후에|결과|매뉴얼|인력"
    "|시간|소스|건을|건은|본부|업체"
)
_NO_LAYER = re.compile("프로세스|사이트|페이지|로직|투비|소켓|브라우저|팀|담당|관리자|상에서")
_BEFORE_THE_VERB = ("what", "who", "which", "there", "that", "when", "how")
_BEHIND_THE_VERB = re.compile(
    "deployed|restarted|rolled|stopped|started|done|changed|released|killed|approved|fixed|not"
    "|successful|last(?:week|night|month)"
)
# "홈택스2", "홈택스-old", "홈택스*": no system of that name; but "홈택스2번", "홈택스-was01".
_OTHER_SYSTEM = re.compile(
    r"[0-9]+(?![0-9]|번|호|대|기|월|일|년|시|분|초|주|개|건|차|[~,/.#-])|[%*]"
    r"|-(?!was|web|db|prod|dev|st|운영|개발)[a-z]"
)
_NOT_BEFORE = re.compile(r"(?:not|non-?)(?:on|the|in)?$")
_NO_APPROVAL_SYSTEM = re.compile("규칙|단계|라인|절차|받|없이|올")


def find_names(text: str, vocabulary: Vocabulary) -> list[Name]:
    """Every name in a text, left to right, never two at one place."""
    flat = squeeze(text)
    words = lexicon_of(vocabulary).words
    found: list[Name] = []
    at = 0
    while at < len(flat.text):
        name = _name_at(flat, at, words, found)
        if name is None:
            at += 1
        else:
            found.append(name)
            at = name.to
    named = [name for name in found if not name.code or _is_in_its_place(text, name, found)]
    corrected = _taken_back(text, named)
    return [replace(name, excluded=name in corrected or _is_left_out(flat, name)) for name in named]


def _taken_back(text: str, names: list[Name]) -> set[Name]:
    """Names that the next one puts right: "농진청… 아니 산림청"."""
    gone: set[Name] = set()
    for at, (left, right) in enumerate(itertools.pairwise(names)):
        if not _CORRECTS.fullmatch(text[left.end : right.start]):
            continue
        pair = {Kind.INSTITUTION, Kind.SYSTEM}
        if left.kind is right.kind or {left.kind, right.kind} == pair:
            gone.add(left)
        before = names[at - 1] if at else None
        whole = left.kind is Kind.SYSTEM and right.kind is Kind.INSTITUTION
        if whole and before and before.kind is Kind.INSTITUTION:
            gone.add(before)
    return gone


def _is_left_out(flat: Squeezed, name: Name) -> bool:
    negated = name.kind is Kind.ENV and bool(_NOT_BEFORE.search(flat.text[: name.at][-12:]))
    return negated or is_excluded(flat, name.to)


def is_excluded(flat: Squeezed, to: int) -> bool:
    """Whether the name that ends at ``to`` is named only to be left out."""
    return bool(_EXCLUDES.match(flat.text, to))


def is_anothers(flat: Squeezed, to: int) -> bool:
    """Whether a system's name that ends at ``to`` is only the beginning of another name."""
    return not flat.gap_before(to) and bool(_OTHER_SYSTEM.match(flat.text, to))


def ends_name(flat: Squeezed, to: int) -> bool:
    """Whether nothing but particles follows up to the next white space or sign."""
    token = re.split(r"[^\w]", flat.text[to : to + _token_length(flat, to)])[0]
    return flat.gap_before(to) or bool(_TAIL.fullmatch(token))


def _is_in_its_place(text: str, code: Name, found: list[Name]) -> bool:
    """Whether a code stands where it is no ordinary word: an institution's before its system, a
    system's beside an environment or a layer ("hometax stage was")."""
    if code.kind is Kind.SYSTEM:
        return any(
            name.kind in (Kind.ENV, Kind.LAYER)
            and (gap_is_empty(text, code, name) or gap_is_empty(text, name, code))
            for name in found
        )
    return any(
        name.kind is Kind.SYSTEM and name.start >= code.end and gap_is_empty(text, code, name)
        for name in found
    )


def find_hosts(text: str, vocabulary: Vocabulary) -> list[tuple[NodeEntry, re.Match[str]]]:
    """Nodes that are called by their hostname."""
    nodes = lexicon_of(vocabulary).hosts
    return [
        (nodes[match.group()], match)
        for match in re.finditer(r"(?<![a-z0-9.-])[a-z0-9][a-z0-9.-]*[a-z0-9]", text)
        if match.group() in nodes
    ]


def gap_is_empty(text: str, left: Name, right: Name) -> bool:
    """Whether nothing but a particle stands between two names."""
    between = text[left.end : right.start]
    return left.end <= right.start and bool(
        re.fullmatch(rf"\s*(?:{_PARTICLE})?\s*[(\[-]?\s*", between)
    )


def _name_at(
    flat: Squeezed,
    at: int,
    words: Words,
    found: list[Name],
) -> Name | None:
    for spelling, word in words.get(flat.text[at], ()):
        to = at + len(spelling)
        if (
            flat.text.startswith(spelling, at)
            and _may_begin(flat, at, spelling, found)
            and _may_end(flat, to, word, words, runs_on=_runs_on(flat, at, found))
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
                code=word.code,
                spelled=spelling,
            )
    return None


def _runs_on(flat: Squeezed, at: int, found: list[Name]) -> bool:
    """Whether no white space stands between the name found last and what begins here."""
    return bool(found) and not any(
        flat.gap_before(place) for place in range(found[-1].to, at + 1) if place
    )


def _is_weak(spelling: str, word: Word) -> bool:
    shared = len(word.systems) > 1 and len(spelling) <= 3
    return not word.official and (shared or len(spelling) <= 2)


def _may_begin(flat: Squeezed, at: int, spelling: str, found: list[Name]) -> bool:
    before = flat.text[at - 1 : at]
    if before == "/" and found and found[-1].kind is Kind.LAYER and found[-1].to == at - 1:
        return True  # "WAS/WEB"
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


def _may_end(flat: Squeezed, to: int, word: Word, words: Words, *, runs_on: bool) -> bool:
    rest = flat.text[to:]
    if _is_something_else(flat, to, word):
        return False
    if flat.gap_before(to):
        return True
    if runs_on and word.kind is Kind.LAYER and not flat.text[to - 1].isascii():
        return len(_spelled_layer(flat, to)) > 1 or bool(_RUNS_ON.match(rest))
    if flat.text[to - 1].isascii() and rest[0].isascii():
        return _ascii_may_follow(rest, word)
    token = re.split(r"[^\w]", rest[: _token_length(flat, to)])[0]
    counted = word.kind is Kind.LAYER and (
        flat.text[to - 1].isascii() or _SPOKEN_NUMBER.match(rest)
    )
    if not rest[0].isalnum() or _TAIL.fullmatch(token) or counted:
        return True
    goes_on = _GOES_ON.match(rest) or (runs_on and _RUNS_ON.match(rest))
    return bool(goes_on) or _another_begins(rest, words)


def _spelled_layer(flat: Squeezed, to: int) -> str:
    """A layer's Korean name before that place: "웹" may begin another word, "와스" does not."""
    return "와스" if flat.text[:to].endswith(("와스", "디비", "베이스")) else "웹"


def _is_english_verb(flat: Squeezed, to: int) -> bool:
    """Whether a "was" is the verb: "what was deployed", but not "restart the was"."""
    before, behind = flat.text[: to - 3], flat.text[to:]
    return before.endswith(_BEFORE_THE_VERB) or bool(_BEHIND_THE_VERB.match(behind))


def _is_something_else(flat: Squeezed, to: int, word: Word) -> bool:
    rest = flat.text[to:]
    if word.kind is Kind.ENV:
        return bool(_NO_ENVIRONMENT.match(rest))
    if word.kind is Kind.LAYER:
        no_layer = re.match(rf"(?:서버)?(?:{_NO_LAYER.pattern})", rest)
        return bool(no_layer) or (flat.text.endswith("was", 0, to) and _is_english_verb(flat, to))
    if word.kind is Kind.SYSTEM and is_anothers(flat, to):
        return True
    approval = flat.text.endswith("결재", 0, to) and _NO_APPROVAL_SYSTEM.match(rest)
    return word.kind is Kind.SYSTEM and bool(approval)


def _ascii_may_follow(rest: str, word: Word) -> bool:
    if word.kind is Kind.LAYER:
        return not re.match(r"[a-z_.]|-[a-z]", rest) or rest == "."
    return not re.match(r"[a-z0-9_]|[-.][a-z0-9]", rest)


def _token_length(flat: Squeezed, start: int) -> int:
    end = start + 1
    while end < len(flat.text) and not flat.gap_before(end):
        end += 1
    return end - start


def _another_begins(rest: str, words: Words) -> bool:
    after = re.sub(rf"^(?:{_PARTICLE})(?=.)", "", rest)
    return any(
        candidate.startswith(spelling)
        for candidate in (rest, after)
        for spelling, _ in _candidates(candidate, words)
    )


def _candidates(text: str, words: Words) -> Iterable[tuple[str, Word]]:
    return [row for row in words.get(text[:1], []) if len(row[0]) >= 2]
