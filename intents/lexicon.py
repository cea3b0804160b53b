"""Everything a vocabulary lets a text say, arranged for looking up.

Owns: the spellings of names (official, alias, code), the near misses they are open to, hostnames
and sibling nodes; built once per vocabulary and kept for the latest few. Must not read a text.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bot.core.domain.estate import Environment, Layer, NodeEntry, SystemEntry, Vocabulary


class Kind(StrEnum):
    INSTITUTION = "institution"
    SYSTEM = "system"
    LAYER = "layer"
    ENV = "env"


@dataclass(slots=True)
class Word:
    """One spelling. ``official``: no mere alias; ``code``: it may be something else, and
    counts only beside what it belongs to."""

    kind: Kind
    value: str = ""
    systems: list[SystemEntry] = field(default_factory=list)
    official: bool = False
    code: bool = False


Words = Mapping[str, list[tuple[str, Word]]]
Place = tuple[str, str, Layer, Environment]

_FIXED: Mapping[Kind, Mapping[str, str]] = {
    Kind.ENV: {
        Environment.PROD: "운영 실운영 prod production prd 상용 라이브 실서버",
        Environment.STAGE: "스테이징 스테이지 staging stage stg 검증",
        Environment.DEV: "개발 dev development",
    },
    Kind.LAYER: {
        Layer.WAS: "was 와스",
        Layer.WEB: "web 웹",
        Layer.DB: "db 디비 데이터베이스 database",
    },
}
_KEPT = 16  # vocabularies: people with different rights who write at the same time
_SHORTEST_CODE = 3  # "ME" and "EX" are codes of institutions, and English words
_SHORT_CODE = 3
_SHORTEST_OF_SYSTEM = 5  # letters; shorter ends of codes are English words too often
_SHORTEST_NEAR = 3  # syllables; a shorter name has ordinary words for neighbours
# Syllables of a name that one of them may drop out of; bodies of the state are named too alike.
_SHORTEST_SLIPPED = {Kind.SYSTEM: 5, Kind.INSTITUTION: 6}
_TWO_SLIPS = 6  # syllables from which two of them may be misspelled


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """``words`` by first character, longest first. ``near`` by a spelling with one or two
    syllables blanked out (``?``), ``slipped`` by one with a syllable dropped or typed
    twice. ``siblings``: node numbers by place."""

    words: Words
    near: Mapping[str, tuple[tuple[str, Word], ...]]
    slipped: Mapping[str, tuple[tuple[str, Word], ...]]
    lengths: tuple[int, ...]
    hosts: Mapping[str, NodeEntry]
    siblings: Mapping[Place, tuple[int, ...]]


_latest: list[tuple[Vocabulary, Lexicon]] = []


def lexicon_of(vocabulary: Vocabulary) -> Lexicon:
    """The lexicon of a vocabulary, built when it is first seen."""
    rows = tuple(_latest)
    lexicon = next((found for known, found in rows if known is vocabulary), None)
    if lexicon is not None:
        return lexicon
    # Read anew from the database it is another object with the same names: compared once.
    lexicon = next((found for known, found in rows if known == vocabulary), None)
    if lexicon is None:
        lexicon = _built(vocabulary)
    _latest.insert(0, (vocabulary, lexicon))
    del _latest[_KEPT:]
    return lexicon


def blanked(spelling: str) -> Iterable[str]:
    """The spelling with one syllable blanked out each time; a long one also with two."""
    places = range(len(spelling))
    for place in places:
        yield f"{spelling[:place]}?{spelling[place + 1 :]}"
    if len(spelling) >= _TWO_SLIPS:
        for one, two in itertools.combinations(places, 2):
            yield f"{spelling[:one]}?{spelling[one + 1 : two]}?{spelling[two + 1 :]}"


def dropped_or_doubled(spelling: str) -> Iterable[str]:
    """The spelling without one of its inner syllables, and with one of them typed twice. The first
    and the last are kept: without its last syllable a ministry is a field ("국토교통")."""
    for place in range(1, len(spelling) - 1):
        yield spelling[:place] + spelling[place + 1 :]
        yield spelling[:place] + spelling[place] + spelling[place:]


def _built(vocabulary: Vocabulary) -> Lexicon:
    words = _spellings(vocabulary)
    near: dict[str, list[tuple[str, Word]]] = defaultdict(list)
    slipped: dict[str, list[tuple[str, Word]]] = defaultdict(list)
    lengths = set()
    for (spelling, kind), word in words.items():
        named = kind in (Kind.INSTITUTION, Kind.SYSTEM)
        if named and len(spelling) >= _SHORTEST_NEAR and _is_hangul(spelling):
            lengths.add(len(spelling))
            for key in blanked(spelling):
                near[key].append((spelling, word))
            if len(spelling) < _SHORTEST_SLIPPED[kind]:
                continue
            for key in dropped_or_doubled(spelling):
                if (spelling, word) not in slipped[key]:
                    slipped[key].append((spelling, word))
                lengths.add(len(key))
    siblings: dict[Place, set[int]] = defaultdict(set)
    for node in vocabulary.nodes:
        siblings[(node.institution, node.system, node.layer, node.env)].add(node.number)
    return Lexicon(
        words=_by_first_character(words),
        near={key: tuple(rows) for key, rows in near.items()},
        slipped={key: tuple(rows) for key, rows in slipped.items()},
        lengths=tuple(sorted(lengths, reverse=True)),
        hosts={node.node_id.lower(): node for node in vocabulary.nodes},
        siblings={place: tuple(sorted(numbers)) for place, numbers in siblings.items()},
    )


def _spellings(vocabulary: Vocabulary) -> dict[tuple[str, Kind], Word]:
    words: dict[tuple[str, Kind], Word] = {}
    for institution in vocabulary.institutions:
        # A commission is called without its last two syllables: "국민권익위".
        name = institution.name
        short = (name[:-2],) if name.endswith("위원회") and len(name) > len("위원회") + 1 else ()
        for name in (institution.name, *institution.aliases, *short):
            words.setdefault(
                (_flat(name), Kind.INSTITUTION), Word(Kind.INSTITUTION, institution.name)
            )
    for system in vocabulary.systems:
        for name in (system.name, *system.aliases, system.code):
            word = words.setdefault((_flat(name), Kind.SYSTEM), Word(Kind.SYSTEM))
            if system not in word.systems:
                word.systems.append(system)
            word.official = word.official or name in (system.name, system.code)
    for kind, table in _FIXED.items():
        for value, spellings in table.items():
            words |= {(spelling, kind): Word(kind, value) for spelling in spellings.split()}
    taken = frozenset(spelling for spelling, _ in words)
    return _codes(vocabulary, taken) | _short_codes(vocabulary, taken) | words


def _short_codes(vocabulary: Vocabulary, taken: frozenset[str]) -> dict[tuple[str, Kind], Word]:
    """What people who write English call a system: "hometax" of the code NTS-HOMETAX."""
    systems: dict[str, list[SystemEntry]] = defaultdict(list)
    for system in vocabulary.systems:
        systems[_flat(system.code).rpartition("-")[2]].append(system)
    return {
        (short, Kind.SYSTEM): Word(Kind.SYSTEM, systems=rows, official=True, code=True)
        for short, rows in systems.items()
        if len(rows) == 1
        and len(short) >= _SHORTEST_OF_SYSTEM
        and short.isalpha()
        and short not in taken
    }


def _codes(vocabulary: Vocabulary, taken: frozenset[str]) -> dict[tuple[str, Kind], Word]:
    codes = ((_flat(entry.code), entry.name) for entry in vocabulary.institutions)
    return {
        (code, Kind.INSTITUTION): Word(Kind.INSTITUTION, name, code=len(code) <= _SHORT_CODE)
        for code, name in codes
        if len(code) >= _SHORTEST_CODE and code not in taken
    }


def _by_first_character(
    words: Mapping[tuple[str, Kind], Word],
) -> dict[str, list[tuple[str, Word]]]:
    table: dict[str, list[tuple[str, Word]]] = defaultdict(list)
    for (spelling, _), word in sorted(words.items(), key=lambda row: -len(row[0][0])):
        if spelling:
            table[spelling[0]].append((spelling, word))
    return table


def _flat(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).lower().split())


def _is_hangul(spelling: str) -> bool:
    return all("가" <= character <= "힣" for character in spelling)
