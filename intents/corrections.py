"""Corrections of a plan that still waits: "아니 2번", "그거 말고 운영으로", "was02도".

Owns: telling a correction from everything else that is said behind a plan, and what it adds to
the plan's intent. A correction consists of words of correcting and of targets, and of nothing
else: a question, a report or a sentence of its own is read as if there were no plan. What is meant
is read by the parser's own code, with the plan's intent as the open question.
"""

from __future__ import annotations

import re
from dataclasses import replace

from bot.core.domain.estate import Vocabulary
from bot.core.domain.intent import Clarification, Intent, Selector, Utterance
from bot.core.ports import IntentParser
from intents.phrase import read_phrase, squeeze
from intents.resolve import read_slots

_LONGEST = 60  # characters without white space
_MARK = (
    r"(?:아니(?:야|요|오|에요|예요|다|구)?|아뇨|아차|앗|어|음|잠깐(?:만)?(?:요)?|정정(?:합니다|이요|해요)?|미안(?:해요|합니다)?"
    r"|죄송(?:해요|합니다)?|(?:제가)?잘못(?:말했|적었|썼|눌렀)[가-힣]{1,4}|no|wait|sorry)"
)
_TURN = r"(?:(?:그거|그게|이거|이게|그건)?(?:말고(?:는)?|아니고|아니라|대신(?:에)?)|빼고|제외하고)"
_TARGET = (
    r"(?:□+|was|web|db|웹|와스|디비|서버|노드|운영(?:계|환경)?|개발(?:계|환경)?|스테이징|스테이지|검증(?:계|환경)?"
    r"|prod(?:uction)?|stag(?:e|ing)|dev|환경|[#_-]|sr-?\d{4}-\d{1,6}"
    r"|(?:\d{1,2}|[일이삼사오육])(?:번기|호기|번)|\d{1,2}(?!\d)|(?:한|두|세|네|\d)대|(?:전부|모두|전체)다?|둘다"
    r"|,|와|과|이?랑|하고|및|[~])"
)
_PARTICLE = r"(?:에서|에도|에|도|만|으로|로|을|를|은|는|이|가)"
_END = (
    r"(?:같이|함께|추가(?:로)?|포함|제외|빼|변경|바꿔|수정|해|하|다시)*"
    r"(?:해?줘요?|해?주세요|해?주십시오|해?주라|부탁(?:해요?|합니다|드립니다|드려요)?|요|이?야|이?에요|예요|입니다|임)?"
)
_VERB = r"(?:재기동|재시작|리스타트|restart|배포|반영|적용|롤백|백업|중지|기동|시작|정리)"
_SAID = re.compile(
    rf"(?P<mark>(?:{_MARK},*)*)(?P<what>(?:{_TURN}|{_TARGET}|{_PARTICLE})+){_END}"
    rf"(?P<verb>(?:{_VERB}(?:을|를|으?로)?{_END})?)"
)
_TURNED = re.compile(_TURN)
_NAMES = re.compile(
    r"□|was|web|db|웹|와스|디비|운영|개발|스테이|검증|prod|stag|dev|sr-|\d|[일이삼사오육](?:번|호)|전부|모두|전체|둘다"
)
# Without a word of correcting only what ends like a supplement or a choice is one.
_SUPPLEMENTS = re.compile(
    r"(?:도|만|으로|로)(?:요|추가|포함|같이|함께|해|하|바꿔|변경|부탁|다시|줘|$)|빼|제외"
)
_TOO = re.compile(rf"도(?:요|추가|포함|같이|함께|해|하|부탁|다시|{_VERB}|$)|(?:추가|포함)")
_ALL = re.compile(r"전부|모두|전체|(?P<two>둘다|두대)")


class CorrectingParser:
    """``IntentParser``: another one, which also understands corrections of a waiting plan."""

    def __init__(self, parser: IntentParser) -> None:
        self._parser = parser

    async def parse(self, utterance: Utterance) -> Intent | Clarification | None:
        """See ``IntentParser``."""
        planned = utterance.planned
        open_question = utterance.pending is not None
        if planned is not None and utterance.addressed and not (open_question or utterance.files):
            found = await self._corrected(utterance, replace(planned, missing=()))
            if found is not None:
                return found
        return await self._parser.parse(utterance)

    async def _corrected(
        self, utterance: Utterance, planned: Intent
    ) -> Intent | Clarification | None:
        if "pid" in planned.params or not is_correction(utterance.text, utterance.vocabulary):
            return None  # a process of one server is none of another: that is said as a whole
        everything = _everything(utterance, planned)
        if everything is not None:
            return everything
        answer = await self._parser.parse(replace(utterance, pending=planned, planned=None))
        intent = answer.partial if isinstance(answer, Clarification) else answer
        if intent is None or intent.action != planned.action:
            return None
        intent = _carried(intent, planned)
        if isinstance(answer, Clarification):
            return None if _same(intent, planned) else replace(answer, partial=intent)
        settled = _settled(intent, planned, utterance)
        return None if settled is None or _same(settled, planned) else settled


def is_correction(text: str, vocabulary: Vocabulary) -> bool:
    """Whether a text consists of correcting and naming targets, and of nothing else."""
    said = _squeezed(read_slots(read_phrase(text).text, vocabulary).masked)
    match = _SAID.fullmatch(said) if len(said) <= _LONGEST else None
    if match is None or not _NAMES.search(match["what"]):
        return False
    corrects = bool(match["mark"] or _TURNED.search(match["what"]))
    return corrects or bool(_SUPPLEMENTS.search(said[: match.start("verb")]))


def _carried(intent: Intent, planned: Intent) -> Intent:
    """With what the plan has besides its target; a deployment only of the same system."""
    now, before = intent.selector, planned.selector
    params = dict(intent.params)
    if (now.institution, now.system) != (before.institution, before.system):
        params.pop("deployment", None)
    return replace(intent, params=params, corrects=planned.corrects, files=planned.files)


def _settled(intent: Intent, planned: Intent, utterance: Utterance) -> Intent | None:
    """The numbers of the servers as they follow from those that were planned."""
    now, before = intent.selector, planned.selector
    numbers = read_slots(read_phrase(utterance.text).text, utterance.vocabulary).numbers
    said = _squeezed(read_phrase(utterance.text).text)
    if _TOO.search(said) and not _TURNED.search(said):
        if _kind(now) != _kind(before) or not now.nodes or not before.nodes:
            return None  # servers of two kinds are two requests; and all have no more to add
        return _numbered(intent, {*before.nodes, *now.nodes})
    if numbers.excluded and not numbers.wanted and before.nodes:
        left = {*before.nodes} - {*numbers.excluded}
        return _numbered(intent, left) if left and _kind(now) == _kind(before) else None
    if before.nodes and not now.nodes and "nodes" not in intent.missing and not numbers.excluded:
        # Two servers were planned: of another kind not all are meant, only because none is named.
        return replace(intent, missing=(*intent.missing, "nodes"))
    return intent


def _everything(utterance: Utterance, planned: Intent) -> Intent | None:
    """The plan for all servers of its kind, where that is what is said."""
    match = _ALL.search(_squeezed(read_phrase(utterance.text).text))
    selector = planned.selector
    if match is None or not selector.nodes or None in _kind(selector):
        return None
    there = [
        node
        for node in utterance.vocabulary.nodes
        if (node.institution, node.system, node.layer, node.env) == _kind(selector)
    ]
    slots = read_slots(read_phrase(utterance.text).text, utterance.vocabulary)
    others = slots.selector != Selector() or slots.numbers.excluded or slots.stranger
    if others or len(there) == len(selector.nodes) or (match["two"] and len(there) != 2):
        return None
    return replace(planned, selector=replace(selector, nodes=()))


def _kind(selector: Selector) -> tuple[object, ...]:
    return (selector.institution, selector.system, selector.layer, selector.env)


def _numbered(intent: Intent, numbers: set[int]) -> Intent:
    return replace(intent, selector=replace(intent.selector, nodes=tuple(sorted(numbers))))


def _same(intent: Intent, planned: Intent) -> bool:
    return (intent.selector, intent.sr, dict(intent.params), intent.missing) == (
        planned.selector,
        planned.sr,
        dict(planned.params),
        (),
    )


def _squeezed(text: str) -> str:
    return re.sub(r"[.!ㅠㅜㅎㅋ^]+", "", squeeze(text).text)
