"""Every kind of result in the real web room, as wide as a phone: nothing is cut off.

With ``GUARDIA_PICTURES=<folder>`` in the environment each card is written there as a PNG, to be
looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import openpyxl
from playwright.async_api import expect

from bot.core.cards import final_report, plain_report, plan_card, progress_card
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.job import Job, JobState
from bot.core.domain.report import Attachment, Report
from bot.core.texts import load_texts
from bot.engine.enclosures import enclosures
from tests.fakes.engine import World
from tests.fakes.planning import LEADER, NOW
from tests.fakes.read_jobs import (
    asking_with_exhibits,
    difference,
    disks_of_two,
    few_resources,
    health_of_three,
    logs_of_one,
    one_busy,
    sessions_of_one,
    sixty_resources,
    stale_files,
)
from tests.fakes.room_server import ROOM, RoomServer
from tests.integration.web.window import a_window, keep_picture

KO = load_texts("ko")
PHONE = {"width": 390, "height": 3200}  # as high as the longest card: all of it is drawn
PLACE = ConversationRef(adapter="web", channel=ROOM)
# What stands out to the right of its card, or is wider than its own frame.
CUT_OFF = """card => {
  const edge = card.getBoundingClientRect().right + 1;
  const wide = [...card.querySelectorAll("*")].filter((one) =>
    one.getClientRects().length && getComputedStyle(one).position !== "absolute" &&
    !one.closest("thead") && one.getBoundingClientRect().right > edge);
  const scrolled = [...card.querySelectorAll(".table-scroll")].filter(
    (one) => one.scrollWidth > one.clientWidth + 1);
  return [...wide, ...scrolled].map((one) => one.className + ": " + one.textContent.slice(0, 80));
}"""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A report, and what must be read in it."""

    name: str
    report: Report
    says: str


def scenes() -> list[Scene]:
    so_far = replace(sixty_resources(answered=45, state=JobState.RUNNING), ended_at=None)
    asking = asking_with_exhibits({0: stale_files(70), 1: difference()})
    return [
        Scene(name="facts", report=final_report(one_busy(), texts=KO), says="97.2% (심각)"),
        Scene(name="few", report=final_report(few_resources(), texts=KO), says="확인 실패"),
        Scene(name="health", report=final_report(health_of_three(), texts=KO), says="14 ms"),
        Scene(name="many", report=final_report(sixty_resources(), texts=KO), says="57대 정상"),
        Scene(
            name="so-far",
            report=progress_card(so_far, texts=KO, now=NOW + timedelta(minutes=4)),
            says="60대 중 45대 확인",
        ),
        Scene(name="tables", report=final_report(disks_of_two(), texts=KO), says="93.2 GB"),
        Scene(name="sessions", report=final_report(sessions_of_one(), texts=KO), says="pts/3"),
        Scene(name="lines", report=final_report(logs_of_one(), texts=KO), says="외 1,240줄"),
        Scene(
            name="exhibits",
            report=plan_card(asking, approvers=[LEADER], texts=KO, now=NOW),
            says="외 10건",
        ),
    ]


async def a_day_of(world: World, job: Job) -> None:
    """What the nodes of a job have shown before it: the disk of one is filling up."""
    for number, run in enumerate(job.plan.wire.runs()):
        for back in range(1, 95):
            at = NOW - timedelta(minutes=15 * back)
            disk = 91 - back * 0.16 if number == 1 else 54.5
            values = {"cpu": 28 + 9 * number + back % 7, "memory": 60 + back % 4, "disk": disk}
            await world.samples.add(run.node_id, at, values)


async def test_no_kind_of_result_is_cut_off_on_a_phone() -> None:
    async with RoomServer() as server, a_window(viewport=PHONE, locale="ko-KR") as page:
        await page.goto(server.url)
        await page.get_by_test_id("person-u015").click()
        await expect(page.get_by_test_id("composer")).to_be_visible()
        for number, scene in enumerate(scenes()):
            await server.adapter.post(scene.report, PLACE, key=scene.name)
            card = page.get_by_test_id("card").nth(number)
            await expect(card).to_contain_text(scene.says)
            assert await card.evaluate(CUT_OFF) == [], scene.name
            await keep_picture(card, f"result-{scene.name}-390.png")
        assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


async def test_a_chart_is_seen_in_the_room_and_a_workbook_is_fetched() -> None:
    async with RoomServer() as server, a_window(viewport=PHONE, locale="ko-KR") as page:
        world = World(files=server.files)
        few, logs = few_resources(), logs_of_one()
        await a_day_of(world, few)
        [chart] = await enclosures(few, world.services)
        asked = replace(logs, plan=replace(logs.plan, workbook=True))
        [book] = await enclosures(asked, world.services)
        await page.goto(server.url)
        await page.get_by_test_id("person-u015").click()
        said = plain_report(KO.say("messengers.enclosed", title="조회 결과"))
        await server.adapter.post(replace(said, files=(chart,)), PLACE, key="chart")
        await server.adapter.post(replace(said, files=(book,)), PLACE, key="book")
        first, second = page.get_by_test_id("card").nth(0), page.get_by_test_id("card").nth(1)
        picture = first.get_by_test_id("card-picture")
        await expect(picture).to_be_visible()
        await page.wait_for_function(
            "document.querySelector('[data-testid=card-picture]').naturalWidth === 860",
        )
        assert await first.evaluate(CUT_OFF) == []
        await expect(second.get_by_test_id("card-file")).to_contain_text(".xlsx")
        await expect(second.get_by_test_id("card-picture")).to_have_count(0)
        async with page.expect_download() as fetching:
            await second.get_by_test_id("card-file").click()
        fetched = await (await fetching.value).path()
        assert await asyncio.to_thread(_sheets, fetched)
        await keep_picture(first, "result-chart-390.png")
        await keep_picture(second, "result-workbook-390.png")


def _sheets(path: Path) -> list[str]:
    return list(openpyxl.load_workbook(path.open("rb"), read_only=True).sheetnames)


async def test_what_only_claims_to_be_a_picture_is_no_page_of_ours() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"<script>alert(1)</script>"

    async with RoomServer() as server:
        kept = await server.files.receive("a.png", chunks())
        claimed = Attachment(
            digest=kept.digest, name="a.png", size=kept.size, media_type="image/png"
        )
        report = replace(plain_report("x"), files=(claimed,))
        place = await server.adapter.post(report, PLACE, key="claimed")
        client = await server.client("u015")
        address = f"/api/messages/{place.message}/files/{claimed.digest}"
        async with client.get(address) as answer:
            assert answer.status == 200
            assert answer.content_type == "application/octet-stream"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Content-Disposition"].startswith("attachment")
