"""Files of another account in a folder of ours: the plan says beforehand whose they will be."""

from __future__ import annotations

import os
from pathlib import Path

from bot.core.domain.job import JobState
from tests.integration.deploy.conftest import Tell
from tests.integration.deploy.days import require_settled, require_told
from tests.integration.deploy.site import Site
from tests.lab import Lab
from tests.lab.account import Unavailable


async def test_a_plan_says_whose_files_it_will_take_and_keeps_their_mode(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    if not lab.account.switch:
        raise Unavailable("only root can give a file to another account")
    fleet = lab.nodes(1, web=False)
    (node,) = fleet.nodes
    page = node.deploy_path / "index.html"
    page.chmod(0o644)
    os.chown(page, 0, 0)
    site = Site(fleet=fleet, folder=tmp_path)
    async with site.open():
        job = await site.ask({"index.html": b"<h1>new</h1>", "css/new.css": b"a{}"})
        shown = site.world.messenger.at(job.card).now
        require_told(shown, "소유자와 그룹이 root:root에서", lab.account.name, "index.html")
        job = await site.approve(job)
        assert job.state is JobState.SUCCEEDED, site.report(job)
        found = page.stat()
        assert (found.st_uid, found.st_gid) == (lab.account.uid, lab.account.gid)
        assert found.st_mode & 0o777 == 0o644
        await require_settled(site, lab, job)
        tell("다른 계정 소유의 파일을 교체", site, job)
