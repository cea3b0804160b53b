"""Nodes with FTP and nothing else: no shell, no restart, no free space, and still whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.transports.reach import connect
from agent.transports.transport import Connect, Transport
from agent.wire.plan import NodeAccess
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
from tests.integration.deploy.site import Site, node_of_target
from tests.lab import Fleet, FtpNode, Lab, application

MEGABYTE = 1 << 20


def site_of(ftp: FtpNode, folder: Path, *, aim: Connect = connect, **changes: object) -> Site:
    node = node_of_target(ftp.target(env="prod", **changes))
    return Site(
        fleet=Fleet(nodes=(), web=None),
        folder=folder,
        extra=(node,),
        logins={ftp.node_id: ftp.ftp.login},
        aim=aim,
    )


class Interrupted:
    """A Transport; ``restart`` is called once in the middle of each upload."""

    def __init__(self, server: Transport, restart: Callable[[], None]) -> None:
        self.files, self.shell, self.legacy = server.files, server.shell, server.legacy
        self.run, self.read = server.run, server.read
        self._server = server
        self._restart = restart

    async def put(self, source: AsyncIterator[bytes], path: str, *, mode: int = 0o600) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            begun = False
            async for piece in source:
                yield piece
                if not begun:
                    self._restart()
                begun = True

        await self._server.put(pieces(), path, mode=mode)


class Restarting:
    """Reaches the server, which is restarted in the middle of its first ``times`` uploads."""

    def __init__(self, ftp: FtpNode, *, times: int) -> None:
        self._ftp = ftp
        self.left = times

    @asynccontextmanager
    async def connect(self, access: NodeAccess) -> AsyncIterator[Transport]:
        async with connect(access) as server:
            yield Interrupted(server, self._restart)

    def _restart(self) -> None:
        if self.left:
            self.left -= 1
            self._ftp.ftp.stop()
            self._ftp.ftp.start()


async def test_an_ftp_node_takes_files_by_temporary_names_and_the_plan_says_no_restart(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    ftp = lab.ftp_node()
    site = site_of(ftp, tmp_path)
    sent = application("2.0.0") | pictures(3, 10_000, seed=1)
    async with site.open():
        job = await site.ask(sent)
        card = site.world.messenger.at(job.card).now
        require_told(card, "FTP 전용 서버라 재기동할 수 없습니다", "담당자가 서버에서 직접 재기동")
        require_told(card, "서버 신원을 확인할 수 없고", "ftp01")
        pid = ftp.service.pid
        job = await site.approve(job)
        assert job.state is JobState.SUCCEEDED, site.failed_steps(job)
        require_same(ftp.digests(), new_digests(sent))
        assert ftp.service.pid == pid
        await require_settled(site, lab, job, nodes=(ftp,))
        require_discreet(site, ftp.ftp.password)
        _require_moved_into_place(ftp, sent)
        tell("FTP만 되는 서버", site, job)


def _require_moved_into_place(ftp: FtpNode, sent: dict[str, bytes]) -> None:
    """The server has seen uploads of temporary names only."""
    log = (ftp.ftp.folder / "transfers.log").read_text()
    uploads = [line for line in log.splitlines() if "OK UPLOAD" in line]
    assert len(uploads) >= len(sent)
    assert not [line for line in uploads if any(f'/htdocs/{path}"' in line for path in sent)]


async def test_a_deployment_to_an_ftp_node_is_rolled_back_by_chat(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    ftp = lab.ftp_node()
    site = site_of(ftp, tmp_path)
    before = ftp.digests()
    async with site.open():
        job = await site.deploy(application("2.0.0") | {"new/page.html": b"new"})
        assert job.state is JobState.SUCCEEDED, site.failed_steps(job)
        back = await site.approve(await site.ask(action="rollback"))
        assert back.state is JobState.SUCCEEDED, site.failed_steps(back)
        assert ftp.digests() == before
        await require_settled(site, lab, back, nodes=(ftp,))
        tell("FTP만 되는 서버의 롤백", site, back)


async def test_a_full_disk_behind_ftp_leaves_the_old_version(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    ftp = lab.ftp_node()
    disk = lab.disk("ftp01/ftp/files/htdocs", size=8 * MEGABYTE)
    site = site_of(ftp, tmp_path)
    before = ftp.digests()
    async with site.open():
        site.pool.before["ftp01.03-stage"] = lambda: disk.fill(leave=MEGABYTE)
        job = await site.deploy(pictures(4, MEGABYTE, seed=2))
        (disk.path / ".filler").unlink()
        assert job.state is JobState.FAILED
        assert site.failed_steps(job) == [("ftp01.03-stage", "disk_full")]
        assert ftp.digests() == before
        await require_settled(site, lab, job, nodes=(ftp,))
        require_told(site.report(job), "ftp01", "디스크 공간이 부족합니다", "바뀌지 않았습니다")
        tell("FTP 서버의 디스크가 참", site, job)


@pytest.mark.parametrize("offset", [60, 300, 700, 1200])
async def test_an_ftp_line_that_breaks_leaves_the_old_version_or_the_new_one(
    offset: int, lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    ftp = lab.ftp_node()
    cut = lab.cut(ftp.ftp)
    site = site_of(ftp, tmp_path, port=cut.port)
    sent = pictures(8, 60_000, seed=offset)
    before = ftp.digests()
    async with site.open():
        site.pool.before["ftp01.03-stage"] = lambda: cut.cut_after(offset)
        job = await site.deploy(sent)
        assert cut.cuts == 1
        whole = before | new_digests(sent) if job.state is JobState.SUCCEEDED else before
        assert job.state in {JobState.SUCCEEDED, JobState.FAILED}, site.failed_steps(job)
        require_same(ftp.digests(), whole)
        await require_settled(site, lab, job, nodes=(ftp,))
        tell(f"FTP 전송 중 연결이 끊김 ({offset}바이트째)", site, job)


async def test_an_ftp_line_that_breaks_while_files_are_moved_leaves_the_old_version_or_the_new_one(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    ftp = lab.ftp_node()
    cut = lab.cut(ftp.ftp)
    site = site_of(ftp, tmp_path, port=cut.port)
    old, sent = ftp.digests(), application("2.0.0") | pictures(12, 2_000, seed=7)
    async with site.open():
        site.pool.before["ftp01.04-replace"] = lambda: cut.cut_after(2_500)
        job = await site.deploy(sent)
        assert cut.cuts == 1
        assert job.state is JobState.ROLLED_BACK, site.failed_steps(job)
        assert site.failed_steps(job) == [("ftp01.04-replace", "connection_lost")]
        require_same(ftp.digests(), old)
        await require_settled(site, lab, job, nodes=(ftp,))
        require_told(site.report(job), "ftp01", "연결이 끊겼습니다")
        tell("FTP에서 교체하는 중에 연결이 끊김", site, job)


@pytest.mark.parametrize(("times", "end"), [(1, JobState.SUCCEEDED), (2, JobState.FAILED)])
async def test_an_ftp_server_that_dies_in_the_middle_of_a_file_leaves_one_whole_version(
    times: int, end: JobState, lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    ftp = lab.ftp_node()
    dying = Restarting(ftp, times=0)
    site = site_of(ftp, tmp_path, aim=dying.connect)
    before, sent = ftp.digests(), pictures(1, 6 * MEGABYTE, seed=3)
    async with site.open():
        job = await site.ask(sent)
        site.pool.before["ftp01.03-stage"] = lambda: setattr(dying, "left", times)
        job = await site.approve(job)
        assert dying.left == 0
        assert job.state is end
        failures = [("ftp01.03-stage", "connection_lost")] if times == 2 else []
        assert site.failed_steps(job) == failures
        require_same(ftp.digests(), before | new_digests(sent) if times == 1 else before)
        await require_settled(site, lab, job, nodes=(ftp,))
        tell(f"FTP 서버가 파일 전송 중에 {times}번 죽음", site, job)
