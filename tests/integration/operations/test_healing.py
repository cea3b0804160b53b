"""Disks that heal themselves of old logs: when, how often, and what if that is too little."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.ledger import Ledger
from agent.operations.context import OperationFailed, StepContext
from agent.operations.healing import heal_disk
from agent.operations.stale import list_stale
from agent.wire.checks import HealDisk, StaleLogs
from agent.wire.readings import Reading
from tests.integration.operations.at_node import Watched, fact
from tests.integration.operations.old_logs import ASKED, logs, node, old, place, watched
from tests.lab import Lab, LabNode

__all__ = ["logs", "node", "place"]


def counted(place: Watched, ledger: Ledger, job: str, at: datetime) -> StepContext:
    """A step whose turns are counted as the executor counts them."""
    context = place.context()

    async def allow(name: str, most: int, within: timedelta) -> bool:
        step = (job, "s1")
        return ledger.take_turn(name, step=step, most=most, since=at - within, at=at)

    return replace(context, job_id=job, allow=allow)


async def heal(context: StepContext, used: int, found: StaleLogs) -> Reading:
    return await heal_disk(context, HealDisk(used=used, files=found.files))


async def test_heals_a_full_disk_at_most_twice_an_hour(
    module_lab: Lab, node: LabNode, tmp_path: Path
) -> None:
    disk = module_lab.disk("heal", size=4 << 20)
    folder = module_lab.account.make_folder(disk.path / "logs")
    place = watched(node, folder)
    now = datetime(2026, 5, 23, 3, tzinfo=UTC)
    path = tmp_path / "ledger.sqlite"
    for number, minutes in enumerate((0, 20), start=1):
        old(module_lab, folder / f"{number}.log", 100, b"x" * (3 << 20))
        found = await list_stale(place.context(), ASKED)
        ledger = Ledger(path)  # a restart forgets nothing
        at = now + timedelta(minutes=minutes)
        reading = await heal(counted(place, ledger, f"J{number}", at), 70, found)
        again = await heal(counted(place, ledger, f"J{number}", at), 70, found)
        ledger.close()
        assert fact(reading, "clear_used_before") >= 70 > fact(reading, "clear_used_after")
        assert [remark.code for remark in again.remarks] == ["heal_not_needed"]
    old(module_lab, folder / "3.log", 100, b"x" * (3 << 20))
    found = await list_stale(place.context(), ASKED)
    with pytest.raises(OperationFailed) as capped:
        await heal(counted(place, Ledger(path), "J3", now + timedelta(minutes=59)), 70, found)
    assert capped.value.code == "heal_capped"
    assert (folder / "3.log").exists()
    late = counted(place, Ledger(path), "J4", now + timedelta(minutes=61))
    assert (await heal(late, 70, found)).level == "normal"
    assert not (folder / "3.log").exists()


async def test_says_so_where_the_disk_stays_full(
    module_lab: Lab, node: LabNode, tmp_path: Path
) -> None:
    disk = module_lab.disk("full", size=4 << 20)
    folder = module_lab.account.make_folder(disk.path / "logs")
    old(module_lab, folder / "small.log", 100)
    disk.fill(leave=100_000)
    place = watched(node, folder)
    found = await list_stale(place.context(), ASKED)
    now = datetime(2026, 5, 23, 3, tzinfo=UTC)
    reading = await heal(counted(place, Ledger(tmp_path / "l.sqlite"), "J1", now), 90, found)
    assert reading.level == "critical"
    assert reading.remarks[0].code == "heal_still_full"


async def test_nothing_is_healed_where_nobody_counts(
    module_lab: Lab, logs: Path, place: Watched
) -> None:
    kept = old(module_lab, logs / "a.log", 100)
    found = await list_stale(place.context(), ASKED)
    used = int(found.used_percent or 0)
    if used < 51:
        reading = await heal(place.context(), 99, found)
        assert [remark.code for remark in reading.remarks] == ["heal_not_needed"]
    else:
        with pytest.raises(OperationFailed) as refused:
            await heal(place.context(), 50, found)
        assert refused.value.code == "heal_capped"
    assert kept.exists()
