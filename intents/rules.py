"""Understanding by rules: deterministic, and silent where it is not sure.

Owns: the order in which a message is judged: guard, action, target, earlier messages, what is
missing. Reads no server, executes nothing, and gives no rights. Must not hold wording: questions
come from the catalogue.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from bot.core.domain.intent import NONE, Choice, Clarification, Intent, Param, Selector, Utterance
from bot.core.texts import Texts
from intents.agreement import Heard, Stance
from intents.aim import leaves_target_open
from intents.details import Reading, details
from intents.english import in_korean
from intents.guard import is_attack, is_report
from intents.lexicon import Kind
from intents.merge import completed
from intents.nodes import Numbers
from intents.numerals import counted_in_digits
from intents.phrase import LONGEST, read_phrase, squeeze
from intents.resolve import Slots, settle_nodes
from intents.said import Said, read_said
from intents.scenes import called_by_id, scene_of
from intents.schema import CATALOGUE, missing, spec_of, validated
from intents.several import choice_key, two_wishes
from intents.sr_numbers import with_numbers_spelled
from intents.verbs import Verdict, operation_for

_CANCEL = re.compile(
    r"^(?:아니(?:야|요|오)?[,.\s]*|(?:아|앗|어)?[,\s]*(?:잠깐|잠시)(?:만)?(?:요)?[,.!\s]*)?(?:그냥\s*)?(?:이거\s*|그거\s*|요청\s*)?"
    r"(?:취소|그만|됐어|됐습니다|관둬|안\s*할래|하지\s*마|하지\s*말|중단|철회|cancel|아니(?=요|오|야|[\s.!]*$))"
    r"\s*(?:요|오|야|세요|시오|자|해|둬|두자|할게요?|해\s*줘|해\s*주세요|하자|합니다|할래|부탁\s*(?:해요?|드립니다))?[\s.!~]*$"
)
_PID_ALONE = re.compile(
    r"\s*(?:pid|세션|프로세스)?\s*(?:번호)?\s*[:=#은는]?\s*(\d{1,7})\s*번?\s*(?:입니다|이에요|예요|이요|요|이야|임)?[\s.!~]*",
    re.ASCII,
)
_MOST_CHOICES = 8
# Parameters whose answers sound like requests of their own ("DB 백업", "재기동").
_CHOSEN = frozenset({"job", "target_action", "operation", "approver_role"})
_LONGEST_CHOICE = 12  # characters without white space
_WITHOUT_TARGET = frozenset({NONE, "help"})
_WITHOUT_LAYER = frozenset(
    {"fetch_mes_qc", "sr_list", "sr_timeline", "set_approval_rule", "list_approval_rules"}
)
_SR = re.compile(r"sr[- ]?[0-9]{4}-[0-9]{1,6}", re.ASCII)
# Words that wish for something and do not say what.
_VAGUE = re.compile(
    r"(?:□|[이그저]거|[이그저]것|이|그|저|뭐라도|뭔가|뭐|아무거나|좀|어떻게|어케|빨리|얼른|제발|지금|당장"
    r"|해줘요?|해주세요|해주십시오|해주라|해봐요?|해봐줘|해결|처리|해요?|봐줘|봐|부탁(?:해요?|드립니다)?|[.!?~ㅠㅜ])++"
)
_ASKING = re.compile(
    r"줘|주세요|주시|주십|주실|줄래|부탁|알려|보여|봐|확인|점검|조회|누가|누구|please|show|check"
)
_BEGS = re.compile(r"부탁|해\s*줘|해\s*주|해\s*봐|바랍니다")
_ALL = re.compile(
    r"^\s*(?:전부|모두|다|전체|둘\s*다|all)\s*(?:다|요|로|로요|해\s*줘|해\s*주세요)?[\s.!]*$"
)
_ALL_OF_THEM = re.compile(r"전부|모두|전체|둘\s*다|(?:한|두|세|네|\d)\s*대\s*(?:다|모두|전부)")


class RuleParser:
    """``IntentParser`` by rules alone."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    async def parse(self, utterance: Utterance) -> Intent | Clarification | None:
        """See ``IntentParser``."""
        return self.understand(utterance)

    def understand(self, utterance: Utterance) -> Intent | Clarification | None:
        """The same without waiting for anything."""
        return self.hear(utterance).answer

    def hear(self, utterance: Utterance) -> Heard:
        """The answer, and how the rules stand behind it."""
        if not utterance.addressed:
            return Heard(answer=None, stance=Stance.FINAL)
        if len(utterance.text) > LONGEST:
            question = self._texts.say("intents.too_long", limit=LONGEST)
            return Heard(answer=Clarification(question=question), stance=Stance.FINAL)
        phrase = read_phrase(utterance.text)
        if utterance.pending and _CANCEL.match(phrase.text.strip()):
            cancelled = Intent(action=NONE, params={"cancelled": True})
            return Heard(answer=cancelled, stance=Stance.FINAL)
        if is_attack(phrase.full.lower()):
            refused = Intent(action=NONE, params={"refused": True})
            return Heard(answer=refused, stance=Stance.FINAL)
        reading = read_said(phrase, utterance)
        answer = self._offered(self._judge(reading, utterance), reading.slots)
        stance = _stance(reading, answer, utterance)
        return Heard(answer=answer, stance=stance, begs=bool(_ASKING.search(reading.live)))

    def intent_for(self, action: str, utterance: Utterance) -> Intent:
        """What the text gives for an action that another source chose: target, parameters and
        what is missing are read from the words as ever, only the verb is not.

        Raises:
            ValueError: the action is not of the catalogue.
        """
        if action not in CATALOGUE:
            raise ValueError(f"no action {action!r}")
        reading = read_said(read_phrase(utterance.text[:LONGEST]), utterance)
        if reading.verdict.action != action:
            scene = scene_of(reading.slots, reading.live, utterance, told=reading.told)
            verdict = Verdict(action=action, operation=operation_for(action, scene))
            reading = replace(reading, verdict=verdict)
        return self._fresh(reading, utterance)

    def _judge(self, reading: Said, utterance: Utterance) -> Intent | Clarification:
        chosen = _chosen(reading, utterance)
        if chosen is not None:
            return chosen
        if reading.verdict.doubtful:
            return self._ask_again(reading, utterance)
        if reading.verdict.action is not None:
            return self._which_first(reading, utterance) or self._fresh(reading, utterance)
        answer = self._answer(reading, utterance) or _follow_up(reading, utterance)
        return answer or self._unclear(reading, utterance)

    def _which_first(self, reading: Said, utterance: Utterance) -> Clarification | None:
        """Of two wishes in one message a person says which is done first; neither is dropped
        unsaid, and nothing is done in an order that nobody chose."""
        two = two_wishes(reading.slots, reading.live, utterance)
        if two is None or utterance.pending is not None:
            return None
        keys = [choice_key(wish.action or NONE, wish.operation) for wish in (two.first, two.second)]
        if not all(self._texts.has(f"intents.choice.{key}") for key in keys):
            return None
        first, second = (self._texts.say(f"intents.choice.{key}") for key in keys)
        reading = replace(reading, verdict=two.first, slots=two.slots)
        return Clarification(
            question=self._texts.say("intents.which_wish_first", first=first, second=second),
            choices=self._choices(tuple(keys)),
            partial=self._fresh(reading, utterance),
        )

    def _fresh(self, reading: Said, utterance: Utterance) -> Intent:
        intent, doubtful = _intent(reading, utterance)
        earlier = utterance.pending or _earlier(utterance)
        if earlier is not None and intent.action not in _WITHOUT_TARGET:
            # A choice of what is meant says the verb alone: the rest was said before.
            same = earlier.action in (intent.action, NONE)
            intent, doubtful = completed(
                intent, earlier, reading.slots, utterance.vocabulary, doubtful
            )
            if same:
                before, _ = _typed(intent.action, earlier.params)
                intent = replace(intent, params={**before, **intent.params})
            if earlier.action == intent.action:
                doubtful |= _unnumbered(earlier, intent, reading)
        return _finished(intent, utterance, doubtful, reading.slots)

    def _answer(self, reading: Said, utterance: Utterance) -> Intent | Clarification | None:
        """The open question's intent, filled with what this message adds."""
        pending = utterance.pending
        if pending is None or pending.action == NONE:
            return None
        filled = _filled(pending, reading, utterance)
        if filled is None:
            if is_report(reading.phrase.text.strip()):
                return Intent(action=NONE)
            question = self._texts.say("intents.answer_not_understood")
            return Clarification(question=question, partial=pending)
        return filled

    def _offered(self, answer: Intent | Clarification, slots: Slots) -> Intent | Clarification:
        """A name that is not sure is asked about by what it may mean; of several, which first."""
        offers, question = slots.offers, "intents.did_you_mean"
        if slots.rivals:
            offers, question = slots.rivals, "intents.which_first"
        if not isinstance(answer, Intent) or not offers:
            return answer
        if not {"institution", "system"} & set(answer.missing):
            return answer
        return Clarification(
            question=self._texts.say(question),
            choices=tuple(Choice(label=name, value=name) for name in offers[:_MOST_CHOICES]),
            partial=answer,
        )

    def _ask_again(self, reading: Said, utterance: Utterance) -> Clarification:
        """Yes and no in one message: only a clear sentence helps."""
        intent, doubtful = _intent(reading, utterance)
        return Clarification(
            question=self._texts.say("intents.yes_and_no"),
            choices=self._choices(("do_not", intent.action)),
            partial=replace(_finished(intent, utterance, doubtful, reading.slots), action=NONE),
        )

    def _unclear(self, reading: Said, utterance: Utterance) -> Intent | Clarification:
        selector = reading.slots.selector
        named = selector.institution or selector.system or selector.layer or selector.nodes
        told = bool(named or reading.slots.sr or utterance.files)
        idle = reading.verdict.mentioned and not _BEGS.search(reading.live)
        if idle or not reading.live.strip() or not (told or _BEGS.search(reading.live)):
            return Intent(action=NONE)
        offered = ("check_infra_health", "server_info", "manage_service", "help")
        if utterance.files:
            offered = ("deploy", "check_infra_health", "server_info", "help")
        return Clarification(
            question=self._texts.say("intents.which_action" if told else "intents.not_understood"),
            choices=self._choices(offered),
            partial=Intent(action=NONE, selector=selector, sr=reading.slots.sr),
        )

    def _choices(self, actions: tuple[str, ...]) -> tuple[Choice, ...]:
        return tuple(
            Choice(
                label=self._texts.say(f"intents.choice.{action}"),
                value=self._texts.say(f"intents.says.{action}"),
            )
            for action in actions
            if self._texts.has(f"intents.choice.{action}")
        )


def _stance(reading: Said, answer: Intent | Clarification, utterance: Utterance) -> Stance:
    if not reading.live.strip() or reading.verdict.doubtful:
        return Stance.FINAL
    if reading.verdict.action is not None:
        called = called_by_id(reading.slots.masked) is not None
        # A button's word that answers the open question is no request of its own.
        called |= isinstance(answer, Intent) and answer.action != reading.verdict.action
        return Stance.FINAL if called or isinstance(answer, Clarification) else Stance.NAMED
    if isinstance(answer, Intent) and answer.action != NONE:
        return Stance.FINAL  # it completes an open question or the thread's last request
    if reading.verdict.mentioned:
        return Stance.TALK
    if _VAGUE.fullmatch(squeeze(reading.slots.masked).text):
        return Stance.FINAL  # nothing in it that another source could know better
    known = answer.partial == utterance.pending if isinstance(answer, Clarification) else False
    return Stance.SILENT if known or isinstance(answer, Intent) else Stance.OPEN


def _intent(reading: Said, utterance: Utterance) -> tuple[Intent, frozenset[str]]:
    action = reading.verdict.action or NONE
    slots = reading.slots
    selector = Selector() if action in _WITHOUT_TARGET else slots.selector
    doubtful = frozenset() if action in _WITHOUT_TARGET else slots.doubtful
    if action in _WITHOUT_LAYER:
        selector, doubtful = replace(selector, layer=None), doubtful - {"layer"}
    params, unfit = _params(action, reading, utterance)
    spec = spec_of(action)
    if spec and "layer" in spec.needs:  # a default must not stand in for what was said
        doubtful |= unfit
    intent = Intent(
        action=action,
        selector=selector,
        sr=None if action in _WITHOUT_TARGET else slots.sr,
        params=params,
        open_target=leaves_target_open(
            squeeze(_SR.sub("", with_numbers_spelled(reading.live))).text
        ),
    )
    return intent, doubtful


def _params(
    action: str, reading: Said, utterance: Utterance
) -> tuple[Mapping[str, Param], frozenset[str]]:
    """The parameters that the text gives, and the names of those that it gives in vain."""
    found = details(
        action,
        Reading(
            phrase=reading.phrase,
            masked=counted_in_digits(reading.slots.masked),
            told=reading.told,
            flat=squeeze(in_korean(reading.slots.masked)).text,
            now=utterance.now,
            operation=reading.verdict.operation,
        ),
    )
    return _typed(action, found)


def _typed(action: str, found: Mapping[str, Param]) -> tuple[Mapping[str, Param], frozenset[str]]:
    kept: dict[str, Param] = {}
    unfit: set[str] = set()
    for name, value in found.items():
        try:
            kept.update(validated(action, {name: value}))
        except ValueError:
            unfit.add(name)
    return kept, frozenset(unfit)


def _finished(
    intent: Intent, utterance: Utterance, doubtful: frozenset[str], slots: Slots
) -> Intent:
    selector, unsettled = settle_nodes(intent.selector, slots.numbers, utterance.vocabulary)
    intent = replace(intent, selector=selector)
    absent = missing(
        intent,
        utterance.vocabulary,
        has_files=bool(utterance.files),
        doubtful=doubtful | unsettled,
    )
    return replace(intent, missing=absent)


def _filled(pending: Intent, reading: Said, utterance: Utterance) -> Intent | None:
    """The pending intent with this message's slots; None where it adds nothing."""
    slots = reading.slots
    fresh = Intent(action=pending.action, selector=slots.selector, sr=slots.sr)
    intent, doubtful = completed(fresh, pending, slots, utterance.vocabulary, slots.doubtful)
    added = {
        name: value
        for name, value in _params(pending.action, _for_answer(reading, pending), utterance)[
            0
        ].items()
        if name in pending.missing or (name == "restart" and pending.action == "deploy")
    }
    pid = _PID_ALONE.fullmatch(reading.live) if "pid" in pending.missing else None
    if pid is not None:  # and no number of a server
        added["pid"], slots = int(pid[1]), replace(slots, numbers=Numbers(), doubtful=frozenset())
        intent, doubtful = replace(intent, selector=pending.selector), frozenset()
    intent = replace(intent, params={**pending.params, **added}, files=pending.files)
    changed = intent.selector != pending.selector or intent.sr != pending.sr
    dropped = "files" in pending.missing and bool(utterance.files)
    everything = "nodes" in pending.missing and bool(_ALL.match(reading.live))
    some = slots.numbers.excluded or slots.numbers.count
    if not (changed or added or dropped or everything or some or doubtful):
        return None
    doubtful |= _unnumbered(pending, intent, reading)
    return _finished(intent, utterance, doubtful, slots)


def _unnumbered(earlier: Intent, intent: Intent, reading: Said) -> frozenset[str]:
    """Servers that were asked for stay asked for, whatever else an answer says."""
    numbers = intent.selector.nodes or reading.slots.numbers.excluded
    told = numbers or _ALL.match(reading.live) or _ALL_OF_THEM.search(reading.live)
    return frozenset({"nodes"}) if "nodes" in earlier.missing and not told else frozenset()


def _chosen(reading: Said, utterance: Utterance) -> Intent | None:
    """The open question's intent where a short answer names the very parameter it lacks."""
    pending, names = utterance.pending, reading.slots.names
    if pending is None or not _CHOSEN & set(pending.missing):
        return None
    targets = any(name.kind in (Kind.INSTITUTION, Kind.SYSTEM) for name in names)
    if targets or len(squeeze(reading.live).text) > _LONGEST_CHOICE:
        return None
    wanted = _CHOSEN & set(pending.missing)
    if not wanted & set(_params(pending.action, _for_answer(reading, pending), utterance)[0]):
        return None
    return _filled(pending, reading, utterance)


def _for_answer(reading: Said, pending: Intent) -> Said:
    operation = pending.params.get("operation", pending.params.get("target_action"))
    if operation is None and pending.action == "schedule_action":
        operation = reading.verdict.action
    verdict = Verdict(action=pending.action, operation=str(operation) if operation else None)
    return replace(reading, verdict=verdict)


def _follow_up(reading: Said, utterance: Utterance) -> Intent | None:
    """The thread's last request, if something was missing and this message gives it."""
    earlier = _earlier(utterance)
    if earlier is None or earlier.action == NONE or not earlier.missing or not reading.live:
        return None
    return _filled(earlier, reading, utterance)


def _earlier(utterance: Utterance) -> Intent | None:
    """What the earlier messages of the thread come to, oldest first."""
    known: Intent | None = None
    for text in utterance.thread[-10:]:
        phrase = read_phrase(text[:LONGEST])
        if is_attack(phrase.full.lower()):
            continue
        alone = replace(utterance, text=text, thread=(), pending=None, files=())
        reading = read_said(phrase, alone)
        if reading.verdict.action is not None and not reading.verdict.doubtful:
            intent, doubtful = _intent(reading, alone)
            known = _finished(intent, alone, doubtful, reading.slots)
        elif known is not None and reading.live:
            known = _filled(known, reading, alone) or known
        elif reading.live and not reading.slots.empty:
            known = Intent(action=NONE, selector=reading.slots.selector, sr=reading.slots.sr)
    return known
