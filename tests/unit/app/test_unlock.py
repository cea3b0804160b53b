"""A kept lock goes only from the job that was looked at, with a reason, on the record."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.app.commands.database import upgrade_database
from bot.app.commands.unlock import Unlock, unlock_system
from bot.app.settings import GuardiaSettings, load_settings
from bot.app.wiring import SystemClock, open_database
from bot.core.domain.job import JobState
from bot.core.errors import UserError
from cmdb.jobs import SqlJobStore
from cmdb.locks import SqlLockStore
from tests.fakes.jobs import JOB, NOW, sample_job

SYSTEM = "MOEF-BUDGET"
ASKED = Unlock(system=SYSTEM, job_id=JOB, why="노드 2 수동 복원 확인 password=hunter2")


async def locked(tmp_path: Path, state: JobState) -> GuardiaSettings:
    """A bot whose system is held by a job of that state."""
    file = tmp_path / "guardia.toml"
    file.write_text(f'data_dir = "{tmp_path / "data"}"\n', "utf-8")
    settings = load_settings(file)
    await upgrade_database(settings)
    async with open_database(settings) as engine:
        await SqlJobStore(engine).create(sample_job(state=state))
        await SqlLockStore(engine).acquire(SYSTEM, JOB, at=NOW)
    return settings


async def now(settings: GuardiaSettings) -> tuple[str | None, JobState]:
    async with open_database(settings) as engine:
        job = await SqlJobStore(engine).load(JOB)
        assert job is not None
        return await SqlLockStore(engine).holder(SYSTEM), job.state


async def refusal(settings: GuardiaSettings, asked: Unlock) -> str:
    with pytest.raises(UserError) as refused:
        await unlock_system(settings, SystemClock(), asked)
    return refused.value.code


async def test_frees_what_a_failed_rollback_keeps_and_says_so_in_the_audit(tmp_path: Path):
    settings = await locked(tmp_path, JobState.ROLLBACK_FAILED)
    assert JOB in await unlock_system(settings, SystemClock(), ASKED)
    assert await now(settings) == (None, JobState.ROLLBACK_FAILED)
    written = (settings.data_dir / "audit" / "audit.jsonl").read_text("utf-8")
    assert "unlock" in written
    assert "노드 2 수동 복원 확인" in written
    assert "hunter2" not in written
    assert await refusal(settings, ASKED) == "lock_free"


async def test_asks_for_the_job_that_was_looked_at_and_for_a_reason(tmp_path: Path):
    settings = await locked(tmp_path, JobState.UNKNOWN)
    other = Unlock(system=SYSTEM, job_id="J260401-ZZZZZZ", why="확인")
    assert await refusal(settings, other) == "lock_other_job"
    assert await refusal(settings, Unlock(system=SYSTEM, job_id=JOB, why=" ")) == "lock_why"
    assert (await now(settings))[0] == JOB


async def test_leaves_a_job_at_work_alone_unless_it_is_abandoned(tmp_path: Path):
    settings = await locked(tmp_path, JobState.RUNNING)
    assert await refusal(settings, ASKED) == "lock_in_use"
    assert await now(settings) == (JOB, JobState.RUNNING)
    abandoned = Unlock(system=SYSTEM, job_id=JOB, why="판올림으로 중단됨", abandoned=True)
    await unlock_system(settings, SystemClock(), abandoned)
    assert await now(settings) == (None, JobState.UNKNOWN)
