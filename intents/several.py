"""Two wishes in one message: "back it up and restart it".

Owns: telling two wishes from one that is said in two verbs. What waits for a condition ("if the
log looks bad, restart") is no wish at all (``wishes``), so it is never among them. Must not decide
which is done: a person does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from bot.core.domain.estate import Layer
from bot.core.domain.intent import Utterance
from intents.changes import Verdict
from intents.nodes import Numbers
from intents.resolve import Slots
from intents.scenes import scene_of
from intents.verbs import decide

_JOINT = re.compile(
    r"(?:하고(?!\s*(?:나서부터|나니|부터|나서\s*(?:계속|자꾸|오류|에러|느|안|이상)))(?:\s*나서)?|시키고|주고|받고|뜨고|떠\s*놓고|내리고|올리고|보고|[한린긴은]\s*(?:뒤|다음|후)에?|\s후에?"
    r"|그리고(?:\s*나서)?|\band\s+then\b|\bthen\b)\s*,?\s+"
)
# One wish by nature: files are put in place and the service restarted with them.
_ONE = frozenset({("deploy", None), ("manage_service", "restart")})
_OF_THE_BOT = frozenset(
    {"set_approval_rule", "schedule_action", "create_ticket", "cancel_task", "help", "none"}
)
_LAYERS = ((Layer.WAS, "was|와스"), (Layer.WEB, "web|웹"), (Layer.DB, "db|디비|데이터베이스"))
_BY_OPERATION = {
    "manage_service": ("status", "restart"),
    "check_db_status": ("check", "check"),
    "config_integrity_check": ("check", "check"),
}


def choice_key(action: str, operation: str | None) -> str:
    """The catalogue's key of an action's button, with its operation where it needs one."""
    if action not in _BY_OPERATION:
        return action
    looks, plain = _BY_OPERATION[action]
    operation = operation or looks
    return action if operation == plain else f"{operation}.{action}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Two:
    """Two wishes in the order of the text, and what it says of the first one's target."""

    first: Verdict
    second: Verdict
    slots: Slots


def two_wishes(slots: Slots, live: str, utterance: Utterance) -> Two | None:
    """The two that a text joins; None where it asks for one thing."""
    text = slots.masked
    for joint in _JOINT.finditer(text):
        halves = (text[: joint.end()], text[joint.end() :])
        first, second = (decide(scene_of(_half(slots, half), live, utterance)) for half in halves)
        if _are_two(first, second):
            return Two(first=first, second=second, slots=_of_the_first(slots, halves))
    return None


def _are_two(first: Verdict, second: Verdict) -> bool:
    both = (first, second)
    named = {(verdict.action, verdict.operation) for verdict in both}
    plain = not any(v.action in _OF_THE_BOT or v.doubtful for v in both)
    return len(named) > 1 and all(v.action for v in both) and plain and named != _ONE


def _half(slots: Slots, text: str) -> Slots:
    """The slots as far as one half goes: the layer of the other one says nothing of it."""
    return replace(slots, masked=text, selector=replace(slots.selector, layer=_layer(text)))


def _of_the_first(slots: Slots, halves: tuple[str, str]) -> Slots:
    """Layer and servers that only the second half names are not the first one's."""
    layer = _layer(halves[0])
    if _layer(halves[1]) is None or layer == _layer(halves[1]):
        return slots
    own = re.search(r"\d|번|대", halves[0])
    selector = replace(slots.selector, layer=layer, nodes=slots.selector.nodes if own else ())
    return replace(
        slots,
        selector=selector,
        numbers=slots.numbers if own else Numbers(),
        doubtful=slots.doubtful - {"layer"},
    )


def _layer(text: str) -> Layer | None:
    told = [layer for layer, pattern in _LAYERS if re.search(pattern, text)]
    return told[0] if len(told) == 1 else None
