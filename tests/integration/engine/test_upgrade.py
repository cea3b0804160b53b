"""What an older version has begun goes on under the next; what ended long ago is forgotten."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from dbos import DBOS

from bot.core.domain.job import JobState
from bot.engine.housekeeping import forget_ended
from tests.fakes.durable import Running


async def test_a_request_waits_through_an_upgrade(tmp_path: Path):
    running = Running(folder=tmp_path, version="1")
    async with running.up() as bot:
        job = await bot.asked()
    running.version = "2"
    async with running.up() as bot:
        await bot.press(job)
        assert (await bot.ended(job)).state is JobState.SUCCEEDED


async def test_a_verdict_given_just_before_an_upgrade_counts(tmp_path: Path):
    running = Running(folder=tmp_path, version="1")
    async with running.up() as bot:
        job = await bot.asked()
    await running.world.approvals.press(running.world.press(running.world.job(job.job_id)))
    running.version = "2"
    async with running.up() as bot:
        assert (await bot.ended(job)).state is JobState.SUCCEEDED


async def test_a_run_and_what_is_queued_behind_it_go_on_after_an_upgrade(tmp_path: Path):
    running = Running(folder=tmp_path, version="1")
    running.agents.gates["replace_files"] = asyncio.Event()  # nobody ever opens this one
    async with running.up() as bot:
        first, second = await bot.asked(), await bot.asked()
        await bot.press(first)
        await bot.until(lambda: bot.agents.inside)
        await bot.press(second)
        await bot.told(f"{second.job_id}:turn")
    running.agents.gates.clear()
    running.version = "2"
    async with running.up() as bot:
        assert (await bot.ended(first)).state is JobState.SUCCEEDED
        assert (await bot.ended(second)).state is JobState.SUCCEEDED
    orders = [one.step.step_id for one in running.agents.ordered]
    ran = [one.delivery.plan.job_id for one in running.agents.ordered]
    steps = list(zip(ran, orders, strict=True))
    assert len(steps) == len(set(steps))  # nothing that was done is done again


async def test_what_ended_is_forgotten_and_what_waits_is_not(bot: Running):
    done, waiting = await bot.asked("헬스체크"), await bot.asked()
    await bot.ended(done)
    assert await forget_ended() == 0
    async with asyncio.timeout(240):
        while await forget_ended(keep=timedelta(seconds=-5)) == 0:
            await asyncio.sleep(0.1)
    left = {each.workflow_id for each in await DBOS.list_workflows_async()}
    assert f"job:{waiting.job_id}" in left
    await bot.press(waiting)
    assert (await bot.ended(waiting)).state is JobState.SUCCEEDED
