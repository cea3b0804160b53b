"""The target a text means: names found become at most one institution, system, layer, environment.

Owns: what implies what, and when the answer is that nobody can tell. A pair that the vocabulary
does not have is never corrected to one it has; two answers are no answer. Must not read a server
or know actions.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field, replace

from bot.core.domain.estate import Environment, Layer, NodeEntry, SystemEntry, Vocabulary
from bot.core.domain.intent import Selector
from intents.lexicon import Kind, lexicon_of
from intents.names import Name, find_hosts, find_names, gap_is_empty
from intents.near import find_near
from intents.nodes import Numbers, find_numbers
from intents.sr_numbers import with_numbers_spelled
from intents.which_layer import asks_which_layer

_SR = re.compile(r"(?<![a-z0-9-])sr[- ]?([0-9]{4})-([0-9]{1,6})(?![0-9a-z]|-[0-9a-z])", re.ASCII)
_NOT_SR = re.compile(r"\s*(?:번|건)?\s*(?:은|는|이|가)?\s*(?:말고|빼고|제외|아니)")
# A body of the state that the vocabulary does not have (or that this person may not see).
_STRANGER = re.compile(
    r"(?<![가-힣])([가-힣]{1,10}(?:부|청|처|위|공단|공사|위원회|진흥원|연구원|관리원|은행)"
    r"|해경|도공|수공|건보)(?:의|에서|쪽)?\s*$"
)
_JOINS = re.compile(r"\s*(?:시스템|서버)?\s*(?:이랑|랑|하고|과|와|및|그리고|and|,|/|·|&|\+)\s*")
_NO_STRANGER = re.compile(
    "요청|신청|전부|일부|내부|외부|부처|근처|대부|시청|대처|첨부|정부|각부|접수처|담당부|연락처|출처|조처|거부|여부|세부"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """What one text gives. ``doubtful`` names slots with more than one answer; ``offers``
    names that a misspelling may mean; ``rivals`` several targets that are named; ``masked`` is
    the text with every name replaced, for the rules that look for verbs."""

    selector: Selector = field(default_factory=Selector)
    sr: str | None = None
    doubtful: frozenset[str] = frozenset()
    numbers: Numbers = field(default_factory=Numbers)
    names: tuple[Name, ...] = ()
    stranger: bool = False
    offers: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()
    masked: str = ""

    @property
    def empty(self) -> bool:
        return self.selector == Selector() and self.sr is None and not self.names


def read_slots(text: str, vocabulary: Vocabulary) -> Slots:
    """The slots of one text (in the form ``phrase`` gives)."""
    text = with_numbers_spelled(text)
    hosts = find_hosts(text, vocabulary)
    more_follow = any(re.match(r"\s*[~,/]\s*\d", text[match.end() :]) for _, match in hosts)
    for _, match in hosts:
        text = text[: match.start()] + " " * len(match.group()) + text[match.end() :]
    names = find_names(text, vocabulary)
    names, offers = _with_misspelled(text, names, vocabulary)
    stranger = _has_stranger(text, names)
    selector, doubtful = _selector(text, names, vocabulary, stranger=stranger)
    numbers = find_numbers(_without(text, names, (Kind.INSTITUTION, Kind.SYSTEM)))
    if "layer" not in doubtful:
        selector = replace(selector, nodes=numbers.wanted)
    if hosts:
        if more_follow:  # "…-was01~03": the numbers behind the hostname belong to it
            selector, numbers = replace(selector, nodes=()), Numbers(vague=True)
        selector, doubtful = _by_hosts(selector, doubtful, [node for node, _ in hosts])
    sr, several = _service_request(text)
    return Slots(
        selector=selector,
        sr=sr,
        doubtful=doubtful | ({"sr"} if several else frozenset()),
        numbers=numbers,
        names=tuple(names),
        stranger=stranger,
        offers=() if selector.system else offers,
        rivals=() if selector.system or stranger else _rivals(text, names),
        masked=_without(text, names, (Kind.INSTITUTION, Kind.SYSTEM)),
    )


def settle_nodes(
    selector: Selector, numbers: Numbers, vocabulary: Vocabulary
) -> tuple[Selector, frozenset[str]]:
    """Exclusions and counts, which only the estate can turn into numbers."""
    siblings = _siblings(selector, vocabulary)
    doubt = frozenset({"nodes"})
    if numbers.vague:
        return replace(selector, nodes=()), doubt
    if numbers.excluded and not numbers.wanted:
        rest = tuple(number for number in siblings if number not in numbers.excluded)
        return (replace(selector, nodes=rest), frozenset()) if rest else (selector, doubt)
    if numbers.count is not None and not numbers.wanted:
        return selector, frozenset() if numbers.count == len(siblings) else doubt
    return selector, frozenset()


def _rivals(text: str, names: list[Name]) -> tuple[str, ...]:
    """The targets of a text that names more than one, as a person would say each of them."""
    meant = _without_excluded_pairs(text, names)
    institutions = [name for name in meant if name.kind is Kind.INSTITUTION]
    named = [name for name in meant if name.kind is Kind.SYSTEM]
    sure = _meant(named, text)
    systems = [
        system
        for system in named
        if system in sure or any(gap_is_empty(text, name, system) for name in institutions)
    ]
    called = dict.fromkeys(_called(text, system, institutions) for system in systems)
    if len(called) <= 1:
        called = dict.fromkeys(name.value for name in institutions)
    return tuple(called) if len(called) > 1 else ()


def _called(text: str, system: Name, institutions: list[Name]) -> str:
    beside = [name.value for name in institutions if gap_is_empty(text, name, system)]
    own = [entry.name for entry in system.systems if not beside or entry.institution == beside[-1]]
    name = own[0] if own else system.systems[0].name
    return f"{beside[-1]} {name}" if beside else name


def _siblings(selector: Selector, vocabulary: Vocabulary) -> tuple[int, ...]:
    institution, system, layer, env = (
        selector.institution,
        selector.system,
        selector.layer,
        selector.env,
    )
    if institution is None or system is None or layer is None or env is None:
        return ()
    return lexicon_of(vocabulary).siblings.get((institution, system, layer, env), ())


def _with_misspelled(
    text: str, names: list[Name], vocabulary: Vocabulary
) -> tuple[list[Name], tuple[str, ...]]:
    """The names with those that are misspelled, and what may be meant where that is not sure.

    Beside an exact pair a misspelled institution is only a word; a second system is asked about.
    """
    guesses = find_near(_without(text, names, tuple(Kind)), vocabulary, names)
    institutions = {name.value for name in names if name.kind is Kind.INSTITUTION}
    paired = any(
        entry.institution in institutions
        for name in names
        if name.kind is Kind.SYSTEM and not name.weak
        for entry in name.systems
    )
    sure = [
        guess.name
        for guess in guesses
        if guess.name and not (paired and guess.name.kind is Kind.INSTITUTION)
    ]
    offers = [offer for guess in guesses if not guess.name for offer in guess.offers]
    return sorted([*names, *sure], key=lambda name: name.start), tuple(dict.fromkeys(offers))


def target_of(
    institutions: list[str], systems: list[Name], text: str, *, institution_names: list[Name]
) -> tuple[str | None, str | None, frozenset[str]]:
    """Institution and system that the names agree on, and the slots on which they do not."""
    if len(institutions) > 1:
        return None, None, frozenset({"institution", "system"})
    if not systems:
        return (institutions[0] if institutions else None), None, frozenset()
    if institutions:
        return _within(institutions[0], systems, text, institution_names)
    return _anywhere(systems, text)


def _within(
    institution: str, systems: list[Name], text: str, institution_names: list[Name]
) -> tuple[str | None, str | None, frozenset[str]]:
    beside = [
        system
        for system in systems
        if any(gap_is_empty(text, name, system) for name in institution_names)
    ]
    strong = _meant(systems, text)
    spans = list(dict.fromkeys([*beside, *strong])) or systems
    found = [
        {entry.name for entry in span.systems if entry.institution == institution} for span in spans
    ]
    agreed = set.intersection(*found)
    if len(agreed) == 1:
        return institution, agreed.pop(), frozenset()
    return institution, None, frozenset({"system"})


def _meant(systems: list[Name], text: str) -> list[Name]:
    """The systems that no chance word is: a short name counts where it is joined to another."""
    joined = {
        name
        for pair in itertools.pairwise(systems)
        if _JOINS.fullmatch(text[pair[0].end : pair[1].start])
        for name in pair
    }
    return [system for system in systems if not system.weak or system in joined]


def _anywhere(systems: list[Name], text: str) -> tuple[str | None, str | None, frozenset[str]]:
    spans = _meant(systems, text) or systems
    agreed: set[tuple[str, str]] = set.intersection(*[_pairs(span.systems) for span in spans])
    if len(agreed) == 1:
        institution, system = agreed.pop()
        return institution, system, frozenset()
    names = {name for _, name in agreed}
    if len(names) == 1:
        return None, names.pop(), frozenset({"institution"})
    return None, None, frozenset({"institution", "system"})


def _pairs(systems: tuple[SystemEntry, ...]) -> set[tuple[str, str]]:
    return {(entry.institution, entry.name) for entry in systems}


def _selector(
    text: str, names: list[Name], vocabulary: Vocabulary, *, stranger: bool
) -> tuple[Selector, frozenset[str]]:
    meant = _without_excluded_pairs(text, names)
    institution_names = [name for name in meant if name.kind is Kind.INSTITUTION]
    systems = [name for name in meant if name.kind is Kind.SYSTEM]
    institutions = list(dict.fromkeys(name.value for name in institution_names))
    if stranger:
        institution, system, doubtful = None, None, frozenset({"institution", "system"})
    else:
        institution, system, doubtful = target_of(
            institutions, systems, text, institution_names=institution_names
        )
    layer, layers_doubtful = _layer(text, [name for name in meant if name.kind is Kind.LAYER])
    envs = {name.value for name in meant if name.kind is Kind.ENV}
    doubtful |= {"layer"} if layers_doubtful else set()
    doubtful |= {"env"} if len(envs) > 1 else set()
    return (
        Selector(
            institution=institution,
            system=system,
            layer=layer,
            env=Environment(envs.pop()) if len(envs) == 1 else None,
        ),
        frozenset(doubtful),
    )


def _layer(text: str, layers: list[Name]) -> tuple[Layer | None, bool]:
    numbered = [
        name for name in layers if re.match(r"\s*(?:서버)?\s*[-_#]?\s*\d", text[name.end :])
    ]
    if any(_is_joined(text, *pair) for pair in itertools.pairwise(layers)):
        return None, True  # "WAS/WEB 1번": nobody can tell whose number it is
    if layers and not numbered and asks_which_layer(text):
        return None, False  # "the web server or Tomcat?": neither is the target yet
    values = {name.value for name in numbered or layers}
    if len(values) == 1:
        return Layer(values.pop()), False
    return None, bool(values)


def _is_joined(text: str, left: Name, right: Name) -> bool:
    return left.value != right.value and bool(_JOINS.fullmatch(text[left.end : right.start]))


def _without_excluded_pairs(text: str, names: list[Name]) -> list[Name]:
    """Names that are meant. "행안부 주민등록 말고 법무부 통계": the first institution goes with its
    system."""
    gone = {name for name in names if name.excluded}
    others = {name.value for name in names if name.kind is Kind.INSTITUTION and name not in gone}
    for left, right in itertools.pairwise(names):
        pair = left.kind is Kind.INSTITUTION and right.kind is Kind.SYSTEM and right in gone
        if pair and len(others) > 1:
            gone.add(left)
    return [name for name in names if name not in gone]


def _has_stranger(text: str, names: list[Name]) -> bool:
    """Whether a body of the state that is not in the vocabulary stands before a system's name."""
    unnamed = _without(text, names, tuple(Kind))
    for name in names:
        if name.kind is Kind.SYSTEM and not name.excluded:
            match = _STRANGER.search(unnamed[: name.start])
            if match and not _NO_STRANGER.fullmatch(match[1]):
                return True
    return False


def _by_hosts(
    selector: Selector, doubtful: frozenset[str], hosts: list[NodeEntry]
) -> tuple[Selector, frozenset[str]]:
    places = {(node.institution, node.system, node.layer, node.env) for node in hosts}
    if len(places) > 1:
        return Selector(), doubtful | {"institution", "system", "layer", "env"}
    institution, system, layer, env = places.pop()
    told = (selector.institution, selector.system, selector.layer, selector.env)
    contradicts = any(
        said is not None and said != found
        for said, found in zip(told, (institution, system, layer, env), strict=True)
    )
    if contradicts or selector.nodes:
        return Selector(), doubtful | {"institution", "system", "nodes"}
    numbers = tuple(sorted({node.number for node in hosts}))
    chosen = Selector(institution=institution, system=system, layer=layer, env=env, nodes=numbers)
    return chosen, frozenset()


def _service_request(text: str) -> tuple[str | None, bool]:
    found = {
        f"SR-{match[1]}-{match[2]}"
        for match in _SR.finditer(text)
        if not _NOT_SR.match(text[match.end() :])
    }
    return (found.pop(), False) if len(found) == 1 else (None, bool(found))


def _without(text: str, names: list[Name], kinds: tuple[Kind, ...]) -> str:
    for name in names:
        if name.kind in kinds:
            text = text[: name.start] + "□" * (name.end - name.start) + text[name.end :]
    return text
