"""What freezes and windows say of an instant."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.calendar import CURES, timing
from bot.core.domain.calendar import Calendar, Freeze, Window
from bot.core.domain.estate import Environment

SEOUL = ZoneInfo("Asia/Seoul")
PROD, STAGE = Environment.PROD, Environment.STAGE
SATURDAY_NIGHT = Window(weekdays=(5,), begin=time(22), end=time(2))


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of May 2026 in Seoul; the 23rd is a Saturday."""
    return datetime(2026, 5, day, hour, minute, tzinfo=SEOUL).astimezone(UTC)


def freeze(start: datetime, until: datetime, *environments: Environment) -> Freeze:
    return Freeze(
        freeze_id="f1",
        who="pm",
        why="연말 결산",
        start=start,
        until=until,
        system_code="MOEF-BUDGET",
        environments=environments or (PROD,),
    )


def of(*, freezes: tuple[Freeze, ...] = (), windows: tuple[Window, ...] = ()) -> Calendar:
    return Calendar(freezes=freezes, windows=windows)


def test_an_empty_calendar_bounds_nothing() -> None:
    said = timing(Calendar(), "deploy", ["prod"], at(20, 14))
    assert (said.open, said.freeze, said.opens_at, said.closes_at) == (True, None, None, None)


def test_a_freeze_holds_until_its_end() -> None:
    calendar = of(freezes=(freeze(at(20, 0), at(25, 9)),))
    said = timing(calendar, "deploy", ["prod"], at(20, 14))
    assert (said.open, said.freeze, said.opens_at) == (False, calendar.freezes[0], at(25, 9))
    assert timing(calendar, "deploy", ["prod"], at(25, 9)).open
    assert timing(calendar, "deploy", ["prod"], at(19, 23, 59)).open


@pytest.mark.parametrize("action", sorted(CURES))
def test_what_cures_is_never_frozen(action: str) -> None:
    assert timing(of(freezes=(freeze(at(20, 0), at(25, 9)),)), action, ["prod"], at(20, 14)).open


@pytest.mark.parametrize("action", ["deploy", "kill_db_session", "register_cron"])
def test_everything_else_that_changes_is(action: str) -> None:
    calendar = of(freezes=(freeze(at(20, 0), at(25, 9)),))
    assert not timing(calendar, action, ["prod"], at(20, 14)).open


def test_a_freeze_of_one_environment_leaves_the_others_alone() -> None:
    calendar = of(freezes=(freeze(at(20, 0), at(25, 9), STAGE),))
    assert timing(calendar, "deploy", ["prod"], at(20, 14)).open
    assert not timing(calendar, "deploy", ["prod", "stage"], at(20, 14)).open


def test_the_opening_is_on_a_whole_minute() -> None:
    until = at(25, 9) + timedelta(seconds=30, microseconds=5)
    said = timing(of(freezes=(freeze(at(20, 0), until),)), "deploy", ["prod"], at(20, 14))
    assert said.opens_at == at(25, 9, 1)


def test_a_window_over_midnight_is_one_window() -> None:
    calendar = of(windows=(SATURDAY_NIGHT,))
    assert timing(calendar, "deploy", ["prod"], at(20, 14)).opens_at == at(23, 22)
    inside = timing(calendar, "deploy", ["prod"], at(24, 1, 59))
    assert (inside.open, inside.closes_at, inside.opens_at) == (True, at(24, 2), at(30, 22))
    after = timing(calendar, "deploy", ["prod"], at(24, 2))
    assert (after.open, after.opens_at) == (False, at(30, 22))


def test_windows_hold_deployments_only() -> None:
    assert timing(of(windows=(SATURDAY_NIGHT,)), "register_cron", ["prod"], at(20, 14)).open


def test_windows_that_join_close_at_the_end_of_the_last() -> None:
    evening = Window(weekdays=(2,), begin=time(20), end=time(0))
    night = Window(weekdays=(3,), begin=time(0), end=time(4))
    said = timing(of(windows=(night, evening)), "deploy", ["prod"], at(20, 21))
    assert (said.open, said.closes_at) == (True, at(21, 4))


def test_a_freeze_over_a_window_moves_it_to_the_next() -> None:
    calendar = of(freezes=(freeze(at(22, 0), at(25, 9)),), windows=(SATURDAY_NIGHT,))
    assert timing(calendar, "deploy", ["prod"], at(20, 14)).opens_at == at(30, 22)


def test_a_freeze_that_ends_inside_a_window_opens_there() -> None:
    calendar = of(freezes=(freeze(at(22, 0), at(23, 23)),), windows=(SATURDAY_NIGHT,))
    assert timing(calendar, "deploy", ["prod"], at(20, 14)).opens_at == at(23, 23)


def test_a_freeze_beyond_the_year_opens_never() -> None:
    calendar = of(freezes=(freeze(at(1, 0), at(1, 0) + timedelta(days=800)),))
    said = timing(calendar, "deploy", ["prod"], at(20, 14))
    assert (said.open, said.opens_at) == (False, None)


def test_two_environments_wait_until_both_are_open() -> None:
    weekdays = Window(weekdays=(0, 1, 2, 3, 4), begin=time(9), end=time(18), environments=(STAGE,))
    friday = Window(weekdays=(4,), begin=time(17), end=time(23))
    calendar = of(windows=(weekdays, friday))
    assert timing(calendar, "deploy", ["prod", "stage"], at(20, 14)).opens_at == at(22, 17)
    assert timing(calendar, "deploy", ["stage"], at(20, 14)).open


_windows = st.lists(
    st.builds(
        Window,
        weekdays=st.lists(st.integers(0, 6), min_size=1, unique=True).map(tuple),
        begin=st.times().map(lambda each: each.replace(second=0, microsecond=0)),
        end=st.times().map(lambda each: each.replace(second=0, microsecond=0)),
    ),
    max_size=3,
).map(tuple)
_moments = st.datetimes(
    min_value=datetime(2026, 1, 1),  # noqa: DTZ001  hypothesis wants them naive
    max_value=datetime(2027, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
_freezes = st.lists(
    st.builds(
        lambda start, hours: freeze(start, start + timedelta(hours=hours)),
        _moments,
        st.integers(1, 24 * 40),
    ),
    max_size=3,
).map(tuple)


@given(windows=_windows, freezes=_freezes, now=_moments)
def test_it_is_open_when_it_says_that_it_opens(
    windows: tuple[Window, ...], freezes: tuple[Freeze, ...], now: datetime
) -> None:
    calendar = Calendar(freezes=freezes, windows=windows)
    said = timing(calendar, "deploy", ["prod"], now)
    if said.opens_at is not None:
        assert said.opens_at >= now
        assert timing(calendar, "deploy", ["prod"], said.opens_at).open
    if said.closes_at is not None:
        assert said.open
        assert said.closes_at > now
