"""What freezes and maintenance windows say of an instant. Pure.

Owns: which verbs they hold, and when a change may begin next. Must not know who asks or what is
told. Windows are times of day in Korea, which has no daylight saving time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.core.domain.calendar import Calendar, Freeze, Timing, Window

# What cures a system is needed most when nothing new may come onto it.
CURES = frozenset({"rollback", "manage_service", "self_healing_defense", "backup_db"})
WINDOWED = frozenset({"deploy"})
# How far ahead a yes may be given: the weekly window after a freeze of a week. By then what lies
# on the servers, and who is responsible, is seldom what the approver has looked at.
BOOKED_AT_MOST = timedelta(days=14)
_SEOUL = ZoneInfo("Asia/Seoul")
_AHEAD = timedelta(days=366)
_DAY = timedelta(days=1)


def timing(calendar: Calendar, action: str, environments: Sequence[str], now: datetime) -> Timing:
    """Whether a changing verb may begin in these environments now, and when next.

    A plan that touches several environments waits until all of them are open.
    """
    freezes = _freezes(calendar, action, environments)
    windows = _windows(calendar, action, environments)
    freeze = _in_force(freezes, now)
    closes_at = _all_until(windows, now)
    if freeze is not None or (windows and closes_at is None):
        return Timing(open=False, freeze=freeze, opens_at=_opening(freezes, windows, now))
    again = None if closes_at is None else _opening(freezes, windows, closes_at)
    return Timing(open=True, opens_at=again, closes_at=closes_at)


def _freezes(calendar: Calendar, action: str, environments: Sequence[str]) -> list[Freeze]:
    if action in CURES:
        return []
    return [freeze for freeze in calendar.freezes if set(freeze.environments) & set(environments)]


def _windows(
    calendar: Calendar, action: str, environments: Sequence[str]
) -> tuple[tuple[Window, ...], ...]:
    """The windows of each environment that has any."""
    if action not in WINDOWED:
        return ()
    each = (
        tuple(window for window in calendar.windows if environment in window.environments)
        for environment in sorted(set(environments))
    )
    return tuple(windows for windows in each if windows)


def _in_force(freezes: Sequence[Freeze], at: datetime) -> Freeze | None:
    """Of those that hold at that instant, the one that ends last."""
    holding = [freeze for freeze in freezes if freeze.start <= at < freeze.until]
    return max(holding, key=lambda freeze: freeze.until, default=None)


def _opening(
    freezes: Sequence[Freeze], windows: Sequence[Sequence[Window]], now: datetime
) -> datetime | None:
    """The first instant from now on that no freeze and no window forbids."""
    at: datetime | None = now
    while at is not None and at <= now + _AHEAD:
        freeze = _in_force(freezes, at)
        if freeze is not None:
            at = _whole_minute(freeze.until)
            continue
        closed = next((each for each in windows if _until(each, at) is None), None)
        if closed is None:
            return at
        at = _begins(closed, at)
    return None


def _whole_minute(at: datetime) -> datetime:
    """The minute that begins then or next."""
    floor = at.astimezone(UTC).replace(second=0, microsecond=0)
    return floor if floor == at else floor + timedelta(minutes=1)


def _spans(windows: Sequence[Window], at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Begin and end of every window from the day before that instant to a week after."""
    midnight = at.astimezone(_SEOUL).replace(hour=0, minute=0, second=0, microsecond=0)
    for offset in range(-1, 8):
        day = midnight + offset * _DAY
        for window in windows:
            if day.weekday() not in window.weekdays:
                continue
            end_day = day if window.end > window.begin else day + _DAY
            begin = datetime.combine(day, window.begin, _SEOUL)
            end = datetime.combine(end_day, window.end, _SEOUL)
            yield begin.astimezone(UTC), end.astimezone(UTC)


def _begins(windows: Sequence[Window], after: datetime) -> datetime | None:
    """The next window that begins after that instant."""
    return min((begin for begin, _ in _spans(windows, after) if begin > after), default=None)


def _until(windows: Sequence[Window], at: datetime) -> datetime | None:
    """When the windows that hold at that instant end, one joining the other; None: none holds."""
    end: datetime | None = None
    for begins, ends in sorted(_spans(windows, at)):
        reached = at if end is None else end
        if begins <= reached < ends:
            end = ends
    return end


def _all_until(windows: Sequence[Sequence[Window]], at: datetime) -> datetime | None:
    """When the first of them closes; None: one is closed already, or there are none."""
    ends = [_until(each, at) for each in windows]
    known = [end for end in ends if end is not None]
    return min(known) if ends and len(known) == len(ends) else None
