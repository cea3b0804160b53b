"""One demo, one browser and two windows for all scenes of the main job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

from tests.acceptance.stage import (
    DESK,
    DEVELOPER,
    LEADER,
    MANAGER,
    OPERATOR,
    PHONE,
    Stage,
)
from tests.drivers.demo import running_demo
from tests.drivers.room import RoomClient
from tests.fakes.room_server import chromium_options

FIGURES = pytest.StashKey[dict[str, str]]()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    async with AsyncExitStack() as stack:
        demo = await stack.enter_async_context(running_demo(folder / "demo"))
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(**chromium_options())
        stack.push_async_callback(browser.close)
        scene = Stage(demo, browser, folder)
        pytestconfig.stash[FIGURES] = scene.figures
        for person in (DEVELOPER, OPERATOR, LEADER, MANAGER):
            client = RoomClient(demo.address, person)
            scene.people[person] = await stack.enter_async_context(client)
        scene.desk = await scene.window(DESK)
        scene.phone = await scene.window(PHONE)
        ready = asyncio.Event()
        watching = asyncio.create_task(scene.watch(ready))
        await ready.wait()
        yield scene
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A scene that fails names a picture of each window and the room's words."""
    report = yield
    stage: Any = getattr(item, "funcargs", {}).get("stage")
    if report.failed and report.when != "teardown" and isinstance(stage, Stage):
        kept = stage.loop.run_until_complete(stage.evidence(item.name))
        report.sections.append(("what was to be seen", "\n".join(kept)))
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The figures that scenes have measured."""
    for name, value in terminalreporter.config.stash.get(FIGURES, {}).items():
        terminalreporter.write_line(f"{name}: {value}")
