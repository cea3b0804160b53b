"""A yes to something dangerous: never by a button alone, only with the approver's own code."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.wire.seal import open_grant
from bot.app.web.links import SignedLinks
from bot.core.cards import plan_card
from bot.core.domain.decision import Effect, Rule, Stage, Verdict
from bot.core.domain.intent import Intent
from bot.core.domain.job import Job, JobState
from bot.core.domain.people import Role
from bot.core.domain.plan import Risk
from bot.core.domain.report import Notice
from bot.core.errors import GuardiaError
from bot.engine.approval_seal import ApprovalSeal
from bot.engine.follow_up import NOTHING, FollowUp
from bot.engine.services import EngineSettings
from tests.fakes.codes import Authenticator
from tests.fakes.danger import END_SESSION, EndSessionAction
from tests.fakes.engine import LEADER, PM, TEXTS, FakeClock, World, words_of

ORIGIN = "https://guardia.example"
SECRET = "a secret of the tests only"


def a_world(*, linked: bool = True, action: EndSessionAction | None = None, **more) -> World:
    clock = FakeClock()
    action = action or EndSessionAction()
    return World(
        clock=clock,
        links=SignedLinks(ORIGIN, SECRET, clock) if linked else None,
        settings=EngineSettings(agent_patience_s=0, console_url=ORIGIN if linked else None),
        more_actions={action.action_id: action},
        **more,
    )


async def waiting(world: World, *, by: str = "operator", intent: Intent = END_SESSION) -> Job:
    world.parser.answers["세션 종료"] = intent
    follow_up = await world.pipeline.handle(world.mention("세션 종료", by=by))
    assert follow_up.start is not None, world.said()
    await world.requests.open(follow_up.start)
    return world.job(follow_up.start)


async def entered(world: World, job: Job, code: str, *, by: str = "leader", **press) -> str:
    """Approve with that code; the code of the refusal, or ok. Wakes are kept in ``woken``."""
    try:
        await world.approvals.approve(world.press(job, by=by, **press), code, follow=woken(world))
    except GuardiaError as error:
        return error.code
    return "ok"


def woken(world: World):
    async def follow(follow_up: FollowUp, _key: str) -> None:
        if follow_up.wake is not None:
            await world.requests.settle(follow_up.wake)

    return follow


def later(world: World) -> None:
    world.clock.pass_by(seconds=30)


# --- a button alone ---------------------------------------------------------------------------


async def test_pressing_approves_nothing_and_shows_the_presser_the_way() -> None:
    world = a_world()
    await world.codes.enrol("leader")
    job = await waiting(world)
    assert await world.approvals.press(world.press(job)) == NOTHING
    assert world.job(job.job_id).approvals == ()
    assert world.job(job.job_id).state is JobState.AWAITING_APPROVAL
    (told,) = world.messenger.all(":refusal")
    report = told.now
    assert report.only_for == "leader"
    assert TEXTS.say("errors.code_needed.summary", job=job.job_id) in words_of(report)
    (link,) = report.links
    assert link.url.startswith(f"{ORIGIN}/act/")
    pressed = world.links.pressed(link.url.rpartition("/")[2])  # type: ignore[union-attr]  # a link that was made is there
    assert pressed.button.button == "approve"
    assert pressed.button.value == f"{job.job_id}:{job.plan.digest}"
    assert pressed.message == job.card
    assert world.audited("refusal")[-1]["code"] == "code_needed"


async def test_whoever_has_no_device_is_shown_where_to_enrol_one() -> None:
    world = a_world()
    job = await waiting(world)
    await world.approvals.press(world.press(job))
    report = world.messenger.all(":refusal")[0].now
    assert TEXTS.say("errors.code_not_enrolled.summary") in words_of(report)
    assert f"{ORIGIN}/account/code" in words_of(report)
    assert [link.url.split("/")[3] for link in report.links] == ["account", "act"]


async def test_where_no_page_is_reached_it_says_what_to_set() -> None:
    world = a_world(linked=False)
    await world.codes.enrol("leader")
    job = await waiting(world)
    await world.approvals.press(world.press(job))
    report = world.messenger.all(":refusal")[0].now
    assert "public_origin" in words_of(report)
    assert report.links == ()
    assert world.job(job.job_id).approvals == ()


@pytest.mark.parametrize(
    ("by", "code"),
    [("operator", "own_request"), ("dev", "not_an_approver"), ("outsider", "job_unknown")],
)
async def test_whoever_may_not_decide_is_told_that_first(by: str, code: str) -> None:
    world = a_world()
    job = await waiting(world)
    await world.approvals.press(world.press(job, by=by))
    assert world.audited("refusal")[-1]["code"] == code
    assert world.messenger.all(":refusal")[-1].now.links == ()


async def test_rejecting_takes_no_code() -> None:
    world = a_world()
    job = await waiting(world)
    await world.approvals.press(world.press(job, button="reject"))
    (given,) = world.job(job.job_id).approvals
    assert (given.verdict, given.one_time_code) == (Verdict.REJECT, False)
    assert await world.requests.settle(job.job_id) is JobState.DENIED


async def test_what_is_not_dangerous_is_approved_by_its_button() -> None:
    world = a_world()
    job = await world.an_approved()
    assert job.approvals[0].one_time_code is False
    assert all(button.opens == "" for button in world.messenger.at(job.card).said[0].buttons)


# --- with a code ------------------------------------------------------------------------------


async def approvable(world: World, **more) -> tuple[Job, Authenticator]:
    device = await world.codes.enrol("leader")
    return await waiting(world, **more), device


async def test_the_own_code_approves_once_and_is_in_verdict_audit_card_and_grant() -> None:
    world = a_world()
    job, device = await approvable(world)
    code = device.code(world.clock.now())
    assert await entered(world, job, code) == "ok"
    job = world.job(job.job_id)
    (given,) = job.approvals
    assert given.one_time_code
    assert ApprovalSeal(world.signer).genuine(job.approvals) == job.approvals
    assert job.state is JobState.QUEUED
    (event,) = world.audited("approval")
    assert event["one_time_code"] is True
    assert "일회용 코드 확인" in words_of(world.messenger.at(job.card).now)
    assert await world.conductor.begin(job.job_id) is None
    await world.conductor.execute(job.job_id, "end.1")
    grant = open_grant(world.agents.ordered[-1].delivery.grant, world.signer.verify_key)
    assert [(one.person_id, one.one_time_code) for one in grant.approvals] == [("leader", True)]
    assert code not in str(world.audit.events)
    assert device.secret not in str(world.audit.events)


async def test_a_wrong_used_or_locked_code_approves_nothing() -> None:
    world = a_world()
    job, device = await approvable(world)
    now = world.clock.now()
    await world.codes.check("leader", device.code(now), now=now)
    assert await entered(world, job, device.code(now)) == "code_used"
    wrong = [await entered(world, job, device.wrong(now)) for _ in range(6)]
    assert wrong == ["code_wrong"] * 4 + ["code_locked"] * 2
    later(world)
    assert await entered(world, job, device.code(world.clock.now())) == "code_locked"
    assert world.job(job.job_id).approvals == ()
    codes = [event["code"] for event in world.audited("refusal")]
    assert codes == ["code_used", *["code_wrong"] * 4, *["code_locked"] * 3]
    assert not world.messenger.all(":refusal"), "told on the page, not in the room"


async def test_somebody_elses_code_is_no_code_of_mine() -> None:
    world = a_world()
    job, device = await approvable(world)
    await world.codes.enrol("pm")
    assert await entered(world, job, device.code(world.clock.now()), by="pm") == "code_wrong"


async def test_whoever_has_no_device_cannot_enter_one() -> None:
    world = a_world()
    job = await waiting(world)
    assert await entered(world, job, "123456") == "code_not_enrolled"


@pytest.mark.parametrize(
    ("by", "refusal"),
    [("operator", "own_request"), ("dev", "not_an_approver"), ("outsider", "job_unknown")],
)
async def test_no_code_helps_whoever_may_not_decide_and_none_is_used_up(
    by: str, refusal: str
) -> None:
    world = a_world()
    job = await waiting(world)
    device = await world.codes.enrol(by)
    now = world.clock.now()
    assert await entered(world, job, device.code(now), by=by) == refusal
    assert (await world.codes.check(by, device.code(now), now=now)).value == "good"


async def test_a_request_that_has_lapsed_or_another_plan_takes_no_code() -> None:
    world = a_world()
    job, device = await approvable(world)
    other = replace(job, plan=replace(job.plan, digest="0" * 64))
    assert await entered(world, other, device.code(world.clock.now())) == "plan_changed"
    world.clock.pass_by(minutes=31)
    assert await entered(world, job, device.code(world.clock.now())) == "request_expired"


async def test_every_stage_takes_its_own_persons_code() -> None:
    world = a_world()
    two = (Stage(roles=(Role.PART_LEADER,)), Stage(roles=(Role.PM,)))
    rule = Rule(
        rule_id="two", effect=Effect.APPROVE, roles=(Role.OPERATOR,), risks=("danger",), stages=two
    )
    world.directory.policy = (rule,)
    job, first = await approvable(world)
    second = await world.codes.enrol("pm")
    assert await entered(world, job, first.code(world.clock.now())) == "ok"
    assert world.job(job.job_id).state is JobState.AWAITING_APPROVAL
    assert await entered(world, job, second.code(world.clock.now()), by="pm") == "ok"
    job = world.job(job.job_id)
    assert [(each.person_id, each.one_time_code) for each in job.approvals] == [
        ("leader", True),
        ("pm", True),
    ]
    assert job.state is JobState.QUEUED


async def test_one_code_approves_one_job() -> None:
    world = a_world()
    job, device = await approvable(world)
    code = device.code(world.clock.now())
    assert await entered(world, job, code) == "ok"
    second = await waiting(world)
    assert second.job_id != job.job_id
    assert await entered(world, second, code) == "code_used"
    assert world.job(second.job_id).approvals == ()


async def test_a_second_yes_looks_at_the_job_again_and_uses_up_no_code() -> None:
    world = a_world()
    world.directory.policy = (
        Rule(
            rule_id="both",
            effect=Effect.APPROVE,
            roles=(Role.OPERATOR,),
            stages=(Stage(roles=(Role.PART_LEADER, Role.PM), quorum=2),),
        ),
    )
    job, device = await approvable(world)
    assert await entered(world, job, device.code(world.clock.now())) == "ok"
    later(world)
    looked: list[FollowUp] = []

    async def follow(follow_up: FollowUp, _key: str) -> None:
        looked.append(follow_up)

    now = world.clock.now()
    with pytest.raises(GuardiaError) as refused:
        await world.approvals.approve(world.press(job), device.code(now), follow=follow)
    assert refused.value.code == "already_spoken"
    assert looked == [FollowUp(wake=job.job_id)]
    assert (await world.codes.check("leader", device.code(now), now=now)).value == "good"


async def test_a_yes_that_was_cut_off_before_it_was_told_of_is_found_by_the_next_press() -> None:
    world = a_world()
    job, device = await approvable(world)

    async def cut_off(_follow_up: FollowUp, _key: str) -> None:
        raise ConnectionError("the process ends here")

    with pytest.raises(ConnectionError):
        await world.approvals.approve(
            world.press(job), device.code(world.clock.now()), follow=cut_off
        )
    assert world.job(job.job_id).state is JobState.AWAITING_APPROVAL
    assert await world.approvals.press(world.press(job)) == FollowUp(wake=job.job_id)
    assert await world.requests.settle(job.job_id) is JobState.QUEUED
    assert await world.approvals.press(world.press(job)) == NOTHING


async def test_nothing_is_approved_that_cannot_be_recorded() -> None:
    world = a_world()
    job, device = await approvable(world)
    world.audit.broken = True
    assert await entered(world, job, device.code(world.clock.now())) == "audit_unavailable"
    assert world.job(job.job_id).approvals == ()


# --- what counts ------------------------------------------------------------------------------


async def approved(world: World) -> Job:
    job, device = await approvable(world)
    assert await entered(world, job, device.code(world.clock.now())) == "ok"
    return world.job(job.job_id)


def put_approval(world: World, job: Job, **changes: object) -> None:
    """As if the row had been written so; sealed anew where the bot's own older life wrote it."""
    changed = replace(job.approvals[0], **changes)
    if "seal" not in changes:
        changed = ApprovalSeal(world.signer).close(changed)
    world.jobs.jobs[job.job_id] = replace(job, approvals=(changed,))


async def test_a_dangerous_job_whose_approval_has_no_code_does_not_begin() -> None:
    world = a_world()
    job = await approved(world)
    put_approval(world, job, one_time_code=False)
    assert await world.conductor.begin(job.job_id) == "approval_void"
    assert world.job(job.job_id).state is JobState.DENIED


async def test_the_seal_covers_the_code() -> None:
    world = a_world()
    job = await approved(world)
    seal = job.approvals[0].seal
    put_approval(world, job, one_time_code=False, seal=seal)
    assert ApprovalSeal(world.signer).genuine(world.job(job.job_id).approvals) == ()
    without = ApprovalSeal(world.signer).close(replace(job.approvals[0], one_time_code=False))
    put_approval(world, job, one_time_code=True, seal=without.seal)
    assert ApprovalSeal(world.signer).genuine(world.job(job.job_id).approvals) == ()
    assert await world.conductor.begin(job.job_id) == "approval_void"


async def test_a_plan_is_as_dangerous_as_its_steps_whatever_it_claims() -> None:
    world = a_world(action=EndSessionAction(claims=Risk.CHANGE))
    job = await waiting(world)
    assert job.plan.risk is Risk.CHANGE
    assert job.stages, "it waits for approval"
    await world.codes.enrol("leader")
    await world.approvals.press(world.press(job))
    assert world.audited("refusal")[-1]["code"] == "code_needed"
    assert world.job(job.job_id).approvals == ()


async def test_it_waits_for_approval_also_where_a_rule_permits_it() -> None:
    world = a_world()
    world.directory.policy = (Rule(rule_id="all", effect=Effect.PERMIT),)
    job = await waiting(world)
    assert job.rule == "risk"
    assert job.state is JobState.AWAITING_APPROVAL


# --- the card ---------------------------------------------------------------------------------


async def test_the_card_says_that_a_code_is_needed_and_its_button_opens_the_page() -> None:
    world = a_world()
    job = await waiting(world)
    card = world.messenger.at(job.card).now
    assert Notice(text=TEXTS.say("codes.needed")) in card.sections
    (approve,) = [button for button in card.buttons if button.button == "approve"]
    assert approve.label == TEXTS.say("cards.button.approve")
    assert approve.confirm == ""
    pressed = world.links.pressed(approve.opens.rpartition("/")[2])  # type: ignore[union-attr]  # a link that was made is there
    assert (pressed.button.value, pressed.message) == (approve.value, job.card)
    others = [button for button in card.buttons if button.button != "approve"]
    assert [button.opens for button in others] == ["", ""]


async def test_the_cards_page_is_there_as_long_as_the_job_waits() -> None:
    world = a_world()
    job = await waiting(world)
    world.jobs.jobs[job.job_id] = replace(job, expires_at=job.created_at + timedelta(days=7))
    await world.requests.show(world.job(job.job_id))
    card = world.messenger.at(job.card).now
    (approve,) = [button for button in card.buttons if button.button == "approve"]
    world.clock.pass_by(days=6)
    assert world.links.pressed(approve.opens.rpartition("/")[2]) is not None  # type: ignore[union-attr]  # a link that was made is there


async def test_without_a_page_the_card_says_so_only_when_pressed() -> None:
    world = a_world(linked=False)
    job = await waiting(world)
    card = plan_card(job, approvers=(LEADER, PM), texts=TEXTS, now=world.clock.now())
    assert all(button.opens == "" for button in card.buttons)
    shown = world.messenger.at(job.card).now
    assert all(button.opens == "" for button in shown.buttons)


async def test_a_code_given_for_later_is_a_yes_for_that_time() -> None:
    world = a_world()
    job, device = await approvable(world)
    at = world.clock.now() + timedelta(hours=3)
    value = f"{job.job_id}:{job.plan.digest}:{at:%Y%m%dT%H%M%SZ}"
    click = world.click("approve_at", value, place=job.card)
    await world.approvals.press(click)
    (link,) = world.messenger.all(":refusal")[0].now.links
    label = world.links.pressed(link.url.rpartition("/")[2]).button.label  # type: ignore[union-attr]  # a link that was made is there
    assert "17:00" in label
    code = device.code(world.clock.now())
    await world.approvals.approve(click, code, follow=woken(world))
    (given,) = world.job(job.job_id).approvals
    assert (given.run_at, given.one_time_code) == (at, True)
