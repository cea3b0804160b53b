"""What somebody may have done whose messenger does not prove who speaks: nothing but reading."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.domain.conversation import Click, ConversationRef, Mention
from bot.core.domain.intent import Clarification, Intent, Selector
from bot.core.domain.people import ExternalId
from bot.core.ports import Capabilities
from tests.fakes.engine import DEPLOY, HEALTH, MOEF, PEOPLE, TEXTS, FakeMessenger, World

PLACE = ConversationRef(adapter="web", channel="ops")
CONFIRM = TEXTS.say("messengers.confirm_yourself")
RESTART = Intent(
    action="manage_service",
    selector=replace(DEPLOY.selector, nodes=(1,)),
    params={"operation": "restart"},
)


class Unproving(FakeMessenger):
    """A messenger whose users are whoever they say they are."""

    capabilities = Capabilities(
        threads=False,
        buttons=True,
        files=True,
        edits=True,
        private_replies=True,
        verified_senders=False,
    )


def world_of() -> World:
    """``web`` proves nothing here; ``sure`` stands for our own sign-in."""
    world = World(messenger=Unproving())
    for person in PEOPLE:
        sure = ExternalId(adapter="sure", tenant="", user_id=person.person_id)
        world.directory.externals[sure] = person.person_id
    return world


async def say(world: World, text: str, *, by: str = "operator", sure: bool = False) -> str:
    """Everything that was answered."""
    said = world.mention(text, by=by)
    sender = ExternalId(adapter="sure", tenant="", user_id=by) if sure else said.sender
    before = len(world.messenger.messages)
    await world.pipeline.handle(
        Mention(
            event_id=said.event_id,
            sender=sender,
            conversation=PLACE,
            text=text,
            files=said.files,
            at=said.at,
        )
    )
    fresh = list(world.messenger.messages.values())[before:]
    return "\n".join(f"{one.now.summary} {[b.label for b in one.now.buttons]}" for one in fresh)


async def test_a_read_is_answered_at_once() -> None:
    world = world_of()
    world.parser.answers["상태"] = HEALTH
    assert CONFIRM not in await say(world, "상태")
    assert len(world.jobs.jobs) == 1


@pytest.mark.parametrize(
    "intent",
    [
        RESTART,
        DEPLOY,
        Intent(action="rollback", selector=DEPLOY.selector),
        Intent(action="cancel_task"),
        Intent(action="set_approval_rule"),
        replace(RESTART, missing=("system",)),
    ],
)
async def test_whatever_may_change_something_is_asked_back_before_anything_is_looked_at(
    intent: Intent,
) -> None:
    world = world_of()
    world.parser.answers["해줘"] = intent
    assert CONFIRM in await say(world, "해줘")
    assert not world.jobs.jobs
    assert not world.agents.kinds  # type: ignore[attr-defined]  # a ScriptedPool
    assert [event["code"] for event in world.audited("question")] == ["sender_unverified"]


async def test_what_the_person_says_behind_our_sign_in_goes_on() -> None:
    world = world_of()
    world.parser.answers["재시작"] = RESTART
    await say(world, "재시작")
    (asked,) = world.messenger.messages.values()
    (button,) = asked.now.buttons
    assert (button.button, button.value) == ("choose", "재시작")
    assert CONFIRM not in await say(world, button.value, sure=True)
    (job,) = world.jobs.jobs.values()
    assert job.requester_id == "operator"


async def test_a_question_about_a_change_is_asked_only_of_who_is_proved() -> None:
    world = world_of()
    asks = Clarification(
        question="어느 시스템입니까?", partial=replace(RESTART, selector=Selector())
    )
    world.parser.answers["재시작"] = asks
    assert "어느 시스템" not in await say(world, "재시작")
    assert "어느 시스템" in await say(world, "재시작", sure=True)


async def test_what_was_said_in_somebodys_name_is_no_part_of_what_they_confirm() -> None:
    world = world_of()
    poisoned = Intent(action="none", selector=Selector(institution=MOEF, system="다른 시스템"))
    world.parser.answers["몰래"] = Clarification(question="?", partial=poisoned)
    await say(world, "몰래")
    world.parser.answers["재시작"] = RESTART
    await say(world, "재시작", sure=True)
    assert world.parser.asked[-1].pending is None


async def test_an_unproved_answer_to_a_proved_question_is_understood_and_confirmed() -> None:
    world = world_of()
    half = replace(RESTART, missing=("env",))
    world.parser.answers["재시작"] = half
    await say(world, "재시작", sure=True)
    world.parser.answers["운영"] = RESTART
    assert CONFIRM in await say(world, "운영")
    pending = world.parser.asked[-1].pending
    assert pending is not None
    assert pending.action == "manage_service"
    await say(world, "운영", sure=True)
    assert world.parser.asked[-1].pending == pending
    assert len(world.jobs.jobs) == 1


@pytest.mark.parametrize("button", ["approve", "reject", "cancel"])
async def test_no_verdict_counts_that_is_not_proved(button: str) -> None:
    world = world_of()
    world.parser.answers["재시작"] = RESTART
    await say(world, "재시작", sure=True)
    (job,) = world.jobs.jobs.values()
    await world.approvals.press(
        Click(
            event_id="c",
            sender=ExternalId(adapter="web", tenant="local", user_id="leader"),
            conversation=PLACE,
            button=button,
            value=f"{job.job_id}:{job.plan.digest}",
            at=world.clock.now(),
        )
    )
    assert world.job(job.job_id).approvals == ()
    assert world.audited("refusal")[-1]["code"] == "sender_unverified"
