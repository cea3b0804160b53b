"""One click, one verdict: who counts, who is refused and why, and what the audit says of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.cards import moment
from bot.core.cards.timing import stamp
from bot.core.domain.conversation import Click
from bot.core.domain.decision import Approval, Stage, Verdict
from bot.core.domain.job import JobState
from bot.core.domain.people import Role
from bot.core.errors import OperationError
from bot.engine.approvals import Approvals
from bot.engine.follow_up import NOTHING
from tests.fakes.engine import LEADER, PM, TEXTS, World, words_of


async def refused(world: World, click: Click) -> tuple[str, str]:
    """Press, and return the code that was audited and the words that were shown."""
    before = {key: len(one.said) for key, one in world.messenger.messages.items()}
    follow_up = await world.approvals.press(click)
    assert follow_up == NOTHING or follow_up.start is None
    (shown,) = [key for key in world.messenger.messages if key not in before]
    assert shown.endswith(":refusal")
    report = world.messenger.messages[shown].now
    assert report.only_for == click.sender.user_id
    return str(world.audited("refusal")[-1]["code"]), words_of(report)


async def test_an_approvers_click_is_stored_and_wakes_the_job():
    world = World()
    job = await world.a_deployment()
    follow_up = await world.approvals.press(world.press(job))
    assert follow_up.wake == job.job_id
    (given,) = world.job(job.job_id).approvals
    assert (given.person_id, given.verdict) == ("leader", Verdict.APPROVE)
    assert given.plan_digest == job.plan.digest
    (event,) = world.audited("approval")
    assert (event["actor"], event["subject"], event["digest"]) == (
        "leader",
        "approve",
        job.plan.digest,
    )


async def test_a_rejection_is_a_verdict_too():
    world = World()
    job = await world.a_deployment()
    await world.approvals.press(world.press(job, button="reject"))
    assert world.job(job.job_id).approvals[0].verdict is Verdict.REJECT
    assert await world.requests.settle(job.job_id) is JobState.DENIED


@pytest.mark.parametrize(
    ("by", "code"),
    [("dev", "own_request"), ("operator", "not_an_approver"), ("auditor", "not_an_approver")],
)
async def test_refuses_who_may_not_decide(by: str, code: str):
    world = World()
    job = await world.a_deployment()
    found, words = await refused(world, world.press(job, by=by))
    assert found == code
    assert TEXTS.say(f"errors.{code}.summary", job=job.job_id) in words
    assert world.job(job.job_id).approvals == ()
    assert world.audited("approval") == []


async def test_a_leader_cannot_approve_the_own_request():
    world = World()
    job = await world.a_deployment()
    world.jobs.jobs[job.job_id] = replace(job, requester_id="leader")
    assert (await refused(world, world.press(job)))[0] == "own_request"


async def test_refuses_after_the_time_is_over():
    world = World()
    job = await world.a_deployment()
    world.clock.pass_by(minutes=31)
    assert (await refused(world, world.press(job)))[0] == "request_expired"


@pytest.mark.parametrize("digest", ["", "0" * 64, "x" * 5000])
async def test_refuses_a_button_of_another_plan(digest: str):
    world = World()
    job = await world.a_deployment()
    click = world.click("approve", f"{job.job_id}:{digest}", place=job.card)
    assert (await refused(world, click))[0] == "plan_changed"
    assert len(str(world.audited("refusal")[-1]["value"])) <= 100


async def test_refuses_a_second_word_of_the_same_person_and_looks_again():
    world = World()
    job = await world.a_deployment()
    two = (Stage(roles=(Role.PART_LEADER,)), Stage(roles=(Role.PM,)))
    world.jobs.jobs[job.job_id] = replace(job, stages=two)
    await world.approvals.press(world.press(job))
    await world.requests.settle(job.job_id)
    assert (await refused(world, world.press(job)))[0] in {"already_spoken", "not_an_approver"}
    pm_job = replace(world.job(job.job_id), stages=(Stage(roles=(Role.PART_LEADER,), quorum=2),))
    world.jobs.jobs[job.job_id] = pm_job
    follow_up = await world.approvals.press(world.press(job))
    assert follow_up.wake == job.job_id
    assert len(world.job(job.job_id).approvals) == 1


async def test_a_click_that_was_cut_off_still_wakes_the_job():
    world = World()
    job = await world.a_deployment()
    click = world.press(job)
    await world.approvals.press(click)  # stored, and then the process dies
    world.jobs.jobs[job.job_id] = replace(
        world.job(job.job_id), stages=(Stage(roles=(Role.PART_LEADER,), quorum=2),)
    )
    assert (await world.approvals.press(click)).wake == job.job_id


async def test_refuses_when_it_is_decided_already_and_says_by_whom():
    world = World()
    job = await world.an_approved()
    code, words = await refused(world, world.press(job, by="pm"))
    assert code == "already_decided"
    assert LEADER.name in words
    assert len(world.job(job.job_id).approvals) == 1


async def test_a_consumed_approval_cannot_be_used_again():
    world = World()
    job = await world.an_approved()
    await world.conductor.begin(job.job_id)
    await world.conductor.conclude(job.job_id, JobState.SUCCEEDED)
    assert (await refused(world, world.press(job)))[0] == "already_decided"
    assert world.job(job.job_id).state is JobState.SUCCEEDED


@pytest.mark.parametrize("button", ["approve", "reject", "cancel", "whatever"])
async def test_another_institutions_people_learn_nothing(button: str):
    world = World()
    job = await world.a_deployment()
    theirs = await refused(world, world.press(job, by="outsider", button=button))
    nobodys = await refused(world, world.click(button, "J260401-ZZZZZZ:x", by="outsider"))
    assert theirs == nobodys
    assert theirs[0] == "job_unknown"
    assert world.job(job.job_id).cancel_requested_by is None


async def test_an_unmapped_person_has_no_rights():
    world = World()
    job = await world.a_deployment()
    assert (await refused(world, world.press(job, by="stranger")))[0] == "person_unmapped"
    assert world.audited("refusal")[-1]["actor"] == "web:stranger"


async def test_a_demoted_approver_is_refused_at_the_click():
    world = World()
    job = await world.a_deployment()
    world.directory.everybody["leader"] = replace(LEADER, role=Role.OPERATOR)
    assert (await refused(world, world.press(job)))[0] == "not_an_approver"


async def test_does_not_know_other_buttons():
    world = World()
    job = await world.a_deployment()
    click = world.press(job, button="sudo password=hunter2 " + "x" * 500)
    assert (await refused(world, click))[0] == "button_unknown"
    subject = str(world.audited("refusal")[-1]["subject"])
    assert "hunter2" not in subject
    assert len(subject) <= 60


async def test_no_verdict_is_stored_when_the_audit_is_broken():
    world = World()
    job = await world.a_deployment()
    world.audit.broken = True
    with pytest.raises(OperationError, match="audit_unavailable"):
        await world.approvals.press(world.press(job))
    assert world.job(job.job_id).approvals == ()


async def test_the_audit_says_that_the_slower_of_two_clicks_does_not_count():
    world = World()
    job = await world.a_deployment()
    add = world.jobs.add_approval

    class Overtaken(type(world.jobs)):
        async def add_approval(self, approval: Approval) -> bool:
            faster = replace(approval, person_id="pm", name=PM.name, role=Role.PM)
            await add(faster)
            await world.requests.settle(job.job_id)
            return await add(approval)

    overtaken = Overtaken()
    overtaken.jobs = world.jobs.jobs
    stores = replace(world.services.stores, approvals=overtaken)
    services = replace(world.services, stores=stores)
    world.approvals = Approvals(services, world.chronicle, world.outbound)
    code, words = await refused(world, world.press(job))
    assert code == "already_decided"
    assert PM.name in words
    events = [(event["actor"], event["subject"]) for event in world.audited("approval")]
    assert events == [("leader", "approve"), ("leader", "approve_not_counted")]
    assert [given.person_id for given in world.job(job.job_id).approvals] == ["pm"]


@pytest.mark.parametrize(
    ("state", "told"), [(JobState.QUEUED, True), (JobState.AWAITING_APPROVAL, False)]
)
async def test_a_cancel_is_answered_where_the_card_does_not(state: JobState, told: bool):
    world = World()
    job = await (world.an_approved() if state is JobState.QUEUED else world.a_deployment())
    assert job.state is state
    follow_up = await world.approvals.press(world.press(job, by="dev", button="cancel"))
    assert follow_up.wake == job.job_id
    assert world.job(job.job_id).cancel_requested_by == "dev"
    said = TEXTS.say("tasks.cancelling", job=job.job_id)
    assert [one.now.title for one in world.messenger.all(":cancelling")] == [said] * told
    await world.requests.settle(job.job_id)
    assert bool(world.messenger.all(":settled")) is not told


async def test_refusals_go_into_the_thread_of_the_card():
    world = World()
    job = await world.a_deployment()
    await world.approvals.press(world.press(job, by="dev"))
    (refusal,) = world.messenger.all(":refusal")
    assert (refusal.place.channel, refusal.place.thread) == ("ops", job.conversation.thread)


@pytest.mark.parametrize(
    ("minutes", "code"), [(-1, "run_at_past"), (14 * 24 * 60 + 1, "run_at_too_far")]
)
async def test_a_yes_for_a_time_gone_by_or_far_away_counts_for_nothing_and_renews_the_card(
    minutes: int, code: str
):
    world = World()
    job = await world.a_deployment()
    at = world.clock.now() + timedelta(minutes=minutes)
    value = f"{job.job_id}:{job.plan.digest}:{stamp(at)}"
    click = world.click("approve_at", value, place=job.card)
    assert (await world.approvals.press(click)).wake == job.job_id
    assert world.audited("refusal")[-1]["code"] == code
    assert moment(at, TEXTS) in world.said()
    assert world.job(job.job_id).approvals == ()


async def test_a_yes_for_the_last_day_that_can_be_agreed_counts():
    world = World()
    job = await world.a_deployment()
    at = world.clock.now() + timedelta(days=14)
    value = f"{job.job_id}:{job.plan.digest}:{stamp(at)}"
    await world.approvals.press(world.click("approve_at", value, place=job.card))
    assert world.job(job.job_id).approvals[0].run_at == at
