"""A job from the message to its end, with the real durable workflows."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from agent.wire.plan import Step
from bot.core.domain.job import JobState, StepState
from bot.core.domain.people import Role
from tests.fakes.durable import Running
from tests.fakes.engine import LEADER, words_of
from tests.fakes.pool import Scripted

LOCK = "MOEF-BUDGET"
ONE, TWO = "moef-budget-prod-was01", "moef-budget-prod-was02"


async def test_an_approved_job_runs_to_its_end(bot: Running):
    job = await bot.asked()
    assert job.state is JobState.AWAITING_APPROVAL
    assert bot.kinds(job) == []
    await bot.press(job)
    job = await bot.ended(job)
    assert job.state is JobState.SUCCEEDED
    assert {record.state for record in job.steps} == {StepState.SUCCEEDED}
    assert await bot.told(f"{job.job_id}:final")
    assert await bot.world.jobs.holder(LOCK) is None
    assert len(await bot.world.jobs.deployments(LOCK)) == 1
    order = [
        "approval:approve",
        "state:queued",
        "state:running",
        "state:succeeded",
    ]
    events = [f"{event.kind}:{event.subject}" for event in bot.world.audit.events]
    assert [event for event in events if event in order] == order


async def test_a_read_runs_at_once(bot: Running):
    job = await bot.asked("헬스체크")
    assert (await bot.ended(job)).state is JobState.SUCCEEDED
    assert bot.world.audited("approval") == []


async def test_a_health_check_with_a_silent_node_still_shows_its_table(bot: Running):
    def answer(step: Step) -> Scripted:
        if step.node_id == TWO:
            return Scripted(state="unknown", code="agent_silent")
        return Scripted()

    bot.agents.script("check_node", answer)
    job = await bot.ended(await bot.asked("헬스체크"))
    assert job.state is JobState.FAILED
    place = job.progress
    assert place is not None
    await bot.until(lambda: ONE in words_of(bot.world.messenger.at(place).now))
    assert TWO in words_of(bot.world.messenger.at(place).now)


async def test_a_rejected_job_runs_nothing_and_says_who(bot: Running):
    job = await bot.asked()
    await bot.press(job, "reject")
    assert (await bot.ended(job)).state is JobState.DENIED
    assert LEADER.name in await bot.told(f"{job.job_id}:settled")
    assert bot.kinds(job) == []


async def test_a_request_lapses(tmp_path: Path):
    async with Running(folder=tmp_path, lapse_s=1).up() as bot:
        job = await bot.asked()
        assert (await bot.ended(job)).state is JobState.EXPIRED
        assert job.job_id in await bot.told(f"{job.job_id}:settled")
        assert bot.kinds(job) == []


async def test_a_cancel_while_it_waits_ends_it(bot: Running):
    job = await bot.asked()
    await bot.press(job, "cancel", by="dev")
    assert (await bot.ended(job)).state is JobState.CANCELLED
    assert await bot.told(f"{job.job_id}:settled")
    assert bot.kinds(job) == []


async def test_a_cancel_in_the_middle_puts_the_fleet_back(bot: Running):
    job = await bot.asked()

    def cancels(step: Step) -> Scripted:
        if step.node_id == ONE:
            known = bot.world.job(job.job_id)
            bot.world.jobs.jobs[job.job_id] = replace(known, cancel_requested_by="dev")
        return Scripted()

    bot.agents.script("replace_files", cancels)
    await bot.press(job)
    job = await bot.ended(job)
    assert job.state is JobState.CANCELLED
    assert (ONE, "restore_backup") in bot.kinds(job)
    assert not [kind for node, kind in bot.kinds(job) if node == TWO]
    assert await bot.world.jobs.holder(LOCK) is None
    assert await bot.told(f"{job.job_id}:final")


def once_bad(bot: Running, node: str) -> None:
    """The first health check of that node fails; the one after going back is good."""
    seen: list[str] = []

    def answer(step: Step) -> Scripted:
        seen.append(step.node_id)
        if step.node_id == node and seen.count(node) == 1:
            return Scripted(state="failed", code="health_bad", lines=("ERROR boom",))
        return Scripted()

    bot.agents.script("await_health", answer)


async def test_a_step_that_fails_takes_the_fleet_back_newest_first(bot: Running):
    once_bad(bot, TWO)
    job = await bot.asked()
    await bot.press(job)
    job = await bot.ended(job)
    assert job.state is JobState.ROLLED_BACK
    restored = [node for node, kind in bot.kinds(job) if kind == "restore_backup"]
    assert restored == [TWO, ONE]
    assert await bot.world.jobs.holder(LOCK) is None
    assert await bot.world.jobs.deployments(LOCK) == ()
    await bot.told(f"{job.job_id}:final")
    assert "ERROR boom" in words_of(bot.world.messenger.all(f"{job.job_id}:final")[0].now)


async def test_a_failure_before_anything_changed_needs_no_way_back(bot: Running):
    bot.agents.script("preflight", Scripted(state="failed", code="disk_full"))
    job = await bot.asked()
    await bot.press(job)
    job = await bot.ended(job)
    assert job.state is JobState.FAILED
    assert bot.kinds(job) == [(ONE, "preflight")]
    assert await bot.world.jobs.holder(LOCK) is None


async def test_an_undo_that_fails_keeps_the_lock(bot: Running):
    once_bad(bot, TWO)
    bot.agents.script("restore_backup", Scripted(state="failed", code="backup_missing"))
    job = await bot.asked()
    await bot.press(job)
    job = await bot.ended(job)
    assert job.state is JobState.ROLLBACK_FAILED
    assert await bot.told(f"{job.job_id}:final")
    assert await bot.world.jobs.holder(LOCK) == job.job_id
    later = await bot.asked()
    await bot.press(later)
    assert (await bot.ended(later)).state is JobState.FAILED
    assert bot.kinds(later) == []


async def test_a_silent_agent_is_asked_again_and_then_not_guessed_about(bot: Running):
    bot.agents.script("replace_files", Scripted(state="unknown", code="agent_silent"))
    job = await bot.asked()
    await bot.press(job)
    job = await bot.ended(job)
    assert job.state is JobState.UNKNOWN
    assert bot.kinds(job)[-2:] == [(ONE, "replace_files")] * 2  # asked, and once more
    assert await bot.told(f"{job.job_id}:final")
    assert await bot.world.jobs.holder(LOCK) == job.job_id


async def test_a_silent_agent_that_knows_better_goes_on(bot: Running):
    silent = Scripted(state="unknown", code="agent_silent")
    bot.agents.script("replace_files", (silent, Scripted(verified=True)))
    job = await bot.asked()
    await bot.press(job)
    assert (await bot.ended(job)).state is JobState.SUCCEEDED


async def test_a_demoted_approver_voids_the_run_between_click_and_start(bot: Running):
    first = await bot.asked()
    bot.agents.gates["preflight"] = gate = asyncio.Event()
    await bot.press(first)
    await bot.until(lambda: bot.agents.inside)
    second = await bot.asked()
    await bot.press(second)
    await bot.until(lambda: bot.world.job(second.job_id).state is JobState.QUEUED)
    bot.world.directory.everybody["leader"] = replace(LEADER, role=Role.OPERATOR)
    gate.set()
    assert (await bot.ended(first)).state is JobState.SUCCEEDED
    assert (await bot.ended(second)).state is JobState.DENIED
    assert await bot.told(f"{second.job_id}:final")
    assert bot.kinds(second) == []
