"""``guardia limits``: from which value on a reading of a system or a node is a warning.

Owns: that every change is on the record before it is made. Says what counts now, in words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from agent.wire.readings import Threshold
from bot.app.settings import GuardiaSettings
from bot.app.wiring import open_audit, open_database
from bot.core.domain.audit import AuditEvent, AuditKind
from bot.core.domain.limits import LIMIT_NAMES, Given, Limits, with_given
from bot.core.errors import UserError
from bot.core.ports import Clock
from bot.core.texts import Texts, load_texts
from cmdb.limits import OF_SYSTEM, SqlLimits
from cmdb.systems import SqlSystems

_PAIR = re.compile(r"(\d{1,6})/(\d{1,6})")
_PERCENT = frozenset({"cpu", "memory", "disk", "connections"})
_LONGEST_MINUTES = 1440


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitOrder:
    """What is to be other than it is. ``node`` empty: of the whole system; ``clear``: forget what
    has been set there first."""

    code: str
    node: str = OF_SYSTEM
    words: Mapping[str, str] = field(default_factory=dict)  # by limit: "80/95", or minutes
    clear: bool = False


async def change_limits(settings: GuardiaSettings, clock: Clock, order: LimitOrder) -> str:
    """Change limits; without any change only say them.

    Raises:
        UserError: no such system or node, or numbers that make no sense (``limit_numbers``).
    """
    given = {name: _read(name, word) for name, word in order.words.items()}
    async with open_database(settings) as engine, open_audit(settings, engine) as audit:
        if await SqlSystems(engine).find(order.code) is None:
            raise UserError("system_code_unknown", system=order.code)
        limits = SqlLimits(engine)
        if order.node and not await limits.has_node(order.code, order.node):
            raise UserError("limit_node_unknown", system=order.code, node=order.node)
        before = await limits.given(order.code, order.node)
        after = {**({} if order.clear else before), **given}
        _refuse_odd(after)
        if after != before:
            await audit.append(_event(clock, order, before=before, after=after))
            await limits.set(order.code, order.node, after)
        counts = await limits.limits(order.code, order.node)
    return _said(order, counts, load_texts(settings.language))


def _read(name: str, word: str) -> Given:
    pair = _PAIR.fullmatch(word)
    if pair is None and not (name == "stuck_minutes" and word.isdecimal()):
        raise UserError("limit_malformed", name=_option(name), word=word)
    return (int(pair[1]), int(pair[2])) if pair else int(word)


def _refuse_odd(given: Mapping[str, Given]) -> None:
    for name, value in given.items():
        if not _is_sound(name, value):
            word = "/".join(map(str, value)) if isinstance(value, tuple) else str(value)
            raise UserError("limit_numbers", name=_option(name), word=word)


def _is_sound(name: str, value: Given) -> bool:
    if isinstance(value, int):
        return 1 <= value <= _LONGEST_MINUTES
    if name in _PERCENT and max(value) > 100:
        return False
    try:
        with_given(Limits(), {name: value})
    except (ValidationError, ValueError):
        return False
    return True


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _said(order: LimitOrder, limits: Limits, texts: Texts) -> str:
    rows = [texts.say(f"limits.{name}", **_values(getattr(limits, name))) for name in LIMIT_NAMES]
    where = f"{order.code} {order.node}".strip()
    return texts.say("limits.shown", where=where, limits=" · ".join(rows))


def _values(limit: Threshold | int) -> dict[str, int]:
    if isinstance(limit, Threshold):
        return {"warning": limit.warning, "critical": limit.critical}
    return {"minutes": limit}


def _event(
    clock: Clock, order: LimitOrder, *, before: Mapping[str, Given], after: Mapping[str, Given]
) -> AuditEvent:
    detail: dict[str, object] = {"system": order.code, "before": dict(before), "after": dict(after)}
    if order.node:
        detail["node"] = order.node
    return AuditEvent(
        kind=AuditKind.ADMIN, at=clock.now(), actor="cli", subject="limits", detail=detail
    )
