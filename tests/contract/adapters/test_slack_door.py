"""Who may knock at Slack's HTTP address: the cases of the evaluation, with their statuses."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from adapters.slack.adapter import SlackAdapter
from adapters.slack.door import PATH
from bot.core.domain.conversation import Inbound
from bot.core.texts import load_texts
from tests.fakes.engine import FakeClock
from tests.fakes.files import MemoryFileStore
from tests.fakes.messengers import MemoryMessengerMemory
from tests.fakes.slack_driver import settings_for
from tests.fakes.slack_service import SlackService
from tests.fakes.slack_workspace import BOT, CHANNEL, Json

CASES = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "cases/slack/hostile.jsonl").read_text().splitlines()
]


class House:
    """The bot's address, and Slack."""

    def __init__(self, service: SlackService, clock: FakeClock) -> None:
        self.service = service
        self.clock = clock
        self.received: list[Inbound] = []
        self.adapter = SlackAdapter(
            settings_for(service, "http"),
            files=MemoryFileStore(),
            memory=MemoryMessengerMemory(),
            texts=load_texts("ko"),
            clock=clock,
            grace_s=0.3,
        )

    async def receive(self, event: Inbound) -> None:
        self.received.append(event)

    def event(self) -> Json:
        said = self.service.say("U0DEV", f"<@{BOT}> 재기동해줘")
        return self.service.mention_of(said)

    async def knock(self, body: bytes, headers: dict[str, str]) -> int:
        async with (
            aiohttp.ClientSession() as session,
            session.post(str(self.service.http_url), data=body, headers=headers) as answer,
        ):
            return answer.status


@pytest.fixture
async def house() -> AsyncIterator[House]:
    clock = FakeClock()
    async with SlackService(now=lambda: clock.now().timestamp()) as service:
        service.join(CHANNEL, "U0DEV")
        house = House(service, clock)
        app = web.Application()
        house.adapter.attach(app)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        service.http_url = f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}"
        running = asyncio.create_task(house.adapter.run(house.receive))
        async with asyncio.timeout(120):
            while not await service.verify_url():
                await asyncio.sleep(0.02)
        yield house
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await runner.cleanup()


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
async def test_a_forged_or_stale_request_is_refused_and_reaches_nobody(
    house: House, case: Json
) -> None:
    body, headers = house.service.request_of(house.event())
    if "signed_after_s" in case:
        at = house.clock.now().timestamp() + case["signed_after_s"]
        headers |= house.service.sign(body, at)
    headers |= case.get("headers", {})
    body = case["body"].encode() if "body" in case else body
    body = body.replace(b"U0DEV", b"U0PM", 1) if case.get("tampered") else body
    with capture_logs() as logs:
        assert await house.knock(body, headers) == case["status"]
    assert house.received == []
    assert [line for line in logs if "재기동" in str(line) or "token=" in str(line)] == []
    assert logs[0]["sha256"] == hashlib.sha256(body).hexdigest()


async def test_a_genuine_event_sent_again_and_again_is_one_event(house: House) -> None:
    payload = house.event()
    for retry in range(4):
        assert (await house.service.deliver(payload, retry=retry)).status == 200
    assert len({event.event_id for event in house.received}) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"x"',
        b"payload=%7B",
        b"payload=[]",
        b"\xff\xfe",
        b"1",
        b"[" * 200_000,
        b'{"type":"event_callback","event":null}',
        b'{"type":"event_callback","event":[{}]}',
        b'{"type":"event_callback"}',
        b'{"type":"event_callback","event":' * 20_000,
        b'{"type":"event_callback","event":{"type":"message","user":"U0DEV","channel":"C0OPS",'
        b'"ts":"999999999999.000001","text":"x"}}',
    ],
)
async def test_what_is_signed_but_no_payload_is_refused_without_an_error(
    house: House, body: bytes
) -> None:
    media = "application/json" if body[:1] != b"p" else "application/x-www-form-urlencoded"
    status = await house.knock(body, {"Content-Type": media, **house.service.sign(body)})
    assert status in (200, 400)
    assert house.received == []


async def test_events_that_slack_withholds_are_in_the_log(house: House) -> None:
    told = {"type": "app_rate_limited", "team_id": "T0TEAM", "minute_rate_limited": 1518467820}
    body = json.dumps(told).encode()
    with capture_logs() as logs:
        media = {"Content-Type": "application/json"}
        assert await house.knock(body, media | house.service.sign(body)) == 200
    assert [line["minute"] for line in logs if line["event"] == "slack_withholds_events"] == [
        1518467820
    ]


async def test_what_is_not_compressed_as_it_says_is_refused(house: House) -> None:
    assert await house.knock(b"no gzip", {"Content-Encoding": "gzip"}) == 401


async def test_an_unsigned_certificate_check_is_refused(house: House) -> None:
    media = {"Content-Type": "application/x-www-form-urlencoded"}
    assert await house.knock(b"ssl_check=1&token=x", media) == 401


async def test_before_the_bot_knows_itself_slack_is_told_to_come_again(house: House) -> None:
    body, headers = house.service.request_of(house.event())
    stranger = House(house.service, house.clock)
    app = web.Application()
    stranger.adapter.attach(app)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    house.service.http_url = f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}"
    assert await house.knock(body, headers) == 503
    await runner.cleanup()


async def test_in_socket_mode_there_is_no_address(house: House) -> None:
    adapter = SlackAdapter(
        settings_for(house.service, "socket"),
        files=MemoryFileStore(),
        memory=MemoryMessengerMemory(),
        texts=load_texts("ko"),
        clock=house.clock,
    )
    app = web.Application()
    adapter.attach(app)
    assert list(app.router.routes()) == []
