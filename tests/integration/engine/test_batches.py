"""The node runs of a batch side by side, with the real durable workflows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.wire.plan import Step
from bot.core.domain.estate import Rollout
from bot.core.domain.job import Job, JobState, StepState
from tests.fakes.durable import Running
from tests.fakes.engine import DEPLOY, Portions, World
from tests.fakes.pool import Scripted

LOCK = "MOEF-BUDGET"
NODES = [f"moef-budget-prod-was{number:02}" for number in range(1, 8)]
CANARY, TWO, THREE, FOUR, *LAST = NODES
FIRST_BATCH = [TWO, THREE, FOUR]


def seven_in_threes(folder: Path) -> Running:
    """One node first, then three at a time."""

    def world_of(**given: object) -> World:
        return World(inventory=Portions(7, Rollout(canary=1, batch=3)), **given)

    return Running(folder=folder, world_of=world_of)


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Running]:
    async with seven_in_threes(tmp_path).up() as running:
        yield running


async def a_deployment(bot: Running) -> Job:
    everywhere = replace(DEPLOY, selector=replace(DEPLOY.selector, nodes=()))
    bot.world.parser.answers["모두 배포"] = everywhere
    job = await bot.asked("모두 배포")
    batches = [[run.node_id for run in batch] for batch in job.plan.wire.batches]
    assert batches == [[CANARY], FIRST_BATCH, LAST]
    await bot.press(job)
    return job


def failing(node: str, *, times: int = 1):
    """That node fails so many times, then it is well."""
    left = [times]

    def answer(step: Step) -> Scripted:
        if step.node_id == node and left[0]:
            left[0] -= 1
            return Scripted(state="failed", code="not_healthy")
        return Scripted()

    return answer


def nodes_of(bot: Running, job: Job, kind: str) -> list[str]:
    return [node for node, each in bot.kinds(job) if each == kind]


async def test_the_nodes_of_a_batch_go_side_by_side_and_batches_in_turn(fleet: Running):
    for node in FIRST_BATCH:
        fleet.agents.gates[f"{node}:stop_service"] = asyncio.Event()
    job = await a_deployment(fleet)
    await fleet.until(lambda: sorted(fleet.agents.at_gate) == FIRST_BATCH)
    assert nodes_of(fleet, job, "await_health") == [CANARY]
    fleet.agents.gates[f"{THREE}:stop_service"].set()
    await fleet.until(lambda: THREE in nodes_of(fleet, job, "await_health"))
    assert not set(nodes_of(fleet, job, "preflight")) & set(LAST)
    for gate in fleet.agents.gates.values():
        gate.set()
    job = await fleet.ended(job)
    assert job.state is JobState.SUCCEEDED
    orders = [one.step.step_id for one in fleet.agents.ordered]
    assert len(orders) == len(set(orders))


async def test_one_that_fails_lets_the_others_end_their_step_and_takes_all_back(fleet: Running):
    gate = fleet.agents.gates[f"{TWO}:stop_service"] = asyncio.Event()
    fleet.agents.script("replace_files", failing(FOUR))
    job = await a_deployment(fleet)
    await fleet.until(lambda: FOUR in nodes_of(fleet, job, "replace_files"))
    await fleet.until(lambda: any(step.code == "not_healthy" for step in _now(fleet, job).steps))
    gate.set()
    job = await fleet.ended(job)
    assert job.state is JobState.ROLLED_BACK
    assert TWO in nodes_of(fleet, job, "stop_service")
    assert TWO not in nodes_of(fleet, job, "replace_files")  # it had not come to that
    restored = nodes_of(fleet, job, "restore_backup")
    assert restored[-1] == CANARY  # the latest batch first
    assert FOUR in restored
    assert TWO not in restored
    assert TWO in nodes_of(fleet, job, "start_service")  # it was stopped, so it is started
    assert not set(nodes_of(fleet, job, "preflight")) & set(LAST)
    assert await fleet.world.jobs.holder(LOCK) is None


def _now(bot: Running, job: Job) -> Job:
    return bot.world.job(job.job_id)


async def test_an_undo_that_fails_lets_its_batch_finish_and_stops_the_rest(fleet: Running):
    fleet.agents.script("replace_files", failing(LAST[0]))

    def unreadable(step: Step) -> Scripted:
        bad = step.node_id == LAST[0]
        return Scripted(state="failed", code="backup_unreadable") if bad else Scripted()

    fleet.agents.script("restore_backup", unreadable)
    # The others have replaced their files when the first of them fails.
    fleet.agents.gates[f"{LAST[0]}:replace_files"] = gate = asyncio.Event()
    job = await a_deployment(fleet)
    await fleet.until(lambda: set(LAST[1:]) <= set(nodes_of(fleet, job, "await_health")))
    gate.set()
    job = await fleet.ended(job)
    assert job.state is JobState.ROLLBACK_FAILED
    restored = nodes_of(fleet, job, "restore_backup")
    assert sorted(restored) == sorted(LAST)
    back_up = [each for each in nodes_of(fleet, job, "start_service") if each in LAST]
    assert sorted(set(back_up)) == sorted(LAST[1:])
    assert await fleet.world.jobs.holder(LOCK) == job.job_id


async def test_a_cancel_stops_every_run_of_the_batch_before_its_next_step(fleet: Running):
    gates = [
        fleet.agents.gates.setdefault(f"{node}:stop_service", asyncio.Event())
        for node in FIRST_BATCH
    ]
    job = await a_deployment(fleet)
    await fleet.until(lambda: sorted(fleet.agents.at_gate) == FIRST_BATCH)
    # The steps here let themselves be stopped only by a cancel, which the agent would refuse.
    fleet.agents._stops.clear()
    fleet.world.jobs.jobs[job.job_id] = replace(_now(fleet, job), cancel_requested_by="dev")
    for gate in gates:
        gate.set()
    job = await fleet.ended(job)
    assert job.state is JobState.CANCELLED
    assert nodes_of(fleet, job, "replace_files") == [CANARY]
    assert set(nodes_of(fleet, job, "restore_backup")) == {CANARY}
    assert set(FIRST_BATCH) <= set(nodes_of(fleet, job, "start_service"))


async def test_a_silent_node_is_asked_again_and_then_nothing_is_guessed(fleet: Running):
    def silent(step: Step) -> Scripted:
        lost = step.node_id == THREE
        return Scripted(state="unknown", code="agent_silent") if lost else Scripted()

    fleet.agents.script("replace_files", silent)
    job = await a_deployment(fleet)
    job = await fleet.ended(job)
    assert job.state is JobState.UNKNOWN
    assert nodes_of(fleet, job, "replace_files").count(THREE) == 2
    assert not nodes_of(fleet, job, "restore_backup")
    assert await fleet.world.jobs.holder(LOCK) == job.job_id


async def test_a_batch_that_was_cut_off_goes_on_where_each_node_was(tmp_path: Path):
    running = seven_in_threes(tmp_path)
    running.agents.gates[f"{THREE}:replace_files"] = asyncio.Event()
    async with running.up() as bot:
        job = await a_deployment(bot)
        await bot.until(lambda: bot.agents.at_gate)
        await bot.until(lambda: _through(bot, job) == {CANARY, TWO, FOUR})
    running.agents.gates.clear()
    async with running.up() as bot:
        job = await bot.ended(job)
        assert job.state is JobState.SUCCEEDED
    orders = [one.step.step_id for one in running.agents.ordered]
    assert len(orders) == len(set(orders))


def _through(bot: Running, job: Job) -> set[str]:
    """The nodes whose last step is on record."""
    done = {step.step_id for step in _now(bot, job).steps if step.state is StepState.SUCCEEDED}
    return {run.node_id for run in job.plan.wire.runs() if run.steps[-1].step_id in done}


async def test_a_failure_that_was_cut_off_begins_no_step_at_the_others(tmp_path: Path):
    running = seven_in_threes(tmp_path)
    gate = running.agents.gates[f"{TWO}:stop_service"] = asyncio.Event()
    running.agents.script("replace_files", failing(FOUR))
    async with running.up() as bot:
        job = await a_deployment(bot)
        await bot.until(lambda: any(step.code == "not_healthy" for step in _now(bot, job).steps))
        assert TWO in bot.agents.at_gate
    gate.set()
    async with running.up() as bot:
        job = await bot.ended(job)
    assert job.state is JobState.ROLLED_BACK
    assert TWO in nodes_of(running, job, "stop_service")  # asked what became of it
    assert TWO not in nodes_of(running, job, "replace_files")
