"""Jandi's webhooks over real HTTP: what is refused, what is taken, and what the service gets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from adapters.jandi.adapter import PATH, JandiAdapter
from adapters.jandi.outbound import messages_of
from adapters.jandi.settings import JandiSettings
from bot.core.domain.conversation import ConversationRef, Inbound, Mention
from bot.core.domain.people import ExternalId
from bot.core.domain.report import (
    Report,
    Tone,
)
from bot.core.errors import OperationError
from bot.core.texts import load_texts
from tests.fakes.engine import FakeClock
from tests.fakes.jandi_service import JandiService
from tests.fakes.messengers import MemoryMessengerMemory
from tests.fakes.sample_reports import long_log_report

WRITER = {"id": 77, "name": "관리자", "email": "dev@example.com"}
OPS = ConversationRef(adapter="jandi", channel="ops")
TEXTS = load_texts("ko")


class Site:
    """A bot with two topics, and the service."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.memory = MemoryMessengerMemory()
        self.service = JandiService()
        self.received: list[Inbound] = []
        self.gate: asyncio.Event | None = None
        self.failure: Exception | None = None
        self.adapter = self.made()
        self._port = 0

    def made(self) -> JandiAdapter:
        rooms = {
            name: {
                "token": self.service.topic(name).token,
                "url": self.service.hook_url(name),
            }
            for name in ("ops", "dev")
        }
        settings = JandiSettings(mode="webhook", team="acme", rooms=SecretStr(json.dumps(rooms)))
        return JandiAdapter(settings, memory=self.memory, texts=TEXTS, clock=self.clock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}{PATH}"

    async def start(self) -> None:
        await self.service.start()
        app = web.Application()
        self.adapter.attach(app)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]
        self._running = asyncio.create_task(self.adapter.run(self._receive))
        await asyncio.sleep(0)

    async def stop(self) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self._runner.cleanup()
        await self.service.stop()

    async def _receive(self, event: Inbound) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        self.received.append(event)

    def payload(self, said: str = "예산 운영 상태", **changes: Any) -> dict[str, Any]:
        topic = self.service.topic("ops")
        made = self.service.payload(topic, WRITER, said, at=self.clock.now())
        return {name: value for name, value in (made | changes).items() if value is not None}

    async def call(self, payload: object) -> int:
        return await self.service.call(self.url, payload, topic=self.service.topic("ops"))

    def shown(self, topic: str = "ops") -> list[str]:
        return [one.text for one in self.service.topic(topic).shown]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    await made.start()
    yield made
    await made.stop()


# --- in ----------------------------------------------------------------------------------------


async def test_a_message_becomes_a_mention_of_its_writers_immutable_id(site: Site) -> None:
    assert await site.call(site.payload("  예산 운영 상태  ")) == 200
    (mention,) = site.received
    assert isinstance(mention, Mention)
    assert mention.sender == ExternalId(adapter="jandi", tenant="acme", user_id="77")
    assert mention.conversation == OPS
    assert mention.text == "예산 운영 상태"
    assert mention.files == ()
    assert site.shown() == []  # the answer comes as a message of its own


async def test_names_count_for_nothing_and_an_address_stands_in_for_an_id(site: Site) -> None:
    renamed = site.payload(writer={"id": 78, "name": "dev"}, writerName="dev", roomName="dev")
    by_address = site.payload(writer=None, writerEmail="Dev@Example.com")
    assert [await site.call(one) for one in (renamed, by_address)] == [200, 200]
    assert [event.sender.user_id for event in site.received] == ["78", "dev@example.com"]
    assert {event.conversation for event in site.received} == {OPS}


@pytest.mark.parametrize(
    "unnamed",
    [
        {"writer": {"name": "dev"}},
        {"writer": {"id": None, "email": None, "name": None}},
        {"writer": {"id": "  "}},
        {"writer": {}},
        {"writer": None},
    ],
)
async def test_whom_jandi_does_not_name_is_told_where_to_go(
    site: Site, unnamed: dict[str, Any]
) -> None:
    """As its webhooks once were: a display name, which anybody can choose."""
    bare = {"writerName": "dev", "writerEmail": None, "data": None, "keyword": None}
    bare |= {"platform": None, "teamName": None, "roomName": None}
    assert await site.call(site.payload(**(bare | unnamed))) == 200
    assert (site.received, site.shown()) == ([], [TEXTS.say("jandi.who")])


@pytest.mark.parametrize("absent", ["left out", "null"])
async def test_what_jandi_may_leave_out_is_not_missed(site: Site, absent: str) -> None:
    kept = {"token", "text", "createdAt", "writer"}
    full = site.payload(writer={"id": 77})
    rest = dict.fromkeys(set(full) - kept) if absent == "null" else {}
    assert await site.call({name: full[name] for name in kept} | rest) == 200
    [mention] = site.received
    assert isinstance(mention, Mention)
    assert (mention.sender.user_id, mention.text) == ("77", "예산 운영 상태")


async def test_the_keyword_is_no_part_of_what_is_said_but_sm_is(site: Site) -> None:
    said = ["/가디아 도움말", "/sm check_infra_health 예산", "/GUARDIA\n여러\r\n줄\x00"]
    for text in said:
        assert await site.call(site.payload(text=text)) == 200
    texts = [event.text for event in site.received if isinstance(event, Mention)]
    assert texts == ["도움말", "/sm check_infra_health 예산", "여러\n줄"]


async def test_forged_stale_replayed_and_malformed_requests_never_reach_the_core(
    site: Site,
) -> None:
    """``jandi_token-001`` of the hostile set, and its neighbours."""
    good = site.payload()
    old = (site.clock.now() - timedelta(minutes=16)).isoformat()
    ahead = (site.clock.now() + timedelta(minutes=16)).isoformat()
    refused = {
        401: [
            site.payload(token="wrong"),
            site.payload(token=None),
            site.payload(token=""),
            site.payload(token=good["token"] + " "),
            site.payload(token=good["token"].upper()),
            site.payload(token=["token-of-ops"]),
            site.payload(token="토큰"),
            site.payload(token="\ud800"),
            [],
            "text",
            b"{not json",
            b"",
            b"[" * 5000,
            b"\xff\xfe",
            site.payload(createdAt=old),
            site.payload(createdAt=ahead),
        ],
        400: [
            site.payload(text=None),
            site.payload(text=7),
            site.payload(writer={"id": True}),
            site.payload(writer={"id": 5.0}),
            site.payload(createdAt="yesterday"),
            site.payload(createdAt="2026-01-01T00:00:00"),
            site.payload(createdAt=None),
            site.payload(text="a" * 20_001),
            site.payload(writer={"id": {"$ne": 0}}),
        ],
        413: [site.payload(text="x" * 70_000)],
    }
    for status, payloads in refused.items():
        answers = [await site.call(payload) for payload in payloads]
        assert answers == [status] * len(payloads)
    assert site.received == []
    assert site.shown() == []


async def test_a_token_speaks_for_its_own_topic_only(site: Site) -> None:
    of_dev = site.service.topic("dev").token
    assert await site.call(site.payload(token=of_dev, roomName="ops")) == 200
    assert [event.conversation.channel for event in site.received] == ["dev"]


async def test_a_replayed_message_has_the_same_name(site: Site) -> None:
    payload = site.payload()
    for _ in range(4):
        assert await site.call(payload) == 200
    assert len({event.event_id for event in site.received}) == 1
    later = site.payload(createdAt=(site.clock.now() + timedelta(milliseconds=1)).isoformat())
    await site.call(later)
    await site.call(site.payload("다른 말"))
    assert len({event.event_id for event in site.received}) == 3


async def test_a_hung_core_is_acknowledged_in_time_and_still_gets_the_message(site: Site) -> None:
    site.gate = asyncio.Event()
    assert await site.call(site.payload()) == 200
    assert site.received == []
    site.gate.set()
    async with asyncio.timeout(120):
        while not site.received:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("late", [False, True])
async def test_a_message_that_was_not_taken_is_owned_up_to(site: Site, late: bool) -> None:
    site.failure = OperationError("audit_unavailable")
    site.gate = asyncio.Event()
    if not late:
        site.gate.set()
    assert await site.call(site.payload()) == 200
    site.gate.set()
    async with asyncio.timeout(120):
        while not site.shown():
            await asyncio.sleep(0.01)
    assert site.shown() == [TEXTS.say("jandi.not_taken")]


# --- out ---------------------------------------------------------------------------------------


async def test_a_report_is_posted_once_whatever_comes_between(site: Site) -> None:
    report = Report(title="완료", summary="완료", tone=Tone.GOOD)
    first = await site.adapter.post(report, OPS, key="k")
    assert await site.adapter.post(report, OPS, key="k") == first
    site.adapter = site.made()  # another life, or another replica
    assert await site.adapter.post(report, OPS, key="k") == first
    await site.adapter.post(report, OPS, key="other")
    assert len(site.shown()) == 2
    assert site.service.topic("ops").shown[0].color == "#1E9E62"
    assert site.service.refusals == []


async def test_a_long_report_is_split_in_order_and_goes_on_where_it_was_cut_off(
    site: Site,
) -> None:
    report = long_log_report(200)
    assert len(messages_of(report, TEXTS)) == 3
    site.service.most_a_minute = 1
    with pytest.raises(OperationError) as refused:
        await site.adapter.post(report, OPS, key="long")
    assert refused.value.code == "chat_unavailable"
    assert 0 < float(refused.value.values["retry_after_s"]) <= 61
    site.service.most_a_minute = 60
    await site.adapter.post(report, OPS, key="long")
    assert [text.split("\n")[0] for text in site.shown()] == [
        "점검 (1/3)",
        "점검 (2/3)",
        "점검 (3/3)",
    ]
    told = "\n".join(site.shown())
    assert all(f"{number:05d}" in told for number in range(200))
    assert told.count("00000 ") == 1


@pytest.mark.parametrize("trouble", ["limited", "limited until", "failing", "gone", "unknown"])
async def test_what_the_service_refuses_is_said_in_our_words(site: Site, trouble: str) -> None:
    report = Report(title="x", summary="x")
    to = OPS
    if trouble == "limited":
        site.service.limit_rate(1, retry_after_s=7)
    elif trouble == "limited until":
        site.service.refuse_until(
            "Sun, 22 Nov 2026 03:00:07 GMT", Date="Sun, 22 Nov 2026 03:00:00 GMT"
        )
    elif trouble == "failing":
        site.service.fail(1)
    elif trouble == "gone":
        site.service.topic("ops").hook = "another"
    else:
        to = ConversationRef(adapter="jandi", channel="gone")
    with pytest.raises(OperationError) as refused:
        await site.adapter.post(report, to, key="k")
    expected = {
        "limited": ("chat_unavailable", {"adapter": "jandi", "retry_after_s": "7.0"}),
        "limited until": ("chat_unavailable", {"adapter": "jandi", "retry_after_s": "7.0"}),
        "failing": ("chat_unavailable", {"adapter": "jandi"}),
        "gone": ("jandi_refused", {"status": "404"}),
        "unknown": ("jandi_topic_unknown", {"topic": "gone"}),
    }
    assert (refused.value.code, refused.value.values) == expected[trouble]
    assert "hook-of" not in str(refused.value)
    if expected[trouble][0] == "chat_unavailable":
        await site.adapter.post(report, to, key="k")
        assert site.shown() == ["x"]


async def test_the_minute_has_sixty_messages(site: Site) -> None:
    report = Report(title="x", summary="x")
    for number in range(60):
        await site.adapter.post(report, OPS, key=f"k{number}")
    with pytest.raises(OperationError):
        await site.adapter.post(report, OPS, key="one more")
    assert site.service.refusals == [(429, "60 a minute")]
    await site.adapter.post(report, ConversationRef(adapter="jandi", channel="dev"), key="d")
    assert site.adapter.capabilities.pace_s * 60 >= 60
