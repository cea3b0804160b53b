"""Services started and stopped by people: the state first, and only what is not as asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.operations.context import OperationFailed
from agent.operations.service import start, status, stop
from agent.wire.operations import ServiceStatus, StartService, StopService
from agent.wire.plan import ServiceCommands, ServiceSpec
from bot.core.domain.job import JobState
from tests.integration.deploy.site import Site
from tests.integration.operations.at_node import Recorded, context_of
from tests.lab import Fleet, Lab, LabNode


@pytest.fixture(scope="module")
def fleet(module_lab: Lab) -> Fleet:
    return module_lab.nodes(2, web=False)


@pytest.fixture(autouse=True)
def all_running(fleet: Fleet) -> None:
    for node in fleet.nodes:
        if not node.service.version:
            node.service.start()


def own_commands(lab: Lab, node: LabNode, *, name: str, says: str = "") -> ServiceSpec:
    """The service as a site controls it by its own programs; ``says``: all that status does."""
    home = node.service.home
    folder = lab.account.make_folder(home / f"own-{name}")
    alive = f'kill -0 "$(cat {home}/run/tomcat.pid)" 2>/dev/null'
    programs = {
        "start": f"exec {home}/bin/startup.sh",
        "stop": f"exec {home}/bin/shutdown.sh",
        "status": says or alive,
    }
    for program, line in programs.items():
        lab.ground.write(folder / program, f"#!/bin/sh\n{line}\n", mode=0o755)
    commands = ServiceCommands.model_validate({each: str(folder / each) for each in programs})
    return node.service.spec.model_copy(update={"kind": "commands", "commands": commands})


async def test_a_site_s_own_programs_stop_start_and_tell(module_lab: Lab, fleet: Fleet) -> None:
    node = fleet.nodes[0]
    spec = own_commands(module_lab, node, name="plain")
    book = Recorded()
    context = context_of(node.access(service=spec), book)
    assert (await status(context, ServiceStatus())).running
    assert (await stop(context, StopService(timeout_s=120))).note == ""
    stopped = await status(context, ServiceStatus())
    assert (stopped.running, stopped.port_open) == (False, False)
    assert (await start(context, StartService(timeout_s=120))).note == ""
    assert (await status(context, ServiceStatus())).port_open
    assert spec.commands is not None
    ran = [arguments for arguments in book.ran if arguments[0].startswith(str(node.service.home))]
    told = [[spec.commands.stop], [spec.commands.status], [spec.commands.start]]
    assert [each for each in ran if each in told[::2]] == [told[0], told[2]]
    assert told[1] in ran


async def test_a_service_that_says_it_still_runs_has_not_been_stopped(
    module_lab: Lab, fleet: Fleet
) -> None:
    node = fleet.nodes[0]
    spec = own_commands(module_lab, node, name="liar", says="exit 0")
    with pytest.raises(OperationFailed) as failed:
        await stop(context_of(node.access(service=spec)), StopService(timeout_s=10))
    assert failed.value.code == "still_running"


async def test_a_program_that_is_not_there_is_told_with_its_words(
    module_lab: Lab, fleet: Fleet
) -> None:
    node = fleet.nodes[1]
    spec = own_commands(module_lab, node, name="missing")
    assert spec.commands is not None
    Path(spec.commands.start).unlink()
    node.service.script("shutdown.sh")
    with pytest.raises(OperationFailed) as failed:
        await start(context_of(node.access(service=spec)), StartService(timeout_s=60))
    assert failed.value.code == "script_failed"
    assert failed.value.values["exit_status"] == "127"
    assert any(spec.commands.start in line for line in failed.value.lines)


async def test_what_runs_already_is_not_started_again(fleet: Fleet, tmp_path: Path) -> None:
    site = Site(fleet=fleet, folder=tmp_path)
    async with site.open():
        pids = [node.service.pid for node in fleet.nodes]
        refused = await site.refused(
            action="manage_service", by="operator", params={"operation": "start"}
        )
        assert refused.summary.startswith("이미 실행 중입니다: was01, was02")
        assert [node.service.pid for node in fleet.nodes] == pids
        fleet.nodes[1].service.script("shutdown.sh")
        job = await site.ask(action="manage_service", by="operator", params={"operation": "start"})
        assert job.plan.node_names == ("was02",)
        assert "이미 실행 중이어서 제외했습니다: was01" in site.world.said()
        ended = await site.approve(job)
        assert ended.state is JobState.SUCCEEDED, site.failed_steps(ended)
        assert fleet.nodes[0].service.pid == pids[0]
        assert fleet.nodes[1].service.version


async def test_what_is_stopped_already_is_not_stopped_again(
    module_lab: Lab, fleet: Fleet, tmp_path: Path
) -> None:
    """By the site's own programs, and the last one that serves goes with a warning."""
    targets = {
        node.node_id: {"service": own_commands(module_lab, node, name="site")}
        for node in fleet.nodes
    }
    site = Site(fleet=fleet, folder=tmp_path, targets=targets)
    fleet.nodes[0].service.script("shutdown.sh")
    async with site.open():
        job = await site.ask(action="manage_service", by="operator", params={"operation": "stop"})
        said = site.world.said()
        assert job.plan.node_names == ("was02",)
        assert "이미 중지되어 있어 제외했습니다: was01" in said
        assert "모두 중지합니다" in said
        ended = await site.approve(job)
        assert ended.state is JobState.SUCCEEDED, site.failed_steps(ended)
        refused = await site.refused(
            action="manage_service", by="operator", params={"operation": "stop"}
        )
        assert refused.summary.startswith("이미 중지되어 있습니다: was01, was02")
