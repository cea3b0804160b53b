"""When a system may be changed: freezes, maintenance windows, and what they say of an instant.

Owns: the values. Times of day are Korean; instants are aware UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time

from bot.core.domain.estate import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """A time in which nothing new goes onto the servers of one system or one institution.

    Exactly one of ``institution`` (its official name) and ``system_code`` is given. ``who`` is
    the id of the person who declared it, ``why`` their words.
    """

    freeze_id: str
    who: str
    why: str
    start: datetime
    until: datetime
    institution: str | None = None
    system_code: str | None = None
    environments: tuple[Environment, ...] = (Environment.PROD,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A weekly maintenance window: weekdays (0: Monday) on which it begins, from, to.

    ``end`` before or at ``begin`` is on the next day.
    """

    weekdays: tuple[int, ...]
    begin: time
    end: time
    environments: tuple[Environment, ...] = (Environment.PROD,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Everything that bounds the changes of one system. No windows: any time that is not frozen."""

    freezes: tuple[Freeze, ...] = ()
    windows: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What a calendar says of an instant.

    ``freeze`` is the one in force; ``opens_at`` the next instant at which a change may begin, on
    a whole minute (None: never within the year that is looked ahead, or it is open and no window
    bounds it; inside a window it is the next opening after this one); ``closes_at`` when the
    present window ends (None: no windows, or outside one).
    """

    open: bool
    freeze: Freeze | None = None
    opens_at: datetime | None = None
    closes_at: datetime | None = None
