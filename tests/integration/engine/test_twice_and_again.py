"""What happens twice, at the same time, or again after a crash, with the real workflows."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from structlog.testing import capture_logs

from agent.wire.plan import Step
from bot.core.domain.conversation import Chat
from bot.core.domain.job import Job, JobState
from tests.fakes.durable import Running
from tests.fakes.engine import DEPLOY, LEADER, words_of
from tests.fakes.pool import Scripted

LOCK = "MOEF-BUDGET"
ONE = "moef-budget-prod-was01"


# --- twice ------------------------------------------------------------------------------------


async def test_the_same_message_twice_is_one_job(bot: Running):
    world = bot.world
    world.parser.answers["배포"] = DEPLOY
    message = world.mention("배포", files=(await world.a_file(),))
    await asyncio.gather(*(bot.workflows.receive(message) for _ in range(5)))
    await bot.until(lambda: world.jobs.jobs)
    await bot.workflows.receive(message)
    (job,) = world.jobs.jobs.values()
    await bot.until(lambda: world.job(job.job_id).state is JobState.AWAITING_APPROVAL)
    assert len(world.parser.asked) == 1
    assert len(world.messenger.messages) == 1


async def test_a_double_click_is_one_execution(bot: Running):
    job = await bot.asked()
    click = bot.world.press(job)
    again = replace(click, event_id="again")
    await asyncio.gather(*(bot.workflows.receive(each) for each in (click, click, again)))
    await bot.press(job, by="pm")
    assert (await bot.ended(job)).state is JobState.SUCCEEDED
    orders = _orders(bot, job)
    assert len(orders) == len(set(orders))
    assert len(bot.world.job(job.job_id).approvals) == 1
    await bot.until(lambda: len(bot.world.messenger.all(":refusal")) == 2)


def _orders(bot: Running, job: Job) -> list[str]:
    """The step ids of every order of that job."""
    ordered = bot.agents.ordered
    return [one.step.step_id for one in ordered if one.delivery.plan.job_id == job.job_id]


async def test_two_people_who_click_at_once_are_one_decision(bot: Running):
    job = await bot.asked()
    await asyncio.gather(bot.press(job, by="leader"), bot.press(job, "reject", by="pm"))
    job = await bot.ended(job)
    assert job.state in {JobState.SUCCEEDED, JobState.DENIED}
    counted = [e for e in bot.world.audited("approval") if "not_counted" not in str(e["subject"])]
    assert len(job.approvals) >= 1
    assert len(counted) >= len(job.approvals)
    assert bool(bot.kinds(job)) is (job.state is JobState.SUCCEEDED)


async def test_what_is_said_in_the_room_starts_nothing(bot: Running):
    said = bot.world.mention("배포")
    chat = Chat(
        event_id=said.event_id,
        sender=said.sender,
        conversation=said.conversation,
        text=said.text,
        files=(),
        at=said.at,
    )
    await bot.workflows.receive(chat)
    await bot.asked()
    assert len(bot.world.parser.asked) == 1


async def test_a_pressed_answer_goes_on_like_a_written_one(bot: Running):
    world = bot.world
    question = replace(DEPLOY, missing=("env",))
    world.parser.answers |= {"배포": question, "운영": DEPLOY}
    await bot.workflows.receive(world.mention("배포", files=(await world.a_file(),)))
    await bot.until(lambda: world.messenger.messages)
    (posted,) = world.messenger.messages.values()
    (button,) = posted.now.buttons
    await bot.workflows.receive(
        world.click(button.button, button.value, by="dev", place=posted.place)
    )
    await bot.until(lambda: world.jobs.jobs)
    (job,) = world.jobs.jobs.values()
    assert job.plan.files != ()
    assert job.conversation.thread == posted.place.thread


async def test_a_wake_brings_a_job_to_life_whose_workflow_was_never_started(bot: Running):
    job = await bot.world.a_deployment(waiting=False)  # stored, and then the bot died
    await bot.world.requests.open(job.job_id)
    await bot.press(job)
    assert (await bot.ended(job)).state is JobState.SUCCEEDED


# --- at the same time -------------------------------------------------------------------------


async def test_jobs_of_one_system_run_one_after_the_other(bot: Running):
    bot.agents.gates["preflight"] = gate = asyncio.Event()
    first, second = await bot.asked(), await bot.asked()
    for job in (first, second):
        await bot.press(job)
        await bot.until(
            lambda job=job: bot.world.job(job.job_id).state is not JobState.AWAITING_APPROVAL
        )
    await bot.until(lambda: bot.agents.inside)
    await bot.until(lambda: bot.world.job(second.job_id).state is JobState.QUEUED)
    assert bot.agents.inside == [first.job_id]
    gate.set()
    assert (await bot.ended(second)).state is JobState.SUCCEEDED
    ran = [one.delivery.plan.job_id for one in bot.agents.ordered]
    changing = [job_id for job_id in ran if job_id in {first.job_id, second.job_id}]
    assert changing == sorted(changing, key=[first.job_id, second.job_id].index)
    tokens = [bot.world.job(job.job_id).fencing_token for job in (first, second)]
    assert tokens == sorted(set(tokens))


async def test_jobs_of_two_systems_run_side_by_side(bot: Running):
    bot.agents.gates["preflight"] = gate = asyncio.Event()
    first = await bot.asked()
    second = a_twin(first, "J260401-TWIN22", "MOEF-OTHER")
    await bot.world.jobs.create(second)
    await bot.world.requests.open(second.job_id)
    await bot.press(first)
    await bot.press(second)
    await bot.until(lambda: set(bot.agents.inside) == {first.job_id, second.job_id})
    gate.set()
    for job in (first, second):
        assert (await bot.ended(job)).state is JobState.SUCCEEDED


async def test_a_queued_job_can_be_cancelled(bot: Running):
    bot.agents.gates["preflight"] = gate = asyncio.Event()
    first, second = await bot.asked(), await bot.asked()
    await bot.press(first)
    await bot.until(lambda: bot.agents.inside)
    await bot.press(second)
    await bot.until(lambda: bot.world.job(second.job_id).state is JobState.QUEUED)
    await bot.press(second, "cancel", by="dev")
    assert await bot.told(":cancelling")
    gate.set()
    assert (await bot.ended(second)).state is JobState.CANCELLED
    assert await bot.told(f"{second.job_id}:final")
    assert bot.kinds(second) == []


def a_twin(job: Job, job_id: str, lock: str) -> Job:
    """The same job for another system."""
    wire = job.plan.wire.model_copy(update={"job_id": job_id, "lock": lock})
    plan = replace(job.plan, wire=wire, digest=wire.digest())
    return replace(job, job_id=job_id, plan=plan, state=JobState.PLANNED, card=None)


# --- a step that raises -----------------------------------------------------------------------


def raises(times: int):
    left = [times]

    def answer(step: Step) -> Scripted:
        if left[0]:
            left[0] -= 1
            raise RuntimeError("the link broke: password=hunter2 10.20.30.40")
        return Scripted()

    return answer


async def test_a_step_that_raises_is_tried_again(bot: Running):
    bot.agents.script("stop_service", raises(3))
    job = await bot.asked()
    await bot.press(job)
    assert (await bot.ended(job)).state is JobState.SUCCEEDED


async def test_a_step_that_raises_every_time_ends_unknown_with_a_report(bot: Running):
    bot.agents.script("stop_service", raises(10_000))
    job = await bot.asked()
    await bot.press(job)
    job = await bot.ended(job)
    assert job.state is JobState.UNKNOWN
    assert await bot.told(f"{job.job_id}:final")
    assert await bot.world.jobs.holder(LOCK) == job.job_id
    assert "hunter2" not in bot.world.said()


async def test_a_read_that_raises_every_time_ends_failed_with_its_table(bot: Running):
    def answer(step: Step) -> Scripted:
        if step.node_id == ONE:
            raise RuntimeError("broken")
        return Scripted()

    bot.agents.script("check_node", answer)
    job = await bot.ended(await bot.asked("헬스체크"))
    assert job.state is JobState.FAILED
    assert job.progress is not None
    await bot.until(lambda: ONE in words_of(bot.world.messenger.at(job.progress).now))


async def test_a_message_that_cannot_be_handled_is_apologised_for(bot: Running):
    world = bot.world
    world.parser.answers["배포"] = DEPLOY
    world.audit.broken = True
    await bot.workflows.receive(world.mention("배포", files=(await world.a_file(),)))
    assert await bot.told(":apology")
    assert world.jobs.jobs == {}
    assert bot.agents.ordered == []


async def test_an_audit_that_breaks_in_the_middle_stops_the_run(bot: Running):
    def breaks(step: Step) -> Scripted:
        bot.world.audit.broken = True
        return Scripted()

    bot.agents.script("stop_service", breaks)
    job = await bot.asked()
    with capture_logs() as lines:
        await bot.press(job)
        await bot.until(lambda: bot.world.audit.broken)
        ordered = len(bot.agents.ordered)
        await bot.until(lambda: any(line["event"] == "step_gave_up" for line in lines))
    assert len(bot.agents.ordered) <= ordered + 6  # asked what became of it, nothing new begun
    assert {kind for _, kind in bot.kinds(job)[ordered:]} <= {"stop_service"}
    bot.world.audit.broken = False
    assert (await bot.ended(job)).state is JobState.UNKNOWN
    assert await bot.world.jobs.holder(LOCK) == job.job_id


async def test_a_messenger_that_is_down_holds_up_no_approved_job(bot: Running):
    job = await bot.asked()
    await bot.press(job)
    bot.world.messenger.down = True
    assert (await bot.ended(job)).state is JobState.SUCCEEDED
    bot.world.messenger.down = False
    assert await bot.told(f"{job.job_id}:final")


# --- again ------------------------------------------------------------------------------------


async def test_a_launch_takes_up_the_run_that_was_cut_off(tmp_path: Path):
    running = Running(folder=tmp_path)
    running.agents.gates["replace_files"] = asyncio.Event()  # nobody ever opens this one
    async with running.up() as bot:
        job = await bot.asked()
        await bot.press(job)
        await bot.until(lambda: bot.agents.inside)
    done = [kind for _, kind in running.kinds(job)]
    assert "replace_files" not in done
    running.agents.gates.clear()
    async with running.up() as bot:
        job = await bot.ended(job)
        assert job.state is JobState.SUCCEEDED
        assert await bot.told(f"{job.job_id}:final")
        assert len(bot.world.messenger.all(f"{job.job_id}:final")) == 1
    orders = _orders(running, job)
    assert len(orders) == len(set(orders))
    assert await running.world.jobs.holder(LOCK) is None


async def test_a_request_waits_through_a_restart(tmp_path: Path):
    running = Running(folder=tmp_path)
    async with running.up() as bot:
        job = await bot.asked()
    async with running.up() as bot:
        await bot.press(job)
        assert (await bot.ended(job)).state is JobState.SUCCEEDED


async def test_a_click_that_was_taken_before_the_crash_counts_after_it(tmp_path: Path):
    running = Running(folder=tmp_path)
    async with running.up() as bot:
        job = await bot.asked()
        await bot.press(job)
    async with running.up() as bot:
        job = await bot.ended(job)
        assert job.state is JobState.SUCCEEDED
        assert [one.name for one in job.approvals] == [LEADER.name]


async def test_a_request_lapses_over_a_restart(tmp_path: Path):
    running = Running(folder=tmp_path, lapse_s=2)
    async with running.up() as bot:
        job = await bot.asked()
    async with running.up() as bot:
        assert (await bot.ended(job)).state is JobState.EXPIRED
