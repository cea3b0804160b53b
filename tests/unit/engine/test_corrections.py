"""A plan that waits is corrected by a new plan; the old one is told, and a running one left be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.domain.conversation import Mention
from bot.core.domain.intent import Clarification, Intent, Utterance
from bot.core.domain.job import Job, JobState
from bot.engine.follow_up import FollowUp
from intents.chain import build_parser
from intents.corrections import CorrectingParser
from tests.fakes.engine import DEPLOY, TEXTS, World, words_of
from tests.fakes.parser import ScriptedParser

ONE = replace(DEPLOY, selector=replace(DEPLOY.selector, nodes=(1,)))


class Listening(ScriptedParser):
    """The first request is scripted, everything after it is read by the bot's own parser."""

    def __init__(self) -> None:
        super().__init__({"배포": ONE})
        self._real = CorrectingParser(build_parser(TEXTS, classifier=None))

    async def parse(self, utterance: Utterance) -> Intent | Clarification | None:
        if utterance.text in self.answers:
            return await super().parse(utterance)
        self.asked.append(utterance)
        return await self._real.parse(utterance)


async def waiting() -> tuple[World, Job]:
    world = World(parser=Listening())
    message = world.mention("배포", files=(await world.a_file(),))
    follow_up = await world.pipeline.handle(message)
    assert follow_up.start is not None, world.said()
    await world.requests.open(follow_up.start)
    return world, world.job(follow_up.start)


def said(world: World, text: str, job: Job, *, by: str = "dev") -> Mention:
    return world.mention(text, by=by, thread=job.conversation.thread)


async def corrected(world: World, text: str, job: Job) -> Job:
    follow_up = await world.pipeline.handle(said(world, text, job))
    assert follow_up.start is not None, world.said()
    return world.job(follow_up.start)


@pytest.mark.parametrize(
    ("text", "nodes"), [("아니 2번", {"was02"}), ("2번도", {"was01", "was02"})]
)
async def test_a_correction_is_a_new_plan_with_the_same_files(text: str, nodes: set[str]) -> None:
    world, old = await waiting()
    new = await corrected(world, text, old)
    assert new.job_id != old.job_id
    assert {name[-5:].replace("-", "") for name in new.plan.node_names} == nodes
    assert [file.sha256 for file in new.plan.files] == [file.sha256 for file in old.plan.files]
    assert new.sr == old.sr
    assert new.stages == old.stages  # approved anew, like any other
    assert world.job(old.job_id).state is JobState.AWAITING_APPROVAL


async def test_the_old_card_is_told_and_cancelling_it_is_offered() -> None:
    world, old = await waiting()
    new = await corrected(world, "아니 2번", old)
    assert old.card is not None
    told = TEXTS.say("correction.replaced", new=new.job_id, old=old.job_id)
    assert told in words_of(world.messenger.at(old.card).now)
    (offer,) = world.messenger.all(":replaces")
    (button,) = offer.now.buttons
    assert (button.button, button.value) == ("cancel", old.job_id)
    click = world.click(button.button, button.value, by="dev", place=offer.place)
    assert await world.approvals.press(click) == FollowUp(wake=old.job_id)
    await world.requests.settle(old.job_id)
    assert world.job(old.job_id).state is JobState.CANCELLED
    assert world.job(new.job_id).state is JobState.PLANNED
    (linked,) = [e for e in world.audited("plan") if e["subject"] == "takes_the_place_of"]
    assert (linked["job_id"], linked["replaces"]) == (new.job_id, old.job_id)


async def test_a_correction_of_a_correction_takes_the_place_of_the_newest() -> None:
    world, old = await waiting()
    second = await corrected(world, "아니 2번", old)
    third = await corrected(world, "아니 1번", second)
    linked = [e["replaces"] for e in world.audited("plan") if e["subject"] == "takes_the_place_of"]
    assert linked == [old.job_id, second.job_id]
    assert third.plan.node_names == old.plan.node_names


async def test_two_people_in_one_thread_do_not_mix() -> None:
    world, old = await waiting()
    await world.pipeline.handle(said(world, "아니 2번", old, by="operator"))
    assert list(world.jobs.jobs) == [old.job_id]
    assert world.parser.asked[-1].planned is None


async def test_in_another_thread_there_is_nothing_to_correct() -> None:
    world, old = await waiting()
    await world.pipeline.handle(world.mention("아니 2번", thread="elsewhere"))
    assert list(world.jobs.jobs) == [old.job_id]


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.DENIED])
async def test_what_no_longer_waits_is_never_touched(state: JobState) -> None:
    world, old = await waiting()
    world.jobs.jobs[old.job_id] = replace(old, state=state)
    await world.pipeline.handle(said(world, "아니 2번", old))
    assert list(world.jobs.jobs) == [old.job_id]
    assert world.parser.asked[-1].planned is None
    assert world.messenger.all(":replaces") == []


async def test_a_question_that_a_correction_leads_to_stays_a_correction() -> None:
    world, old = await waiting()
    question = replace(ONE, missing=("layer",), corrects=old.job_id)
    world.parser.answers["아니 거기 말고"] = Clarification(
        question="어느 계층입니까?", partial=question
    )
    await world.pipeline.handle(said(world, "아니 거기 말고", old))
    world.parser.answers["WAS 2번"] = replace(ONE, selector=DEPLOY.selector)  # no word of the job
    follow_up = await world.pipeline.handle(said(world, "WAS 2번", old))
    assert follow_up.start is not None, world.said()
    assert world.messenger.all(f"{follow_up.start}:replaces")


async def test_handled_twice_a_correction_is_one_job_and_one_offer() -> None:
    world, old = await waiting()
    message = said(world, "아니 2번", old)
    first = await world.pipeline.handle(message)
    assert await world.pipeline.handle(message) == first
    assert len(world.jobs.jobs) == 2
    assert len(world.messenger.all(":replaces")) == 1


async def test_a_messenger_that_is_down_takes_no_plan_away() -> None:
    world, old = await waiting()
    new = await corrected(world, "아니 2번", old)
    world.messenger.down = True
    third = replace(ONE, corrects=new.job_id)
    await world.pipeline._plans.made(new.job_id, third)  # nothing is raised
    assert world.job(new.job_id).state is JobState.PLANNED
