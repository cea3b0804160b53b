"""The page on which something dangerous is approved: the plan, the code, and what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.core.domain.job import JobState
from bot.core.domain.report import Button
from tests.fakes.console import form_of
from tests.fakes.desk import Desk, a_desk
from tests.fakes.engine import TEXTS

DAY = timedelta(days=1)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with a_desk() as made:
        yield made


async def test_it_shows_what_is_approved_where_and_its_whole_digest(desk: Desk) -> None:
    await desk.device()
    status, page = await desk.server.open("leader", desk.address)
    assert status == 200
    assert desk.job.plan.digest in page
    assert all(name in page for name in desk.job.plan.node_names)
    assert TEXTS.note(desk.job.plan.title) in page
    assert 'autocomplete="one-time-code"' in page
    assert "leader씨" in page
    assert desk.now.approvals == ()


async def test_the_code_of_who_is_signed_in_approves_once(desk: Desk) -> None:
    device = await desk.device()
    status, page = await desk.server.enter("leader", desk.address, desk.code(device))
    assert status == 200
    assert TEXTS.say("codes.approved", plan=TEXTS.note(desk.job.plan.title)) in page
    (given,) = desk.now.approvals
    assert (given.person_id, given.one_time_code) == ("leader", True)
    assert desk.now.state is JobState.QUEUED
    assert (await desk.server.open("leader", desk.address))[0] == 410
    assert desk.received == [], "a code goes into no inbound value"


async def test_without_a_code_nothing_is_approved(desk: Desk) -> None:
    await desk.device()
    assert await desk.server.press("leader", desk.address) == 403
    assert desk.now.approvals == ()
    assert desk.received == []


async def test_a_code_that_does_not_count_is_told_on_the_page_and_the_next_one_is_taken(
    desk: Desk,
) -> None:
    device = await desk.device()
    now = desk.world.clock.now()
    await desk.world.codes.check("leader", desk.code(device), now=now)
    refusals = [("code_wrong", device.wrong(now)), ("code_used", desk.code(device))]
    for refusal, code in refusals:
        status, page = await desk.server.enter("leader", desk.address, code)
        assert status == 403
        assert TEXTS.say(f"errors.{refusal}.summary") in page
        assert TEXTS.say(f"errors.{refusal}.hint") in page
        assert desk.job.plan.digest in page
        assert code not in page
    assert (await desk.server.enter("leader", desk.address, desk.code(device, step=1)))[0] == 200
    assert [each.one_time_code for each in desk.now.approvals] == [True]


async def test_after_five_wrong_ones_it_is_locked(desk: Desk) -> None:
    device = await desk.device()
    wrong = device.wrong(desk.world.clock.now())
    for _ in range(5):
        _, page = await desk.server.enter("leader", desk.address, wrong)
    assert TEXTS.say("errors.code_locked.summary") in page
    status, page = await desk.server.enter("leader", desk.address, desk.code(device))
    assert status == 403
    assert TEXTS.say("errors.code_locked.summary") in page
    assert desk.now.approvals == ()


async def test_whoever_has_no_device_is_led_to_enrolment_instead(desk: Desk) -> None:
    status, page = await desk.server.open("leader", desk.address)
    assert status == 200
    assert 'href="/account/code"' in page
    assert 'name="code"' not in page


@pytest.mark.parametrize(
    ("by", "refusal"), [("operator", "own_request"), ("dev", "not_an_approver")]
)
async def test_whoever_may_not_decide_is_refused_with_the_right_code(
    desk: Desk, by: str, refusal: str
) -> None:
    device = await desk.device(by)
    status, page = await desk.server.enter(by, desk.address, desk.code(device))
    assert status == 400
    summary = TEXTS.say(f"errors.{refusal}.summary", job=desk.job.job_id)
    assert summary in page
    assert desk.now.approvals == ()


async def test_people_of_other_institutions_find_nothing(desk: Desk) -> None:
    device = await desk.device("outsider")
    status, page = await desk.server.enter("outsider", desk.address, desk.code(device))
    assert status == 404
    assert desk.job.plan.digest not in page


async def test_a_code_is_its_persons_own_whoever_has_the_link(desk: Desk) -> None:
    leaders = await desk.device()
    await desk.device("pm")
    status, page = await desk.server.enter("pm", desk.address, desk.code(leaders))
    assert status == 403
    assert TEXTS.say("errors.code_wrong.summary") in page
    assert await desk.server.send("", desk.address, {"code": desk.code(leaders)}) == 401


async def test_a_lapsed_request_is_refused_and_no_code_is_used_up(desk: Desk) -> None:
    device = await desk.device()
    desk.world.clock.pass_by(minutes=31)
    status, page = await desk.server.enter("leader", desk.address, desk.code(device))
    assert status == 400
    assert TEXTS.say("errors.request_expired.summary", job=desk.job.job_id) in page
    now = desk.world.clock.now()
    assert await desk.world.codes.check("leader", desk.code(device), now=now) == "good"


async def test_a_double_click_is_one_yes(desk: Desk) -> None:
    device = await desk.device()
    _, page = await desk.server.open("leader", desk.address)
    form = {"form": form_of(page), "code": desk.code(device)}
    sent = await asyncio.gather(*(desk.server.send("leader", desk.address, form) for _ in range(6)))
    assert sent.count(200) == 1
    assert len(desk.now.approvals) == 1


async def test_foreign_pages_and_other_peoples_forms_approve_nothing(desk: Desk) -> None:
    device = await desk.device()
    await desk.device("pm")
    _, page = await desk.server.open("leader", desk.address)
    _, of_pm = await desk.server.open("pm", desk.address)
    form = {"form": form_of(page), "code": desk.code(device)}
    browser = await desk.server.browser("leader")
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        async with browser.post(desk.address, data=form, headers=headers) as response:
            assert response.status == 403
    for bad in ({"form": form_of(of_pm)}, {"form": "forged"}, {"form": ""}):
        assert await desk.server.send("leader", desk.address, form | bad) == 403
    assert desk.now.approvals == ()
    now = desk.world.clock.now()
    assert await desk.world.codes.check("leader", desk.code(device), now=now) == "good"


async def test_rejecting_from_a_link_takes_no_code(desk: Desk) -> None:
    value = f"{desk.job.job_id}:{desk.job.plan.digest}"
    button = Button(button="reject", value=value, label="반려")
    address = desk.server.links.action(button, desk.job.card, life=DAY)
    _, page = await desk.server.open("leader", address)
    assert 'name="code"' not in page
    assert await desk.server.press("leader", address) == 200
    assert [event.button for event in desk.received] == ["reject"]
