"""JobStore, ApprovalStore, LockStore, DeploymentStore, HistoryStore: the same on every one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from agent.wire.results import Health
from bot.core.domain.decision import Stage
from bot.core.domain.job import TERMINAL, JobState, StepRecord, StepState
from bot.core.domain.people import Role
from bot.core.errors import OperationError
from bot.core.lifecycle import may_follow
from tests.fakes.jobs import (
    JOB,
    NOW,
    THREAD,
    sample_approval,
    sample_deployment,
    sample_job,
)

OTHER = "J260401-XYZ789"


# --- jobs ---


async def test_a_job_comes_back_as_it_was_stored(stores) -> None:
    job = sample_job()
    assert await stores.jobs.create(job)
    loaded = await stores.jobs.load(JOB)
    assert loaded == job
    assert loaded.plan.wire.digest() == loaded.plan.digest


async def test_there_is_no_job_that_nobody_stored(stores) -> None:
    assert await stores.jobs.load(JOB) is None


async def test_a_job_moves_from_the_named_state_only(stores) -> None:
    await stores.jobs.create(sample_job(state=JobState.RUNNING))
    with pytest.raises(OperationError, match="state_conflict"):
        await stores.jobs.advance(JOB, JobState.CANCELLED, at=NOW, was=JobState.QUEUED)
    assert (await stores.jobs.load(JOB)).state is JobState.RUNNING
    assert await stores.jobs.advance(JOB, JobState.CANCELLED, at=NOW, was=JobState.RUNNING)


async def test_one_of_a_beginning_and_a_withdrawal_wins(stores) -> None:
    await stores.jobs.create(sample_job(state=JobState.QUEUED))
    ended = await asyncio.gather(
        stores.jobs.advance(JOB, JobState.RUNNING, at=NOW, was=JobState.QUEUED),
        stores.jobs.advance(JOB, JobState.CANCELLED, at=NOW, was=JobState.QUEUED),
        return_exceptions=True,
    )
    assert ended.count(True) == 1


async def test_a_verdict_keeps_its_time_and_its_seal(stores) -> None:
    await stores.jobs.create(sample_job(state=JobState.AWAITING_APPROVAL))
    later = NOW + timedelta(days=2)
    given = replace(sample_approval(), run_at=later, seal="5" * 64)
    assert await stores.approvals.add_approval(given)
    job = await stores.jobs.load(JOB)
    assert job.approvals == (given,)
    assert job.run_at == later


async def test_a_cancel_can_be_asked_about(stores) -> None:
    await stores.jobs.create(sample_job(state=JobState.RUNNING))
    assert not await stores.approvals.cancel_requested(JOB)
    await stores.approvals.request_cancel(JOB, "u010")
    assert await stores.approvals.cancel_requested(JOB)
    assert not await stores.approvals.cancel_requested(OTHER)


async def test_the_first_job_of_an_id_stays(stores) -> None:
    await stores.jobs.create(sample_job())
    assert not await stores.jobs.create(replace(sample_job(), requester_name="다른 사람"))
    assert (await stores.jobs.load(JOB)).requester_name == "개발032"


async def test_one_of_many_creations_at_once_wins(stores) -> None:
    won = await asyncio.gather(*(stores.jobs.create(sample_job()) for _ in range(20)))
    assert won.count(True) == 1


@pytest.mark.parametrize("state", list(JobState))
async def test_a_job_moves_only_as_the_lifecycle_allows(stores, state: JobState) -> None:
    for number, to in enumerate(JobState):
        job_id = f"J260401-AAAA{number:02}"
        await stores.jobs.create(sample_job(job_id, state=state))
        if to is state:
            assert not await stores.jobs.advance(job_id, to, at=NOW)
        elif may_follow(state, to):
            assert await stores.jobs.advance(job_id, to, at=NOW)
            assert (await stores.jobs.load(job_id)).state is to
        else:
            with pytest.raises(OperationError) as refused:
                await stores.jobs.advance(job_id, to, at=NOW)
            assert refused.value.code == "state_conflict"
            assert (await stores.jobs.load(job_id)).state is state


async def test_running_and_ending_leave_their_times(stores) -> None:
    await stores.jobs.create(sample_job(state=JobState.QUEUED))
    await stores.jobs.advance(JOB, JobState.RUNNING, at=NOW)
    later = NOW + timedelta(minutes=1)
    await stores.jobs.advance(JOB, JobState.SUCCEEDED, at=later)
    job = await stores.jobs.load(JOB)
    assert (job.started_at, job.ended_at) == (NOW, later)


async def test_one_of_many_moves_at_once_is_the_move(stores) -> None:
    await stores.jobs.create(sample_job(state=JobState.QUEUED))
    moved = await asyncio.gather(
        *(stores.jobs.advance(JOB, JobState.RUNNING, at=NOW) for _ in range(20))
    )
    assert moved.count(True) == 1


async def test_a_person_finds_their_own_ended_reads_newest_first(stores) -> None:
    kept = {
        "J260401-READ01": sample_job("J260401-READ01", state=JobState.SUCCEEDED),
        "J260401-READ02": sample_job("J260401-READ02", state=JobState.FAILED),
        "J260401-READ03": sample_job("J260401-READ03", state=JobState.RUNNING),
        "J260401-READ04": replace(
            sample_job("J260401-READ04", state=JobState.SUCCEEDED), requester_id="u099"
        ),
        "J260401-READ05": replace(
            sample_job("J260401-READ05", state=JobState.SUCCEEDED),
            created_at=NOW - timedelta(minutes=5, seconds=1),
        ),
        "J260401-READ06": replace(
            sample_job("J260401-READ06", state=JobState.SUCCEEDED),
            created_at=NOW + timedelta(minutes=1),
        ),
    }
    for job in kept.values():
        await stores.jobs.create(job)
    since = NOW - timedelta(minutes=5)
    found = await stores.history.reads_of("u032", "deploy", since=since)
    assert found == tuple(kept[f"J260401-READ0{number}"] for number in (6, 2, 1))
    assert await stores.history.reads_of("u032", "rollback", since=since) == ()


async def test_a_job_that_does_not_exist_cannot_move(stores) -> None:
    with pytest.raises(OperationError) as refused:
        await stores.jobs.advance(JOB, JobState.PLANNED, at=NOW)
    assert refused.value.code == "job_missing"


async def test_the_card_and_the_progress_message_are_remembered_apart(stores) -> None:
    await stores.jobs.create(sample_job())
    card, progress = replace(THREAD, message="m2"), replace(THREAD, message="m3")
    await stores.jobs.attach(JOB, card=card)
    await stores.jobs.attach(JOB, progress=progress)
    job = await stores.jobs.load(JOB)
    assert (job.card, job.progress) == (card, progress)


async def test_a_step_is_replaced_and_keeps_its_place(stores) -> None:
    await stores.jobs.create(sample_job())
    begun = StepRecord(step_id="s1", state=StepState.RUNNING, started_at=NOW)
    await stores.jobs.record_step(JOB, begun)
    await stores.jobs.record_step(JOB, StepRecord(step_id="s2", state=StepState.PENDING))
    done = StepRecord(
        step_id="s1",
        state=StepState.SUCCEEDED,
        code="healthy",
        values=(("good", "3"),),
        lines=("시작됨", "ok"),
        result=Health(healthy=True, good=3, asked=4, last_status=200),
        attempt=2,
        verified=True,
        elapsed_ms=1200,
        started_at=NOW,
    )
    await stores.jobs.record_step(JOB, done)
    steps = (await stores.jobs.load(JOB)).steps
    assert steps == (done, StepRecord(step_id="s2", state=StepState.PENDING))


async def test_steps_recorded_at_once_are_all_kept(stores) -> None:
    await stores.jobs.create(sample_job())
    await asyncio.gather(
        *(
            stores.jobs.record_step(JOB, StepRecord(step_id=f"s{n}", state=StepState.RUNNING))
            for n in range(30)
        )
    )
    assert len((await stores.jobs.load(JOB)).steps) == 30


# --- approvals ---


async def test_a_verdict_counts_while_the_job_waits(stores) -> None:
    await stores.jobs.create(sample_job(state=JobState.AWAITING_APPROVAL))
    assert await stores.approvals.add_approval(sample_approval())
    assert (await stores.jobs.load(JOB)).approvals == (sample_approval(),)


@pytest.mark.parametrize("state", sorted(set(JobState) - {JobState.AWAITING_APPROVAL}))
async def test_a_verdict_is_refused_when_the_job_does_not_wait(stores, state: JobState) -> None:
    await stores.jobs.create(sample_job(state=state))
    assert not await stores.approvals.add_approval(sample_approval())
    assert (await stores.jobs.load(JOB)).approvals == ()


async def test_a_job_runs_at_the_latest_of_what_its_approvals_say(stores) -> None:
    stages = (Stage(roles=(Role.PART_LEADER,), quorum=3),)
    job = replace(sample_job(state=JobState.AWAITING_APPROVAL), stages=stages)
    await stores.jobs.create(job)
    early, late = NOW + timedelta(hours=1), NOW + timedelta(hours=9)
    for person, run_at in (("u031", late), ("u041", early), ("u051", None)):
        said = replace(sample_approval(person), run_at=run_at)
        assert await stores.approvals.add_approval(said)
    found = await stores.jobs.load(JOB)
    assert [one.run_at for one in found.approvals] == [late, early, None]
    assert found.run_at == late


async def test_a_job_keeps_when_it_is_to_run(stores) -> None:
    job = replace(sample_job(), run_at=NOW + timedelta(days=1))
    await stores.jobs.create(job)
    assert await stores.jobs.load(JOB) == job


async def test_a_verdict_on_no_job_is_refused(stores) -> None:
    assert not await stores.approvals.add_approval(sample_approval())


async def test_twenty_clicks_of_one_person_are_one_verdict(stores) -> None:
    await stores.jobs.create(sample_job(state=JobState.AWAITING_APPROVAL))
    taken = await asyncio.gather(
        *(stores.approvals.add_approval(sample_approval()) for _ in range(20))
    )
    assert taken.count(True) == 1
    assert len((await stores.jobs.load(JOB)).approvals) == 1


async def test_of_two_people_who_click_at_the_same_moment_one_decides(stores) -> None:
    await stores.jobs.create(sample_job(state=JobState.AWAITING_APPROVAL))
    taken = await asyncio.gather(
        *(stores.approvals.add_approval(sample_approval(who)) for who in ("u013", "u031"))
    )
    assert sorted(taken) == [False, True]
    assert len((await stores.jobs.load(JOB)).approvals) == 1


async def test_as_many_speak_as_the_stage_needs(stores) -> None:
    needed = (Stage(roles=(Role.PART_LEADER, Role.PM), quorum=10),)
    await stores.jobs.create(replace(sample_job(state=JobState.AWAITING_APPROVAL), stages=needed))
    people = [f"u{n:03}" for n in range(10)]
    taken = await asyncio.gather(
        *(
            stores.approvals.add_approval(replace(sample_approval(who), role=Role.PM))
            for who in people
        )
    )
    assert all(taken)
    job = await stores.jobs.load(JOB)
    assert {given.person_id for given in job.approvals} == set(people)


async def test_a_verdict_and_the_lapse_exclude_each_other(stores) -> None:
    await stores.jobs.create(sample_job(state=JobState.AWAITING_APPROVAL))
    await stores.jobs.advance(JOB, JobState.EXPIRED, at=NOW)
    assert not await stores.approvals.add_approval(sample_approval())


async def test_the_first_to_cancel_is_remembered(stores) -> None:
    await stores.jobs.create(sample_job(state=JobState.RUNNING))
    assert await stores.approvals.request_cancel(JOB, "u010")
    assert await stores.approvals.request_cancel(JOB, "u011")
    assert (await stores.jobs.load(JOB)).cancel_requested_by == "u010"


@pytest.mark.parametrize("state", sorted(TERMINAL))
async def test_an_ended_job_cannot_be_cancelled(stores, state: JobState) -> None:
    await stores.jobs.create(sample_job(state=state))
    assert not await stores.approvals.request_cancel(JOB, "u010")
    assert not await stores.approvals.request_cancel(OTHER, "u010")


# --- locks ---


async def test_fifty_at_once_have_one_winner(stores) -> None:
    leases = await asyncio.gather(
        *(stores.locks.acquire("MOEF-BUDGET", f"J260401-{n:06}", at=NOW) for n in range(50))
    )
    won = [lease for lease in leases if lease is not None]
    assert len(won) == 1
    assert await stores.locks.holder("MOEF-BUDGET") == won[0].job_id


async def test_the_holder_gets_its_own_lease_back(stores) -> None:
    first = await stores.locks.acquire("MOEF-BUDGET", JOB, at=NOW)
    assert await stores.locks.acquire("MOEF-BUDGET", JOB, at=NOW) == first


async def test_tokens_grow_over_releases_and_per_scope(stores) -> None:
    tokens = []
    for number in range(5):
        lease = await stores.locks.acquire("MOEF-BUDGET", f"J260401-{number:06}", at=NOW)
        tokens.append(lease.fencing_token)
        await stores.locks.release(lease)
    assert tokens == sorted(set(tokens))
    assert await stores.locks.holder("MOEF-BUDGET") is None
    assert await stores.locks.acquire("MOIS-GOV24", JOB, at=NOW) is not None


async def test_the_job_knows_its_token(stores) -> None:
    await stores.jobs.create(sample_job())
    lease = await stores.locks.acquire("MOEF-BUDGET", JOB, at=NOW)
    assert (await stores.jobs.load(JOB)).fencing_token == lease.fencing_token


async def test_a_late_release_leaves_the_next_holder_alone(stores) -> None:
    old = await stores.locks.acquire("MOEF-BUDGET", JOB, at=NOW)
    await stores.locks.release(old)
    await stores.locks.acquire("MOEF-BUDGET", OTHER, at=NOW)
    await stores.locks.release(old)
    assert await stores.locks.holder("MOEF-BUDGET") == OTHER


async def test_nobody_holds_what_was_never_asked_for(stores) -> None:
    assert await stores.locks.holder("MOEF-BUDGET") is None


# --- history ---


async def test_deployments_come_newest_first_and_once(stores) -> None:
    early, late = sample_deployment(JOB), sample_deployment(OTHER, minutes=5)
    for deployment in (early, late, early):
        await stores.deployments.add_deployment(deployment)
    assert await stores.deployments.deployments("MOEF-BUDGET") == (late, early)
    assert await stores.deployments.deployments("MOIS-GOV24") == ()


async def test_an_undone_deployment_stays_undone_when_recorded_again(stores) -> None:
    await stores.deployments.add_deployment(sample_deployment())
    await stores.deployments.mark_undone(JOB)
    await stores.deployments.add_deployment(sample_deployment())
    (found,) = await stores.deployments.deployments("MOEF-BUDGET")
    assert found.undone


async def test_active_jobs_are_those_that_have_not_ended(stores) -> None:
    for number, state in enumerate(JobState):
        await stores.jobs.create(sample_job(f"J260401-AAAA{number:02}", state=state))
    active = await stores.history.active_jobs()
    assert {job.state for job in active} == set(JobState) - TERMINAL


async def test_the_latest_job_of_a_thread_is_found_by_the_thread_alone(stores) -> None:
    first = replace(sample_job("J260401-AAAAAA"), conversation=THREAD)
    later = replace(
        sample_job("J260401-AAAAAB", state=JobState.SUCCEEDED),
        conversation=THREAD,
        created_at=first.created_at + timedelta(seconds=1),
    )
    for job in (later, first):
        await stores.jobs.create(job)
    found = await stores.history.latest_job(replace(THREAD, message="m9"))
    assert found is not None
    assert found.job_id == "J260401-AAAAAB"
    assert await stores.history.latest_job(replace(THREAD, thread="elsewhere")) is None
