"""The page in a real browser: posting, live cards, pressing, and text that stays text."""

from __future__ import annotations

from dataclasses import replace

from playwright.async_api import expect

from bot.core.domain.conversation import Click, ConversationRef, Mention
from bot.core.domain.report import Link, Paragraph
from tests.fakes.room_server import ROOM, RoomServer
from tests.fakes.sample_reports import decided_plan_report, plan_report
from tests.integration.web.window import a_window

SCRIPT = "<script>window.broken = 1</script><img src=x onerror='window.broken = 1'>"


async def test_a_request_a_card_a_press_and_an_edit_in_place() -> None:
    desk = {"width": 1280, "height": 800}
    async with RoomServer() as server, a_window(viewport=desk) as page:
        await page.goto(server.url)
        await page.get_by_test_id("person-u015").click()
        await page.get_by_test_id("file-input").set_input_files(
            {"name": "a.zip", "mimeType": "application/zip", "buffer": b"PK"}
        )
        await page.get_by_test_id("composer").fill(f"@guardia {SCRIPT}")
        await page.get_by_test_id("composer").press("Enter")
        mine = page.get_by_test_id("message").filter(has_text=SCRIPT)
        await expect(mine).to_be_visible()
        await expect(mine).to_contain_text("a.zip")
        sent = "!document.querySelector('[data-message-id^=local]')"
        await page.wait_for_function(sent)
        [event] = server.received
        assert isinstance(event, Mention)
        plan = plan_report()
        way = Link(url=f"{server.url}/jobs/J260401-AB12CD", label=SCRIPT)
        hostile = replace(plan, sections=(*plan.sections, Paragraph(text=SCRIPT)), link=way)
        place = ConversationRef(adapter="web", channel=ROOM, thread=event.event_id)
        card = await server.adapter.post(hostile, place, key="k")
        panel = page.get_by_test_id("thread-panel")
        await expect(panel.get_by_test_id("card")).to_contain_text(SCRIPT)
        await expect(panel.get_by_test_id("card-link")).to_have_attribute("href", way.url)
        await panel.locator("details summary").first.click()
        await panel.get_by_test_id("button-approve").click()
        async with page.expect_response("**/press"):
            await panel.get_by_test_id("confirm-yes").click()
        assert isinstance(server.received[-1], Click)
        await server.adapter.edit(decided_plan_report(), card)
        await expect(panel.get_by_test_id("button-approve")).to_have_count(0)
        await expect(panel.locator("details").first).to_have_attribute("open", "")
        assert await page.evaluate("window.broken") is None
