"""Balancers that refuse, and backups that cannot be read: nobody guesses, and the system waits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bot.core.domain.job import Job, JobState
from tests.integration.deploy.conftest import Tell
from tests.integration.deploy.days import require_discreet, require_settled, require_told
from tests.integration.deploy.site import QUICK, Site
from tests.lab import Lab, LabNode, application

SHORT = replace(QUICK, stop_s=60, start_s=60, health_s=12)


async def free(site: Site, job: Job) -> None:
    """What ``guardia unlock`` does, after a person has looked."""
    lease = await site.world.jobs.acquire(job.plan.wire.lock, job.job_id, at=site.world.clock.now())
    assert lease is not None
    await site.world.jobs.release(lease)


async def require_held(site: Site, job: Job) -> None:
    """The next job is refused, names the holder, and says how to free the system."""
    assert await site.world.jobs.holder(job.plan.wire.lock) == job.job_id
    later = await site.deploy(application("2.1.0"))
    assert later.state is JobState.FAILED
    said = site.report(later)
    require_told(said, job.job_id, f"guardia unlock {job.plan.wire.lock} --job {job.job_id}")


def mended(node: LabNode, version: str) -> None:
    """What a person does by hand: the old files, and the service started."""
    node.service.deploy(application(version))
    if node.service.pid is None:
        node.service.script("startup.sh")


async def test_a_balancer_whose_configuration_is_broken_refuses_before_anything_is_touched(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(2), folder=tmp_path, rollout=SHORT)
    before, upstream = site.digests(), site.fleet.nginx.upstream
    site.fleet.nginx.break_syntax()
    async with site.open():
        job = await site.deploy(application("2.0.0"))
        assert job.state is JobState.FAILED, site.report(job)
        assert site.failed_steps(job) == [("was01.04-drain", "syntax_check_failed")]
        assert site.digests() == before
        assert site.fleet.nginx.upstream == upstream
        await require_settled(site, lab, job)
        require_told(site.report(job), "web01", "바뀌지 않았습니다")
        tell("nginx 설정 검사 실패: 제외하기 전", site, job)


async def test_a_balancer_that_is_down_stops_the_deployment_unharmed(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(2), folder=tmp_path, rollout=SHORT)
    before, upstream = site.digests(), site.fleet.nginx.upstream
    site.fleet.nginx.stop()
    async with site.open():
        job = await site.deploy(application("2.0.0"))
        assert job.state is JobState.FAILED, site.report(job)
        assert site.failed_steps(job) == [("was01.04-drain", "reload_failed")]
        assert site.digests() == before
        assert site.fleet.nginx.upstream == upstream
        await require_settled(site, lab, job)
        require_told(site.report(job), "web01", "바뀌지 않았습니다")
        tell("nginx가 떠 있지 않음", site, job)


async def test_a_balancer_that_breaks_before_the_node_is_back_keeps_the_system(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(2), folder=tmp_path, rollout=SHORT)
    first, second = site.fleet.nodes
    before, nginx = site.digests(), site.fleet.nginx
    configuration = (nginx.home / "conf" / "nginx.conf").read_bytes()
    async with site.open():
        site.pool.before["was01.12-join"] = nginx.break_syntax
        job = await site.deploy(application("2.0.0"))
        assert job.state is JobState.ROLLBACK_FAILED, site.report(job)
        assert site.failed_steps(job)[0] == ("was01.12-join", "syntax_check_failed")
        assert second.digests() == before["was02"]
        assert f"server {first.member} max_fails=3 fail_timeout=10s down;" in nginx.upstream
        assert [node.service.get("/health")[0] for node in (first, second)] == [200, 200]
        require_told(site.report(job), "was01", "web01", "nginx -t", "guardia unlock", job.job_id)
        require_discreet(site)
        tell("nginx 설정 검사 실패: 다시 넣을 때", site, job)

        await require_held(site, job)
        nginx.ground.write(nginx.home / "conf" / "nginx.conf", configuration)
        await free(site, job)
        whole = await site.deploy(application("3.0.0"))
        assert whole.state is JobState.SUCCEEDED, site.report(whole)
        assert {node.service.version for node in site.fleet.nodes} == {"3.0.0"}
        await require_settled(site, lab, whole)


async def test_a_backup_that_cannot_be_read_stops_the_way_back_and_says_what_to_do(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(2), folder=tmp_path, rollout=SHORT)
    first, second = site.fleet.nodes
    before = site.digests()

    def damage() -> None:
        for saved in first.backup_path.rglob("site.css"):
            saved.write_bytes(b"not what it was")

    async with site.open():
        site.pool.before["was01.undo.04-restore"] = damage
        job = await site.deploy(application("2.0.0", mode="unhealthy"))
        assert job.state is JobState.ROLLBACK_FAILED, site.report(job)
        assert site.failed_steps(job) == [
            ("was01.10-health", "not_healthy"),
            ("was01.undo.04-restore", "backup_unreadable"),
        ]
        assert second.digests() == before["was02"]
        assert second.service.get("/health")[0] == 200
        assert (
            f"server {first.member} max_fails=3 fail_timeout=10s down;" in site.fleet.nginx.upstream
        )
        require_told(
            site.report(job),
            "was01",
            "백업",
            str(first.backup_path / job.job_id),
            "bin/startup.sh",
            "guardia unlock",
        )
        require_discreet(site)
        tell("되돌릴 백업을 읽을 수 없음", site, job)

        await require_held(site, job)
        mended(first, "1.0.0")
        await free(site, job)
        whole = await site.deploy(application("3.0.0"))
        assert whole.state is JobState.SUCCEEDED, site.report(whole)
        assert {node.service.version for node in site.fleet.nodes} == {"3.0.0"}
        await require_settled(site, lab, whole)
