"""A messenger that is away, and events that come many times: nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from bot.core.domain.job import JobState
from tests.fakes.durable import Running
from tests.fakes.engine import DEPLOY, words_of

EVENTS, DELIVERIES = 1000, 4


async def test_the_final_report_outlives_an_outage_and_a_restart(tmp_path: Path):
    running = Running(folder=tmp_path)
    messenger = running.world.messenger
    async with running.up() as bot:
        job = await bot.asked()
        messenger.down = True
        await bot.press(job)
        assert (await bot.ended(job)).state is JobState.SUCCEEDED
    async with running.up():
        await asyncio.sleep(0)
        assert not messenger.all(f"{job.job_id}:final")
    async with running.up() as bot:
        messenger.down = False
        await bot.until(lambda: messenger.all(f"{job.job_id}:final"))
        [report] = messenger.all(f"{job.job_id}:final")
        assert [file.name for file in report.now.files] == [f"{job.job_id}.txt"]
        await bot.until(lambda: messenger.at(job.card).now.buttons == ())


async def test_why_an_approved_job_did_not_begin_outlives_an_outage(tmp_path: Path):
    running = Running(folder=tmp_path)
    messenger = running.world.messenger
    async with running.up() as bot:
        job = await bot.asked()
        bot.agents.offline.add(job.plan.wire.agent)
        messenger.down = True
        await bot.press(job)
        await bot.ended(job)
        messenger.down = False
        await bot.until(lambda: messenger.all(f"{job.job_id}:final"))
        (told,) = messenger.all(f"{job.job_id}:final")
        assert job.plan.wire.agent in words_of(told.now)


async def test_a_messenger_that_is_away_holds_up_no_other_job_of_the_system(tmp_path: Path):
    running = Running(folder=tmp_path)
    async with running.up() as bot:
        first, second = await bot.asked(), await bot.asked()
        bot.world.messenger.down = True
        await bot.press(first)
        await bot.press(second)
        assert (await bot.ended(first)).state is JobState.SUCCEEDED
        assert (await bot.ended(second)).state is JobState.SUCCEEDED
        bot.world.messenger.down = False
        for job in (first, second):
            key = f"{job.job_id}:final"
            await bot.until(lambda key=key: bot.world.messenger.all(key))
            assert len(bot.world.messenger.all(key)) == 1


@pytest.mark.timeout(1500)
async def test_a_thousand_events_that_come_four_times_each_are_a_thousand_jobs(tmp_path: Path):
    running = Running(folder=tmp_path)
    async with running.up() as bot:
        world = bot.world
        world.parser.answers["배포"] = DEPLOY
        file = await world.a_file()
        events = [
            world.mention("배포", files=(file,), event_id=f"storm-{number}")
            for number in range(EVENTS)
        ]
        gate, slowest = asyncio.Semaphore(40), 0.0

        async def deliver(number: int) -> None:
            nonlocal slowest
            async with gate:
                begun = time.monotonic()
                await bot.workflows.receive(events[number % EVENTS])
                slowest = max(slowest, time.monotonic() - begun)

        begun = time.monotonic()
        await asyncio.gather(*(deliver(number) for number in range(EVENTS * DELIVERIES)))
        took = time.monotonic() - begun
        await bot.until(lambda: len(world.jobs.jobs) >= EVENTS, patience_s=1200)
        jobs = time.monotonic() - begun
        print(f"taken {took:.1f} s, slowest {slowest:.2f} s, all jobs {jobs:.1f} s")
        assert len(world.jobs.jobs) == EVENTS
        assert len(world.parser.asked) == EVENTS
        assert len(world.messenger.all(":answer")) == EVENTS
