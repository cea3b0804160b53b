"""Limits of systems and nodes, as a resolved target carries them."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.wire.readings import Threshold
from bot.core.domain.estate import Environment, Layer
from bot.core.domain.intent import Selector
from bot.core.domain.limits import Limits
from cmdb.importers.estate_csv import import_estate, people_of, read_estate
from cmdb.inventory import SqlInventory
from cmdb.limits import SqlLimits

SMALL = Path(__file__).parents[2] / "cases" / "cmdb" / "small"
ESTATE = read_estate(SMALL)
DEVELOPER = people_of(ESTATE)["u032"]
SELECTOR = Selector(
    institution="기획재정부", system="예산시스템", layer=Layer.WAS, env=Environment.PROD
)
NODE = "moef-budget-prod-was01"

pytestmark = pytest.mark.parametrize("backend", ["sqlite", "postgres"])


@pytest.fixture
async def limits(engine) -> SqlLimits:
    await import_estate(engine, ESTATE)
    return SqlLimits(engine)


async def test_without_any_the_core_s_own_numbers_count(engine, limits) -> None:
    target = await SqlInventory(engine).resolve(SELECTOR, DEVELOPER)
    assert target.limits == Limits()
    assert target.limits_of(NODE) == Limits()


async def test_a_node_has_its_own_over_its_system_s_over_the_core_s(engine, limits) -> None:
    await limits.set("MOEF-BUDGET", "", {"cpu": (70, 90), "certificate": (60, 14)})
    await limits.set("MOEF-BUDGET", NODE, {"disk": (50, 60), "stuck_minutes": 30})
    target = await SqlInventory(engine).resolve(SELECTOR, DEVELOPER)
    node, other = target.limits_of(NODE), target.limits_of("moef-budget-prod-was02")
    assert node.cpu == other.cpu == Threshold(warning=70, critical=90)
    assert node.certificate.level_of(14) == "critical"
    assert (node.disk.warning, node.stuck_minutes) == (50, 30)
    assert (other.disk, other.stuck_minutes) == (Limits().disk, 10)


async def test_giving_nothing_takes_them_away_and_an_import_does_not(engine, limits) -> None:
    await limits.set("MOEF-BUDGET", NODE, {"disk": (50, 60)})
    await import_estate(engine, ESTATE)
    assert await limits.given("MOEF-BUDGET", NODE) == {"disk": (50, 60)}
    await limits.set("MOEF-BUDGET", NODE, {})
    assert await limits.limits("MOEF-BUDGET", NODE) == Limits()
