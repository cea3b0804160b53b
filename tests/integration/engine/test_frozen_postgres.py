"""Events are durably taken while PostgreSQL holds everybody up for two seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from dbos import DBOS

from tests.fakes.durable import PATIENCE_S, Running
from tests.fakes.engine import HEALTH
from tests.fakes.postgres import postgres_programs, scratch_postgres

FROZEN_S = 2.0


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    programs = postgres_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server installed (make system-packages)")
    with scratch_postgres(programs) as url:
        yield url.replace("+asyncpg", "")


async def test_events_are_taken_once_their_tables_are_free_again(
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

        with psycopg.connect(database) as holder:
            holder.execute("LOCK TABLE dbos.workflow_status IN ACCESS EXCLUSIVE MODE")
            receiving = [asyncio.ensure_future(bot.workflows.receive(event)) for event in events]
            await asyncio.sleep(FROZEN_S)
            assert not any(each.done() for each in receiving), "nothing was frozen"
            holder.rollback()
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(*receiving)
        world.parser.gate.set()
        await bot.until(lambda: len(world.jobs.jobs) == len(events))
        for job in tuple(world.jobs.jobs.values()):
            await bot.ended(job)
        await _at_rest()


async def _at_rest() -> None:
    """Nothing is under way that would look for the server after its end."""
    async with asyncio.timeout(PATIENCE_S):
        while await DBOS.list_workflows_async(status=["PENDING", "ENQUEUED"]):
            await asyncio.sleep(0.1)
