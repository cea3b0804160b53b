"""The page of a job in a real browser: live, folded as people left it, and without any script."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from playwright.async_api import Page, expect

from bot.core.domain.job import JobState
from tests.fakes.planning import JOB
from tests.fakes.room_server import RoomServer
from tests.fakes.told_jobs import running_job, step_at, steps_until, succeeded_job, went_well
from tests.integration.web.window import a_window


async def _signed_in(page: Page, server: RoomServer) -> None:
    await page.context.request.post(f"{server.url}/api/session", data={"person_id": "u016"})


async def test_follows_the_job_to_its_end_and_then_rests() -> None:
    phone = {"width": 390, "height": 844}
    async with RoomServer() as server, a_window(viewport=phone, locale="ko-KR") as page:
        job = running_job(server.clock.now())
        await server.jobs.create(job)
        await _signed_in(page, server)
        await page.goto(f"{server.url}/jobs/{JOB}")
        starting = step_at(job.plan, 1, "start").step_id
        step = page.locator(f'[id="step-{starting}"]')
        await expect(step).to_have_attribute("data-state", "running")
        first = page.get_by_test_id("node").first
        await first.locator("summary").first.click()
        await expect(first).not_to_have_attribute("open", "")

        started = went_well(job.plan, steps_until(job.plan, 1, "health"))
        known = {record.step_id: record for record in (*job.steps, *started)}
        server.jobs.jobs[JOB] = replace(job, steps=tuple(known.values()))
        await expect(step).to_have_attribute("data-state", "succeeded")
        await expect(first).not_to_have_attribute("open", "")

        done = succeeded_job()
        server.jobs.jobs[JOB] = replace(done, started_at=job.started_at)
        await expect(page.get_by_test_id("live")).to_have_attribute("data-state", "succeeded")
        await expect(page.get_by_test_id("outcome")).to_contain_text("2대 모두 끝났고")
        await expect(page.locator("[hx-get]")).to_have_count(0)
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390


async def test_is_a_plain_page_where_scripts_do_not_run() -> None:
    async with RoomServer() as server, a_window(java_script_enabled=False, locale="en-US") as page:
        await server.jobs.create(running_job(server.clock.now()))
        await _signed_in(page, server)
        await page.goto(f"{server.url}/jobs/{JOB}")
        await expect(page.get_by_test_id("head")).to_contain_text("Running")
        assert await page.locator('noscript meta[http-equiv="refresh"]').count() <= 1
        output = page.get_by_test_id("node").first.locator("details.console-output").first
        await output.locator("summary").click()
        await expect(output.locator("pre")).to_be_visible()


async def test_leads_through_the_sign_in_to_the_page() -> None:
    async with RoomServer() as server, a_window(quiet_console=False, locale="ko-KR") as page:
        job = succeeded_job()
        lapse = job.created_at + timedelta(minutes=30)
        await server.jobs.create(replace(job, state=JobState.SUCCEEDED, expires_at=lapse))
        await page.goto(f"{server.url}/jobs/{JOB}")
        await page.get_by_test_id("sign-in").click()
        await page.get_by_test_id("person-u016").click()
        await expect(page.get_by_test_id("head")).to_contain_text("완료")
        assert page.url == f"{server.url}/jobs/{JOB}"
