"""Lines of a running step: kept at once, and the last ones on the one message that is edited."""

from __future__ import annotations

from dataclasses import replace

from agent.wire.operations import ProbeNode
from bot.app.web.step_output import said_view
from bot.core.cards import progress_card
from bot.core.cards.output import with_last_lines
from bot.core.check_ports import OutputPart
from bot.core.domain.job import JobState, StepRecord, StepState
from bot.core.domain.report import Lines
from bot.core.errors import OperationError
from bot.engine.said import said_now
from tests.fakes.engine import HEALTH, TEXTS, World, words_of
from tests.fakes.outputs import MemoryOutputs
from tests.fakes.planning import NOW, job_of
from tests.fakes.pool import Scripted, ScriptedPool
from tests.fakes.told_jobs import pair_plan

SAID = tuple(f"line {number} from 10.20.30.40 password=hunter2\n" for number in range(100))


class Full(MemoryOutputs):
    """The disk is full."""

    async def append(self, job_id: str, step_id: str, *, offset: int, text: str) -> None:
        raise OperationError("output_not_kept", job=job_id)


async def ran(world: World) -> str:
    """A health check whose first node talks, to its end; the job."""
    assert isinstance(world.agents, ScriptedPool)
    kind = ProbeNode().kind
    world.agents.script(kind, Scripted(said=SAID))
    world.agents.script("check_node", Scripted(said=SAID))
    world.parser.answers["점검"] = HEALTH
    follow_up = await world.pipeline.handle(world.mention("점검"))
    assert follow_up.start is not None, world.said()
    job_id = follow_up.start
    await world.requests.open(job_id)
    assert await world.conductor.begin(job_id) is None
    course = await world.conductor.course(job_id)
    first = course["batches"][0][0][0]
    await world.conductor.execute(job_id, first)
    return job_id


async def test_what_a_step_says_is_kept() -> None:
    outputs = MemoryOutputs()
    world = World(outputs=outputs)
    job_id = await ran(world)
    job = world.job(job_id)
    step = job.steps[0]
    part = await outputs.part(job_id, step.step_id, most=100_000)
    assert isinstance(part, OutputPart)
    assert part.head == "".join(SAID)
    edits = [said for one in world.messenger.messages.values() for said in one.said]
    assert "hunter2" not in "".join(map(words_of, edits))


async def test_the_last_lines_of_what_runs_go_with_the_progress_masked_and_few() -> None:
    plan = pair_plan()
    step = plan.wire.steps()[0]
    running = StepRecord(step_id=step.step_id, state=StepState.RUNNING, started_at=NOW)
    job = job_of(plan, JobState.RUNNING, steps=(running,), ended_at=None)
    outputs = MemoryOutputs()
    assert await said_now(job, outputs) == ()
    for number, text in enumerate(SAID):
        await outputs.append(job.job_id, step.step_id, offset=number * 1000, text=text)
    card = progress_card(job, texts=TEXTS, now=NOW)
    shown = with_last_lines(card, await said_now(job, outputs), texts=TEXTS)
    (lines,) = [section for section in shown.sections if isinstance(section, Lines)]
    assert shown.sections[:-1] == card.sections
    assert len(lines.lines) == 8
    assert lines.lines[-1] == "line 99 from 10.20.x.x password=●●●"
    assert step.node_id in lines.title
    ended = replace(job, steps=(replace(running, state=StepState.SUCCEEDED),))
    assert await said_now(ended, outputs) == ()


async def test_a_full_disk_stops_no_step() -> None:
    world = World(outputs=Full())
    job_id = await ran(world)
    assert world.job(job_id).state is JobState.RUNNING
    assert world.job(job_id).steps[0].code == "ok"
    assert "hunter2" not in "".join(words_of(one.now) for one in world.messenger.messages.values())


async def test_no_line_of_a_private_key_is_shown_where_its_beginning_is_out_of_sight() -> None:
    plan = pair_plan()
    step = plan.wire.steps()[0]
    running = StepRecord(step_id=step.step_id, state=StepState.RUNNING, started_at=NOW)
    job = job_of(plan, JobState.RUNNING, steps=(running,), ended_at=None)
    outputs = MemoryOutputs()
    key = "".join(f"{number:04}{'Ab+/' * 15}\n" for number in range(100))
    await outputs.append(job.job_id, step.step_id, offset=0, text=f"{key}done\n")
    said = await said_now(job, outputs)
    shown = with_last_lines(progress_card(job, texts=TEXTS, now=NOW), said, texts=TEXTS)
    (lines,) = [section for section in shown.sections if isinstance(section, Lines)]
    assert lines.lines == ("●●●",) * 7 + ("done",)
    view = said_view(step.step_id, said[0].part, TEXTS, live=True)
    assert view is not None
    assert "Ab+/" not in " ".join((*view.head, *view.tail))
