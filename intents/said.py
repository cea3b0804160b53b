"""One message, read: what of it asks for something, what it names, and which action that is.

Owns: that news beside a request say what the request is about, and never what is to be changed.
Must not know earlier messages, rights or wording.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from bot.core.domain.intent import Utterance
from intents.agreement import READS, labelled
from intents.guard import asks_something, requests_in
from intents.phrase import Phrase
from intents.resolve import Slots, read_slots
from intents.scenes import called_by_id, scene_of
from intents.verbs import Verdict, decide

_BARE_NUMBERS = re.compile(r"^\s*\d{1,2}(?:\s*[,~]\s*\d{1,2})*\s*$", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """``live``: the text without news. ``told``: the whole of it with names masked, where the
    target is named beside the news; empty where the request names its own."""

    phrase: Phrase
    live: str
    slots: Slots
    verdict: Verdict
    told: str = ""


def read_said(phrase: Phrase, utterance: Utterance) -> Said:
    """What a message says, names, and asks for."""
    live = requests_in(phrase.text)
    slots = read_slots(live, utterance.vocabulary)
    whole = slots if live == phrase.text else read_slots(phrase.text, utterance.vocabulary)
    told = ""
    if not any(name.systems or name.kind == "institution" for name in slots.names):
        told = "" if whole is slots else whole.masked
        slots = replace(whole, masked=slots.masked)
    pending = utterance.pending
    if pending is not None and _BARE_NUMBERS.match(live) and "pid" not in pending.missing:
        slots = read_slots(f"{live}번", utterance.vocabulary)
    verdict = called_by_id(slots.masked) or decide(scene_of(slots, live, utterance, told=told))
    said = Said(phrase=phrase, live=live, slots=slots, verdict=verdict, told=told)
    unsaid = verdict.action is None and not (verdict.mentioned or verdict.doubtful)
    return _about_the_news(said, utterance) if told and unsaid and asks_something(live) else said


def _about_the_news(said: Said, utterance: Utterance) -> Said:
    """ "It is slow. Have a look, please": what is looked at stands in the news."""
    slots = replace(said.slots, masked=said.told)
    scene = replace(scene_of(slots, said.phrase.text, utterance), wishes="")
    verdict = decide(scene)
    looks = labelled(verdict.action or "", verdict.operation or "") in READS
    return replace(said, slots=slots, verdict=verdict) if looks else said
