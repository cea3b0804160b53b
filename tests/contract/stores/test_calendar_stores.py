"""Freezes and windows: the same answers from the fake and from both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from bot.core.domain.calendar import Calendar, Freeze, Window
from bot.core.domain.estate import Environment, SystemEntry
from cmdb.calendar import SqlCalendarStore
from cmdb.importers.estate_csv import import_estate, read_estate
from tests.fakes.calendars import MemoryCalendar

SMALL = Path(__file__).parents[2] / "cases" / "cmdb" / "small"
NOW = datetime(2026, 4, 1, 9, 0, tzinfo=UTC)
BUDGET = SystemEntry(institution="기획재정부", name="예산시스템", code="MOEF-BUDGET")
OTHER = SystemEntry(institution="법무부", name="출입국시스템", code="MOJ-IMM")
OF_SYSTEM = Freeze(
    freeze_id="F-2",
    who="u031",
    why="결산 기간",
    start=NOW + timedelta(days=1),
    until=NOW + timedelta(days=3),
    system_code="MOEF-BUDGET",
)
OF_INSTITUTION = replace(
    OF_SYSTEM,
    freeze_id="F-1",
    start=NOW - timedelta(hours=1),
    until=NOW + timedelta(hours=1),
    system_code=None,
    institution="기획재정부",
    environments=(Environment.PROD, Environment.STAGE),
)


@pytest.fixture
async def store(backend_engine):
    if backend_engine is None:
        return MemoryCalendar()
    await import_estate(backend_engine, read_estate(SMALL))
    return SqlCalendarStore(backend_engine)


async def test_nothing_declared_bounds_nothing(store) -> None:
    assert await store.calendar(BUDGET, now=NOW) == Calendar()
    assert await store.freezes(now=NOW) == ()


async def test_a_system_is_bound_by_its_own_freezes_and_its_institutions(store) -> None:
    for freeze in (OF_SYSTEM, OF_INSTITUTION):
        await store.add_freeze(freeze)
    assert (await store.calendar(BUDGET, now=NOW)).freezes == (OF_INSTITUTION, OF_SYSTEM)
    assert (await store.calendar(OTHER, now=NOW)).freezes == ()
    sibling = replace(BUDGET, name="통계시스템", code="MOEF-STAT")
    assert (await store.calendar(sibling, now=NOW)).freezes == (OF_INSTITUTION,)


async def test_a_freeze_that_has_ended_is_gone_at_that_very_instant(store) -> None:
    await store.add_freeze(OF_INSTITUTION)
    last = OF_INSTITUTION.until - timedelta(microseconds=1)
    assert await store.freezes(now=last) == (OF_INSTITUTION,)
    assert await store.freezes(now=OF_INSTITUTION.until) == ()
    assert (await store.calendar(BUDGET, now=OF_INSTITUTION.until)).freezes == ()


async def test_adding_a_second_time_is_the_same_as_once(store) -> None:
    await store.add_freeze(OF_SYSTEM)
    await store.add_freeze(replace(OF_SYSTEM, why="다른 이유"))
    assert await store.freezes(now=NOW) == (OF_SYSTEM,)


async def test_a_lifted_freeze_ends_now_and_only_once(store) -> None:
    await store.add_freeze(OF_INSTITUTION)
    assert await store.lift_freeze("F-1", at=NOW)
    assert await store.freezes(now=NOW) == ()
    assert not await store.lift_freeze("F-1", at=NOW)
    assert not await store.lift_freeze("F-9", at=NOW)


async def test_one_that_has_not_begun_can_be_lifted(store) -> None:
    await store.add_freeze(OF_SYSTEM)
    assert await store.lift_freeze("F-2", at=NOW)
    assert await store.freezes(now=NOW) == ()


async def test_windows_are_replaced_whole_and_keep_their_order(store) -> None:
    nightly = Window(weekdays=(0, 1, 2, 3, 4), begin=time(22), end=time(6))
    weekend = Window(weekdays=(5, 6), begin=time(0), end=time(0), environments=(Environment.STAGE,))
    await store.set_windows("MOEF-BUDGET", [nightly, weekend])
    assert (await store.calendar(BUDGET, now=NOW)).windows == (nightly, weekend)
    assert (await store.calendar(OTHER, now=NOW)).windows == ()
    await store.set_windows("MOEF-BUDGET", [weekend])
    assert (await store.calendar(BUDGET, now=NOW)).windows == (weekend,)
    await store.set_windows("MOEF-BUDGET", [])
    assert (await store.calendar(BUDGET, now=NOW)).windows == ()
