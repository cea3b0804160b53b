"""Look at the page of a job: run it on loopback with in-memory stores and photograph it.

``python -m tests.integration.web.preview_jobs [folder]`` writes PNGs of the page while a job
runs, after success and after a rollback, at 1280 and 390 pixels, light and dark.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from bot.core.domain.job import Job
from tests.fakes.room_server import RoomServer, chromium_options
from tests.fakes.told_jobs import (
    earlier,
    fleet_rolled_back_job,
    fleet_running_job,
    rollback_failed_job,
    rolled_back_job,
    running_job,
    succeeded_job,
)

SIZES = {"1280": (1280, 800), "390": (390, 844)}
JOBS: dict[str, Callable[[], Job]] = {
    "succeeded": succeeded_job,
    "rolled-back": rolled_back_job,
    "rollback-failed": rollback_failed_job,
    "fleet-rolled-back": fleet_rolled_back_job,
}


async def photograph(folder: Path) -> None:
    """All pictures into ``folder``."""
    async with RoomServer() as server, async_playwright() as playwright:
        now = server.clock.now()
        jobs = {
            "running": running_job(now),
            "fleet-running": fleet_running_job(now),
            **{name: make() for name, make in JOBS.items()},
        }
        for number, job in enumerate(jobs.values()):
            job_id = f"J260401-{number:06}"
            await server.jobs.create(replace(job, job_id=job_id))
            await server.jobs.add_deployment(earlier(job.plan))
        browser = await playwright.chromium.launch(**chromium_options())
        for size in SIZES:
            for scheme in ("light", "dark"):
                await _pictures(browser, server, names=list(jobs), stem=folder / f"{size}-{scheme}")
        await browser.close()


async def _pictures(browser: Browser, server: RoomServer, *, names: list[str], stem: Path) -> None:
    size, scheme = stem.name.split("-")
    width, height = SIZES[size]
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        locale="ko-KR",
    )
    page = await context.new_page()
    page.on("console", lambda line: print(f"{stem.name} console: {line.text}"))
    page.on("pageerror", lambda error: print(f"{stem.name} error: {error}"))
    await context.request.post(f"{server.url}/api/session", data={"person_id": "u016"})
    for number, name in enumerate(names):
        await page.goto(f"{server.url}/jobs/J260401-{number:06}")
        await page.get_by_test_id("head").wait_for()
        await page.screenshot(path=f"{stem.parent}/job-{name}-{stem.name}.png", full_page=True)
    await context.close()


if __name__ == "__main__":
    arguments = sys.argv[1:]
    asyncio.run(photograph(Path(arguments[0] if arguments else "/tmp")))
