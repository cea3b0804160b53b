"""A deployment from the message to the report, on real servers behind a real nginx."""

from __future__ import annotations

from pathlib import Path

from bot.core.domain.job import JobState
from tests.integration.deploy.site import Site
from tests.lab import Lab, application


async def test_all_nodes_are_replaced_one_after_the_other(lab: Lab, tmp_path: Path) -> None:
    site = Site(fleet=lab.nodes(2), folder=tmp_path)
    async with site.open():
        job = await site.deploy(application("1.1.0"))
        assert job.state is JobState.SUCCEEDED, site.failed_steps(job)
    assert {node.service.version for node in site.fleet.nodes} == {"1.1.0"}
    print(site.report(job))
