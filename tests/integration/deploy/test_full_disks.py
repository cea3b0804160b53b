"""Disks that are full and folders that nobody may write to: known early, and nothing half done."""

from __future__ import annotations

from pathlib import Path

from bot.core.domain.job import JobState
from tests.fakes.engine import words_of
from tests.integration.deploy.conftest import Tell
from tests.integration.deploy.days import (
    pictures,
    require_settled,
    require_told,
)
from tests.integration.deploy.site import Site
from tests.lab import Lab, application

MEGABYTE = 1 << 20


async def test_a_disk_that_is_too_full_is_known_before_anybody_approves(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(2), folder=tmp_path)
    lab.disk("was02/webapps", size=8 * MEGABYTE)
    before = site.digests()
    async with site.open():
        report = await site.refused(application("2.0.0"))
        assert {kind for _, kind in site.pool.ordered} == {"fingerprint_files", "preflight"}
        assert site.digests() == before
        require_told(
            words_of(report), "여유 공간이 부족", "was02", "필요 17 MB", "건드리지 않았습니다"
        )
        tell("디스크가 차 있음: 계획할 때 발견", site, report)


async def test_a_disk_that_fills_up_after_the_approval_is_known_before_its_node_is_touched(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(2), folder=tmp_path)
    disk = lab.disk("was02/webapps", size=40 * MEGABYTE)
    before = site.digests()
    async with site.open():
        site.pool.before["was02.01-preflight"] = lambda: disk.fill(leave=8 * MEGABYTE)
        job = await site.deploy(application("2.0.0"))
        assert job.state is JobState.ROLLED_BACK
        assert site.failed_steps(job) == [("was02.01-preflight", "disk_full")]
        touched = {kind for node, kind in site.pool.ordered if node == "was02"}
        assert touched <= {"fingerprint_files", "preflight"}
        assert site.digests() == before
        await require_settled(site, lab, job)
        require_told(site.report(job), "디스크 공간이 부족합니다", "was02", "webapps/ROOT", "MB")
        tell("승인 뒤에 디스크가 참: 사전 점검에서 발견", site, job)


async def test_a_disk_that_fills_up_before_the_transfer_stops_the_deployment_unharmed(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(2), folder=tmp_path)
    disk = lab.disk("was01/webapps", size=40 * MEGABYTE)
    before = site.digests()
    async with site.open():
        site.pool.before["was01.03-stage"] = lambda: disk.fill(leave=300_000)
        job = await site.deploy(application("2.0.0") | pictures(8, 100_000, seed=1))
        assert job.state is JobState.FAILED
        assert site.failed_steps(job) == [("was01.03-stage", "disk_full")]
        assert {node: kinds for node, kinds in site.pool.ordered if "stop" in kinds} == {}
        assert site.digests() == before
        await require_settled(site, lab, job)
        require_told(site.report(job), "디스크 공간이 부족합니다", "was01", "바뀌지 않았습니다")
        tell("사전 점검 뒤에 디스크가 참: 한 묶음 전송", site, job)


async def test_a_disk_that_is_full_for_one_large_file_stops_the_deployment_unharmed(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(1, web=False), folder=tmp_path)
    disk = lab.disk("was01/webapps", size=40 * MEGABYTE)
    before = site.digests()
    async with site.open():
        site.pool.before["was01.03-stage"] = lambda: disk.fill(leave=MEGABYTE)
        job = await site.deploy(pictures(1, 3 * MEGABYTE, seed=2))
        assert job.state is JobState.FAILED
        assert site.failed_steps(job) == [("was01.03-stage", "disk_full")]
        assert site.digests() == before
        await require_settled(site, lab, job)
        require_told(site.report(job), "디스크 공간이 부족합니다", "was01", "필요", "여유")
        tell("사전 점검 뒤에 디스크가 참: 큰 파일 하나", site, job)


async def test_a_full_backup_disk_stops_the_deployment_before_anything_is_sent(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(1, web=False), folder=tmp_path)
    node = site.fleet.nodes[0]
    node.service.deploy({"img/old.png": bytes(2 * MEGABYTE)})
    disk = lab.disk("was01/backup", size=40 * MEGABYTE)
    before = site.digests()
    async with site.open():
        site.pool.before["was01.02-backup"] = lambda: disk.fill(leave=MEGABYTE)
        job = await site.deploy({"img/old.png": b"new"})
        assert job.state is JobState.FAILED
        assert site.failed_steps(job) == [("was01.02-backup", "disk_full")]
        assert site.digests() == before
        await require_settled(site, lab, job)
        require_told(site.report(job), "디스크 공간이 부족합니다", "백업", "바뀌지 않았습니다")
        tell("백업할 디스크가 참", site, job)


async def test_a_folder_that_nobody_may_write_to_is_known_before_the_service_is_stopped(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(2), folder=tmp_path)
    before = site.digests()
    (site.fleet.nodes[1].deploy_path / "css").chmod(0o555)
    async with site.open():
        job = await site.deploy(application("2.0.0"))
        assert job.state is JobState.ROLLED_BACK
        assert site.failed_steps(job) == [("was02.03-stage", "permission_denied")]
        assert ("was02", "stop_service") not in site.pool.ordered
        assert site.digests() == before
        await require_settled(site, lab, job)
        require_told(site.report(job), "권한", "was02", "ROOT/css")
        tell("배포 경로 아래 한 폴더에 쓰기 권한 없음", site, job)


async def test_permission_that_is_lost_halfway_leaves_the_old_version(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(2), folder=tmp_path)
    before = site.digests()
    closed = site.fleet.nodes[0].deploy_path / "css"
    async with site.open():
        site.pool.before["was01.08-replace"] = lambda: closed.chmod(0o555)
        job = await site.deploy(application("2.0.0"))
        assert job.state is JobState.ROLLED_BACK
        assert site.failed_steps(job) == [("was01.08-replace", "permission_denied")]
        assert site.digests() == before
        await require_settled(site, lab, job)
        require_told(site.report(job), "권한", "was01", "css")
        tell("교체하는 중에 한 폴더의 쓰기 권한이 없어짐", site, job)
