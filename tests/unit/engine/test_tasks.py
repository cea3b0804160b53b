"""What is going on, and who may stop it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.domain.conversation import ConversationRef
from bot.core.domain.intent import Intent
from bot.core.domain.job import Job, JobState
from bot.core.domain.people import Actor
from bot.core.errors import UserError
from bot.engine.tasks import Tasks
from tests.fakes.engine import AUDITOR, DEV, LEADER, OPERATOR, OUTSIDER, PM, World, words_of

LIST = Intent(action="list_tasks")
CANCEL = Intent(action="cancel_task")
ELSEWHERE = ConversationRef(adapter="web", channel="ops", thread="elsewhere")


def named(job_id: str) -> Intent:
    return Intent(action="cancel_task", params={"task": job_id})


async def a_world() -> tuple[World, Job, Tasks]:
    world = World()
    job = await world.a_deployment()
    return world, job, Tasks(world.services, world.chronicle)


async def code_of(tasks: Tasks, intent: Intent, actor: Actor, thread: ConversationRef) -> str:
    with pytest.raises(UserError) as refused:
        await tasks.answer(intent, actor, thread)
    return refused.value.code


async def test_lists_jobs_of_the_institutions_one_may_see():
    _, job, tasks = await a_world()
    mine, woken = await tasks.answer(LIST, OPERATOR, ELSEWHERE)
    assert job.job_id in words_of(mine)
    assert woken is None
    theirs, _ = await tasks.answer(LIST, OUTSIDER, ELSEWHERE)
    assert job.job_id not in words_of(theirs)
    assert theirs.sections == ()


async def test_lists_no_job_that_has_ended():
    world, job, tasks = await a_world()
    world.jobs.jobs[job.job_id] = replace(job, state=JobState.SUCCEEDED)
    assert job.job_id not in words_of((await tasks.answer(LIST, OPERATOR, ELSEWHERE))[0])


@pytest.mark.parametrize("actor", [DEV, LEADER, PM])
async def test_requester_leader_and_pm_may_cancel(actor: Actor):
    world, job, tasks = await a_world()
    _, woken = await tasks.answer(named(job.job_id), actor, ELSEWHERE)
    assert woken == job.job_id
    assert world.job(job.job_id).cancel_requested_by == actor.person_id
    (event,) = world.audited("decision")
    assert (event["actor"], event["subject"], event["job_id"]) == (
        actor.person_id,
        "cancel",
        job.job_id,
    )


@pytest.mark.parametrize("actor", [OPERATOR, AUDITOR])
async def test_nobody_else_may_cancel(actor: Actor):
    world, job, tasks = await a_world()
    assert await code_of(tasks, named(job.job_id), actor, ELSEWHERE) == "may_not_cancel"
    assert world.job(job.job_id).cancel_requested_by is None


async def test_another_institutions_pm_does_not_learn_that_it_exists():
    _, job, tasks = await a_world()
    hidden = await code_of(tasks, named(job.job_id), OUTSIDER, ELSEWHERE)
    assert hidden == await code_of(tasks, named("J260401-ZZZZZZ"), OUTSIDER, ELSEWHERE)
    assert hidden == "task_unknown"


async def test_without_a_name_the_job_of_this_thread_is_meant():
    world, job, tasks = await a_world()
    assert await code_of(tasks, CANCEL, DEV, ELSEWHERE) == "task_unknown"
    await tasks.answer(CANCEL, DEV, job.conversation)
    assert world.job(job.job_id).cancel_requested_by == "dev"


@pytest.mark.parametrize("other", [{"channel": "lobby"}, {"adapter": "slack"}])
async def test_the_same_thread_id_elsewhere_is_another_thread(other: dict[str, str]):
    _, job, tasks = await a_world()
    elsewhere = replace(job.conversation, **other)
    assert await code_of(tasks, CANCEL, DEV, elsewhere) == "task_unknown"


async def test_two_jobs_in_one_thread_are_asked_for_by_name():
    world, job, tasks = await a_world()
    world.jobs.jobs["J260401-AAAAAA"] = replace(job, job_id="J260401-AAAAAA")
    assert await code_of(tasks, CANCEL, DEV, job.conversation) == "task_unknown"
    _, woken = await tasks.answer(named(job.job_id), DEV, job.conversation)
    assert woken == job.job_id


async def test_says_that_it_has_ended_meanwhile():
    world, job, tasks = await a_world()
    world.jobs.jobs[job.job_id] = replace(job, state=JobState.EXPIRED)
    with pytest.raises(UserError) as refused:
        await tasks.cancel(job, DEV)
    assert refused.value.code == "job_ended"


async def test_the_first_to_cancel_stays_the_one_who_did():
    world, job, tasks = await a_world()
    await tasks.answer(named(job.job_id), DEV, ELSEWHERE)
    await tasks.answer(named(job.job_id), PM, ELSEWHERE)
    assert world.job(job.job_id).cancel_requested_by == "dev"


async def test_says_for_when_a_job_is_agreed():
    world, job, tasks = await a_world()
    later = world.clock.now() + timedelta(hours=8)
    world.jobs.jobs[job.job_id] = replace(job, state=JobState.QUEUED, run_at=later)
    assert "04-01 22:00" in words_of((await tasks.answer(LIST, OPERATOR, ELSEWHERE))[0])
    world.clock.pass_by(hours=8)
    assert "22:00" not in words_of((await tasks.answer(LIST, OPERATOR, ELSEWHERE))[0])
