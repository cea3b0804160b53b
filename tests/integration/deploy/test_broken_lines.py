"""Lines that break, servers that fall silent or turn out to be others, clocks that differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.core.domain.job import JobState
from tests.integration.deploy.conftest import Tell
from tests.integration.deploy.days import (
    new_digests,
    pictures,
    require_discreet,
    require_same,
    require_settled,
    require_told,
)
from tests.integration.deploy.site import Site
from tests.lab import Lab, SshdOptions, application

CUTS = 20
SIZE = 800_000  # bytes of each transfer
# 30 s of silence or 10 s for a login, and whatever else this machine does; TCP waits for a quarter
# of an hour.
NOT_FOR_EVER_MS = 180_000


@pytest.mark.parametrize("files", [8, 1], ids=["one stream of many files", "one large file"])
async def test_a_line_cut_anywhere_in_the_transfer_is_taken_up_once(
    files: int, lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    fleet = lab.nodes(1, web=False)
    (node,) = fleet.nodes
    cut = lab.cut(node.sshd)
    site = Site(fleet=fleet, folder=tmp_path, targets={"was01": {"port": cut.port}})
    async with site.open():
        for number in range(CUTS // 2):
            sent = pictures(files, SIZE // files, seed=number)
            offset = round(SIZE * (number + 0.5) / (CUTS // 2))
            broken = cut.cuts
            site.pool.before["was01.03-stage"] = lambda offset=offset: cut.cut_after(offset)
            job = await site.deploy(sent)
            assert cut.cuts == broken + 1
            assert job.state is JobState.SUCCEEDED, (offset, site.failed_steps(job))
            require_same(node.digests(), node.digests() | new_digests(sent))
        await require_settled(site, lab, job)
        tell(f"전송 중 {CUTS // 2}곳에서 연결이 끊김 (파일 {files}개)", site, job)


async def test_a_line_that_is_cut_again_leaves_the_old_version(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    fleet = lab.nodes(1)
    (node,) = fleet.nodes
    cut = lab.cut(node.sshd)
    site = Site(fleet=fleet, folder=tmp_path, targets={"was01": {"port": cut.port}})
    before = site.digests()

    async with site.open():
        site.pool.before["was01.03-stage"] = lambda: cut.cut_after(300_000, again_after=100_000)
        job = await site.deploy(application("2.0.0") | pictures(8, SIZE // 8, seed=9))
        assert cut.cuts == 2
        assert job.state is JobState.FAILED
        assert site.failed_steps(job) == [("was01.03-stage", "connection_lost")]
        assert site.digests() == before
        await require_settled(site, lab, job)
        require_told(site.report(job), "was01", "연결이 끊겼습니다", "바뀌지 않았습니다")
        tell("전송 중 연결이 두 번 끊김", site, job)


async def test_a_server_that_says_nothing_is_known_before_the_plan(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(1, web=False), folder=tmp_path)
    async with site.open():
        site.fleet.nodes[0].sshd.freeze()
        answer = await site.refused(application("2.0.0"))
        assert not site.world.jobs.jobs
        require_told(answer, "was01", "서버에 접속할 수 없습니다", "변경된 것은 없습니다")
        require_discreet(site)
        tell("계획 전: 접속은 되지만 응답하지 않는 서버", site, answer)


async def test_a_server_that_falls_silent_in_the_transfer_is_given_up(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    fleet = lab.nodes(2)
    cut = lab.cut(fleet.nodes[0].sshd)
    site = Site(fleet=fleet, folder=tmp_path, targets={"was01": {"port": cut.port}})
    before = site.digests()
    async with site.open():
        site.pool.before["was01.03-stage"] = lambda: cut.silent_after(300_000)
        site.pool.before["discard_staging"] = cut.restore
        job = await site.deploy(application("2.0.0") | pictures(8, SIZE // 8, seed=3))
        assert job.state is JobState.FAILED
        assert site.failed_steps(job) == [("was01.03-stage", "silence")]
        (record,) = [step for step in job.steps if step.code == "silence"]
        assert record.elapsed_ms < NOT_FOR_EVER_MS
        assert site.digests() == before
        await require_settled(site, lab, job)
        require_told(site.report(job), "was01", "서버가 응답하지 않아", "바뀌지 않았습니다")
        tell("전송 중 서버가 응답하지 않음", site, job)


async def test_a_server_that_freezes_after_its_stop_is_given_up(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(2), folder=tmp_path)
    sshd = site.fleet.nodes[1].sshd
    before = site.digests()
    async with site.open():
        site.pool.before["was02.08-replace"] = sshd.freeze
        site.pool.before["was02.undo.01-drain"] = sshd.thaw
        job = await site.deploy(application("2.0.0"))
        assert job.state is JobState.ROLLED_BACK
        (record,) = [step for step in job.steps if step.code != "ok"]
        assert (record.step_id, record.code) == ("was02.08-replace", "unreachable")
        assert record.elapsed_ms < NOT_FOR_EVER_MS
        assert site.digests() == before
        await require_settled(site, lab, job)
        require_told(site.report(job), "was02", "서버에 접속할 수 없습니다")
        tell("서비스를 중지한 뒤 서버가 응답하지 않음", site, job)


async def test_a_host_key_that_changes_after_the_approval_stops_the_deployment(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(1), folder=tmp_path)
    (node,) = site.fleet.nodes
    before = site.digests()
    async with site.open():
        job = await site.ask(application("2.0.0"))
        node.sshd.restart(new_host_keys=True)
        logins = node.sshd.log.read_text().count("Accepted")
        job = await site.approve(job)
        assert job.state is JobState.FAILED
        assert site.failed_steps(job) == [("was01.01-preflight", "host_key_changed")]
        assert node.sshd.log.read_text().count("Accepted") == logins  # no key, no password shown
        assert site.digests() == before
        await require_settled(site, lab, job)
        require_told(site.report(job), "was01", "호스트 키", "다시 등록", "바뀌지 않았습니다")
        tell("승인과 실행 사이에 호스트 키가 바뀜", site, job)


async def test_a_host_key_that_has_changed_is_refused_before_the_plan(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(1, web=False), folder=tmp_path)
    site.fleet.nodes[0].sshd.restart(new_host_keys=True)
    async with site.open():
        before = site.digests()
        answer = await site.refused(application("2.0.0"))
        assert site.digests() == before
        require_told(answer, "was01", "호스트 키", "다시 등록", "변경된 것은 없습니다")
        require_discreet(site)
        tell("계획 전: 호스트 키가 바뀐 서버", site, answer)


async def test_a_clock_that_is_ten_minutes_behind_harms_nothing_and_is_told(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    fleet = lab.nodes(2, options=SshdOptions(host_keys=("ed25519",), clock_offset_s=-600))
    site = Site(fleet=fleet, folder=tmp_path)
    sent = application("2.0.0")
    async with site.open():
        job = await site.deploy(sent)
        assert job.state is JobState.SUCCEEDED, site.failed_steps(job)
        for node in fleet.nodes:
            require_same(node.digests(), new_digests(sent))
        await require_settled(site, lab, job)
        require_told(site.report(job), "서버 시각이 맞지 않는", "was01 (10분", "느림", "was02")
        tell("서버 시각이 10분 느림", site, job)
