"""SampleStore: the same on every implementation."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.core.check_ports import SampleStore
from cmdb.samples import SqlSampleStore
from tests.fakes.jobs import NOW
from tests.fakes.samples import MemorySamples

EARLIER, LATER = NOW - timedelta(hours=1), NOW + timedelta(minutes=5)
NAMES = ("cpu", "memory")


@pytest.fixture
def samples(backend_engine) -> SampleStore:
    return MemorySamples() if backend_engine is None else SqlSampleStore(backend_engine)


def values_of(found) -> dict[str, list[float]]:
    return {series.name: [point.value for point in series.points] for series in found}


async def test_a_series_a_name_comes_back_oldest_first(samples) -> None:
    await samples.add("was1", LATER, {"cpu": 30.5, "memory": 61})
    await samples.add("was1", EARLIER, {"cpu": 10})
    await samples.add("was1", NOW, {"cpu": 20, "memory": 60})
    found = await samples.series("was1", NAMES, EARLIER)
    assert values_of(found) == {"cpu": [10, 20, 30.5], "memory": [60, 61]}
    assert [point.at for point in found[0].points] == [EARLIER, NOW, LATER]


async def test_the_same_instant_twice_is_once_and_the_first_stays(samples) -> None:
    await asyncio.gather(*(samples.add("was1", NOW, {"cpu": 20}) for _ in range(10)))
    await samples.add("was1", NOW, {"cpu": 99})
    assert values_of(await samples.series("was1", NAMES, EARLIER)) == {"cpu": [20]}


async def test_what_is_older_than_asked_for_or_another_nodes_is_left_out(samples) -> None:
    await samples.add("was1", EARLIER, {"cpu": 10})
    await samples.add("was1", NOW, {"cpu": 20})
    await samples.add("was2", NOW, {"cpu": 90})
    assert values_of(await samples.series("was1", NAMES, NOW)) == {"cpu": [20]}
    assert await samples.series("was3", NAMES, EARLIER) == []
    assert await samples.series("was1", ("load",), EARLIER) == []


async def test_only_what_is_older_is_forgotten(samples) -> None:
    await samples.add("was1", EARLIER, {"cpu": 10})
    await samples.add("was1", NOW, {"cpu": 20})
    await samples.forget(NOW)
    assert values_of(await samples.series("was1", NAMES, EARLIER)) == {"cpu": [20]}


async def test_nothing_to_keep_is_no_trouble(samples) -> None:
    await samples.add("was1", NOW, {})
    assert await samples.series("was1", NAMES, EARLIER) == []
