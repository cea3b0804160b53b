"""A server with a PostgreSQL of its own, a step at it, and what a reading says, by name."""

from __future__ import annotations

from typing import Any

import pytest

from agent.operations.context import StepContext
from agent.transports.database import open_database
from agent.wire.plan import NodeAccess, ServiceLogin
from agent.wire.profile import DatabaseSpec, NodeProfile
from agent.wire.readings import Reading
from tests.integration.operations.at_node import Watched
from tests.lab import Lab, LabNode, Postgres, SshdOptions

HOST = "127.0.1.11"  # of the first node of a fleet


@pytest.fixture(scope="module")
def pg(module_lab: Lab) -> Postgres:
    return module_lab.postgres(host=HOST)


@pytest.fixture(scope="module")
def node(module_lab: Lab, pg: Postgres) -> LabNode:
    """The database's own server; its account finds the dumps' password in its pgpass."""
    options = SshdOptions(host_keys=("ed25519",), lines=(f"SetEnv PGPASSFILE={pg.pgpass}",))
    return module_lab.nodes(1, web=False, options=options).nodes[0]


def access_of(node: LabNode, spec: DatabaseSpec, login: ServiceLogin | None) -> NodeAccess:
    access = node.access(profile=NodeProfile(database=spec))
    return access.model_copy(update={"database": login})


def watched(
    node: LabNode, pg: Postgres, role: str = "guardia_signal", **spec: Any
) -> tuple[StepContext, Watched]:
    access = access_of(node, pg.spec().model_copy(update=spec), pg.login(role))
    world = Watched(access=access)
    return world.context(database=lambda: open_database(access)), world


def context(node: LabNode, pg: Postgres, role: str = "guardia_signal", **spec: Any) -> StepContext:
    return watched(node, pg, role, **spec)[0]


def facts(reading: Reading) -> dict[str, object]:
    return {fact.name: fact.value for fact in reading.facts}


def rows(reading: Reading, grid: str) -> list[dict[str, object]]:
    found = reading.grid(grid)
    assert found is not None, f"no grid {grid}"
    names = [column.name for column in found.columns]
    return [dict(zip(names, row.cells, strict=True)) for row in found.rows]
