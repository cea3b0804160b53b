"""A run, step by step: what is looked at once more, what the agent is given, how it ends."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from agent.wire.plan import Step
from agent.wire.readings import Excerpt, Reading
from agent.wire.results import LogFindings, Result
from agent.wire.seal import open_grant
from bot.core.domain.decision import Effect, Stage
from bot.core.domain.job import Job, JobState, StepState
from bot.core.domain.people import Role
from bot.core.errors import OperationError
from tests.fakes.engine import DEV, HEALTH, LEADER, TEXTS, World, words_of
from tests.fakes.pool import Scripted
from tests.fakes.read_jobs import healthy

LOCK = "MOEF-BUDGET"


async def stopped(world: World, job: Job) -> tuple[str | None, JobState]:
    """Begin a job; the code of what stopped it, and its state."""
    code = await world.conductor.begin(job.job_id)
    return code, world.job(job.job_id).state


def steps_of(job: Job) -> list[Step]:
    return [step for run in job.plan.wire.runs() for step in run.steps]


async def a_check(world: World) -> Job:
    world.parser.answers["헬스체크"] = HEALTH
    job_id = str((await world.pipeline.handle(world.mention("헬스체크"))).start)
    await world.requests.open(job_id)
    return world.job(job_id)


# --- begin ------------------------------------------------------------------------------------


async def test_begins_what_was_approved_and_takes_the_lock():
    world = World()
    job = await world.an_approved()
    assert await stopped(world, job) == (None, JobState.RUNNING)
    assert await world.jobs.holder(LOCK) == job.job_id
    assert world.job(job.job_id).progress is not None
    assert await stopped(world, job) == (None, JobState.RUNNING)
    assert len(world.messenger.all(":progress")) == 1


@pytest.mark.parametrize(
    "now",
    [
        replace(LEADER, role=Role.OPERATOR),
        replace(LEADER, institutions=frozenset()),
        None,
    ],
    ids=["demoted", "moved", "gone"],
)
async def test_the_approval_is_void_when_the_approver_lost_the_right(now):
    world = World()
    job = await world.an_approved()
    world.directory.everybody.pop("leader")
    if now is not None:
        world.directory.everybody["leader"] = now
    assert await stopped(world, job) == ("approval_void", JobState.DENIED)
    assert world.audited("refusal")[-1]["code"] == "approval_void"
    assert await world.jobs.holder(LOCK) is None


@pytest.mark.parametrize(
    "now", [replace(DEV, role=Role.AUDITOR), replace(DEV, institutions=frozenset()), None]
)
async def test_the_approval_is_void_when_the_requester_lost_the_right(now):
    world = World()
    job = await world.an_approved()
    world.directory.everybody.pop("dev")
    if now is not None:
        world.directory.everybody["dev"] = now
    assert await stopped(world, job) == ("approval_void", JobState.DENIED)


async def test_the_approval_is_void_when_the_rules_ask_for_more_now():
    world = World()
    job = await world.an_approved()
    world.directory.policy = tuple(
        replace(rule, stages=(Stage(roles=(Role.PART_LEADER,)), Stage(roles=(Role.PM,))))
        if rule.effect is Effect.APPROVE
        else rule
        for rule in world.directory.policy
    )
    assert await stopped(world, job) == ("approval_void", JobState.DENIED)


async def test_the_plan_is_void_when_a_host_key_has_changed():
    world = World()
    job = await world.an_approved()
    node_id = job.plan.node_names[0]
    node = world.inventory._nodes[node_id]
    assert node.wire is not None
    other = node.wire.model_copy(update={"host_key": "SHA256:" + "B" * 43})
    world.inventory._nodes[node_id] = replace(node, wire=other)
    assert await stopped(world, job) == ("plan_void", JobState.DENIED)


async def test_the_plan_is_void_when_a_server_is_gone():
    world = World()
    job = await world.an_approved()
    del world.inventory._nodes[job.plan.node_names[1]]
    assert await stopped(world, job) == ("plan_void", JobState.DENIED)


async def test_the_plan_is_void_when_its_digest_is_not_its_own():
    world = World()
    job = await world.an_approved()
    forged = job.plan.wire.model_copy(update={"sr": "SR-2026-9999"})
    world.jobs.jobs[job.job_id] = replace(job, plan=replace(job.plan, wire=forged))
    assert await stopped(world, job) == ("plan_void", JobState.DENIED)


async def test_another_jobs_lock_stops_it():
    world = World()
    job = await world.an_approved()
    await world.jobs.acquire(LOCK, "J260401-OTHERR", at=world.clock.now())
    assert await stopped(world, job) == ("system_locked", JobState.FAILED)
    assert await world.jobs.holder(LOCK) == "J260401-OTHERR"


async def test_an_agent_that_is_offline_stops_it():
    world = World()
    job = await world.an_approved()
    world.agents.offline.add("GOV-PC-01")
    assert await stopped(world, job) == ("agent_offline", JobState.FAILED)
    assert await world.jobs.holder(LOCK) is None


async def test_a_cancel_while_queued_stops_it():
    world = World()
    job = await world.an_approved()
    await world.jobs.request_cancel(job.job_id, "dev")
    assert await stopped(world, job) == ("cancelled", JobState.CANCELLED)


async def test_a_run_that_does_not_start_leaves_no_lock_behind():
    world = World()
    job = await world.an_approved()
    await world.jobs.acquire(LOCK, job.job_id, at=world.clock.now())  # taken, then cut off
    await world.jobs.request_cancel(job.job_id, "dev")
    assert await stopped(world, job) == ("cancelled", JobState.CANCELLED)
    assert await world.jobs.holder(LOCK) is None


async def test_stopped_and_cut_off_says_so_again_and_leaves_no_lock():
    world = World()
    job = await world.an_approved()
    await world.jobs.acquire(LOCK, job.job_id, at=world.clock.now())
    await world.jobs.advance(job.job_id, JobState.DENIED, at=world.clock.now())
    assert await stopped(world, job) == ("not_started", JobState.DENIED)
    assert await world.jobs.holder(LOCK) is None


async def test_does_not_begin_when_the_audit_is_broken():
    world = World()
    job = await world.an_approved()
    world.audit.broken = True
    with pytest.raises(OperationError, match="audit_unavailable"):
        await world.conductor.begin(job.job_id)
    assert world.job(job.job_id).state is JobState.QUEUED


async def test_a_messenger_that_is_down_stops_no_run():
    world = World()
    job = await world.an_approved()
    world.messenger.down = True
    assert await stopped(world, job) == (None, JobState.RUNNING)
    world.messenger.down = False
    assert await stopped(world, job) == (None, JobState.RUNNING)
    assert world.job(job.job_id).progress is not None


CODES = ["approval_void", "plan_void", "agent_offline", "system_locked", "cancelled", "not_started"]


@pytest.mark.parametrize("code", CODES)
async def test_says_once_why_it_did_not_start(code: str):
    world = World()
    job = await world.an_approved()
    await world.conductor.stopped(job.job_id, code)
    await world.conductor.stopped(job.job_id, code)
    (message,) = world.messenger.all(":final")
    assert TEXTS.has(f"errors.{code}.summary")
    assert job.job_id in words_of(message.now)


# --- execute ----------------------------------------------------------------------------------


async def test_the_grant_says_who_approved_what_with_which_token():
    world = World()
    await world.jobs.acquire(LOCK, "J260401-BEFORE", at=world.clock.now())
    lease = await world.jobs.acquire(LOCK, "J260401-BEFORE", at=world.clock.now())
    assert lease is not None
    await world.jobs.release(lease)
    job = await world.an_approved()
    await world.conductor.begin(job.job_id)
    await world.conductor.execute(job.job_id, steps_of(job)[0].step_id)
    delivery = world.agents.ordered[-1].delivery
    grant = open_grant(delivery.grant, world.signer.verify_key)
    assert delivery.plan == job.plan.wire
    assert (grant.job_id, grant.plan_digest) == (job.job_id, job.plan.digest)
    assert (grant.requested_by, grant.basis) == ("dev", "approval")
    assert [(one.person_id, one.role) for one in grant.approvals] == [("leader", "sm_lead")]
    assert grant.fencing_token == lease.fencing_token + 1
    assert grant.expires_at - grant.issued_at == timedelta(hours=6)


async def test_a_permitted_read_is_granted_by_its_rule_without_a_token():
    world = World()
    job = await a_check(world)
    await world.conductor.begin(job.job_id)
    await world.conductor.execute(job.job_id, steps_of(job)[0].step_id)
    grant = open_grant(world.agents.ordered[-1].delivery.grant, world.signer.verify_key)
    assert (grant.basis, grant.approvals, grant.fencing_token) == ("rule", (), 0)


async def test_the_grant_is_the_same_after_a_restart():
    world = World()
    job = await world.an_approved()
    await world.conductor.begin(job.job_id)
    first, second = (step.step_id for step in steps_of(job)[:2])
    await world.conductor.execute(job.job_id, first)
    world.clock.pass_by(minutes=5)
    await world.conductor.execute(job.job_id, second)
    one, two = world.agents.ordered[-2:]
    assert one.delivery.grant == two.delivery.grant


async def test_a_step_that_is_done_is_not_run_again():
    world = World()
    job = await world.an_approved()
    await world.conductor.begin(job.job_id)
    step = steps_of(job)[0]
    assert await world.conductor.execute(job.job_id, step.step_id) is StepState.SUCCEEDED
    ordered = len(world.agents.ordered)
    assert await world.conductor.execute(job.job_id, step.step_id) is StepState.SUCCEEDED
    assert len(world.agents.ordered) == ordered


async def test_an_unknown_outcome_is_asked_for_again():
    world = World()
    job = await world.an_approved()
    await world.conductor.begin(job.job_id)
    step = steps_of(job)[0]
    silent = Scripted(state="unknown", code="agent_silent")
    world.agents.script(step.step_id, (silent, Scripted(verified=True)))
    assert await world.conductor.execute(job.job_id, step.step_id) is StepState.UNKNOWN
    assert await world.conductor.execute(job.job_id, step.step_id) is StepState.SUCCEEDED
    (record,) = world.job(job.job_id).steps
    assert (record.verified, record.attempt) == (True, 2)


async def test_every_step_is_audited_before_and_after():
    world = World()
    job = await world.an_approved()
    await world.conductor.begin(job.job_id)
    step = steps_of(job)[0]
    world.agents.script(
        step.step_id, Scripted(state="failed", code="disk_full", lines=("password=hunter2",))
    )
    await world.conductor.execute(job.job_id, step.step_id)
    (begun,) = [e for e in world.audited("operation") if e["subject"] == step.step_id]
    (ended,) = [e for e in world.audited("outcome") if e["subject"] == step.step_id]
    assert (begun["operation"], begun["node"]) == (step.operation.kind, step.node_id)
    assert (ended["actor"], ended["state"], ended["code"]) == (
        "agent:GOV-PC-01",
        "failed",
        "disk_full",
    )
    assert "hunter2" not in str(ended["lines"])


async def test_no_step_is_ordered_when_the_audit_is_broken():
    world = World()
    job = await world.an_approved()
    await world.conductor.begin(job.job_id)
    ordered = len(world.agents.ordered)
    world.audit.broken = True
    with pytest.raises(OperationError, match="audit_unavailable"):
        await world.conductor.execute(job.job_id, steps_of(job)[0].step_id)
    assert len(world.agents.ordered) == ordered


async def test_no_step_is_ordered_without_the_lock():
    world = World()
    job = await world.an_approved()
    await world.conductor.begin(job.job_id)
    world.jobs._held[LOCK] = "J260401-OTHERR"
    ordered = len(world.agents.ordered)
    with pytest.raises(OperationError, match="lock_lost"):
        await world.conductor.execute(job.job_id, steps_of(job)[0].step_id)
    assert len(world.agents.ordered) == ordered


async def test_does_not_know_steps_of_other_plans():
    world = World()
    job = await world.an_approved()
    await world.conductor.begin(job.job_id)
    with pytest.raises(OperationError, match="step_missing"):
        await world.conductor.execute(job.job_id, "was01.nowhere")


# --- reads ------------------------------------------------------------------------------------


async def test_one_bad_node_spoils_no_others_answer():
    world = World()
    job = await a_check(world)
    await world.conductor.begin(job.job_id)
    first, second, *_ = steps_of(job)
    probe = healthy(7, 8)
    world.agents.script(first.step_id, Scripted(state="failed", code="connect_failed"))
    world.agents.script(second.step_id, Scripted(result=probe))
    ids = [step.step_id for step in steps_of(job)]
    states = await world.conductor.execute_all(job.job_id, ids)
    assert states[:2] == [StepState.FAILED, StepState.SUCCEEDED]
    await world.conductor.conclude(job.job_id, JobState.FAILED)
    await world.conductor.announce(job.job_id)
    shown = words_of(world.messenger.at(world.job(job.job_id).progress).now)
    assert first.node_id in shown
    assert "7 ms" in shown


async def test_a_read_that_raises_keeps_what_the_others_found():
    world = World()
    job = await a_check(world)
    await world.conductor.begin(job.job_id)
    first, second, *_ = steps_of(job)

    def breaks(step: Step) -> Scripted:
        raise OperationError("agent_link", step=step.step_id)

    world.agents.script(first.step_id, breaks)
    with pytest.raises(OperationError, match="agent_link"):
        await world.conductor.execute_all(job.job_id, [first.step_id, second.step_id])
    known = {record.step_id: record.state for record in world.job(job.job_id).steps}
    assert known[second.step_id] is StepState.SUCCEEDED


# --- conclude and announce --------------------------------------------------------------------


async def run(world: World, job: Job) -> None:
    await world.conductor.begin(job.job_id)
    for step in steps_of(job):
        await world.conductor.execute(job.job_id, step.step_id)


@pytest.mark.parametrize(
    ("to", "kept"),
    [
        (JobState.SUCCEEDED, False),
        (JobState.FAILED, False),
        (JobState.ROLLED_BACK, False),
        (JobState.CANCELLED, False),
        (JobState.ROLLBACK_FAILED, True),
        (JobState.UNKNOWN, True),
    ],
)
async def test_keeps_the_lock_where_somebody_must_look_first(to: JobState, kept: bool):
    world = World()
    job = await world.an_approved()
    await run(world, job)
    assert await world.conductor.conclude(job.job_id, to) is to
    assert await world.conductor.conclude(job.job_id, JobState.SUCCEEDED) is to
    assert (await world.jobs.holder(LOCK) == job.job_id) is kept


async def test_remembers_a_deployment_once_and_only_when_it_succeeded():
    world = World()
    job = await world.an_approved()
    await run(world, job)
    await world.conductor.conclude(job.job_id, JobState.SUCCEEDED)
    await world.conductor.conclude(job.job_id, JobState.SUCCEEDED)
    (past,) = await world.jobs.deployments(LOCK)
    assert (past.job_id, past.paths, past.undone) == (job.job_id, ("index.jsp",), False)
    failed = World()
    other = await failed.an_approved()
    await failed.conductor.begin(other.job_id)
    await failed.conductor.conclude(other.job_id, JobState.FAILED)
    assert await failed.jobs.deployments(LOCK) == ()


async def test_announces_once_in_the_thread():
    world = World()
    job = await world.an_approved()
    await run(world, job)
    await world.conductor.conclude(job.job_id, JobState.SUCCEEDED)
    await world.conductor.announce(job.job_id)
    await world.conductor.announce(job.job_id)
    (final,) = world.messenger.all(":final")
    assert final.place.thread == job.conversation.thread
    assert job.job_id in words_of(final.now)
    assert LEADER.name in words_of(final.now)


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.UNKNOWN, JobState.CANCELLED])
async def test_reports_a_run_of_which_no_step_was_made(state: JobState):
    world = World()
    job = await world.an_approved()
    await world.conductor.begin(job.job_id)
    await world.conductor.conclude(job.job_id, state)
    await world.conductor.announce(job.job_id)
    assert job.job_id in words_of(world.messenger.all(":final")[0].now)


async def test_reports_a_run_that_could_not_even_begin():
    world = World()
    job = await world.an_approved()
    await world.conductor.conclude(job.job_id, JobState.FAILED)
    await world.conductor.announce(job.job_id)
    assert job.job_id in words_of(world.messenger.all(":final")[0].now)


async def test_the_report_of_a_read_stays_its_last_word():
    """An edit that is on its way when the report comes does not overwrite it."""
    world = World()
    job = await a_check(world)
    await world.conductor.begin(job.job_id)
    await world.conductor.execute_all(job.job_id, [step.step_id for step in steps_of(job)])
    await world.conductor.conclude(job.job_id, JobState.SUCCEEDED)
    await world.conductor.announce(job.job_id)
    report = world.messenger.at(world.job(job.job_id).progress).now
    while world.tasks:
        await asyncio.wait(world.tasks)
    assert world.messenger.at(world.job(job.job_id).progress).now == report


async def test_the_way_back_is_newest_first_and_empty_when_nothing_was_touched():
    world = World()
    job = await world.an_approved()
    await world.conductor.begin(job.job_id)
    assert await world.conductor.way_back(job.job_id) == {
        "ways": [],
        "clearing": [],
        "changed": False,
    }
    for step in steps_of(job):
        await world.conductor.execute(job.job_id, step.step_id)
    back = await world.conductor.way_back(job.job_id)
    assert back is not None
    assert back["changed"]
    nodes = [job.plan.wire.step(way[-1]).step_id.split(".")[0] for (way,) in back["ways"]]
    assert nodes == [run.steps[0].step_id.split(".")[0] for run in reversed(job.plan.wire.runs())]


@pytest.mark.parametrize(
    "result",
    [
        None,
        LogFindings(started=False, suspicious=("SEVERE password=hunter2 at 10.20.30.40",)),
        Reading(
            level="normal",
            excerpts=(Excerpt(name="script_output", lines=("password=hunter2 10.20.30.40",)),),
        ),
    ],
    ids=["lines", "findings", "excerpt"],
)
async def test_what_servers_say_is_kept_without_secrets_and_addresses(result: Result | None):
    world = World()
    job = await world.an_approved()
    await world.conductor.begin(job.job_id)
    step = steps_of(job)[0]
    lines = ("db at 10.20.30.40", "password=hunter2")
    world.agents.script(step.step_id, Scripted(lines=lines, result=result))
    await world.conductor.execute(job.job_id, step.step_id)
    kept = repr(world.job(job.job_id).steps)
    assert "password=●●●" in kept
    assert "hunter2" not in kept
    assert "30.40" not in kept
