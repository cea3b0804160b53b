"""Two thousand files of ten kilobytes: every digest on the server's disk, there and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.core.domain.job import JobState
from tests.integration.deploy.conftest import Tell
from tests.integration.deploy.days import new_digests, pictures, require_same, require_settled
from tests.integration.deploy.site import Site
from tests.lab import Lab

COUNT, SIZE = 2_000, 10_240


@pytest.mark.timeout(600)
async def test_two_thousand_files_arrive_and_go_back_with_every_digest_verified(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    fleet = lab.nodes(1, web=False)
    (node,) = fleet.nodes
    site = Site(fleet=fleet, folder=tmp_path)
    old = pictures(COUNT // 2, SIZE, seed=1)  # half of them replace a file, half are new
    node.service.deploy(old)
    before, sent = node.digests(), pictures(COUNT, SIZE, seed=2)
    async with site.open():
        job = await site.deploy(sent)
        assert job.state is JobState.SUCCEEDED, site.failed_steps(job)
        assert len(new_digests(sent)) == COUNT
        require_same(node.digests(), before | new_digests(sent))
        assert f"SHA-256 {COUNT}건 일치" in site.report(job)
        await require_settled(site, lab, job)
        tell(f"{SIZE // 1024} KB 파일 {COUNT}개", site, job)
        back = await site.approve(await site.ask(action="rollback"))
        assert back.state is JobState.SUCCEEDED, site.failed_steps(back)
        require_same(node.digests(), before)
        await require_settled(site, lab, back)
        tell(f"{SIZE // 1024} KB 파일 {COUNT}개의 롤백", site, back)
