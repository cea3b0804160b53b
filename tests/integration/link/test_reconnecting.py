"""Steps over lines that break, bots and agents that restart, on real loopback WebSockets."""

from __future__ import annotations

import asyncio
import random

import pytest

from agent.dial import Address
from agent.link import Link
from agent.wire.messages import StepOrder
from tests.fakes.link import (
    AGENT,
    QUICK,
    Bot,
    delivery,
    relayed,
    running_agent,
    running_bot,
    until,
    within,
)
from tests.fakes.pool import Scripted, ScriptedExecutor
from tests.integration.link.steps import Gate, events_of, outcome, run


async def test_an_outcome_made_while_the_line_was_cut_arrives_on_the_next(bot: Bot) -> None:
    identity = await bot.enrolled()
    executor = ScriptedExecutor()
    gate = executor.work["s1"] = Gate()
    async with relayed(bot.port) as (relay, url), running_agent(identity, executor, url):
        waiting = asyncio.create_task(events_of(bot.hub, delivery("s1"), "s1"))
        await within(gate.begun.wait())
        relay.cut()
        gate.end.set()
        assert outcome(await within(waiting)).state == "succeeded"
    assert len(executor.ordered) == 1
    assert bot.audit.named("agent_resumed")


async def test_a_frozen_line_is_given_up_and_the_session_goes_on(bot: Bot) -> None:
    identity = await bot.enrolled()
    executor = ScriptedExecutor()
    gate = executor.work["s1"] = Gate()
    async with relayed(bot.port) as (relay, url), running_agent(identity, executor, url):
        waiting = asyncio.create_task(events_of(bot.hub, delivery("s1"), "s1"))
        await within(gate.begun.wait())
        relay.freeze()
        gate.end.set()
        await until(lambda: not bot.hub.online(AGENT))
        relay.cut()
        relay.thaw()
        assert outcome(await within(waiting)).state == "succeeded"
    assert executor.begun == ["s1"]


async def test_a_step_outlives_a_restart_of_the_bot(bot: Bot) -> None:
    identity = await bot.enrolled()
    executor = ScriptedExecutor()
    gate = executor.work["s1"] = Gate()
    async with running_agent(identity, executor, bot.url):
        lost = asyncio.create_task(events_of(bot.hub, delivery("s1"), "s1"))
        await within(gate.begun.wait())
        lost.cancel()
        await bot.restart()
        waiting = asyncio.create_task(events_of(bot.hub, delivery("s1"), "s1"))
        await until(lambda: bot.hub.online(AGENT))
        gate.end.set()
        assert outcome(await within(waiting)).state == "succeeded"
    assert executor.begun == ["s1"]
    assert not bot.audit.named("answer_not_asked_for")


async def test_an_outcome_is_not_told_to_a_restarted_bot_before_it_asks(bot: Bot) -> None:
    identity = await bot.enrolled()
    executor = ScriptedExecutor()
    gate = executor.work["s1"] = Gate()
    async with running_agent(identity, executor, bot.url):
        lost = asyncio.create_task(events_of(bot.hub, delivery("s1"), "s1"))
        await within(gate.begun.wait())
        lost.cancel()
        await bot.restart()
        await until(lambda: bot.hub.online(AGENT))
        gate.end.set()
        # Whatever the agent says of itself comes before the outcome of a step ordered later.
        await run(bot.hub, delivery("s2", job_id="J260401-ABC124"), "s2")
        assert not bot.audit.named("answer_not_asked_for")
        assert outcome(await run(bot.hub, delivery("s1"), "s1")).state == "succeeded"
    assert executor.begun == ["s1", "s2"]


async def test_a_restarted_agent_is_given_plan_and_step_again(bot: Bot) -> None:
    identity = await bot.enrolled()
    first, second = ScriptedExecutor(), ScriptedExecutor()
    gate = first.work["s1"] = Gate()
    async with running_agent(identity, first, bot.url):
        waiting = asyncio.create_task(events_of(bot.hub, delivery("s1"), "s1"))
        await within(gate.begun.wait())
    second.answers["s1"] = Scripted(verified=True)
    async with running_agent(identity, second, bot.url):
        assert outcome(await within(waiting)).verified
    assert len(second.delivered) == 1


@pytest.mark.parametrize("turns", [4, 6, 8])
async def test_a_link_that_is_ended_at_the_moment_when_its_line_breaks_ends(
    bot: Bot, turns: int
) -> None:
    async with relayed(bot.port) as (relay, url):
        link = Link(await bot.enrolled(), Address(url=url), backoff=QUICK)
        life = asyncio.create_task(link.run(ScriptedExecutor(), grace_s=1))
        await until(lambda: bot.hub.online(AGENT))
        relay.cut()
        for _ in range(turns):  # of the loop, until the link has heard of it and not yet acted
            await asyncio.sleep(0)
        life.cancel()
        await within(asyncio.gather(life, return_exceptions=True))
        assert life.cancelled()


async def test_waits_for_an_agent_that_is_not_there_yet(bot: Bot) -> None:
    identity = await bot.enrolled()
    waiting = asyncio.create_task(events_of(bot.hub, delivery("s1"), "s1"))
    async with running_agent(identity, ScriptedExecutor(), bot.url):
        assert outcome(await within(waiting)).state == "succeeded"


async def test_an_agent_that_stays_away_ends_as_unknown() -> None:
    async with running_bot(grace_s=0.1) as bot:
        events = await run(bot.hub, delivery("s1", timeout_s=1), "s1")
    assert outcome(events).state == "unknown"
    assert outcome(events).code == "agent_silent"


async def test_every_step_ends_once_while_the_line_is_cut_again_and_again(bot: Bot) -> None:
    rng = random.Random(20260401)
    executor = ScriptedExecutor()
    steps = [f"s{number}" for number in range(60)]
    order = delivery(*steps)

    async def work(_order: StepOrder) -> None:
        await asyncio.sleep(rng.random() / 5)

    async with (
        relayed(bot.port) as (relay, url),
        running_agent(await bot.enrolled(), executor, url),
    ):

        async def cut_for_ever() -> None:
            while True:
                await asyncio.sleep(rng.random() / 5)
                lines = len(bot.audit.named("agent_resumed"))
                relay.cut()
                # However slow the machine is: no line is cut before it is there.
                await until(lambda lines=lines: len(bot.audit.named("agent_resumed")) > lines)

        cutter = asyncio.create_task(cut_for_ever())
        for start in range(0, len(steps), 10):
            executor.work.update(dict.fromkeys(steps[start : start + 10], work))
            ended = await asyncio.gather(
                *(run(bot.hub, order, step_id) for step_id in steps[start : start + 10])
            )
            assert {outcome(events).state for events in ended} == {"succeeded"}
        cutter.cancel()
    assert sorted(executor.begun) == sorted(steps)
    assert not bot.audit.named("answer_not_asked_for")
