"""A message as the rules for verbs look at it.

Owns: what of a text counts for them: names masked, English verbs in Korean forms, sentences that
only ask apart. Must not know what any of it means.
"""

from __future__ import annotations

import re

from bot.core.domain.intent import NONE, Utterance
from intents.changes import Scene, Verdict
from intents.details import service_in
from intents.english import english_action, in_korean
from intents.guard import is_report, only_asks
from intents.phrase import sentences, squeeze
from intents.resolve import Slots
from intents.schema import CATALOGUE

_BY_ID = re.compile(r"\s*/?(?:sm\s+)?([a-z_]{4,})(?![a-z_])")
_OPERATIONS = re.compile(r"(?<![a-z])(restart|start|stop|status|kill|check|init)(?![a-z])")
# "the queue, no: the health": what is named only to be set aside.
_NOT_THAT = re.compile(
    r"(?:큐|로그|디스크|cpu|메모리|자원|상태|헬스\s*체크|세션|크론|인증서|락|용량|이력|목록)(?:은|는|을|를)?\s*말고"
)


def scene_of(slots: Slots, live: str, utterance: Utterance, *, told: str = "") -> Scene:
    """What the rules for verbs are to look at. ``told``: news that say what it is about."""
    korean = _NOT_THAT.sub(" ", in_korean(slots.masked))
    wishes = ". ".join(
        part for part in sentences(korean) if not only_asks(part) and not is_report(part)
    )
    return Scene(
        text=squeeze(korean).text,
        wishes=squeeze(wishes).text,
        files=bool(utterance.files),
        service=(service_in(slots.masked) or service_in(told)) is not None,
        mes=_is_factory(slots, live),
        english=english_action(slots.masked),
        layer=slots.selector.layer,
        sr=slots.sr is not None,
    )


def called_by_id(text: str) -> Verdict | None:
    """An action called by its id, as the slash command does: "manage_service … restart"."""
    match = _BY_ID.match(text)
    if match is None or match[1] not in CATALOGUE or match[1] == NONE:
        return None
    operation = _OPERATIONS.search(text, match.end())
    return Verdict(action=match[1], operation=operation[1] if operation else None)


def _is_factory(slots: Slots, text: str) -> bool:
    if re.search(r"(?<![a-z])mes(?![a-z])|엠이에스", text):
        return True
    return "mes" in (slots.selector.system or "").lower()
