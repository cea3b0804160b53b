"""A request for approval from its posting to its end."""

from __future__ import annotations

import pytest

from bot.core.domain.job import JobState
from bot.core.errors import OperationError
from tests.fakes.engine import World, words_of


async def settled(world: World) -> str:
    (note,) = world.messenger.all(":settled")
    assert len(note.said) == 1
    return words_of(note.now)


async def test_a_rejection_is_told_in_the_thread_once():
    world = World()
    job = await world.a_deployment()
    await world.approvals.press(world.press(job, button="reject"))
    assert await world.requests.settle(job.job_id) is JobState.DENIED
    assert await world.requests.settle(job.job_id) is JobState.DENIED
    words = await settled(world)
    assert "leader씨" in words
    assert job.job_id in words
    assert world.messenger.all(":settled")[0].place.thread == job.conversation.thread


async def test_a_lapse_is_told_in_the_thread_once():
    world = World()
    job = await world.a_deployment()
    world.clock.pass_by(minutes=31)
    assert await world.requests.lapse(job.job_id) is JobState.EXPIRED
    assert await world.requests.lapse(job.job_id) is JobState.EXPIRED
    assert job.job_id in await settled(world)


async def test_a_verdict_that_came_in_meanwhile_counts_at_the_lapse():
    world = World()
    job = await world.a_deployment()
    await world.approvals.press(world.press(job))
    assert await world.requests.lapse(job.job_id) is JobState.QUEUED
    assert world.messenger.all(":settled") == []


async def test_a_cancel_is_told_with_who_did_it():
    world = World()
    job = await world.a_deployment()
    await world.approvals.press(world.press(job, by="pm", button="cancel"))
    assert await world.requests.settle(job.job_id) is JobState.CANCELLED
    assert "pm씨" in await settled(world)


async def test_a_job_cancelled_before_it_was_opened_does_not_wait():
    world = World()
    job = await world.a_deployment(waiting=False)
    await world.jobs.request_cancel(job.job_id, "dev")
    assert await world.requests.open(job.job_id) is JobState.CANCELLED


async def test_a_rejection_beats_a_cancel_and_a_cancel_an_approval():
    world = World()
    job = await world.a_deployment()
    await world.approvals.press(world.press(job))
    await world.jobs.request_cancel(job.job_id, "dev")
    assert await world.requests.settle(job.job_id) is JobState.CANCELLED


async def test_a_messenger_that_is_down_stops_no_verdict():
    world = World()
    job = await world.a_deployment()
    await world.approvals.press(world.press(job))
    world.messenger.down = True
    assert await world.requests.settle(job.job_id) is JobState.QUEUED


async def test_nothing_moves_when_the_audit_is_broken():
    world = World()
    job = await world.a_deployment()
    await world.approvals.press(world.press(job))
    world.audit.broken = True
    with pytest.raises(OperationError, match="audit_unavailable"):
        await world.requests.settle(job.job_id)
    assert world.job(job.job_id).state is JobState.AWAITING_APPROVAL


async def test_the_remaining_time_is_never_negative():
    world = World()
    job = await world.a_deployment()
    assert await world.requests.remaining_s(job.job_id) == 1800
    world.clock.pass_by(hours=2)
    assert await world.requests.remaining_s(job.job_id) == 0


async def test_a_card_that_nobody_has_got_is_tried_again_before_anybody_is_waited_for():
    world = World()
    job = await world.a_deployment(waiting=False)
    world.messenger.down = True
    with pytest.raises(OperationError):
        await world.requests.open(job.job_id)
    assert world.job(job.job_id).state is JobState.AWAITING_APPROVAL
    world.messenger.down = False
    assert await world.requests.open(job.job_id) is JobState.AWAITING_APPROVAL
    assert world.messenger.at(world.job(job.job_id).card).now.buttons
