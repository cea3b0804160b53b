"""Strangers: they start nothing, are told how to be known, and link themselves by a code."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.domain.people import ExternalId
from bot.core.linking import CODE_LIFE, code_digest, new_code
from bot.engine.trust import reads_only
from tests.fakes.engine import DEPLOY, HEALTH, TEXTS, World, words_of

SLACK = ExternalId(adapter="web", tenant="T1", user_id="U1")


@pytest.fixture
def world() -> World:
    made = World()
    made.parser.answers |= {"헬스체크": HEALTH, "배포": DEPLOY}
    return made


async def said(world: World, text: str, *, sender: ExternalId = SLACK) -> str:
    """What the sender is told; privately."""
    before = set(world.messenger.messages)
    await world.pipeline.handle(replace(world.mention(text), sender=sender))
    (key,) = set(world.messenger.messages) - before
    report = world.messenger.messages[key].now
    assert report.only_for == sender.user_id
    return words_of(report)


async def code_for(world: World, person_id: str) -> str:
    code = new_code()
    until = world.clock.now() + CODE_LIFE
    await world.services.stores.identities.issue(person_id, code_digest(code), until=until)
    return code


async def test_a_stranger_is_told_who_they_are_to_us_and_where_to_get_a_code(world: World):
    told = await said(world, "헬스체크")
    for word in ("web", "T1", "U1", "/me", "연결"):
        assert word in told
    assert not world.jobs.jobs
    assert not world.parser.asked
    assert world.audited("refusal")[-1]["code"] == "person_unmapped"


async def test_a_code_makes_the_stranger_its_person(world: World):
    told = await said(world, f"연결 {await code_for(world, 'operator')}")
    assert TEXTS.say("identity.linked", name="operator씨") in told
    await world.pipeline.handle(replace(world.mention("헬스체크"), sender=SLACK))
    [job] = world.jobs.jobs.values()
    assert job.requester_id == "operator"
    assert world.audited("sign_in")[-1]["actor"] == "operator"


async def test_the_same_message_handled_twice_still_says_that_it_is_linked(world: World):
    mention = replace(world.mention(f"연결 {await code_for(world, 'operator')}"), sender=SLACK)
    await world.pipeline.handle(mention)
    await world.pipeline.handle(mention)
    assert len(world.messenger.all(":identity")) == 1


async def test_a_code_that_somebody_known_says_in_a_room_links_nobody_who_read_it(world: World):
    code = await code_for(world, "dev")
    await world.pipeline.handle(world.mention(f"연결 {code}", by="dev"))
    assert TEXTS.say("identity.already", name="dev씨") in world.said()
    assert TEXTS.say("errors.link_refused.summary") in await said(world, f"연결 {code}")


async def test_a_code_that_was_said_during_the_pause_links_nobody_who_read_it(world: World):
    for _ in range(5):
        await said(world, "연결 AAAA-AAAA")
    code = await code_for(world, "operator")
    assert TEXTS.say("errors.link_paused.summary") in await said(world, f"연결 {code}")
    other = replace(SLACK, user_id="U2")
    told = await said(world, f"연결 {code}", sender=other)
    assert TEXTS.say("errors.link_refused.summary") in told


async def test_a_wrong_code_is_refused_and_five_of_them_pause_the_identity(world: World):
    for _ in range(5):
        told = await said(world, "연결 AAAA-AAAA")
        assert TEXTS.say("errors.link_refused.summary") in told
    right = await code_for(world, "operator")
    assert TEXTS.say("errors.link_paused.summary") in await said(world, f"연결 {right}")
    other = replace(SLACK, user_id="U2")
    assert TEXTS.say("errors.link_refused.summary") in await said(
        world, "연결 AAAA-AAAA", sender=other
    )
    world.clock.pass_by(minutes=11)
    again = await code_for(world, "operator")
    assert TEXTS.say("identity.linked", name="operator씨") in await said(world, f"연결 {again}")


async def test_what_was_refused_is_in_the_audit_with_its_reason(world: World):
    for _ in range(6):
        await said(world, "연결 AAAA-AAAA")
    codes = [one["code"] for one in world.audited("refusal")]
    assert codes == ["link_refused"] * 5 + ["link_paused"]


async def test_no_code_gets_into_the_audit(world: World):
    code = await code_for(world, "operator")
    await said(world, f"연결 {code}")
    assert code not in str(world.audit.events)
    assert code.replace("-", "") not in str(world.audit.events)


async def test_nobody_is_linked_unrecorded(world: World):
    code = await code_for(world, "operator")
    world.audit.broken = True
    with pytest.raises(Exception, match="audit_unavailable"):
        await world.pipeline.handle(replace(world.mention(f"연결 {code}"), sender=SLACK))
    assert await world.directory.find(SLACK) is None


# --- senders that their service does not prove --------------------------------------------------


@pytest.fixture
def unproved(world: World) -> World:
    messenger = world.messenger
    messenger.capabilities = replace(messenger.capabilities, verified_senders=False)
    return world


async def test_an_unproved_sender_reads_at_once(unproved: World):
    await unproved.pipeline.handle(unproved.mention("헬스체크"))
    assert len(unproved.jobs.jobs) == 1


async def test_an_unproved_sender_is_asked_to_confirm_a_change_with_its_own_words(unproved: World):
    file = await unproved.a_file()
    await unproved.pipeline.handle(unproved.mention("배포", files=(file,)))
    assert not unproved.jobs.jobs
    assert not unproved.agents.ordered
    [asked] = unproved.messenger.messages.values()
    [button] = asked.now.buttons
    assert (button.button, button.value) == ("choose", "배포")


async def test_an_unproved_press_decides_nothing(world: World):
    job = await world.a_deployment()
    world.messenger.capabilities = replace(world.messenger.capabilities, verified_senders=False)
    await world.approvals.press(world.press(job))
    assert not world.job(job.job_id).approvals
    assert TEXTS.say("errors.sender_unverified.summary") in world.said()


async def test_an_unproved_request_that_no_link_can_carry_is_only_refused(unproved: World):
    long = "배포 " * 200
    unproved.parser.answers[long] = DEPLOY
    await unproved.pipeline.handle(unproved.mention(long))
    [asked] = unproved.messenger.messages.values()
    assert asked.now.buttons == ()
    assert TEXTS.say("errors.sender_unverified.summary") in words_of(asked.now)


def test_cancelling_is_no_reading(world: World):
    assert reads_only("list_tasks", None)
    assert not reads_only("cancel_task", None)
    assert not reads_only("deploy", world.services.action_of("deploy"))
    assert reads_only("check_infra_health", world.services.action_of("check_infra_health"))
