"""Archives on real Tomcats behind a real nginx: the exploded folder goes with its archive."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bot.core.domain.job import JobState
from tests.integration.deploy.conftest import Table, Tell
from tests.integration.deploy.days import new_digests, require_same, require_settled, require_told
from tests.integration.deploy.site import QUICK, Site
from tests.lab import Lab, LabNode, Tomcat, digests_below, war, war_files

PATIENCE_S = 240.0
FORGOTTEN = "ROOT/WEB-INF/classes/old.properties"


def tomcat_of(node: LabNode) -> Tomcat:
    assert isinstance(node.service, Tomcat)
    return node.service


def deploy_automatically(tomcat: Tomcat) -> None:
    """Tomcat's own default, which the lab's has not: look at ``webapps`` while it runs."""
    tomcat.script("shutdown.sh")
    settings = tomcat.home / "conf" / "server.xml"
    text = settings.read_text("utf-8").replace('autoDeploy="false"', 'autoDeploy="true"')
    settings.write_text(text.replace("<Engine ", '<Engine backgroundProcessorDelay="1" '), "utf-8")
    tomcat.start()


def await_scan(tomcat: Tomcat) -> None:
    """Until it has looked at its folder: what comes last to it has been deployed."""
    tomcat.ground.write(tomcat.webapps / "seen" / "index.html", "")
    until = time.monotonic() + PATIENCE_S
    while tomcat.get("/seen/index.html")[0] != 200:
        assert time.monotonic() < until, "it does not look"
        time.sleep(0.1)


async def test_a_tomcat_that_deploys_by_itself_never_takes_what_is_staged(
    lab: Lab, tmp_path: Path
) -> None:
    fleet = lab.tomcat_nodes(1, web=False)
    tomcat = tomcat_of(fleet.nodes[0])
    deploy_automatically(tomcat)
    site = Site(fleet=fleet, folder=tmp_path)
    async with site.open():
        site.pool.before["tom01.04-mark-log"] = lambda: await_scan(tomcat)
        job = await site.deploy(war("2.0.0"), name="ROOT.war")
        assert job.state is JobState.SUCCEEDED, site.failed_steps(job)
        assert tomcat.version == "2.0.0"
        assert "guardia-J" not in tomcat.log.read_text("utf-8")
        await require_settled(site, lab, job)


async def test_an_archive_replaces_its_folder_on_a_pair_without_a_lost_request(
    lab: Lab, tmp_path: Path, table: Table
) -> None:
    site = Site(fleet=lab.tomcat_nodes(2), folder=tmp_path)
    for node in site.fleet.nodes:  # a class that the new archive does not have any more
        tomcat_of(node).ground.write(node.deploy_path / FORGOTTEN, b"an old class")
    before = site.digests()
    async with site.open():
        with lab.load(f"{site.fleet.nginx.url}health") as load:
            job = await site.deploy(war("2.0.0"), name="ROOT.war")
        assert job.state is JobState.SUCCEEDED, site.failed_steps(job)
        assert {tomcat_of(node).version for node in site.fleet.nodes} == {"2.0.0"}
        for node in site.fleet.nodes:
            exploded = digests_below(node.deploy_path / "ROOT")
            assert exploded.items() >= new_digests(war_files("2.0.0")).items()
            assert "WEB-INF/classes/old.properties" not in exploded
        result = load.result
        assert result is not None
        row = f"Tomcat pair: {result.requests}, lost {result.lost}"
        table("requests during a rolling deploy", [row])
        assert result.requests > 100
        assert result.lost == 0

        taken = await site.deploy(action="rollback")
        assert taken.state is JobState.SUCCEEDED, site.report(taken)
        assert {tomcat_of(node).version for node in site.fleet.nodes} == {"1.0.0"}
        for node in site.fleet.nodes:
            require_same(served(node.digests()), served(before[node.node_id]))
        await require_settled(site, lab, taken)


async def test_an_archive_whose_context_fails_is_taken_back_with_its_folder(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.tomcat_nodes(2), folder=tmp_path, rollout=replace(QUICK, health_s=20))
    before = site.digests()
    async with site.open():
        job = await site.deploy(war("2.0.0", mode="context-fails"), name="ROOT.war")
        assert job.state is JobState.ROLLED_BACK, site.report(job)
        assert [step for step, _ in site.failed_steps(job)] == ["tom01.10-health"]
        assert {tomcat_of(node).version for node in site.fleet.nodes} == {"1.0.0"}
        for node in site.fleet.nodes:
            require_same(served(node.digests()), served(before[node.node_id]))
        await require_settled(site, lab, job)
        require_told(site.report(job), "tom01", "이전 버전")
        tell("Tomcat 컨텍스트 기동 실패(WAR)", site, job)


def served(found: Mapping[str, str]) -> dict[str, str]:
    """Without what Tomcat notes down for itself about the archive."""
    return {path: digest for path, digest in found.items() if "war-tracker" not in path}
