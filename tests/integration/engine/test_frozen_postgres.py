"""Events are durably taken in time while PostgreSQL holds everybody up for two seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from dbos import DBOS

from tests.fakes.durable import Running
from tests.fakes.engine import HEALTH
from tests.fakes.postgres import postgres_programs, scratch_postgres

pytestmark = pytest.mark.xdist_group("dbos")
FROZEN_S, LIMIT_S = 2.0, 3.0


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    programs = postgres_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server installed (make system-packages)")
    with scratch_postgres(programs) as url:
        yield url.replace("+asyncpg", "")


async def test_an_event_is_taken_in_time_while_its_tables_are_locked(
    server: str, tmp_path: Path
) -> None:
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute("CREATE DATABASE workflows")
    database = server.removesuffix("/postgres") + "/workflows"
    running = Running(folder=tmp_path, database=database)
    async with running.up() as bot:
        world = bot.world
        world.parser.answers["헬스체크"] = HEALTH
        world.parser.gate = asyncio.Event()  # the model hangs as well
        events = [world.mention("헬스체크") for _ in range(5)]

        async def taken(event) -> float:
            begun = time.monotonic()
            await bot.workflows.receive(event)
            return time.monotonic() - begun

        with psycopg.connect(database) as holder:
            holder.execute("LOCK TABLE dbos.workflow_status IN ACCESS EXCLUSIVE MODE")
            receiving = [asyncio.ensure_future(taken(event)) for event in events]
            await asyncio.sleep(FROZEN_S)
            assert not any(each.done() for each in receiving), "nothing was frozen"
            holder.rollback()
            took = await asyncio.gather(*receiving)
        assert max(took) < LIMIT_S, took
        world.parser.gate.set()
        await bot.until(lambda: len(world.jobs.jobs) == len(events))
        for job in tuple(world.jobs.jobs.values()):
            await bot.ended(job)
        await _at_rest()


async def _at_rest() -> None:
    """Nothing is under way that would look for the server after its end."""
    async with asyncio.timeout(60):
        while await DBOS.list_workflows_async(status=["PENDING", "ENQUEUED"]):
            await asyncio.sleep(0.1)
