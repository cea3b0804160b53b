"""A plan corrected while it waits, with the real durable workflows."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from bot.core.domain.job import Job, JobState
from tests.fakes.durable import Running
from tests.fakes.engine import DEPLOY, words_of

TWO = "moef-budget-prod-was02"


async def corrected(bot: Running, old: Job) -> Job:
    """The job that "아니 2번" in the old one's thread becomes."""
    selector = replace(DEPLOY.selector, nodes=(2,))
    answer = replace(DEPLOY, selector=selector, corrects=old.job_id)
    bot.world.parser.answers["아니 2번"] = answer
    return await bot.asked("아니 2번", thread=old.conversation.thread)


async def test_the_old_plan_is_cancelled_by_its_offer_and_only_the_new_one_runs(bot: Running):
    old = await bot.asked()
    new = await corrected(bot, old)
    assert bot.world.job(old.job_id).state is JobState.AWAITING_APPROVAL
    await bot.told(":replaces")
    (offer,) = bot.world.messenger.all(":replaces")
    (button,) = offer.now.buttons
    await bot.workflows.receive(
        bot.world.click(button.button, button.value, by="dev", place=offer.place)
    )
    assert (await bot.ended(old)).state is JobState.CANCELLED
    await bot.press(new)
    assert (await bot.ended(new)).state is JobState.SUCCEEDED
    assert bot.kinds(old) == []
    assert {node for node, _ in bot.kinds(new)} >= {TWO}
    assert new.plan.node_names == (TWO,)


async def test_a_plan_that_runs_meanwhile_is_neither_told_nor_stopped(bot: Running):
    bot.agents.gates["stage_files"] = gate = asyncio.Event()
    old = await bot.asked()
    await bot.press(old)
    await bot.until(lambda: bot.world.job(old.job_id).state is JobState.RUNNING)
    new = await corrected(bot, old)
    assert bot.world.messenger.all(":replaces") == []
    assert old.card is not None
    assert new.job_id not in words_of(bot.world.messenger.at(old.card).now)
    gate.set()
    assert (await bot.ended(old)).state is JobState.SUCCEEDED
    assert bot.world.job(new.job_id).state is JobState.AWAITING_APPROVAL
