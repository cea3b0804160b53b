"""The line to Slack stays up, and the doctor says why it is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest
from pydantic import SecretStr
from slack_bolt.async_app import AsyncApp

from adapters.slack.calls import open_client
from adapters.slack.checks import examine_slack
from adapters.slack.settings import SlackSettings
from adapters.slack.socket_mode import keep_connected
from bot.core.messenger_ports import Finding
from tests.fakes.slack_driver import settings_for
from tests.fakes.slack_service import SlackService
from tests.fakes.slack_workspace import APP_TOKEN, Json
from tests.lab.ports import free_port


@pytest.fixture
async def slack() -> AsyncIterator[SlackService]:
    async with SlackService() as service:
        yield service


async def until(done: Callable[[], object]) -> None:
    async with asyncio.timeout(180):
        while not done():
            await asyncio.sleep(0.02)


async def test_a_line_whose_tickets_lapse_is_begun_anew(slack: SlackService) -> None:
    settings = settings_for(slack, "socket")
    app = AsyncApp(client=open_client(settings))
    line = asyncio.create_task(keep_connected(app, APP_TOKEN, patience_s=1.0))
    await until(lambda: slack.connected)
    slack.tickets_lapse = True
    await slack.hang_up()
    asked = slack.calls_of("apps.connections.open")
    await until(lambda: slack.calls_of("apps.connections.open") >= asked + 2)
    slack.tickets_lapse = False
    await until(lambda: slack.connected == 1)
    line.cancel()
    with suppress(asyncio.CancelledError):
        await line
    await until(lambda: slack.connected == 0)
    assert slack.calls_of("apps.connections.open") >= asked + 2


async def findings(settings: SlackSettings, origin: str | None = None) -> dict[str, Finding]:
    return {finding.name: finding async for finding in examine_slack(settings, origin)}


async def test_the_doctor_finds_a_good_setup_good(slack: SlackService) -> None:
    found = await findings(settings_for(slack, "socket"))
    assert list(found) == ["slack/bot_token", "slack/scopes", "slack/app_token", "slack/line"]
    assert all(each.well for each in found.values())
    assert "guardia" in found["slack/bot_token"].found
    assert slack.connected == 0, "the doctor takes no events"


async def test_the_doctor_asks_where_slack_reaches_the_bot(slack: SlackService) -> None:
    settings = settings_for(slack, "http")
    unsaid = (await findings(settings))["slack/endpoint"]
    assert (unsaid.well, "web.public_origin" in unsaid.remedy) == (False, True)
    nowhere = f"https://127.0.0.1:{free_port()}"
    silent = (await findings(settings, nowhere))["slack/endpoint"]
    assert (silent.well, f"{nowhere}/slack/events" in silent.found) == (False, True)
    assert "Event Subscriptions" in silent.remedy


async def test_the_doctor_says_that_the_line_is_barred(slack: SlackService) -> None:
    slack.line_url = f"ws://127.0.0.1:{free_port()}/link"
    line = (await findings(settings_for(slack, "socket")))["slack/line"]
    assert (line.well, "wss-primary.slack.com" in line.remedy) == (False, True)


@pytest.mark.parametrize(
    ("status", "answer", "word"),
    [
        (200, {"ok": False, "error": "account_inactive"}, "install it again"),
        (200, {"ok": False, "error": "token_revoked"}, "install it again"),
        (200, {"ok": False, "error": "invalid_auth"}, "GUARDIA_SLACK__BOT_TOKEN"),
        (200, {"ok": False, "error": "not_authed"}, "GUARDIA_SLACK__BOT_TOKEN"),
        (429, {"ok": False, "error": "ratelimited"}, "30"),
        (503, "upstream connect error", "443"),
    ],
)
async def test_the_doctor_tells_one_refusal_from_another(
    slack: SlackService, status: int, answer: Json | str, word: str
) -> None:
    slack.answers["auth.test"] = (status, {"Retry-After": "30"}, answer)
    [found] = (await findings(settings_for(slack, "socket"))).values()
    assert not found.well
    assert word in found.remedy


@pytest.mark.parametrize(
    ("changes", "name", "word"),
    [
        ({"bot_token": SecretStr("xoxb-old")}, "slack/bot_token", "GUARDIA_SLACK__BOT_TOKEN"),
        ({"app_token": SecretStr("xapp-old")}, "slack/app_token", "connections:write"),
        ({"api_url": f"http://127.0.0.1:{free_port()}/api/"}, "slack/reach", "443"),
        ({"mode": "off"}, "slack", "slack.mode"),
    ],
)
async def test_the_doctor_names_what_is_wrong_and_what_to_do(
    slack: SlackService, changes: dict[str, object], name: str, word: str
) -> None:
    found = await findings(settings_for(slack, "socket").model_copy(update=changes))
    assert not found[name].well
    assert word in found[name].remedy
    assert "xoxb" not in str(found)


async def test_the_doctor_names_missing_scopes(slack: SlackService) -> None:
    slack.scopes = slack.scopes.replace("files:read,", "")
    scopes = (await findings(settings_for(slack, "socket")))["slack/scopes"]
    assert (scopes.well, scopes.found) == (False, "missing: files:read")
