"""A freeze or a window's end under a job that runs: told once, with the way to stop it."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

import pytest

from bot.app.commands.freezes import running_on
from bot.core.domain.calendar import Freeze, Window
from bot.core.domain.job import Job, JobState
from bot.core.domain.report import Report
from tests.fakes.engine import World, words_of

LOCK = "MOEF-BUDGET"
WHY = "긴급 동결"


async def a_running(world: World) -> Job:
    job = await world.an_approved()
    assert await world.conductor.begin(job.job_id) is None
    return world.job(job.job_id)


def a_freeze(world: World, **more: object) -> Freeze:
    now = world.clock.now()
    declared = Freeze(
        freeze_id="F1",
        who="pm",
        why=WHY,
        start=now,
        until=now + timedelta(hours=3),
        system_code=LOCK,
    )
    return replace(declared, **more)


def told(world: World, job: Job) -> list[Report]:
    return [one.now for one in world.messenger.all(f"{job.job_id}:closed:")]


async def test_a_freeze_under_a_running_job_is_told_once_with_the_button_that_stops_it():
    world = World()
    job = await a_running(world)
    assert not await world.conductor.cancelled(job.job_id)
    assert told(world, job) == []
    await world.calendar.add_freeze(a_freeze(world))
    for _ in range(3):
        assert not await world.conductor.cancelled(job.job_id)  # it runs on
    (note,) = told(world, job)
    assert all(word in words_of(note) for word in (job.job_id, WHY, "pm씨", "끝까지"))
    assert [(button.button, button.value) for button in note.buttons] == [("cancel", job.job_id)]
    assert [event["code"] for event in world.audited("decision")][-1] == "frozen"


async def test_a_batch_is_looked_at_before_it_begins():
    world = World()
    job = await a_running(world)
    await world.calendar.add_freeze(a_freeze(world))
    await world.conductor.execute_runs(job.job_id, [])
    assert len(told(world, job)) == 1


async def test_the_end_of_the_window_is_told_too():
    world = World()
    job = await a_running(world)
    await world.calendar.set_windows(
        LOCK, [Window(weekdays=(2,), begin=time(1), end=time(2))]
    )  # it is a Wednesday, 14:00
    await world.conductor.cancelled(job.job_id)
    (note,) = told(world, job)
    assert "점검 시간대가 끝났습니다" in words_of(note)


async def test_whoever_has_been_cancelled_already_is_told_nothing_more():
    world = World()
    job = await a_running(world)
    world.jobs.jobs[job.job_id] = replace(job, cancel_requested_by="dev")
    await world.calendar.add_freeze(a_freeze(world))
    assert await world.conductor.cancelled(job.job_id)
    assert told(world, job) == []


async def test_a_messenger_that_is_down_stops_no_running_job():
    world = World()
    job = await a_running(world)
    nowhere = replace(job.conversation, adapter="nowhere")
    world.jobs.jobs[job.job_id] = replace(job, conversation=nowhere)
    await world.calendar.add_freeze(a_freeze(world))
    assert not await world.conductor.cancelled(job.job_id)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({}, True),
        ({"system_code": None, "institution": "기획재정부"}, True),
        ({"system_code": "MOEF-STAT"}, False),
        ({"system_code": None, "institution": "법무부"}, False),
        ({"environments": ()}, False),
    ],
)
async def test_whoever_declares_a_freeze_is_told_what_runs_on(more: dict[str, object], named: bool):
    world = World()
    job = await a_running(world)
    waiting = replace(job, state=JobState.QUEUED)
    declared = a_freeze(world, **more)
    found = running_on(declared, [job, waiting], now=world.clock.now())
    assert found == ([job] if named else [])
