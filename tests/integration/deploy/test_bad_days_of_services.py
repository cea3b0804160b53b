"""Applications that come up wrong, for a moment, or not at all: the old version serves again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.domain.job import JobState
from tests.integration.deploy.conftest import Tell
from tests.integration.deploy.days import require_settled, require_told
from tests.integration.deploy.site import QUICK, Site
from tests.lab import Fleet, Lab, application

# Long enough for a good start on a busy machine, short enough for a test.
SHORT = replace(QUICK, stop_s=30, start_s=16, health_s=10)
OLD = "1.0.0"


def versions(site: Site) -> set[str]:
    return {node.service.version for node in site.fleet.nodes}


def services(fleet: Fleet, **changes: object) -> dict[str, dict[str, object]]:
    """The nodes' services with these fields changed, as ``Site.targets``."""
    return {
        node.node_id: {"service": node.service.spec.model_copy(update=changes)}
        for node in fleet.nodes
    }


# What is deployed, the step and code that it fails with, and what people must read of it.
BAD_STARTS = [
    ("flapping", "10-health", "health_flapping", "상태 확인 응답이 오락가락함"),
    ("unhealthy", "10-health", "not_healthy", "상태 확인에 계속 실패함"),
    ("no-start", "09-start", "service_died", "기동 중에 바로 죽음"),
    ("script-fails", "09-start", "script_failed", "기동 스크립트가 오류로 끝남"),
    (
        "script-hangs:no-start",
        "09-start",
        "script_timeout",
        "끝나지 않는 기동 스크립트, 기동 안 됨",
    ),
    ("context-fails", "11-scan-log", "log_errors", "포트는 열렸지만 컨텍스트 기동 실패"),
    ("log-error", "11-scan-log", "log_errors", "정상 응답하지만 로그에 SEVERE"),
    ("slow:300", "09-start", "not_started", "제한 시간 안에 포트를 열지 못함"),
]


@pytest.mark.parametrize(("mode", "step", "code", "day"), BAD_STARTS, ids=lambda value: value)
async def test_a_version_that_does_not_come_up_well_is_taken_back(
    mode: str, step: str, code: str, day: str, lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(2), folder=tmp_path, rollout=SHORT)
    before = site.digests()
    async with site.open():
        job = await site.deploy(application("2.0.0", mode=mode))
        assert job.state is JobState.ROLLED_BACK, site.report(job)
        assert site.failed_steps(job) == [(f"was01.{step}", code)]
        assert site.digests() == before
        assert versions(site) == {OLD}
        assert {node for node, kind in site.pool.ordered if kind == "replace_files"} == {"was01"}
        await require_settled(site, lab, job)
        require_told(site.report(job), "was01", "이전 버전")
        tell(day, site, job)


async def test_a_start_script_that_never_returns_is_fine_when_the_service_comes_up(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(2), folder=tmp_path, rollout=SHORT)
    async with site.open():
        job = await site.deploy(application("2.0.0", mode="script-hangs"))
        assert job.state is JobState.SUCCEEDED, site.report(job)
        assert versions(site) == {"2.0.0"}
        await require_settled(site, lab, job)
        tell("끝나지 않는 기동 스크립트, 서비스는 기동", site, job)


async def test_an_application_that_dies_while_it_is_watched_is_taken_back(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    """Its node is behind the balancer again when the watch notices."""
    fleet = lab.nodes(2)
    site = Site(fleet=fleet, folder=tmp_path, rollout=SHORT, targets=services(fleet, watch_s=240))
    before = site.digests()
    async with site.open():
        site.pool.before["was01.13-watch"] = fleet.nodes[0].service.die
        job = await site.deploy(application("2.0.0", mode="dies-when-told"))
        assert job.state is JobState.ROLLED_BACK, site.report(job)
        ((step, code),) = site.failed_steps(job)
        assert step == "was01.13-watch"
        # Its process is gone at once, or its last words are read first.
        assert code in {"not_stable", "log_errors_later"}
        assert site.digests() == before
        assert versions(site) == {OLD}
        await require_settled(site, lab, job)
        require_told(site.report(job), "was01", "OutOfMemoryError", "이전 버전")
        tell("관찰 중에 죽는 애플리케이션", site, job)


async def test_one_that_dies_on_the_last_node_takes_back_those_that_serve_already(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    fleet = lab.nodes(3)
    site = Site(
        fleet=fleet,
        folder=tmp_path,
        rollout=SHORT,
        targets={
            "was03": {"service": fleet.nodes[2].service.spec.model_copy(update={"watch_s": 8})}
        },
    )
    before = site.digests()
    async with site.open():
        # It lives long enough on every node to come back behind the balancer.
        site.pool.before["was03.13-watch"] = fleet.nodes[2].service.stop
        job = await site.deploy(application("2.0.0"))
        assert job.state is JobState.ROLLED_BACK, site.report(job)
        assert [step for step, _ in site.failed_steps(job)] == ["was03.13-watch"]
        joined = [node for node, kind in site.pool.ordered if kind == "restore_backup"]
        assert joined == ["was03", "was02", "was01"]
        assert site.digests() == before
        assert versions(site) == {OLD}
        await require_settled(site, lab, job)
        require_told(site.report(job), "was01", "was02", "was03", "이전 버전")
        tell("마지막 노드가 관찰 중에 죽음: 이미 반영된 노드까지 되돌림", site, job)


async def test_a_start_that_does_not_log_its_sign_of_success_is_taken_back(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    fleet = lab.nodes(1, web=False)
    changed = services(fleet, log_success="예산 배치 준비 완료")
    site = Site(fleet=fleet, folder=tmp_path, rollout=SHORT, targets=changed)
    before = site.digests()
    async with site.open():
        job = await site.deploy(application("2.0.0"))
        assert job.state is JobState.ROLLED_BACK, site.report(job)
        assert site.failed_steps(job) == [("was01.09-scan-log", "start_not_logged")]
        assert site.digests() == before
        await require_settled(site, lab, job)
        require_told(site.report(job), "예산 배치 준비 완료", "was01")
        tell("로그에 기동 완료 표시가 없음", site, job)


async def test_a_service_that_does_not_stop_is_left_as_it_is_and_told(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    fleet = lab.nodes(2)
    node = fleet.nodes[0]
    node.service.script("shutdown.sh")
    node.service.deploy(application(OLD, mode="ignores-stop"))
    node.service.start()
    site = Site(fleet=fleet, folder=tmp_path, rollout=SHORT)
    before = site.digests()
    async with site.open():
        job = await site.deploy(application("2.0.0"))
        assert job.state is JobState.ROLLBACK_FAILED, site.report(job)
        assert {path: site.digests()["was01"][path] for path in before["was01"]} == before["was01"]
        assert versions(site) == {OLD}
        assert await site.world.jobs.holder(job.plan.wire.lock) == job.job_id
        require_told(
            site.report(job), "was01", "bin/shutdown.sh", "guardia unlock", str(node.service.pid)
        )
        tell("멈추지 않는 서비스", site, job)
