"""Many nodes behind one nginx, in batches: all new or all old, and no request lost on the way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.domain.estate import Rollout
from bot.core.domain.job import Job, JobState
from tests.integration.deploy.conftest import Table, Tell
from tests.integration.deploy.days import require_settled, require_told
from tests.integration.deploy.lab_pool import Fault
from tests.integration.deploy.site import QUICK, Site
from tests.lab import Lab, application

FLEET = 40
IN_TENS = Rollout(canary=1, batch=10, settle_s=1)


def _first(count: int) -> set[str]:
    return {f"was{number:02}" for number in range(1, count + 1)}


def versions(site: Site) -> set[str]:
    return {node.service.version for node in site.fleet.nodes}


@pytest.mark.timeout(600)
async def test_forty_nodes_become_new_in_batches_of_ten_or_stay_old(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(FLEET), folder=tmp_path, rollout=IN_TENS)
    before = site.digests()
    async with site.open():
        site.pool.faults["was25.10-health"] = Fault(effect=True, code="not_healthy")
        job = await site.deploy(application("2.0.0"))
        assert job.state is JobState.ROLLED_BACK, site.failed_steps(job)
        assert site.digests() == before
        assert versions(site) == {"1.0.0"}
        replaced = {node for node, kind in site.pool.ordered if kind == "replace_files"}
        # Its neighbours in the batch stop where they are: not every one has replaced its files.
        assert _first(21) | {"was25"} <= replaced <= _first(31)
        await require_settled(site, lab, job)
        require_told(site.report(job), "was25")
        tell("40대 중 세 번째 묶음에서 실패", site, job)

        job = await site.deploy(application("3.0.0"))
        assert job.state is JobState.SUCCEEDED, site.failed_steps(job)
        assert len({tuple(found.items()) for found in site.digests().values()}) == 1
        assert versions(site) == {"3.0.0"}
        await require_settled(site, lab, job)
        tell("40대를 열 대씩", site, job)


async def test_no_request_is_lost_while_a_pair_is_deployed(
    lab: Lab, tmp_path: Path, table: Table
) -> None:
    site = Site(fleet=lab.nodes(2), folder=tmp_path)
    async with site.open():
        with lab.load(site.fleet.nginx.url) as load:
            job = await site.deploy(application("2.0.0"))
        assert job.state is JobState.SUCCEEDED, site.failed_steps(job)
    result = load.result
    assert result is not None
    table(
        "requests during a rolling deploy", [f"light pair: {result.requests}, lost {result.lost}"]
    )
    assert result.requests > 100
    assert result.lost == 0


async def test_a_node_that_has_everything_already_is_left_alone(lab: Lab, tmp_path: Path) -> None:
    site = Site(fleet=lab.nodes(3), folder=tmp_path)
    current = site.fleet.nodes[1].service
    current.deploy(application("2.0.0"))
    current.script("shutdown.sh")
    current.script("startup.sh")
    pid = current.pid
    async with site.open():
        job = await site.deploy(application("2.0.0"))
        assert job.state is JobState.SUCCEEDED, site.failed_steps(job)
        assert job.plan.node_names == ("was01", "was03")
        asked = {kind for node, kind in site.pool.ordered if node == "was02"}
        assert asked <= {"fingerprint_files", "preflight"}  # the survey
        assert current.pid == pid
        assert versions(site) == {"2.0.0"}
        await require_settled(site, lab, job)


async def test_a_past_deployment_is_taken_back_unless_something_newer_stands_on_it(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(2), folder=tmp_path, rollout=replace(QUICK, health_s=12))
    before = site.digests()
    async with site.open():
        first = await site.deploy(application("2.0.0"))
        second = await site.deploy(application("3.0.0"))
        refused = await site.refused(action="rollback", params={"deployment": first.job_id})
        require_told(refused, first.job_id, second.job_id)

        failed = await site.deploy(application("4.0.0", mode="unhealthy"))
        assert failed.state is JobState.ROLLED_BACK
        taken = await _taken_back(site, second)
        assert versions(site) == {"2.0.0"}
        taken = await _taken_back(site, first)
        assert site.digests() == before
        assert versions(site) == {"1.0.0"}
        await require_settled(site, lab, taken)
        tell("지난 배포를 되돌림", site, taken)


async def _taken_back(site: Site, deployment: Job) -> Job:
    job = await site.deploy(action="rollback", params={"deployment": deployment.job_id})
    assert job.state is JobState.SUCCEEDED, site.report(job)
    assert job.plan.deployment == deployment.job_id
    return job


async def test_a_bot_that_dies_within_a_batch_goes_on_and_ends_it(lab: Lab, tmp_path: Path) -> None:
    site = Site(fleet=lab.nodes(4), folder=tmp_path, rollout=Rollout(canary=1, batch=3, settle_s=1))
    async with site.bot.up():
        job = await site.ask(application("2.0.0"))
        await site.bot.press(job)
        await site.bot.until(lambda: ("was03", "replace_files") in site.pool.ordered)
    assert site.world.job(job.job_id).state is JobState.RUNNING
    async with site.bot.up():
        job = await site.ended(job)
    assert job.state is JobState.SUCCEEDED, site.failed_steps(job)
    assert versions(site) == {"2.0.0"}
    ran = [pair for pair in site.pool.ordered if pair[1] == "replace_files"]
    assert {node for node, _ in ran} == {"was01", "was02", "was03", "was04"}
    await require_settled(site, lab, job)
