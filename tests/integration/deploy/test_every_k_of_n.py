"""Four nodes, a failure at every step of node k: the fleet ends wholly old or wholly new.

Each failure is met twice: the step had no effect, or it had its effect and said otherwise. What
the servers hold is read from their disks, what they run is asked of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.core.domain.estate import Rollout
from bot.core.domain.job import Job, JobState
from tests.integration.deploy.lab_pool import Fault
from tests.integration.deploy.site import Site
from tests.lab import Lab, application

NODES = 4
IN_TURN = Rollout(canary=1, batch=1, settle_s=0)
IN_BATCHES = Rollout(canary=1, batch=3, settle_s=0)
STEPS = [
    "01-preflight",
    "02-backup",
    "03-stage",
    "04-drain",
    "05-mark-log",
    "06-stop",
    "07-replace",
    "08-start",
    "09-health",
    "10-scan-log",
    "11-join",
    "12-probe",
]
CHANGES = {"backup", "stage", "drain", "stop", "replace", "start", "join"}
_VERSIONS = itertools.count(1)
Table = Callable[[str, Sequence[object]], None]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    step: str
    effect: bool
    state: JobState
    changed: int  # nodes that had been given new files by then

    def __str__(self) -> str:
        effect = "took effect" if self.effect else "no effect"
        return f"{self.step:24} {effect:12} {self.changed} of {NODES} changed → {self.state.value}"


async def _try(site: Site, step_id: str, *, effect: bool) -> Row:
    """One deployment that fails there, and everything that must hold after it."""
    before, version = site.digests(), f"1.{next(_VERSIONS)}.0"
    old = {node.service.version for node in site.fleet.nodes}
    site.pool.faults[step_id] = Fault(effect=effect)
    site.pool.ordered.clear()
    job = await site.deploy(application(version))
    assert not site.pool.faults, "the step was never asked for"
    assert site.digests() == before, f"{step_id}: the fleet is neither old nor new"
    await _require_whole(site, job)
    assert {node.service.version for node in site.fleet.nodes} == old
    replaced = {node for node, kind in site.pool.ordered if kind == "replace_files"}
    assert job.state is (JobState.ROLLED_BACK if _disturbed(site) else JobState.FAILED)
    return Row(step=step_id, effect=effect, state=job.state, changed=len(replaced))


def _disturbed(site: Site) -> bool:
    disturbing = {"drain_member", "stop_service", "replace_files", "start_service"}
    return any(kind in disturbing for _, kind in site.pool.ordered)


async def _require_whole(site: Site, job: Job) -> None:
    """Everybody serves, nothing is left lying about, the system is free again."""
    assert "down" not in site.fleet.nginx.upstream
    assert [node.service.get("/health")[0] for node in site.fleet.nodes] == [200] * NODES
    left = [
        path
        for node in site.fleet.nodes
        for path in node.deploy_path.iterdir()
        if path.name.startswith(".guardia-")
    ]
    assert left == []
    assert await site.world.jobs.holder(job.plan.wire.lock) is None


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("k", range(1, NODES + 1))
async def test_a_failure_at_any_step_of_node_k_leaves_a_whole_fleet(
    k: int, lab: Lab, tmp_path: Path, table: Table
) -> None:
    site = Site(fleet=lab.nodes(NODES), folder=tmp_path, rollout=IN_TURN)
    rows: list[Row] = []
    async with site.open():
        for step in STEPS:
            # With its effect and without: at the first node both, later the worse of the two.
            effects = (False, True) if k == 1 else (step.partition("-")[2] in CHANGES,)
            rows += [await _try(site, f"was{k:02}.{step}", effect=effect) for effect in effects]
        whole = await site.deploy(application("9.0.0"))
        assert whole.state is JobState.SUCCEEDED
    assert {node.service.version for node in site.fleet.nodes} == {"9.0.0"}
    assert len({tuple(found.items()) for found in site.digests().values()}) == 1
    table(f"node {k} of {NODES}, one after the other", rows)


@pytest.mark.timeout(1200)
async def test_a_failure_within_a_batch_leaves_a_whole_fleet(
    lab: Lab, tmp_path: Path, table: Table
) -> None:
    site = Site(fleet=lab.nodes(NODES), folder=tmp_path, rollout=IN_BATCHES)
    async with site.open():
        rows = [
            await _try(site, f"was03.{step}", effect=step.partition("-")[2] in CHANGES)
            for step in ("03-stage", "07-replace", "09-health", "12-probe")
        ]
    assert len(rows) == 4
    assert {node.service.version for node in site.fleet.nodes} == {"1.0.0"}
    table("node 3 of 4, in a batch of three after a canary", rows)
