"""The target of a command: the names, numbers and hostnames in it, and every word that is none.

Owns: that nothing in a target is passed over. The names are found by the same code as in talk; a
misspelled one is offered, never taken.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.core.domain.estate import Vocabulary
from bot.core.domain.intent import Selector
from intents.names import Kind, Name, find_hosts
from intents.resolve import Slots, read_slots, settle_nodes

# What may stand between names and numbers without meaning anything of its own.
_FILLING = re.compile(
    r"□+|#|[,/~·&+()-]|(?<![0-9])[0-9]{1,3}(?:\s*(?:번기|번째|번|호기|호))?(?![0-9a-z])"
    r"|(?<![가-힣])(?:시스템|서버|노드|계층|환경|전체|전부|모두|둘다|다|빼고|빼|제외하고|제외|말고|부터|까지"
    r"|이랑|랑|하고|및|와|과|의|에서|에|만|은|는|계|기|망|대)+(?![가-힣])"
    r"|(?<![a-z])(?:all|and|except|system|server|node)(?![a-z])"
)
_ENVIRONMENTS = r"prod|stage|dev|stg|prd"
_LAYERS = r"was|web|db"
_REST_OF_HOST = re.compile(
    rf"-(?:(?P<env>{_ENVIRONMENTS})-)?(?P<layer>{_LAYERS})-?0*(?P<number>[0-9]{{1,3}})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What a target comes to. ``misspelled``: the target with its near miss put right;
    ``unsettled``: slots that its words leave open although they speak of them."""

    selector: Selector = field(default_factory=Selector)
    doubtful: frozenset[str] = frozenset()
    unsettled: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    misspelled: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()
    empty: bool = False


def read_aim(words: Sequence[str], vocabulary: Vocabulary) -> Aim:
    """The target that these words name."""
    if not words:
        return Aim(empty=True)
    text = unicodedata.normalize("NFKC", " ".join(words)).lower()
    text = " ".join(_host_as_words(word, vocabulary) for word in text.split())
    slots = read_slots(text, vocabulary)
    selector, unsettled = settle_nodes(slots.selector, slots.numbers, vocabulary)
    near = [name for name in slots.names if not name.spelled]
    return Aim(
        selector=selector,
        doubtful=slots.doubtful,
        unsettled=tuple(sorted(unsettled | (slots.doubtful & {"layer", "env", "nodes"}))),
        unknown=_unknown(text, slots, vocabulary),
        misspelled=(_put_right(text, near),) if near else (),
        offers=slots.offers,
        rivals=slots.rivals,
    )


def _host_as_words(word: str, vocabulary: Vocabulary) -> str:
    """ "moef-budget-was1": a system's code with layer and number behind it, as words."""
    if any(node.node_id.lower() == word for node in vocabulary.nodes):
        return word
    for system in vocabulary.systems:
        code = system.code.lower()
        match = _REST_OF_HOST.fullmatch(word, len(code)) if word.startswith(code) else None
        if match is not None:
            return " ".join(filter(None, (code, match["env"], match["layer"], match["number"])))
    return word


def _unknown(text: str, slots: Slots, vocabulary: Vocabulary) -> tuple[str, ...]:
    """The words that are no name, no number, and not what stands between those."""
    for _, match in find_hosts(text, vocabulary):
        text = text[: match.start()] + "□" * len(match.group()) + text[match.end() :]
    for name in slots.names:
        text = text[: name.start] + "□" * (name.end - name.start) + text[name.end :]
    return tuple(_FILLING.sub(" ", text).split())


def _put_right(text: str, near: Sequence[Name]) -> str:
    for name in sorted(near, key=lambda one: -one.start):
        meant = name.value if name.kind is Kind.INSTITUTION else name.systems[0].name
        text = f"{text[: name.start]}{meant}{text[name.end :]}"
    return text
