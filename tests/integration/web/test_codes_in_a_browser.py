"""One-time codes on a phone: enrolling an authenticator, then approving from the card."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect

from bot.core.domain.conversation import ConversationRef
from bot.core.domain.job import JobState
from tests.fakes.codes import Authenticator
from tests.fakes.desk import Desk, a_desk
from tests.fakes.engine import TEXTS
from tests.integration.web.window import a_window, keep_picture

ROOM = ConversationRef(adapter="web", channel="ops")
PHONE = {"width": 390, "height": 844}


async def too_wide(page: Page) -> int:
    """By how many pixels the page is wider than the screen."""
    return int(
        await page.evaluate("document.documentElement.scrollWidth - document.body.clientWidth")
    )


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with a_desk() as made:
        yield made


@pytest.fixture
async def page(desk: Desk) -> AsyncIterator[Page]:
    options = {"viewport": PHONE, "device_scale_factor": 2, "has_touch": True, "locale": "ko-KR"}
    async with a_window(quiet_console=False, **options) as made:
        await made.goto(desk.server.url)
        await made.get_by_test_id("person-leader").click()
        await expect(made.get_by_test_id("menu")).to_be_visible()
        yield made


async def test_from_the_qr_code_to_an_approval_on_a_phone(desk: Desk, page: Page) -> None:
    await page.goto(f"{desk.server.url}/account/code")
    await keep_picture(page, "code-enrol-start-390.png")
    await page.get_by_test_id("begin").click()
    shown = await page.get_by_test_id("qr").locator("svg").bounding_box()
    assert shown is not None
    assert shown["width"] == pytest.approx(shown["height"], abs=1)
    assert shown["width"] >= 200
    assert await too_wide(page) <= 0
    secret = (await page.get_by_test_id("secret").inner_text()).replace(" ", "")
    device = Authenticator(secret=secret)
    await keep_picture(page, "code-enrol-390.png")
    await page.get_by_test_id("code").fill(device.wrong(desk.world.clock.now()))
    await page.get_by_test_id("confirm").click()
    wrong = TEXTS.say("errors.code_wrong.summary")
    await expect(page.get_by_test_id("told")).to_contain_text(wrong)
    await keep_picture(page, "code-enrol-wrong-390.png")
    await page.get_by_test_id("code").fill(desk.code(device))
    await page.get_by_test_id("confirm").click()
    done = TEXTS.say("codes.account.done")
    await expect(page.get_by_test_id("code-page")).to_contain_text(done)

    desk.world.clock.pass_by(minutes=1)
    card = desk.world.messenger.at(desk.job.card).now
    await desk.server.room.post(card, ROOM, key="card")
    await page.goto(desk.server.url)
    approve = page.get_by_test_id("button-approve").first
    await expect(approve).to_be_visible()
    await keep_picture(page, "code-card-390.png")
    async with page.context.expect_page() as opening:
        await approve.click()
    entry = await opening.value
    await expect(entry.get_by_test_id("digest")).to_have_text(desk.job.plan.digest)
    assert await too_wide(entry) <= 0
    await entry.get_by_test_id("code").fill(desk.code(device, step=-2))
    await entry.get_by_test_id("press").click()
    await expect(entry.get_by_test_id("told")).to_be_visible()
    await keep_picture(entry, "code-wrong-390.png")
    assert desk.now.approvals == ()

    code = desk.code(device)
    await entry.get_by_test_id("code").fill(f"{code[:3]} {code[3:]}")
    await keep_picture(entry, "code-approve-390.png")
    await entry.get_by_test_id("press").click()
    await expect(entry.get_by_test_id("done")).to_be_visible()
    await keep_picture(entry, "code-approved-390.png")
    assert [each.one_time_code for each in desk.now.approvals] == [True]
    assert desk.now.state is JobState.QUEUED
    assert desk.received == [], "nothing was pressed without a code"
