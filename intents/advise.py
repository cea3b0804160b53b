"""Proactive advice: what overheard talk looks like.

Owns: the order in which talk is judged (patterns, then the classifier, then the model where that is
unsure), and keeping quiet about what is over, denied, or only talked about. It makes an ``Advice``,
never an intent: words of the room end up as quoted evidence and nowhere else.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.core.domain.advice import Advice, RoomOrder
from bot.core.domain.estate import Vocabulary
from bot.core.domain.intent import NONE, Utterance
from bot.core.domain.memory import Mark, Telling
from bot.core.redaction import redact
from intents.incidents import SURE, UNSURE, Guess, IncidentClassifier
from intents.opinion import Opinion
from intents.orders import read_order
from intents.phrase import squeeze
from intents.proposal import Proposer
from intents.symptoms import Pattern, Symptom, Symptoms, load_symptoms

_READ_CHARACTERS = 4000  # of one message; a longer one is a log, and its beginning tells
_TAIL_CHARACTERS = 300  # how far behind a symptom its end is looked for
_CRY_CHARACTERS = 8  # "안 떠요!!": too short to say of what
_EVIDENCE_LINES = 3
_EVIDENCE_CHARACTERS = 200
_SURE = 0.97  # a source that is surer than this that nothing is meant takes an alarm away
_PROPOSER_S = 2.0
_GUESSED_LINES = 30  # of one message, where no pattern matched
_GUESSED_CHARACTERS = 200  # a longer line is no talk but a log, and the patterns know those
_FEWEST_CHARACTERS = 5
_GENERAL = ("check_infra_health",)  # checks where it is open what kind of trouble it is


@dataclass(frozen=True, slots=True, kw_only=True)
class _Find:
    """A symptom in a text: the line's number, and whether a program's own words told it."""

    symptom: Symptom
    line: int
    certain: bool


class SymptomAdviser:
    """``Adviser`` by patterns, then ``classifier``, then ``opinion`` where that one is unsure.

    ``proposers`` may doubt what people say, not what programs print.
    """

    def __init__(
        self,
        symptoms: Symptoms | None = None,
        *,
        proposers: Sequence[Proposer] = (),
        classifier: IncidentClassifier | None = None,
        opinion: Opinion | None = None,
    ) -> None:
        self._symptoms = symptoms or load_symptoms()
        self._proposers = tuple(proposers)
        self._classifier = classifier
        self._opinion = opinion
        self._checks = {symptom.topic: symptom.checks for symptom in self._symptoms.topics}

    async def advise(self, recent: Sequence[str]) -> Advice | None:
        """At most one advice for the last of these messages (oldest first)."""
        if not recent:
            return None
        lines = _lines(recent[-1])
        find = self._find(lines, before=recent[:-1])
        if find is None:
            return await self._supposed(lines, recent[:-1])
        if not find.certain and await self._doubted(recent[-1]):
            return None
        return Advice(
            topic=find.symptom.topic,
            evidence=_evidence(lines, find.line),
            checks=find.symptom.checks,
        )

    def mark(self, text: str) -> Mark | None:
        """What a message tells about an incident; its end counts more than its beginning."""
        lines = _lines(text)
        find = self._find(lines, before=())
        if find is not None:
            return Mark(
                telling=Telling.SYMPTOM,
                line=_clipped(lines[find.line]),
                topic=find.symptom.topic,
            )
        for telling, pattern in (
            (Telling.RESOLVED, self._symptoms.resolved),
            (Telling.DECISION, self._symptoms.decision),
        ):
            told = next((line for line in lines if pattern.search(_squeezed(line))), None)
            if told is not None:
                return Mark(telling=telling, line=_clipped(told))
        return None

    def order(self, text: str) -> RoomOrder | None:
        """What an addressed message says about the bot's behaviour in this room."""
        return read_order(text)

    # --- finding ---------------------------------------------------------------------------

    def _find(self, lines: Sequence[str], *, before: Sequence[str]) -> _Find | None:
        squeezed = [_squeezed(line) for line in lines]
        context = self._has_context(squeezed, [_squeezed(one) for one in before[-2:]])
        for symptom in self._symptoms.topics:
            for number, line in enumerate(lines):
                for certain, rest in _matches(symptom, line, squeezed[number]):
                    tail = (rest + "".join(squeezed[number + 1 :]))[:_TAIL_CHARACTERS]
                    soft_ok = certain or self._about_a_system(symptom, squeezed[number], context)
                    if soft_ok and not self._hushed(squeezed[number], tail):
                        return _Find(symptom=symptom, line=number, certain=certain)
        return None

    def _has_context(self, lines: Sequence[str], before: Sequence[str]) -> bool:
        """Whether talk is about a system: by a word of it, or as a bare cry among nothing else."""
        if any(self._symptoms.context.search(text) for text in (*lines, *before)):
            return True
        cry = sum(map(len, lines)) <= _CRY_CHARACTERS
        return cry and not any(self._symptoms.ordinary.search(text) for text in before)

    def _about_a_system(self, symptom: Symptom, line: str, context: bool) -> bool:
        if self._symptoms.ordinary.search(line):
            return False
        return context or not symptom.context

    def _hushed(self, line: str, tail: str) -> bool:
        """Whether what matched is over, of another day, denied, or only talked about."""
        silence = self._symptoms.silence
        over = _last(silence.resolved, tail)
        if over is not None and not silence.still.search(tail, over):
            return True
        another_day = silence.other_day.search(line) and not silence.ongoing.search(line)
        return bool(
            another_day
            or silence.denied.match(tail)
            or silence.past.search(tail)
            or silence.ended.search(line)
            or silence.talked_about.search(line)
        )

    # --- supposing -------------------------------------------------------------------------

    async def _supposed(self, lines: Sequence[str], before: Sequence[str]) -> Advice | None:
        """Trouble in words that no pattern knows: where the classifier is sure and the talk is of a
        system; where only one of the two is so, the model has to say the same."""
        number, guess = await self._likeliest(lines)
        if guess is None or guess.probability < UNSURE:
            return None
        sure, about = guess.probability >= SURE, self._of_a_system(lines[number], before)
        if not (sure or about):
            return None
        topic = guess.topic
        if not (sure and about):
            heard = await self._opinion.topic(lines[number]) if self._opinion else None
            if heard is None or heard == NONE:
                return None
            topic = topic if topic in self._checks or heard not in self._checks else heard
        return Advice(
            topic=topic,
            evidence=_evidence(lines, number),
            checks=self._checks.get(topic, _GENERAL),
        )

    def _of_a_system(self, line: str, before: Sequence[str]) -> bool:
        texts = [_squeezed(one) for one in (line, *before[-2:])]
        known = (self._symptoms.context, self._symptoms.things)
        return any(pattern.search(text) for pattern in known for text in texts)

    async def _likeliest(self, lines: Sequence[str]) -> tuple[int, Guess | None]:
        best: tuple[int, Guess | None] = (0, None)
        if self._classifier is None:
            return best
        squeezed = [_squeezed(line) for line in lines]
        for number, line in enumerate(squeezed[:_GUESSED_LINES]):
            tail = (line + "".join(squeezed[number + 1 :]))[:_TAIL_CHARACTERS]
            length = len(line) < _FEWEST_CHARACTERS or len(line) > _GUESSED_CHARACTERS
            if length or self._symptoms.ordinary.search(line) or self._hushed(line, tail):
                continue
            if any(any(_matches(one, lines[number], line)) for one in self._symptoms.topics):
                continue  # the patterns have judged it, and kept quiet
            guess = await self._classifier.guess(lines[number])
            if guess and (best[1] is None or guess.probability > best[1].probability):
                best = (number, guess)
        return best

    async def _doubted(self, text: str) -> bool:
        """Whether a source is sure that nothing is meant. One that is down doubts nothing."""
        utterance = Utterance(
            text=redact(text)[:_READ_CHARACTERS],
            now=dt.datetime.now(dt.UTC),
            vocabulary=Vocabulary(),
            addressed=False,
        )
        for proposer in self._proposers:
            try:
                async with asyncio.timeout(_PROPOSER_S):
                    proposal = await proposer.propose(utterance)
            except TimeoutError:
                continue
            if proposal and proposal.action == NONE and proposal.probability >= _SURE:
                return True
        return False


def _matches(symptom: Symptom, line: str, squeezed: str) -> Iterator[tuple[bool, str]]:
    """(told by a program, what follows it without spaces) of every match in a line."""
    for pattern in (symptom.hard, symptom.exact):
        for match in pattern.finditer(line):
            yield True, _squeezed(line[match.end() :])
    for match in symptom.soft.finditer(squeezed):
        yield False, squeezed[match.end() :]


def _last(pattern: Pattern, text: str) -> int | None:
    """Where the last match ends."""
    ends = [match.end() for match in pattern.finditer(text)]
    return ends[-1] if ends else None


def _lines(text: str) -> list[str]:
    composed = unicodedata.normalize("NFKC", text[:_READ_CHARACTERS])
    kept = "".join(
        character
        for character in composed
        if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Co", "Cs")
    )
    return [line.strip() for line in kept.split("\n") if line.strip()]


def _squeezed(text: str) -> str:
    return squeeze(text.lower()).text


def _evidence(lines: Sequence[str], number: int) -> tuple[str, ...]:
    """The line that told, and what follows it."""
    return tuple(_clipped(line) for line in lines[number : number + _EVIDENCE_LINES])


def _clipped(line: str) -> str:
    masked = redact(line)
    if len(masked) <= _EVIDENCE_CHARACTERS:
        return masked
    return masked[: _EVIDENCE_CHARACTERS - 1] + "…"
