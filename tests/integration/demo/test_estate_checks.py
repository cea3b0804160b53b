"""The checks of nodes give a sensible answer in the demo, whose SFTP shows one folder only."""

from __future__ import annotations

import asyncio
from pathlib import Path

from agent.operations import certificates, cron_health, filesystems, node_check, proc, resources
from agent.operations import sessions as logins
from agent.wire import checks
from agent.wire.readings import Reading, Threshold
from agent.wire.results import Done
from tests.integration.demo.running import RunningEstate
from tests.integration.operations.at_node import context_of

EASY = Threshold(warning=100, critical=100)
NODES = ("prod-was01", "prod-web01")


def values(reading: Reading) -> dict[str, object]:
    return {fact.name: fact.value for fact in reading.facts}


async def test_nodes_of_the_demo_answer_every_check(estate: RunningEstate) -> None:
    for name in NODES:
        context = context_of(estate.node(name))
        health = await node_check.check_node(context, checks.CheckNode())
        assert (health.level, values(health)["process"]) == ("normal", "running"), health
        path = context.target.service.health_path
        layer = await node_check.check_layer(context, checks.CheckLayer(path=path))
        assert values(layer)["health_page"] == 200
        asked = checks.ReadResources(cpu=EASY, memory=EASY, disk=EASY)
        use = values(await resources.read_resources(context, asked))
        assert all(isinstance(use[one], float) for one in ("cpu", "memory", "load", "disk"))
        disks = await filesystems.read_disks(context, checks.ReadDisks(used=EASY))
        grid = disks.grid("disks")
        assert grid is not None
        assert [row.cells[0] for row in grid.rows] == [context.target.profile.disks[0]]
        assert all(isinstance(row.cells[1], float) for row in grid.rows), grid
        cron = await cron_health.read(context, checks.ReadCrontab())
        assert (cron.level, values(cron)["cron_jobs"]) == ("normal", 0)  # the node's own crontab
    await shows_a_certificate_that_ends_soon(estate)
    await ends_the_login_that_somebody_left_open(estate)


async def shows_a_certificate_that_ends_soon(estate: RunningEstate) -> None:
    context = context_of(estate.node("prod-web01"))
    days = Threshold(warning=30, critical=7, falling=True)
    reading = await certificates.read(context, checks.ReadCertificates(days=days))
    grid = reading.grid("certificates")
    assert grid is not None
    assert {row.cells[2] for row in grid.rows} == {"certificate_file", "certificate_port"}
    assert reading.level == "warning"
    assert estate.node("prod-was01").target.profile.certificates == ()


async def ends_the_login_that_somebody_left_open(estate: RunningEstate) -> None:
    context = context_of(estate.node("prod-was01"))
    reading = await logins.list_sessions(context, checks.ListSessions())
    grid = reading.grid("sessions")
    assert grid is not None
    (row,) = grid.rows  # whoever else is logged in to this machine
    assert row.cells[1] == context.target.user
    ending = checks.EndSession(pid=int(str(row.cells[0])), started=int(str(row.cells[6])))
    assert await logins.end_session(context, ending) == Done()
    assert not await asyncio.to_thread(is_there, ending.pid)
    elsewhere = context_of(estate.node("prod-was02"))
    others = (await logins.list_sessions(elsewhere, checks.ListSessions())).grid("sessions")
    assert others is not None
    assert others.rows == ()


def is_there(pid: int) -> bool:
    """Whether the process lives; one that has ended may still wait to be collected."""
    found = process_of(pid)
    return found is not None and found.state != "Z"


def process_of(pid: int) -> proc.Process | None:
    try:
        return proc.process(Path(f"/proc/{pid}/stat").read_text("utf-8"))
    except OSError:
        return None
