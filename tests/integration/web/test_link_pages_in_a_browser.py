"""The pages behind a messenger's links in a real browser: from a foreign page to a press."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect

from bot.core.domain.conversation import Click, ConversationRef, Inbound, Mention
from bot.core.domain.job import JobState
from bot.core.domain.report import Button
from cmdb.rules import DEFAULT_RULES
from tests.fakes.console import ConsoleParts, ConsoleServer
from tests.fakes.engine import PEOPLE
from tests.fakes.estate_stores import MemoryDirectory
from tests.fakes.planning import job_of
from tests.fakes.room_server import chromium_options
from tests.fakes.told_jobs import pair_plan

PLACE = ConversationRef(adapter="jandi", channel="ops")
DAY = timedelta(days=1)
WAIT_MS = 20_000
PICTURES = os.environ.get("WRITE_PICTURES")  # a folder: keep what the pages look like


class Visit:
    """A console, a browser, and what the bot was told."""

    def __init__(self, console: ConsoleServer, parts: ConsoleParts, page: Page) -> None:
        self.console = console
        self.parts = parts
        self.page = page
        self.received: list[Inbound] = []
        self.problems: list[str] = []

    async def come_from_elsewhere(self, address: str) -> None:
        """Follow a link on another site's page, as one in a messenger."""
        await self.page.goto(f"data:text/html,<a href='{address}'>link</a>")
        await self.page.get_by_text("link").click()

    async def picture(self, name: str) -> None:
        if PICTURES:
            await self.page.screenshot(path=Path(PICTURES) / name, full_page=True)


@pytest.fixture
async def visit() -> AsyncIterator[Visit]:
    parts = ConsoleParts(directory=MemoryDirectory(PEOPLE, rules=DEFAULT_RULES))
    console = ConsoleServer(parts)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**chromium_options())
        context = await browser.new_context(viewport={"width": 820, "height": 700}, locale="ko-KR")
        made = Visit(console, parts, await context.new_page())
        made.page.on("pageerror", lambda error: made.problems.append(str(error)))

        async def receive(event: Inbound) -> None:
            made.received.append(event)

        await console.start(receive)
        yield made
        await browser.close()
        await console.stop()
    assert made.problems == []


async def test_from_a_link_in_a_messenger_to_an_approval(visit: Visit) -> None:
    job = job_of(pair_plan(), JobState.AWAITING_APPROVAL)
    await visit.parts.jobs.create(job)
    button = Button(button="approve", value=f"{job.job_id}:{job.plan.digest}", label="승인")
    address = visit.console.links.action(button, PLACE, life=DAY)

    await visit.come_from_elsewhere(address)
    await visit.page.get_by_test_id("sign-in").click()
    await visit.page.get_by_test_id("person-leader").click()
    await expect(visit.page.get_by_test_id("act")).to_contain_text("leader씨", timeout=WAIT_MS)
    assert visit.received == []
    await visit.picture("link-approve.png")

    await visit.page.get_by_test_id("press").click()
    await expect(visit.page.get_by_test_id("done")).to_contain_text("승인", timeout=WAIT_MS)
    (click,) = visit.received
    assert isinstance(click, Click)
    assert (click.sender.user_id, click.button) == ("leader", "approve")

    # Signed in already; what another site's link leads to still needs one step on our own.
    await visit.come_from_elsewhere(address)
    await visit.page.get_by_test_id("sign-in").click()
    await expect(visit.page.get_by_test_id("message")).to_contain_text("이미", timeout=WAIT_MS)
    assert len(visit.received) == 1


async def test_words_are_shown_before_they_are_confirmed_and_files_are_dropped(
    visit: Visit,
) -> None:
    words = "예산회계 운영 WAS 1번 재시작 <script>document.title = 'x'</script>"
    button = Button(button="choose", value=words, label="본인 확인 후 계속")
    await visit.come_from_elsewhere(visit.console.links.action(button, PLACE, life=DAY))
    await visit.page.get_by_test_id("sign-in").click()
    await visit.page.get_by_test_id("person-dev").click()
    await expect(visit.page.get_by_test_id("says")).to_have_text(words, timeout=WAIT_MS)
    await visit.picture("link-confirm.png")
    await visit.page.get_by_test_id("press").click()
    await expect(visit.page.get_by_test_id("done")).to_be_visible(timeout=WAIT_MS)

    await visit.page.goto(visit.console.links.upload(PLACE, life=DAY))
    files = {"name": "app.war", "mimeType": "application/zip", "buffer": b"war"}
    await visit.page.get_by_test_id("files").set_input_files([files])
    await visit.page.get_by_test_id("text").fill("예산회계 운영 WAS에 배포")
    await visit.picture("link-upload.png")
    await visit.page.get_by_test_id("send").click()
    await expect(visit.page.get_by_test_id("done")).to_contain_text("app.war", timeout=WAIT_MS)
    said, dropped = visit.received
    assert isinstance(said, Click)
    assert said.value == words
    assert isinstance(dropped, Mention)
    assert [file.name for file in dropped.files] == ["app.war"]
