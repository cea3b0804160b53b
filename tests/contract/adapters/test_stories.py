"""The shared stories: the same on every messenger, over its real client and a fake of its service.

The whole engine runs behind the adapter, with its durable workflows. What a messenger cannot do
is degraded by the one table (``bot.core.degradation``); a story then looks for what the table
puts there. A messenger plugs in with one line in ``DRIVERS``; see ``tests.fakes.messenger_driver``.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path

import pytest

from bot.core.domain.conversation import Inbound
from bot.core.domain.estate import Environment
from bot.core.domain.intent import Choice, Clarification, Intent
from bot.core.domain.job import Job, JobState
from tests.fakes.console import ConsoleServer
from tests.fakes.danger import END_SESSION, EndSessionAction
from tests.fakes.durable import Running
from tests.fakes.engine import DEPLOY, HEALTH, TEXTS, World, external
from tests.fakes.messenger_driver import STRANGER, VOICES, Driver, Drop, Parts, Seen
from tests.fakes.pool import Scripted
from tests.fakes.story_world import console_code, frozen, pages_of, shape_for
from tests.fakes.teams_driver import PageLinks

DRIVERS = {
    "web": "tests.fakes.web_driver:WebDriver",
    "slack": "tests.fakes.slack_driver:SlackDriver",
    "slack-http": "tests.fakes.slack_driver:SlackHttpDriver",
    "teams": "tests.fakes.teams_driver:TeamsDriver",
    "jandi": "tests.fakes.jandi_driver:JandiDriver",
}
PATIENCE_S = 60.0  # the machine is shared
SERVICE_S = 3.0  # within which Slack, Teams and Jandi want their acknowledgement
SHORT_S, LONG_S = 2.0, 60.0  # that a database is frozen
APPROVE = TEXTS.say("cards.button.approve")
PATCH = Drop(name="index.jsp", content=b"<html>new</html>")


def driver_of(messenger: str) -> type[Driver]:
    module, _, name = DRIVERS[messenger].partition(":")
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{messenger} has no driver yet")
    found: type[Driver] = getattr(importlib.import_module(module), name)
    return found


@dataclass(kw_only=True)
class Story:
    """One messenger with the bot behind it."""

    driver: Driver
    parts: Parts
    running: Running
    pages: ConsoleServer  # ours, where a messenger's link leads; up once a story starts them

    def __post_init__(self) -> None:
        self.can = self.driver.adapter.capabilities

    @property
    def world(self) -> World:
        return self.running.world

    async def receive(self, event: Inbound) -> None:
        await self.running.workflows.receive(event)

    @asynccontextmanager
    async def our_pages(self) -> AsyncIterator[ConsoleServer]:
        """Our own pages, up: links to them are made from then on."""
        await self.pages.start(self.receive)
        try:
            yield self.pages
        finally:
            await self.pages.stop()

    async def finds(self, viewer: str, *, text: str = "", button: str = "", file: str = "") -> Seen:
        """The newest message that has all of it, as soon as there is one."""
        seen: list[Seen] = []
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    seen = await self.driver.seen(viewer)
                    for one in reversed(seen):
                        named = not file or any(name == file for name, _ in one.files)
                        pressed = not button or button in one.buttons
                        if text in one.text and named and pressed:
                            return one
                    await asyncio.sleep(0.05)
        except TimeoutError:
            shown = "\n---\n".join(f"{one.buttons} {one.files}\n{one.text}" for one in seen)
            wanted = f"{viewer} sees no {text!r} {button!r} {file!r} in:"
            raise AssertionError(f"{wanted}\n{shown}") from None

    async def asks_for_a_deployment(self, *, by: str = "dev") -> tuple[Job, Seen, str]:
        """Mention with a file, until the card waits. Returns the job, its card, its thread."""
        self.world.parser.answers["배포"] = DEPLOY
        before = set(self.world.jobs.jobs)
        heard = await self.driver.mention(by, "배포", files=[PATCH])
        assert heard.status < 300
        await self.running.until(lambda: set(self.world.jobs.jobs) - before, "no job")
        (job_id,) = set(self.world.jobs.jobs) - before
        card = await self.finds(by, button=APPROVE)
        return self.world.job(job_id), card, heard.thread

    async def asks_for_the_end_of_a_session(self) -> Job:
        """Mention by the operator, until the dangerous job waits. Where the sender is not proved,
        the operator says so on our page."""
        self.world.parser.answers["세션 종료"] = END_SESSION
        await self.driver.mention("operator", "세션 종료")
        if not self.can.verified_senders:
            confirm = TEXTS.say("messengers.confirm_yourself")
            told = await self.finds("operator", button=confirm)
            await self.driver.press("operator", told.message, confirm)
        await self.running.until(lambda: self.world.jobs.jobs, "no job")
        [job_id] = self.world.jobs.jobs
        return self.world.job(job_id)

    async def ended(self, job: Job) -> Job:
        return await self.running.ended(job)


@pytest.fixture(params=list(DRIVERS))
async def story(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Story]:
    parts = Parts()
    driver = driver_of(request.param)(parts)
    for voice in VOICES:
        if voice != STRANGER:
            parts.directory.externals[driver.identity(voice)] = voice
            parts.directory.externals[external(voice)] = voice  # on our own pages
    pages = pages_of(parts)
    running = Running(
        folder=tmp_path,
        world_of=lambda **more: World(
            messenger=driver.adapter,
            clock=parts.clock,
            files=parts.files,
            directory=parts.directory,
            audit=parts.audit,
            jobs=parts.jobs,
            identities=parts.links,
            shape=shape_for(driver, parts),
            codes=parts.codes,
            links=PageLinks(pages),
            more_actions={"kill_session": EndSessionAction()},
            **more,
        ),
    )
    made = Story(driver=driver, parts=parts, running=running, pages=pages)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running.up())
        parts.approvals.append(running.workflows.approve)
        stack.push_async_callback(driver.stop)
        await driver.start(made.receive)
        yield made


# --- a deployment from its first word to its report --------------------------------------------


async def test_a_deployment_from_the_first_word_to_the_report_with_its_file(story: Story) -> None:
    choices = tuple(
        Choice(label=TEXTS.say(f"env.{env.value}"), value=TEXTS.say(f"env.{env.value}"))
        for env in (Environment.PROD, Environment.DEV)
    )
    story.world.parser.answers["예산 반영해줘"] = Clarification(
        question="어느 환경에 반영할까요?",
        choices=choices,
        partial=Intent(action="deploy", missing=("env",)),
    )
    story.world.parser.answers[choices[0].value] = DEPLOY
    heard = await story.driver.mention("dev", "예산 반영해줘", files=[PATCH])
    question = await story.finds("dev", text="어느 환경에 반영할까요?", button=choices[0].label)

    await story.driver.press("dev", question.message, choices[0].label)
    card = await story.finds("leader", button=APPROVE)
    [job_id] = story.world.jobs.jobs
    assert story.world.job(job_id).plan.files[0].path == PATCH.name

    await story.driver.press("leader", card.message, APPROVE)
    job = await story.ended(story.world.job(job_id))
    assert job.state is JobState.SUCCEEDED
    report = await story.finds("dev", file=f"{job_id}.txt")
    [(_, log)] = report.files
    assert job_id in log.decode()
    assert PATCH.name in report.text or job_id in report.text
    seen = await story.driver.seen("dev")
    if story.can.threads:
        assert {one.thread for one in seen} == {heard.thread}
    if story.can.edits:
        progress = [one for one in seen if one.revision > 2]
        assert progress, "the progress card has been edited"
        assert all(APPROVE not in one.buttons for one in seen), "nothing is left to approve"


async def test_a_person_may_not_approve_their_own_request(story: Story) -> None:
    job, card, _ = await story.asks_for_a_deployment(by="leader")
    await story.driver.press("leader", card.message, APPROVE)
    refusal = TEXTS.say("errors.own_request.summary", job=job.job_id, who="-")
    told = await story.finds("leader", text=refusal)
    assert told.private == story.can.private_replies
    if story.can.private_replies:
        assert not [one for one in await story.driver.seen("pm") if refusal in one.text]
    assert story.world.job(job.job_id).state is JobState.AWAITING_APPROVAL


async def test_a_click_after_the_request_has_lapsed_changes_nothing(story: Story) -> None:
    job, card, _ = await story.asks_for_a_deployment()
    story.parts.clock.pass_by(hours=1)
    await story.running.wake(job)
    heard = await story.driver.press("leader", card.message, APPROVE)
    # The room refuses at the door once the card has lost its button; whoever takes it, audits it.
    if heard.status < HTTPStatus.BAD_REQUEST:
        await story.running.until(lambda: story.world.audited("refusal"))
    ended = await story.ended(job)
    assert ended.state in (JobState.EXPIRED, JobState.DENIED)
    assert not ended.approvals
    assert not story.running.kinds(job) or all(
        kind == "fingerprint_files" for _, kind in story.running.kinds(job)
    )


# --- something dangerous -----------------------------------------------------------------------


async def test_something_dangerous_is_approved_with_a_code_on_our_page_and_by_no_button(
    story: Story,
) -> None:
    device = await story.parts.codes.enrol("leader")
    async with story.our_pages() as pages:
        job = await story.asks_for_the_end_of_a_session()
        card = await story.finds("leader", text=TEXTS.say("codes.needed"), button=APPROVE)
        pressed = await story.driver.press("leader", card.message, APPROVE)
        if story.can.buttons:
            why = TEXTS.say("errors.code_needed.summary", job=job.job_id)
            told = await story.finds("leader", text=why)
            assert told.private == story.can.private_replies
            page = told.links[TEXTS.say("codes.enter")]
        else:  # the button is a link to that page; without a code nothing is pressed there
            assert pressed.status == HTTPStatus.FORBIDDEN
            page = card.links[APPROVE]
        assert story.world.job(job.job_id).state is JobState.AWAITING_APPROVAL
        assert not story.running.kinds(job)

        now = story.parts.clock.now()
        _, shown = await pages.open("leader", page)
        assert job.plan.digest in shown
        assert (await pages.enter("leader", page, device.wrong(now)))[0] == HTTPStatus.FORBIDDEN
        assert not story.world.job(job.job_id).approvals
        assert (await pages.enter("leader", page, device.code(now)))[0] == HTTPStatus.OK
    ended = await story.ended(job)
    assert ended.state is JobState.SUCCEEDED
    assert [(one.person_id, one.one_time_code) for one in ended.approvals] == [("leader", True)]
    assert story.running.kinds(job) == [(job.plan.node_names[0], "end_session")]
    assert device.code(now) not in str(story.parts.audit.events)


# --- commands, duplicates, threads -------------------------------------------------------------


async def test_a_command_is_answered(story: Story) -> None:
    story.world.parser.answers |= {"헬스체크": HEALTH, "/sm 헬스체크": HEALTH}
    await story.driver.command("operator", "sm", "헬스체크")
    await story.running.until(lambda: story.world.jobs.jobs, "no job")
    [job_id] = story.world.jobs.jobs
    job = await story.ended(story.world.job(job_id))
    assert job.state is JobState.SUCCEEDED
    await story.finds("operator", text=job_id)


async def test_an_event_that_comes_again_and_again_is_one_job(story: Story) -> None:
    job, card, _ = await story.asks_for_a_deployment()
    await story.driver.redeliver(3)
    await story.driver.press("leader", card.message, APPROVE)
    await story.driver.redeliver(3)
    ended = await story.ended(job)
    assert ended.state is JobState.SUCCEEDED
    assert list(story.world.jobs.jobs) == [job.job_id]
    assert [each.person_id for each in ended.approvals] == ["leader"]
    await story.finds("dev", file=f"{job.job_id}.txt")
    reports = [one for one in await story.driver.seen("dev") if one.files]
    assert len(reports) == 1


async def test_what_is_said_in_a_thread_is_answered_there(story: Story) -> None:
    story.world.parser.answers["상태"] = HEALTH
    _, card, thread = await story.asks_for_a_deployment()
    assert card.thread == thread  # as the table says: "" where all follows in the channel
    heard = await story.driver.mention("dev", "상태", thread=thread)
    assert heard.thread == thread
    assert bool(thread) == story.can.threads
    await story.running.until(lambda: len(story.world.jobs.jobs) == 2)
    seen = await story.driver.seen("dev")
    assert {one.thread for one in seen} == {thread}


# --- who speaks --------------------------------------------------------------------------------


async def test_a_stranger_is_told_how_to_be_known_and_links_by_a_code(story: Story) -> None:
    if not story.driver.has_strangers:
        pytest.skip("nobody gets in who is not known")
    story.world.parser.answers["헬스체크"] = HEALTH
    await story.driver.mention(STRANGER, "헬스체크")
    told = await story.finds(STRANGER, text="연결")
    assert story.driver.identity(STRANGER).user_id in told.text
    assert told.private == story.can.private_replies
    assert not story.world.jobs.jobs

    await story.driver.mention(STRANGER, f"연결 {await console_code(story.parts, 'operator')}")
    await story.finds(STRANGER, text=TEXTS.say("identity.linked", name="operator씨"))
    await story.driver.mention(STRANGER, "헬스체크")
    await story.running.until(lambda: story.world.jobs.jobs, "no job")
    [job] = story.world.jobs.jobs.values()
    assert job.requester_id == "operator"


async def test_where_the_sender_is_not_proved_a_change_waits_for_its_person(story: Story) -> None:
    if story.can.verified_senders:
        pytest.skip("the service proves who speaks")
    story.world.parser.answers["배포"] = replace(DEPLOY, missing=("files",))
    await story.driver.mention("dev", "배포")
    confirm = TEXTS.say("messengers.confirm_yourself")
    told = await story.finds("dev", button=confirm)
    assert not story.world.jobs.jobs
    assert not story.running.agents.ordered, "no server is looked at either"
    await story.driver.press("dev", told.message, confirm)
    await story.finds("dev", text=TEXTS.say("ask.files", slot="files"))


# --- trouble -----------------------------------------------------------------------------------


async def test_a_limited_service_gets_every_message_in_order(story: Story) -> None:
    if not story.driver.has_outages:
        pytest.skip("no service stands behind it")
    job, card, _ = await story.asks_for_a_deployment()
    story.driver.limit_rate(3, retry_after_s=1)
    await story.driver.press("leader", card.message, APPROVE)
    ended = await story.ended(job)
    assert ended.state is JobState.SUCCEEDED
    await story.finds("dev", file=f"{job.job_id}.txt")
    assert len([one for one in await story.driver.seen("dev") if one.files]) == 1


async def test_a_service_that_fails_for_a_while_gets_the_report_in_the_end(story: Story) -> None:
    if not story.driver.has_outages:
        pytest.skip("no service stands behind it")
    job, card, _ = await story.asks_for_a_deployment()
    await story.driver.press("leader", card.message, APPROVE)
    story.driver.fail(25)
    assert (await story.ended(job)).state is JobState.SUCCEEDED
    await story.finds("dev", file=f"{job.job_id}.txt")


async def test_a_long_output_arrives_whole(story: Story) -> None:
    lines = tuple(f"{number:04d} {'가나다라 ' * 12}" for number in range(400))
    story.running.agents.script("check_node", Scripted(state="failed", code="probe", lines=lines))
    story.world.parser.answers["헬스체크"] = HEALTH
    await story.driver.mention("operator", "헬스체크")
    await story.running.until(lambda: story.world.jobs.jobs, "no job")
    [job_id] = story.world.jobs.jobs
    await story.ended(story.world.job(job_id))
    found = await story.finds("operator", file=f"{job_id}.txt")
    log = found.files[0][1].decode()
    assert "0000" in log
    assert "0399" in log


async def test_events_are_acknowledged_in_time_over_a_frozen_database_and_a_hung_model(
    story: Story,
) -> None:
    parser = story.world.parser
    parser.answers |= {"헬스체크": HEALTH, "/sm 헬스체크": HEALTH}
    parser.gate = asyncio.Event()
    grace_s = story.driver.grace_s
    # Frozen until all is acknowledged. Where no service waits, the answer means that it is kept.
    held_s = SHORT_S if grace_s is None else LONG_S
    async with frozen(story.running.folder / "workflows.sqlite", thaw_after_s=held_s):
        heard = await asyncio.gather(
            story.driver.mention("operator", "헬스체크"),
            story.driver.command("operator", "sm", "헬스체크"),
        )
    assert [one.status for one in heard if one.status >= 300] == []
    await story.running.until(lambda: parser.asked, "it has not come to the core")
    assert grace_s is None or grace_s < SERVICE_S
    assert [one.seconds for one in heard if grace_s and one.seconds >= LONG_S] == []
    assert not story.world.jobs.jobs
    parser.gate.set()
    await story.running.until(lambda: len(story.world.jobs.jobs) == 2, "no jobs")
