"""Asking for what is missing, one thing at a time.

Owns: which slot is asked for first and which answers are offered. Pure: the choices come from
the vocabulary, which holds only what the asking person may see.
"""

from __future__ import annotations

from collections.abc import Iterable

from bot.core.domain.conversation import Click, Mention
from bot.core.domain.estate import Environment, Layer, NodeEntry, Vocabulary
from bot.core.domain.intent import Choice, Clarification, Intent, Selector
from bot.core.texts import Texts

_ORDER = ("institution", "system", "env", "layer", "nodes", "sr", "files")
# Parameters with so few values that each gets a button; what it says is understood as the value.
_VALUES = {
    "approver_role": ("sm_lead", "pm"),
    "job": ("db_backup", "log_cleanup", "health_check"),
}
_MOST_CHOICES = 8  # more buttons than this is a list that nobody reads
_MOST_NODES = 6  # and one more button: all of them
_CLOSED_SR = frozenset({"배포완료", "반려"})


def question_for(intent: Intent, vocabulary: Vocabulary, texts: Texts) -> Clarification:
    """The question for the first missing slot, with buttons where the choices are few."""
    slot = first_missing(intent.missing)
    choices = _choices(slot, intent.selector, vocabulary, texts)
    key = f"ask.{slot}" if texts.has(f"ask.{slot}") else "ask.other"
    return Clarification(
        question=texts.say(key, slot=slot),
        choices=tuple(choices) if len(choices) <= _MOST_CHOICES else (),
        partial=intent,
    )


def first_missing(missing: Iterable[str]) -> str:
    """The slot to ask for first; what narrows the rest comes first."""
    slots = tuple(missing)
    return next((slot for slot in _ORDER if slot in slots), slots[0])


def _choices(slot: str, selector: Selector, vocabulary: Vocabulary, texts: Texts) -> list[Choice]:
    if slot == "institution":
        names = [
            system.institution
            for system in vocabulary.systems
            if selector.system in (None, system.name)
        ]
    elif slot == "system":
        names = [
            system.name
            for system in vocabulary.systems
            if selector.institution in (None, system.institution)
        ]
    elif slot == "sr":
        return _sr_choices(selector, vocabulary)
    elif slot in ("env", "layer"):
        return _node_choices(slot, selector, vocabulary, texts)
    elif slot == "nodes":
        return _number_choices(selector, vocabulary, texts)
    elif slot in _VALUES:
        names = [texts.say(f"ask.value.{value}") for value in _VALUES[slot]]
    else:
        names = []
    return [Choice(label=name, value=name) for name in dict.fromkeys(names)]


def _sr_choices(selector: Selector, vocabulary: Vocabulary) -> list[Choice]:
    return [
        Choice(label=f"{sr.sr_id} {sr.title}", value=sr.sr_id)
        for sr in vocabulary.srs
        if sr.status not in _CLOSED_SR
        and selector.institution in (None, sr.institution)
        and selector.system in (None, sr.system)
    ]


def _node_choices(
    slot: str, selector: Selector, vocabulary: Vocabulary, texts: Texts
) -> list[Choice]:
    nodes = [node for node in vocabulary.nodes if _fits(node, selector, slot)]
    known: Iterable[Environment | Layer] = Environment if slot == "env" else Layer
    found = {node.env if slot == "env" else node.layer for node in nodes}
    values = [value.value for value in known if value in found]  # production first
    return [
        Choice(label=texts.say(f"{slot}.{value}"), value=texts.say(f"{slot}.{value}"))
        for value in values
    ]


def _number_choices(selector: Selector, vocabulary: Vocabulary, texts: Texts) -> list[Choice]:
    """Each node and all of them, where it is known of which layer and environment."""
    if None in (selector.institution, selector.system, selector.layer, selector.env):
        return []
    numbers = sorted({node.number for node in vocabulary.nodes if _fits(node, selector, "")})
    if not 1 < len(numbers) <= _MOST_NODES:
        return []
    said = [texts.say("ask.node", number=number) for number in numbers]
    return [Choice(label=text, value=text) for text in (*said, texts.say("ask.all_nodes"))]


def _fits(node: NodeEntry, selector: Selector, slot: str) -> bool:
    return (
        selector.institution in (None, node.institution)
        and selector.system in (None, node.system)
        and (slot == "layer" or selector.layer in (None, node.layer))
        and (slot == "env" or selector.env in (None, node.env))
    )


def as_answer(click: Click) -> Mention | None:
    """A chosen answer is a message of the person who pressed it; None: it is no answer."""
    if click.button != "choose":
        return None
    return Mention(
        event_id=click.event_id,
        sender=click.sender,
        conversation=click.conversation,
        text=click.value,
        files=(),
        at=click.at,
    )
