"""The checks of nodes give a sensible answer in the demo, whose SFTP shows one folder only."""

from __future__ import annotations

from agent.operations import filesystems, node_check, resources
from agent.wire import checks
from agent.wire.readings import Reading, Threshold
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
        assert {row.cells[0] for row in grid.rows} >= {context.target.deploy_path}
        assert all(isinstance(row.cells[1], float) for row in grid.rows), grid
