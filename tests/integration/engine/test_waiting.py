"""Freezes, windows, agreed times and turns, with the real durable workflows."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest

from bot.core.cards import moment
from bot.core.domain.calendar import Freeze, Window
from bot.core.domain.intent import Intent
from bot.core.domain.job import Job, JobState
from tests.fakes.durable import Running
from tests.fakes.engine import DEPLOY, TEXTS, words_of
from tests.fakes.planning import NOW
from tests.fakes.pool import Scripted

LOCK = "MOEF-BUDGET"
ONE = "moef-budget-prod-was01"
WHY = "연말 결산 동결"


RESTART = Intent(action="manage_service", selector=DEPLOY.selector, params={"operation": "restart"})


async def freeze(bot: Running, *, seconds: float = 3600, since: datetime = NOW) -> Freeze:
    declared = Freeze(
        freeze_id="F1",
        who="pm",
        why=WHY,
        start=since,
        until=since + timedelta(seconds=seconds),
        system_code=LOCK,
    )
    await bot.world.calendar.add_freeze(declared)
    return declared


def card(bot: Running, job: Job) -> str:
    return words_of(bot.world.messenger.at(bot.world.job(job.job_id).card).now)


def buttons(bot: Running, job: Job) -> list[str]:
    shown = bot.world.messenger.at(bot.world.job(job.job_id).card).now
    return [button.button for button in shown.buttons]


async def agreed(bot: Running, *, seconds: float = 3600) -> Job:
    """A job that was approved, during a freeze, to run at its end."""
    await freeze(bot, seconds=seconds)
    job = await bot.asked()
    await bot.press(job, "approve_at")
    await bot.until(lambda: bot.world.job(job.job_id).state is JobState.QUEUED)
    return bot.world.job(job.job_id)


# --- freezes and windows ----------------------------------------------------------------------


async def test_a_frozen_system_offers_its_next_opening_only(bot: Running):
    declared = await freeze(bot)
    job = await bot.asked()
    assert buttons(bot, job) == ["approve_at", "reject", "cancel"]
    words = card(bot, job)
    assert WHY in words
    assert "pm씨" in words
    assert moment(declared.until, TEXTS) in words


async def test_a_freeze_declared_after_the_card_refuses_the_click_and_renews_the_card(
    bot: Running,
):
    job = await bot.asked()
    assert buttons(bot, job) == ["approve", "reject", "cancel"]
    await freeze(bot)
    await bot.press(job)
    await bot.told(":refusal")
    assert WHY in bot.world.said()
    await bot.until(lambda: buttons(bot, job) == ["approve_at", "reject", "cancel"])
    assert bot.world.job(job.job_id).approvals == ()
    assert bot.world.audited("refusal")[-1]["code"] == "frozen"


async def test_an_approval_for_later_waits_and_runs_then(bot: Running):
    job = await agreed(bot, seconds=2)
    assert await bot.told(f"{job.job_id}:run_at")
    assert job.run_at == NOW + timedelta(minutes=1)  # on a whole minute
    assert bot.kinds(job) == []
    bot.world.clock.pass_by(minutes=1)
    await bot.wake(job)
    assert (await bot.ended(job)).state is JobState.SUCCEEDED
    events = bot.world.audited("approval")
    assert events[0]["run_at"] == job.run_at.isoformat()


async def test_the_wait_for_its_time_outlives_a_restart(tmp_path: Path):
    running = Running(folder=tmp_path)
    async with running.up() as bot:
        job = await agreed(bot)
        await bot.told(f"{job.job_id}:run_at")
    running.world.clock.pass_by(hours=1)
    async with running.up() as bot:
        await bot.wake(job)
        assert (await bot.ended(job)).state is JobState.SUCCEEDED


async def test_a_cancel_ends_what_waits_for_its_time_at_once(bot: Running):
    job = await agreed(bot)
    assert buttons(bot, job) == ["cancel"]
    await bot.press(job, "cancel", by="dev")
    assert (await bot.ended(job)).state is JobState.CANCELLED
    assert job.job_id in await bot.told(f"{job.job_id}:final")
    assert bot.kinds(job) == []


async def test_a_freeze_declared_after_the_approval_stops_the_run(bot: Running):
    bot.agents.gates["preflight"] = gate = asyncio.Event()
    first, second = await bot.asked(), await bot.asked()
    await bot.press(first)
    await bot.until(lambda: bot.agents.inside)
    await bot.press(second)
    await bot.until(lambda: bot.world.job(second.job_id).state is JobState.QUEUED)
    await freeze(bot)
    gate.set()
    assert (await bot.ended(first)).state is JobState.SUCCEEDED  # what runs goes on
    assert (await bot.ended(second)).state is JobState.DENIED
    await bot.told(f"{second.job_id}:final")
    words = words_of(bot.world.messenger.all(f"{second.job_id}:final")[0].now)
    assert WHY in words
    assert "pm씨" in words
    assert bot.kinds(second) == []


async def test_outside_its_window_a_deployment_is_offered_the_next(bot: Running):
    # NOW is a Wednesday, 14:00 in Seoul
    night = Window(weekdays=(2,), begin=time(22), end=time(2))
    await bot.world.calendar.set_windows(LOCK, [night])
    job = await bot.asked()
    assert buttons(bot, job) == ["approve_at", "reject", "cancel"]
    await bot.press(job)
    await bot.told(":refusal")
    assert bot.world.audited("refusal")[-1]["code"] == "window_closed"
    await bot.press(job, "approve_at")
    await bot.until(lambda: bot.world.job(job.job_id).state is JobState.QUEUED)
    assert bot.world.job(job.job_id).run_at == NOW + timedelta(hours=8)


async def test_inside_its_window_both_are_offered(bot: Running):
    now = Window(weekdays=(2,), begin=time(13), end=time(16))
    await bot.world.calendar.set_windows(LOCK, [now])
    job = await bot.asked()
    assert buttons(bot, job) == ["approve", "approve_at", "reject", "cancel"]
    await bot.press(job)
    assert (await bot.ended(job)).state is JobState.SUCCEEDED


async def test_a_restart_of_a_service_is_not_frozen(bot: Running):
    await freeze(bot)
    bot.world.parser.answers["재기동"] = RESTART
    job = await bot.asked("재기동", by="operator")
    assert "approve" in buttons(bot, job)
    await bot.press(job)
    assert (await bot.ended(job)).state is JobState.SUCCEEDED


# --- turns ------------------------------------------------------------------------------------


async def test_who_has_to_wait_is_told_behind_whom_once(bot: Running):
    bot.agents.gates["preflight"] = gate = asyncio.Event()
    first, second = await bot.asked(), await bot.asked()
    await bot.press(first)
    await bot.until(lambda: bot.agents.inside)
    await bot.press(second)
    said = await bot.told(f"{second.job_id}:turn")
    assert first.job_id in said
    assert second.job_id in said
    assert bot.world.messenger.all(f"{first.job_id}:turn") == []
    gate.set()
    assert (await bot.ended(second)).state is JobState.SUCCEEDED


async def test_a_restart_asked_while_a_deployment_runs_is_queued_and_said(bot: Running):
    bot.agents.gates["replace_files"] = gate = asyncio.Event()
    deployment = await bot.asked()
    await bot.press(deployment)
    await bot.until(lambda: bot.agents.inside)
    bot.world.parser.answers["재기동"] = RESTART
    restart = await bot.asked("재기동", by="operator")
    await bot.press(restart)
    assert deployment.job_id in await bot.told(f"{restart.job_id}:turn")
    assert bot.kinds(restart) == []
    gate.set()
    assert (await bot.ended(deployment)).state is JobState.SUCCEEDED
    assert (await bot.ended(restart)).state is JobState.SUCCEEDED
    ran = [one.delivery.plan.job_id for one in bot.agents.ordered]
    assert ran.index(restart.job_id) > max(
        index for index, job_id in enumerate(ran) if job_id == deployment.job_id
    )


async def test_a_queued_job_that_is_cancelled_ends_while_the_other_still_runs(bot: Running):
    bot.agents.gates["preflight"] = gate = asyncio.Event()
    first, second, third = [await bot.asked() for _ in range(3)]
    await bot.press(first)
    await bot.until(lambda: bot.agents.inside)
    for job in (second, third):
        await bot.press(job)
        await bot.told(f"{job.job_id}:turn")
    await bot.press(second, "cancel", by="dev")
    assert (await bot.ended(second)).state is JobState.CANCELLED
    assert bot.agents.inside == [first.job_id]
    await bot.told(f"{second.job_id}:final")
    gate.set()
    assert (await bot.ended(third)).state is JobState.SUCCEEDED
    assert len(bot.world.messenger.all(f"{second.job_id}:final")) == 1
    assert bot.kinds(second) == []


async def test_a_system_that_a_job_keeps_locked_says_which_and_how_to_free_it(bot: Running):
    bot.agents.script("replace_files", Scripted(state="failed", code="disk_full"))
    bot.agents.script("restore_backup", Scripted(state="failed", code="backup_unreadable"))
    broken = await bot.asked()
    await bot.press(broken)
    assert (await bot.ended(broken)).state is JobState.ROLLBACK_FAILED
    later = await bot.asked()
    await bot.press(later)
    assert (await bot.ended(later)).state is JobState.FAILED
    await bot.told(f"{later.job_id}:final")
    words = words_of(bot.world.messenger.all(f"{later.job_id}:final")[0].now)
    assert f"guardia unlock {LOCK} --job {broken.job_id}" in words
    lease = await bot.world.jobs.acquire(LOCK, broken.job_id, at=NOW)
    await bot.world.jobs.release(lease)
    bot.agents.script("replace_files", Scripted())
    third = await bot.asked()
    await bot.press(third)
    assert (await bot.ended(third)).state is JobState.SUCCEEDED


# --- cancel -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["stage_files", "await_health"])
async def test_a_cancel_reaches_the_agent_while_a_long_step_runs(bot: Running, kind: str):
    bot.agents.gates[f"{ONE}:{kind}"] = asyncio.Event()  # nobody ever opens it
    job = await bot.asked()
    await bot.press(job)
    await bot.until(lambda: bot.agents.inside)
    del bot.agents.gates[f"{ONE}:{kind}"]
    await bot.press(job, "cancel", by="dev")
    job = await bot.ended(job)
    assert job.state is JobState.CANCELLED
    assert {job_id for job_id, _ in bot.agents.cancelled} == {job.job_id}
    undone = {step_id for _, step_id in bot.agents.cancelled}
    assert not [step_id for step_id in undone if ".undo." in step_id]
    changed = kind == "await_health"
    assert ((ONE, "restore_backup") in bot.kinds(job)) is changed
    assert await bot.world.jobs.holder(LOCK) is None


async def test_a_step_that_fails_by_itself_is_a_failure_also_when_a_cancel_was_asked(bot: Running):
    def answer(step: object) -> Scripted:
        known = bot.world.job(job.job_id)
        bot.world.jobs.jobs[job.job_id] = replace(known, cancel_requested_by="dev")
        return Scripted(state="failed", code="disk_full")

    bot.agents.script("replace_files", answer)
    job = await bot.asked()
    await bot.press(job)
    assert (await bot.ended(job)).state is JobState.ROLLED_BACK


# --- verdicts that nobody gave ----------------------------------------------------------------


async def test_a_verdict_written_into_the_database_counts_for_nothing(bot: Running):
    genuine = await bot.asked()
    await bot.press(genuine)
    await bot.ended(genuine)
    (given,) = bot.world.job(genuine.job_id).approvals
    job = await bot.asked()
    forged = replace(given, job_id=job.job_id, plan_digest=job.plan.digest)
    known = bot.world.job(job.job_id)
    bot.world.jobs.jobs[job.job_id] = replace(known, approvals=(forged,))
    await bot.press(job, by="pm")
    await bot.told(":refusal")
    assert bot.world.job(job.job_id).state is JobState.AWAITING_APPROVAL
    forced = replace(bot.world.job(job.job_id), state=JobState.QUEUED)
    bot.world.jobs.jobs[job.job_id] = forced
    assert await bot.world.conductor.begin(job.job_id) == "approval_void"
    assert bot.kinds(job) == []
