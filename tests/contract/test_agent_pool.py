"""What every ``AgentPool`` does: the hub with a real agent on loopback, and the fake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest

from agent.wire.messages import StepOutcome, StepProgress
from bot.core.ports import AgentPool, Delivery
from tests.fakes.link import AGENT, delivery, running_agent, running_bot, until, within
from tests.fakes.pool import Scripted, ScriptedExecutor, ScriptedPool

BROKEN = Scripted(state="failed", code="not_healthy", lines=("Address already in use",))
SLOW = Scripted(progress=((1, 2),))


@dataclass(frozen=True)
class Bench:
    """A pool with ``AGENT`` online, whose step ``bad`` fails and ``slow`` reports progress."""

    pool: AgentPool
    leave: Callable[[], None]  # the agent goes away for good


@asynccontextmanager
async def fake_bench() -> AsyncIterator[Bench]:
    pool = ScriptedPool()
    pool.script("bad", BROKEN)
    pool.script("slow", SLOW)
    yield Bench(pool, lambda: pool.offline.add(AGENT))


@asynccontextmanager
async def hub_bench() -> AsyncIterator[Bench]:
    executor = ScriptedExecutor()
    executor.answers["bad"] = BROKEN
    gone = asyncio.Event()
    async with running_bot(grace_s=0.2) as bot:
        identity = await bot.enrolled()

        async def live() -> None:
            async with running_agent(identity, executor, bot.url):
                await gone.wait()

        task = asyncio.create_task(live())
        await until(lambda: bot.hub.online(AGENT))
        yield Bench(bot.hub, gone.set)
        gone.set()
        await task


Open = Callable[[], AbstractAsyncContextManager[Bench]]


@pytest.fixture(params=[hub_bench, fake_bench], ids=["hub", "fake"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    opened: Open = request.param
    async with opened() as bench:
        yield bench


async def run(pool: AgentPool, order: Delivery, step_id: str) -> list[StepProgress | StepOutcome]:
    async def events() -> list[StepProgress | StepOutcome]:
        return [event async for event in pool.run_step(order, step_id)]

    return await within(events())


def only_outcome(events: list[StepProgress | StepOutcome]) -> StepOutcome:
    outcomes = [event for event in events if isinstance(event, StepOutcome)]
    assert outcomes == events[-1:]
    return outcomes[0]


async def test_knows_who_is_online(bench: Bench) -> None:
    assert bench.pool.online(AGENT)
    bench.leave()
    await until(lambda: not bench.pool.online(AGENT))


async def test_ends_with_exactly_one_outcome(bench: Bench) -> None:
    outcome = only_outcome(await run(bench.pool, delivery("s1"), "s1"))
    assert (outcome.job_id, outcome.step_id) == ("J260401-ABC123", "s1")
    assert outcome.state == "succeeded"
    assert outcome.result is not None


async def test_yields_progress_before_the_outcome(bench: Bench) -> None:
    events = await run(bench.pool, delivery("slow"), "slow")
    only_outcome(events)
    assert [(event.done, event.total) for event in events if isinstance(event, StepProgress)] == [
        (1, 2)
    ]


async def test_passes_a_failure_on_as_it_is(bench: Bench) -> None:
    outcome = only_outcome(await run(bench.pool, delivery("bad"), "bad"))
    assert (outcome.state, outcome.code) == ("failed", "not_healthy")
    assert outcome.lines == ("Address already in use",)


async def test_answers_the_same_step_again(bench: Bench) -> None:
    order = delivery("s1")
    first = only_outcome(await run(bench.pool, order, "s1"))
    second = only_outcome(await run(bench.pool, order, "s1"))
    assert first.state == second.state


async def test_runs_steps_of_one_plan_side_by_side(bench: Bench) -> None:
    order = delivery("s1", "s2", "bad")
    all_events = await asyncio.gather(
        *(run(bench.pool, order, step_id) for step_id in ("s1", "s2", "bad"))
    )
    states = [only_outcome(events).state for events in all_events]
    assert states == ["succeeded", "succeeded", "failed"]


async def test_refuses_a_step_that_the_plan_does_not_have(bench: Bench) -> None:
    outcome = only_outcome(await run(bench.pool, delivery("s1"), "s9"))
    assert (outcome.state, outcome.code) == ("refused", "step_unknown")


async def test_a_silent_agent_is_unknown_not_failed(bench: Bench) -> None:
    bench.leave()
    await until(lambda: not bench.pool.online(AGENT))
    outcome = only_outcome(await run(bench.pool, delivery("s1", timeout_s=1), "s1"))
    assert (outcome.state, outcome.code) == ("unknown", "agent_silent")


async def test_a_cancel_of_what_does_not_run_disturbs_nobody(bench: Bench) -> None:
    bench.pool.cancel_step(AGENT, "J260401-ABC123", "s1")
    bench.pool.cancel_step("nobody", "J260401-ABC123", "s1")
    assert only_outcome(await run(bench.pool, delivery("s1"), "s1")).state == "succeeded"
