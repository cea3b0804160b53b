"""The bot as a site runs it, with Slack: from the command `serve` to an answer in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from bot.app.commands.database import import_cmdb, upgrade_database
from bot.app.server import serve
from bot.app.settings import GuardiaSettings, ServerSettings
from bot.app.wiring import SystemClock
from tests.fakes.block_kit import words_of
from tests.fakes.slack_driver import settings_for
from tests.fakes.slack_service import SlackService
from tests.fakes.slack_workspace import BOT, CHANNEL
from tests.lab.ports import free_port

CMDB = Path(__file__).parents[3] / "bot/app/demo/data"


@pytest.fixture
async def slack() -> AsyncIterator[SlackService]:
    async with SlackService() as service:
        service.join(CHANNEL, "U0010", "U0STRANGER")
        yield service


async def until(done: Callable[[], object]) -> None:
    async with asyncio.timeout(120):
        while not done():
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_a_person_of_the_cmdb_is_answered_and_a_stranger_is_told_how_to_become_one(
    slack: SlackService, tmp_path: Path, mode: str
) -> None:
    port = free_port()
    settings = GuardiaSettings(
        data_dir=tmp_path / "guardia",
        server=ServerSettings(port=port),
        slack=settings_for(slack, "socket" if mode == "socket" else "http"),
    )
    await upgrade_database(settings)
    await import_cmdb(settings, SystemClock(), CMDB)
    running = asyncio.create_task(serve(settings))
    try:
        if mode == "socket":
            await until(lambda: slack.connected)
        else:
            slack.http_url = f"http://127.0.0.1:{port}/slack/events"
            await _until_reached(slack)
        said = slack.say("U0010", f"<@{BOT}> 도움말")
        await slack.deliver(slack.mention_of(said))
        await until(lambda: _answers(slack, said.ts))
        assert "배포" in _answers(slack, said.ts)[-1]
        asked = slack.say("U0STRANGER", f"<@{BOT}> 도움말")
        await slack.deliver(slack.mention_of(asked))
        await until(lambda: [m for m in slack.messages.values() if m.only_for == "U0STRANGER"])
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def _until_reached(slack: SlackService) -> None:
    async with asyncio.timeout(120):
        while True:
            with suppress(aiohttp.ClientConnectionError):
                if await slack.verify_url():
                    return
            await asyncio.sleep(0.05)


def _answers(slack: SlackService, thread: str) -> list[str]:
    return [words_of(m.blocks) for m in slack.messages.values() if m.thread_ts == thread]
