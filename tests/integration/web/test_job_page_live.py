"""The page of a job in a real browser: live, folded as people left it, and without any script."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from playwright.async_api import BrowserContext, async_playwright, expect

from bot.core.domain.job import JobState
from tests.fakes.planning import JOB
from tests.fakes.room_server import RoomServer, chromium_options
from tests.fakes.told_jobs import running_job, step_at, steps_until, succeeded_job, went_well

WAIT_MS = 20_000
SECOND = "node-moef-budget-prod-was02"


async def _signed_in(context: BrowserContext, server: RoomServer) -> None:
    await context.request.post(f"{server.url}/api/session", data={"person_id": "u016"})


async def test_follows_the_job_to_its_end_and_then_rests() -> None:
    async with RoomServer() as server, async_playwright() as playwright:
        job = running_job(server.clock.now())
        await server.jobs.create(job)
        browser = await playwright.chromium.launch(**chromium_options())
        context = await browser.new_context(viewport={"width": 390, "height": 844}, locale="ko-KR")
        await _signed_in(context, server)
        page = await context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
        await page.goto(f"{server.url}/jobs/{JOB}")
        starting = step_at(job.plan, 1, "start").step_id
        step = page.locator(f'[id="step-{starting}"]')
        await expect(step).to_have_attribute("data-state", "running", timeout=WAIT_MS)
        first = page.get_by_test_id("node").first
        await first.locator("summary").first.click()
        await expect(first).not_to_have_attribute("open", "")

        started = went_well(job.plan, steps_until(job.plan, 1, "health"))
        known = {record.step_id: record for record in (*job.steps, *started)}
        server.jobs.jobs[JOB] = replace(job, steps=tuple(known.values()))
        await expect(step).to_have_attribute("data-state", "succeeded", timeout=WAIT_MS)
        await expect(first).not_to_have_attribute("open", "")

        done = succeeded_job()
        server.jobs.jobs[JOB] = replace(done, started_at=job.started_at)
        await expect(page.get_by_test_id("live")).to_have_attribute(
            "data-state", "succeeded", timeout=WAIT_MS
        )
        await expect(page.get_by_test_id("outcome")).to_contain_text("2대 모두 끝났고")
        assert await page.locator("[hx-get]").count() == 0
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390
        assert problems == []
        await browser.close()


async def test_is_a_plain_page_where_scripts_do_not_run() -> None:
    async with RoomServer() as server, async_playwright() as playwright:
        await server.jobs.create(running_job(server.clock.now()))
        browser = await playwright.chromium.launch(**chromium_options())
        context = await browser.new_context(java_script_enabled=False, locale="en-US")
        await _signed_in(context, server)
        page = await context.new_page()
        await page.goto(f"{server.url}/jobs/{JOB}")
        await expect(page.get_by_test_id("head")).to_contain_text("Running")
        assert await page.locator('noscript meta[http-equiv="refresh"]').count() <= 1
        output = page.get_by_test_id("node").first.locator("details.console-output").first
        await output.locator("summary").click()
        await expect(output.locator("pre")).to_be_visible()
        await browser.close()


async def test_leads_through_the_sign_in_to_the_page() -> None:
    async with RoomServer() as server, async_playwright() as playwright:
        job = succeeded_job()
        lapse = job.created_at + timedelta(minutes=30)
        await server.jobs.create(replace(job, state=JobState.SUCCEEDED, expires_at=lapse))
        browser = await playwright.chromium.launch(**chromium_options())
        page = await browser.new_page(locale="ko-KR")
        await page.goto(f"{server.url}/jobs/{JOB}")
        await page.get_by_test_id("sign-in").click()
        await page.get_by_test_id("person-u016").click()
        await expect(page.get_by_test_id("head")).to_contain_text("완료", timeout=WAIT_MS)
        assert page.url == f"{server.url}/jobs/{JOB}"
        await browser.close()
