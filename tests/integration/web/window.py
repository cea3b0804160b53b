"""A window of a real browser, and what goes wrong in it.

Owns: how long a slow machine is waited for, that no error of a page goes unseen, and pictures for
people to look at. Knows no page.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Locator, Page, async_playwright, expect

from tests.fakes.room_server import chromium_options

PATIENCE_MS = 120_000


@asynccontextmanager
async def a_window(*, quiet_console: bool = True, **options: Any) -> AsyncIterator[Page]:
    """A page of a browser of its own; when it closes, no script of it has failed.

    ``quiet_console``: nor has anything else that the console tells, such as a refused request.
    """
    problems: list[str] = []
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(timeout=PATIENCE_MS, **chromium_options())
        context = await browser.new_context(**options)
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        if quiet_console:
            page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
        yield page
        await browser.close()
    assert problems == []


async def keep_picture(seen: Page | Locator, name: str) -> None:
    """Where ``GUARDIA_PICTURES`` names a folder: how this looks, as a PNG in it."""
    folder = os.environ.get("GUARDIA_PICTURES")
    if folder is None:
        return
    path = Path(folder) / name
    if isinstance(seen, Page):
        await seen.screenshot(path=path, full_page=True)
    else:
        await seen.screenshot(path=path)
