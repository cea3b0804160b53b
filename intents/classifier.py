"""The classifier as a source of understanding: what a text is likely to ask for, in milliseconds.

Owns: when the model is made, read and kept. It sees the text with every name of the estate masked,
so that it learns what is wanted and never of whom. Must not import what is heavy before the first
question, and must not stop anybody when it cannot be made.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from bot.core.domain.intent import NONE, Source, Utterance
from intents.agreement import ACTS, ACTS_ON_NAMED, READS, label_of
from intents.guard import asks_something, requests_in
from intents.phrase import LONGEST, read_phrase
from intents.proposal import Proposal
from intents.resolve import Slots, read_slots
from intents.shelf import Shelf
from intents.wording import canonical
from prompts import load_examples

if TYPE_CHECKING:
    from intents.linear import LinearModel

_log = structlog.get_logger(__name__)
# Kinds of systems that requests are made of: an ESB has queues, a MES quality data.
_KINDS = (("esb", re.compile("esb")), ("mes", re.compile("mes|엠이에스")))
_OFFERED = 3  # how many alternatives a question can show


class Classifier:
    """``Proposer`` by character n-grams over a linear model.

    ``cache``: folder that keeps the trained model; None trains once in every process.
    """

    def __init__(
        self, *, cache: Path | None = None, examples: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self._shelf = Shelf(cache)
        self._examples = examples
        self._model: LinearModel | None = None
        self._making: asyncio.Task[LinearModel | None] | None = None

    async def propose(self, utterance: Utterance) -> Proposal | None:
        """See ``Proposer``. The first question waits until the model is there."""
        if not await self.warm() or self._model is None:
            return None
        phrase = read_phrase(utterance.text[:LONGEST])
        live = requests_in(phrase.text) or phrase.text
        guess = _guess(self._model, live, utterance)
        if live == phrase.text or not asks_something(live) or _says_what(guess):
            return guess
        # "It is slow. Have a look, please": what is looked at stands in the news.
        whole = _guess(self._model, phrase.text, utterance)
        return whole if label_of(whole) in READS and whole.probability >= ACTS else guess

    async def warm(self) -> bool:
        """Make or read the model; whether there is one. Safe to call again and at once."""
        if self._model is None:
            if self._making is None or self._making.cancelled():
                self._making = asyncio.create_task(asyncio.to_thread(self._obtain))
            # One person's deadline must not undo what others wait for.
            self._model = await asyncio.shield(self._making)
        return self._model is not None

    def _obtain(self) -> LinearModel | None:
        try:
            return self._shelf.model("intents", self._examples or load_examples())
        except ImportError as error:
            _log.warning("classifier_absent", missing=error.name)
            return None


def _guess(model: LinearModel, text: str, utterance: Utterance) -> Proposal:
    slots = read_slots(text, utterance.vocabulary)
    return _proposal(model.probabilities(canonical(_seen(slots))))


def _says_what(guess: Proposal) -> bool:
    return guess.action != NONE and guess.probability >= ACTS_ON_NAMED


def _seen(slots: Slots) -> str:
    """The text with names masked, but for what a name says of the kind of system it is."""
    text = slots.masked
    for name in reversed(slots.names):
        kind = next((kind for kind, said in _KINDS if said.search(name.spelled)), None)
        if kind is not None and name.systems:
            text = f"{text[: name.end]} {kind} {text[name.end :]}"
    return text


def _proposal(ranked: list[tuple[str, float]]) -> Proposal:
    label, probability = ranked[0]
    action, _, operation = label.partition("/")
    return Proposal(
        action=action,
        probability=probability,
        source=Source.CLASSIFIER,
        params={"operation": operation} if operation else {},
        others=tuple(ranked[1:_OFFERED]),
    )
