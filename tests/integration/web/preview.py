"""Look at the web room: run it on loopback with in-memory stores and photograph it.

``python -m tests.integration.web.preview [folder]`` writes PNGs of sign-in, room, thread and
drawer, at 1280 and 390 pixels, light and dark. ``serve`` as the first argument only serves.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from tests.fakes.room_server import RoomServer, chromium_options
from tests.fakes.sample_reports import tell_a_story

SIZES = {"1280": (1280, 800), "390": (390, 844)}


async def photograph(folder: Path) -> None:
    """All pictures into ``folder``."""
    async with RoomServer() as server, async_playwright() as playwright:
        await tell_a_story(server)
        browser = await playwright.chromium.launch(**chromium_options())
        for size in SIZES:
            for scheme in ("light", "dark"):
                await _pictures(browser, server, folder / f"web-{size}-{scheme}")
        await browser.close()


async def _pictures(browser: Browser, server: RoomServer, stem: Path) -> None:
    _, size, scheme = stem.name.split("-")
    width, height = SIZES[size]
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        has_touch=size == "390",
        is_mobile=size == "390",
    )
    page = await context.new_page()
    page.on("console", lambda line: print(f"{stem.name} console: {line.text}"))
    page.on("pageerror", lambda error: print(f"{stem.name} error: {error}"))
    await page.goto(server.url)
    await page.get_by_test_id("person-u016").wait_for()
    await _shot(page, stem, "signin")
    await page.get_by_test_id("person-u016").click()
    await page.locator("[data-ready=true]").wait_for()
    await _shot(page, stem, "room")
    if size == "390":
        await page.get_by_test_id("menu").click()
        await page.wait_for_timeout(300)
        await _shot(page, stem, "drawer")
        await page.keyboard.press("Escape")
        await page.wait_for_timeout(300)
    for index in range(await page.locator(".thread-bar").count()):
        await page.locator(".thread-bar").nth(index).click()
        await page.wait_for_timeout(250)
        await _shot(page, stem, f"thread{index}")
        await page.locator(".thread-panel .list-scroll").evaluate("e => e.scrollTop = 0")
        await page.wait_for_timeout(150)
        await _shot(page, stem, f"thread{index}-top")
        await page.get_by_test_id("thread-close").click()
    await context.close()


async def _shot(page: Page, stem: Path, name: str) -> None:
    await page.screenshot(path=f"{stem}-{name}.png")


async def serve() -> None:
    """Serve the story until interrupted."""
    async with RoomServer() as server:
        await tell_a_story(server)
        print(server.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments == ["serve"]:
        asyncio.run(serve())
    else:
        asyncio.run(photograph(Path(arguments[0] if arguments else "/tmp")))
