"""The pages behind a messenger's links in a real browser: from a foreign page to a press."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from playwright.async_api import Page, expect

from bot.core.domain.conversation import Click, ConversationRef, Inbound, Mention
from bot.core.domain.job import JobState
from bot.core.domain.report import Button
from cmdb.rules import DEFAULT_RULES
from tests.fakes.console import ConsoleParts, ConsoleServer
from tests.fakes.engine import PEOPLE
from tests.fakes.estate_stores import MemoryDirectory
from tests.fakes.planning import job_of
from tests.fakes.told_jobs import pair_plan
from tests.integration.web.window import a_window, keep_picture

PLACE = ConversationRef(adapter="jandi", channel="ops")
DAY = timedelta(days=1)


class Visit:
    """A console, a browser, and what the bot was told."""

    def __init__(self, console: ConsoleServer, parts: ConsoleParts, page: Page) -> None:
        self.console = console
        self.parts = parts
        self.page = page
        self.received: list[Inbound] = []

    async def come_from_elsewhere(self, address: str) -> None:
        """Follow a link on another site's page, as one in a messenger."""
        await self.page.goto(f"data:text/html,<a href='{address}'>link</a>")
        await self.page.get_by_text("link").click()


@pytest.fixture
async def visit() -> AsyncIterator[Visit]:
    parts = ConsoleParts(directory=MemoryDirectory(PEOPLE, rules=DEFAULT_RULES))
    console = ConsoleServer(parts)
    size = {"width": 820, "height": 700}
    async with a_window(quiet_console=False, viewport=size, locale="ko-KR") as page:
        made = Visit(console, parts, page)

        async def receive(event: Inbound) -> None:
            made.received.append(event)

        await console.start(receive)
        yield made
        await console.stop()


async def test_from_a_link_in_a_messenger_to_an_approval(visit: Visit) -> None:
    job = job_of(pair_plan(), JobState.AWAITING_APPROVAL)
    await visit.parts.jobs.create(job)
    button = Button(button="approve", value=f"{job.job_id}:{job.plan.digest}", label="승인")
    address = visit.console.links.action(button, PLACE, life=DAY)

    await visit.come_from_elsewhere(address)
    await visit.page.get_by_test_id("sign-in").click()
    await visit.page.get_by_test_id("person-leader").click()
    await expect(visit.page.get_by_test_id("act")).to_contain_text("leader씨")
    assert visit.received == []
    await keep_picture(visit.page, "link-approve.png")

    await visit.page.get_by_test_id("press").click()
    await expect(visit.page.get_by_test_id("done")).to_contain_text("승인")
    (click,) = visit.received
    assert isinstance(click, Click)
    assert (click.sender.user_id, click.button) == ("leader", "approve")

    # Signed in already; what another site's link leads to still needs one step on our own.
    await visit.come_from_elsewhere(address)
    await visit.page.get_by_test_id("sign-in").click()
    await expect(visit.page.get_by_test_id("message")).to_contain_text("이미")
    assert len(visit.received) == 1


async def test_words_are_shown_before_they_are_confirmed_and_files_are_dropped(
    visit: Visit,
) -> None:
    words = "예산회계 운영 WAS 1번 재시작 <script>document.title = 'x'</script>"
    button = Button(button="choose", value=words, label="본인 확인 후 계속")
    await visit.come_from_elsewhere(visit.console.links.action(button, PLACE, life=DAY))
    await visit.page.get_by_test_id("sign-in").click()
    await visit.page.get_by_test_id("person-dev").click()
    await expect(visit.page.get_by_test_id("says")).to_have_text(words)
    await keep_picture(visit.page, "link-confirm.png")
    await visit.page.get_by_test_id("press").click()
    await expect(visit.page.get_by_test_id("done")).to_be_visible()

    await visit.page.goto(visit.console.links.upload(PLACE, life=DAY))
    files = {"name": "app.war", "mimeType": "application/zip", "buffer": b"war"}
    await visit.page.get_by_test_id("files").set_input_files([files])
    await visit.page.get_by_test_id("text").fill("예산회계 운영 WAS에 배포")
    await keep_picture(visit.page, "link-upload.png")
    await visit.page.get_by_test_id("send").click()
    await expect(visit.page.get_by_test_id("done")).to_contain_text("app.war")
    said, dropped = visit.received
    assert isinstance(said, Click)
    assert said.value == words
    assert isinstance(dropped, Mention)
    assert [file.name for file in dropped.files] == ["app.war"]
