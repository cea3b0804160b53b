"""Logs that speak up late, and logs that are taken away while they are read."""

from __future__ import annotations

import gzip
from pathlib import Path

from bot.core.domain.job import JobState
from tests.integration.deploy.conftest import Tell
from tests.integration.deploy.days import require_settled, require_told
from tests.integration.deploy.site import Site
from tests.lab import Lab, LabNode, application
from tests.lab.account import Account

OUT_OF_MEMORY = "SEVERE [main] java.lang.OutOfMemoryError: Java heap space"


def log_line(node: LabNode, line: str) -> None:
    with Path(node.service.spec.log_path).open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def rotate_and_pack(node: LabNode, account: Account) -> None:
    """As logrotate does it; the service goes on writing to a file that has no name any more."""
    log = Path(node.service.spec.log_path)
    (log.parent / "catalina.out.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.rename(log.parent / "catalina.out.1")
    log.touch()
    account.own(log)
    (log.parent / "catalina.out.1").unlink()


async def test_a_node_whose_log_tells_of_an_error_once_it_serves_again_goes_back(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    fleet = lab.nodes(1, web=False)
    (node,) = fleet.nodes
    watched = {"service": node.service.spec.model_copy(update={"watch_s": 1})}
    site = Site(fleet=fleet, folder=tmp_path, targets={"was01": watched})
    before = site.digests()
    async with site.open():
        # Between the start's own check and the watch: read by the one, judged by the other.
        site.pool.before["watch_node"] = lambda: log_line(node, OUT_OF_MEMORY)
        job = await site.deploy(application("2.0.0"))
        assert job.state is JobState.ROLLED_BACK, site.report(job)
        assert site.failed_steps(job) == [("was01.10-watch", "log_errors_later")]
        assert site.digests() == before
        await require_settled(site, lab, job)
        require_told(site.report(job), "was01", "OutOfMemoryError", "서비스에 다시 넣은 뒤")
        tell("다시 서비스한 뒤 로그에 OutOfMemoryError, 응답은 정상", site, job)


async def test_an_error_in_a_log_that_was_packed_meanwhile_is_found_where_it_lies(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    fleet = lab.nodes(1, web=False)
    (node,) = fleet.nodes

    def nightfall() -> None:
        log_line(node, OUT_OF_MEMORY)
        rotate_and_pack(node, lab.account)

    site = Site(fleet=fleet, folder=tmp_path)
    before = site.digests()
    async with site.open():
        site.pool.before["scan_log"] = nightfall
        job = await site.deploy(application("2.0.0"))
        assert job.state is JobState.ROLLED_BACK, site.report(job)
        assert site.failed_steps(job) == [("was01.09-scan-log", "log_errors")]
        assert site.digests() == before
        await require_settled(site, lab, job)
        require_told(site.report(job), "was01", "OutOfMemoryError")
        tell("기동 중에 로그가 회전·압축됨, 그 안에 오류", site, job)
