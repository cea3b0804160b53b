"""From which value on a reading is a warning, or critical, of one node.

Owns: the limits' names and what they are where nobody has said otherwise. A system or a node of
its own may have others; a plan carries them frozen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from agent.wire.readings import Threshold

_LOAD = Threshold(warning=80, critical=95)
_MEMORY = Threshold(warning=85, critical=95)
_DISK = Threshold(warning=80, critical=90)
_CERTIFICATE = Threshold(warning=30, critical=7, falling=True)
_QUEUE = Threshold(warning=500, critical=2000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Percent, but for ``certificate`` (days left), ``queue`` (messages) and ``stuck_minutes``.

    The numbers of certificate, queue and stuck transactions are the catalogue's of actions.
    """

    cpu: Threshold = _LOAD
    memory: Threshold = _MEMORY
    disk: Threshold = _DISK
    connections: Threshold = _LOAD
    certificate: Threshold = _CERTIFICATE
    queue: Threshold = _QUEUE
    stuck_minutes: int = 10


# What a site gives of one limit: a warning and a critical value, or minutes.
Given = tuple[int, int] | int
LIMIT_NAMES = tuple(field.name for field in fields(Limits))


def with_given(limits: Limits, given: Mapping[str, Given]) -> Limits:
    """The limits with these of them replaced; whether small values are the bad ones stays.

    Raises:
        ValueError: there is no such limit, it is of the other form, or critical is not worse.
    """
    changed: dict[str, Any] = {}
    for name, value in given.items():
        if name not in LIMIT_NAMES:
            raise ValueError(f"there is no limit {name}")
        known = getattr(limits, name)
        if isinstance(known, Threshold) != isinstance(value, tuple):
            raise ValueError(f"{name} is given in another form")
        if isinstance(value, tuple):
            changed[name] = Threshold(warning=value[0], critical=value[1], falling=known.falling)
        else:
            changed[name] = value
    return replace(limits, **changed)
