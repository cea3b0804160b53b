"""Archives on real Tomcats behind a real nginx: the exploded folder goes with its archive."""

from __future__ import annotations

import time
from pathlib import Path

from bot.core.domain.job import JobState
from tests.integration.deploy.days import require_settled
from tests.integration.deploy.site import Site
from tests.lab import Lab, LabNode, Tomcat, war

PATIENCE_S = 60.0


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
