"""One message, read: what of it asks for something, what it names, and which action that is.

Owns: that news beside a request say what the request is about, and never what is to be changed.
Must not know earlier messages, rights or wording.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from bot.core.domain.intent import Utterance
from intents.agreement import READS, labelled
from intents.guard import asks_something, is_report, requests_in
from intents.phrase import Phrase, sentences
from intents.resolve import Slots, read_slots
from intents.scenes import called_by_id, scene_of
from intents.taken_back import is_taken_back, only_forbids
from intents.verbs import Verdict, decide

# What became of a request is told: it is not the one that is now meant to be deployed.
_SPENT = re.compile(r"배포|반영|나[갔간]|(?:올|내)[렸려]|완료|끝[났냈]|패치|deploy")
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
    live = "" if _is_called_off(phrase, utterance) else requests_in(phrase.text)
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
    if verdict.action is not None and slots.sr is None and whole.sr:
        slots = _with_request(slots, whole, verdict, phrase)
    said = Said(phrase=phrase, live=live, slots=slots, verdict=verdict, told=told)
    unsaid = verdict.action is None and not (verdict.mentioned or verdict.doubtful)
    return _about_the_news(said, utterance) if told and unsaid and asks_something(live) else said


def _is_called_off(phrase: Phrase, utterance: Utterance) -> bool:
    """Whether a message of its own asks for nothing in the end; an answer may well forbid."""
    if utterance.pending is not None or utterance.thread or utterance.planned is not None:
        return False
    bans = not utterance.files and only_forbids(requests_in(phrase.text))
    return bans or is_taken_back(phrase.text)


def _with_request(slots: Slots, whole: Slots, verdict: Verdict, phrase: Phrase) -> Slots:
    """ "SR-2026-0434 is out and broken. Roll 해경 back": the number stands in the news."""
    news = " ".join(part for part in sentences(phrase.text) if is_report(part))
    spent = verdict.action == "deploy" and _SPENT.search(news)
    return slots if spent else replace(slots, sr=whole.sr)


def _about_the_news(said: Said, utterance: Utterance) -> Said:
    """ "It is slow. Have a look, please": what is looked at stands in the news."""
    slots = replace(said.slots, masked=said.told)
    scene = replace(scene_of(slots, said.phrase.text, utterance), wishes="")
    verdict = decide(scene)
    looks = labelled(verdict.action or "", verdict.operation or "") in READS
    return replace(said, slots=slots, verdict=verdict) if looks else said
