"""Logs that speak up late: after the start, with the users back."""

from __future__ import annotations

from pathlib import Path

from bot.core.domain.job import JobState
from tests.integration.deploy.conftest import Tell
from tests.integration.deploy.days import require_settled, require_told
from tests.integration.deploy.site import Site
from tests.lab import Lab, LabNode, application

OUT_OF_MEMORY = "SEVERE [main] java.lang.OutOfMemoryError: Java heap space"


def log_line(node: LabNode, line: str) -> None:
    with Path(node.service.spec.log_path).open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


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
