"""A past deployment taken back by words, with the real durable workflows."""

from __future__ import annotations

from bot.core.domain.intent import Intent
from bot.core.domain.job import Job, JobState
from tests.fakes.durable import Running
from tests.fakes.engine import DEPLOY
from tests.fakes.pool import Scripted

LOCK = "MOEF-BUDGET"
ROLLBACK = Intent(action="rollback", selector=DEPLOY.selector)


async def deployed(bot: Running) -> Job:
    job = await bot.asked()
    await bot.press(job)
    return await bot.ended(job)


async def taken_back(bot: Running) -> Job:
    bot.world.parser.answers["롤백"] = ROLLBACK
    job = await bot.asked("롤백")
    await bot.press(job)
    return await bot.ended(job)


async def test_a_newer_one_that_was_rolled_back_stands_in_nobodys_way(bot: Running):
    first = await deployed(bot)
    answers = (Scripted(state="failed", code="not_healthy"), Scripted())
    bot.agents.script("await_health", answers)
    second = await deployed(bot)
    assert second.state is JobState.ROLLED_BACK
    job = await taken_back(bot)
    assert job.plan.deployment == first.job_id
    assert job.state is JobState.SUCCEEDED
    (past,) = await bot.world.jobs.deployments(LOCK)
    assert past.undone


async def test_the_newest_of_two_is_meant_and_then_the_one_before(bot: Running):
    first, second = await deployed(bot), await deployed(bot)
    assert (await taken_back(bot)).plan.deployment == second.job_id
    assert (await taken_back(bot)).plan.deployment == first.job_id


async def test_one_with_a_newer_on_top_is_refused_and_says_which(bot: Running):
    first, second = await deployed(bot), await deployed(bot)
    named = Intent(action="rollback", selector=DEPLOY.selector, params={"deployment": first.job_id})
    bot.world.parser.answers["첫 배포 롤백"] = named
    await bot.workflows.receive(bot.world.mention("첫 배포 롤백"))
    await bot.until(lambda: second.job_id in bot.world.said())
    assert len(bot.world.jobs.jobs) == 2
