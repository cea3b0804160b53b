"""Revision 0007 down and up again: what people have said survives, and was said without a code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.core.domain.job import JobState
from cmdb import migrations
from cmdb.approvals import SqlApprovalStore
from cmdb.engine import is_current, upgrade
from cmdb.jobs import SqlJobStore
from tests.fakes.jobs import JOB, sample_approval, sample_job


def _down(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    command.downgrade(config, "0006")


@pytest.mark.parametrize("backend", ["sqlite", "postgres"])
async def test_verdicts_survive_going_down_and_up(engine: AsyncEngine, backend_url: str) -> None:
    given = replace(sample_approval(), one_time_code=True, seal="s")
    await SqlJobStore(engine).create(sample_job(state=JobState.AWAITING_APPROVAL))
    assert await SqlApprovalStore(engine).add_approval(given)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_down)
        assert not await is_current(backend_url)
    finally:
        await upgrade(backend_url)
    assert await is_current(backend_url)
    await engine.dispose()  # what was prepared for the older columns
    job = await SqlJobStore(engine).load(JOB)
    assert job is not None
    assert job.approvals == (replace(given, one_time_code=False),)
