"""Proactive advice: what overheard talk looks like, and what a room tells the bot to be.

Owns: finding a symptom in talk, and keeping quiet about what is over, denied, or only talked
about. It makes an ``Advice``, never an intent: words of the room end up as quoted evidence and
nowhere else. A classifier or model may only take an alarm away.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.core.domain.advice import Advice, Order, RoomOrder
from bot.core.domain.estate import Vocabulary
from bot.core.domain.intent import NONE, Utterance
from bot.core.domain.memory import Mark, Telling
from bot.core.redaction import redact
from intents.phrase import read_phrase, squeeze
from intents.proposal import Proposer
from intents.symptoms import Pattern, Symptom, Symptoms, load_symptoms

_READ_CHARACTERS = 4000  # of one message; a longer one is a log, and its beginning tells
_TAIL_CHARACTERS = 300  # how far behind a symptom its end is looked for
_CRY_CHARACTERS = 8  # "안 떠요!!": too short to say of what
_EVIDENCE_LINES = 3
_EVIDENCE_CHARACTERS = 200
_SURE = 0.97  # a source that is surer than this that nothing is meant takes an alarm away
_PROPOSER_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Find:
    """A symptom in a text: the line's number, and whether a program's own words told it."""

    symptom: Symptom
    line: int
    certain: bool


class SymptomAdviser:
    """``Adviser`` by patterns; ``proposers`` may doubt what people say, not what programs print."""

    def __init__(
        self, symptoms: Symptoms | None = None, *, proposers: Sequence[Proposer] = ()
    ) -> None:
        self._symptoms = symptoms or load_symptoms()
        self._proposers = tuple(proposers)

    async def advise(self, recent: Sequence[str]) -> Advice | None:
        """At most one advice for the last of these messages (oldest first)."""
        if not recent:
            return None
        lines = _lines(recent[-1])
        find = self._find(lines, before=recent[:-1])
        if find is None or (not find.certain and await self._doubted(recent[-1])):
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


# --- what a room tells the bot ---------------------------------------------------------------

_ORDER_CHARACTERS = 60
_LONGEST_MUTE = dt.timedelta(days=7)
_PLEASE = r"(?:줘|주라|주세요|주십시오|주시겠어요|줄래|라|요|둬|놔|달라|주시죠)?(?:요)?"
_ADVICE = (
    r"(?:이방(?:에서)?|여기(?:서)?|이제)?(?:선제|사전|자동|장애)?(?:조언|어드바이스|advice|훈수)"
    r"(?:기능|모드|카드)?(?:을|를|은|는|도)?(?:좀|이제|다시|그만)?"
)
_SPAN = (
    r"(?:(?P<number>\d{1,4})(?P<unit>분|시간|일)|(?P<word>하루|반나절|한시간|두시간|삼십분))"
    r"(?:동안|간|만|정도)*"
)
_ON = re.compile(rf"{_ADVICE}(?:켜{_PLEASE}|켜기|on|시작(?:해)?{_PLEASE}|활성화(?:해)?{_PLEASE})")
_OFF = re.compile(
    rf"{_ADVICE}(?:꺼{_PLEASE}|끄기|끄자|off|중지(?:해)?{_PLEASE}|그만(?:해)?{_PLEASE}|하지마{_PLEASE}"
    rf"|비활성화(?:해)?{_PLEASE}|필요없어(?:요)?)"
)
_MUTE = re.compile(
    rf"(?:이방에서|여기서)?(?:좀|잠깐|잠시|당분간|이제)*(?:{_SPAN})?(?:좀|잠깐|잠시)*"
    rf"(?:조용히(?:좀)?(?:해{_PLEASE}|하자|있어{_PLEASE})?|조용|쉿|음소거(?:해{_PLEASE})?|mute)"
)
_SUMMARY = re.compile(
    r"(?:(?:지금|여기|이제)까지(?:의)?|여태|현재|이방|이채팅방|오늘|방금)?(?:나온|한)?"
    r"(?:장애|대화|상황|진행상황|현황|경과|내용|얘기|이야기|회의)?(?:상황|내용|경과|현황)?(?:을|를|만)?(?:좀|간단히|짧게)*"
    rf"(?:요약(?:좀)?(?:해{_PLEASE}|본|부탁(?:해{_PLEASE}|합니다|드립니다|드려요)?)?|summar(?:y|ize|ise))"
)
_WORDS = {"하루": 1440, "반나절": 360, "한시간": 60, "두시간": 120, "삼십분": 30}
_MINUTES = {"분": 1, "시간": 60, "일": 1440}


def read_order(text: str) -> RoomOrder | None:
    """The order, when the whole message is nothing but it: a longer sentence is a request."""
    said = re.sub(r"[\s.,!~?ㅠㅜ^]+", "", read_phrase(text).text)
    if not said or len(said) > _ORDER_CHARACTERS:
        return None
    if _ON.fullmatch(said):
        return RoomOrder(order=Order.ADVISE)
    if _OFF.fullmatch(said):
        return RoomOrder(order=Order.STOP)
    if _SUMMARY.fullmatch(said):
        return RoomOrder(order=Order.SUMMARISE)
    quiet = _MUTE.fullmatch(said)
    return RoomOrder(order=Order.MUTE, span=_span(quiet)) if quiet else None


def _span(match: re.Match[str]) -> dt.timedelta | None:
    if match["word"]:
        return dt.timedelta(minutes=_WORDS[match["word"]])
    if not match["number"]:
        return None
    asked = dt.timedelta(minutes=int(match["number"]) * _MINUTES[match["unit"]])
    return min(asked, _LONGEST_MUTE) if asked else None
