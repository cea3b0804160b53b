"""Whom the hub lets in over a real WebSocket, and to whom an agent says nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from nacl.signing import SigningKey

from agent.dial import Address, BotRefusedError, LineError, enrol, introduce, open_line
from agent.identity import new_identity
from agent.wire.codec import decode, encode
from agent.wire.enrolment import EnrolmentToken
from agent.wire.handshake import HandshakeError, challenge, new_nonce, to_text
from agent.wire.messages import (
    Frame,
    Hello,
    Welcome,
)
from tests.fakes.link import (
    AGENT,
    Bot,
    delivery,
    relayed,
    running_agent,
    until,
    within,
)
from tests.fakes.pool import ScriptedExecutor
from tests.integration.link.steps import outcome, run


async def test_enrols_with_a_token_and_then_runs_a_step(bot: Bot) -> None:
    identity = await bot.enrolled()
    assert await bot.store.verify_key(AGENT) == to_text(identity.signing.verify_key.encode())
    executor = ScriptedExecutor()
    async with running_agent(identity, executor, bot.url):
        events = await run(bot.hub, delivery("s1"), "s1")
    assert [event.kind for event in events] == ["step_progress", "step_outcome"]
    assert outcome(events).state == "succeeded"
    assert bot.audit.named("agent_enrolled")
    assert bot.audit.named("agent_connected")


async def test_a_token_serves_once(bot: Bot) -> None:
    token = await bot.issue()
    async with open_line(Address(url=bot.url)) as line:
        await enrol(line, AGENT, token, lambda key: new_identity(AGENT, key))
    with pytest.raises(BotRefusedError, match="enrolment_refused"):
        async with open_line(Address(url=bot.url)) as line:
            await enrol(line, AGENT, token, lambda key: new_identity(AGENT, key))
    assert bot.audit.named("agent_refused")


async def test_a_token_serves_for_no_other_name(bot: Bot) -> None:
    token = await bot.issue("moef-agent-1")
    with pytest.raises(BotRefusedError, match="enrolment_refused"):
        async with open_line(Address(url=bot.url)) as line:
            await enrol(line, "other", token, lambda key: new_identity("other", key))


async def test_a_lapsed_token_does_not_serve(bot: Bot) -> None:
    token = await bot.issue(valid_s=-1)
    with pytest.raises(BotRefusedError, match="enrolment_refused"):
        async with open_line(Address(url=bot.url)) as line:
            await enrol(line, AGENT, token, lambda key: new_identity(AGENT, key))


async def test_the_same_keys_may_ask_again_when_the_answer_was_lost(bot: Bot) -> None:
    token = await bot.issue()
    identity = new_identity(AGENT, bot.key.verify_key)
    for _ in range(2):
        async with open_line(Address(url=bot.url)) as line:
            assert await enrol(line, AGENT, token, lambda _key: identity) == identity


async def test_does_not_enrol_when_the_audit_cannot_be_written(bot: Bot) -> None:
    token = await bot.issue()
    bot.audit.broken = True
    with pytest.raises(LineError):
        async with open_line(Address(url=bot.url)) as line:
            await enrol(line, AGENT, token, lambda key: new_identity(AGENT, key))
    assert await bot.store.verify_key(AGENT) is None


async def test_one_who_knocks_for_ever_does_not_fill_the_audit(bot: Bot) -> None:
    token = EnrolmentToken.issue(bot.key.verify_key)
    for _ in range(40):
        with pytest.raises(BotRefusedError, match="enrolment_refused"):
            async with open_line(Address(url=bot.url)) as line:
                await enrol(line, AGENT, token, lambda key: new_identity(AGENT, key))
    assert len(bot.audit.events) <= 60


class Impostor:
    """Listens with a key of its own and writes down every frame that comes."""

    def __init__(self) -> None:
        self.heard: list[Frame] = []
        self.ended = asyncio.Event()
        self.url = ""

    async def start(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/agent/v1/link", self._handle)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"ws://127.0.0.1:{runner.addresses[0][1]}/agent/v1/link"
        return runner

    async def _handle(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            frame = decode(message.data)
            self.heard.append(frame)
            if isinstance(frame, Hello):
                await socket.send_str(encode(challenge(frame, SigningKey.generate())))
        self.ended.set()
        return socket


@pytest.fixture
async def impostor() -> AsyncIterator[Impostor]:
    impostor = Impostor()
    runner = await impostor.start()
    yield impostor
    await runner.cleanup()


async def test_an_impostor_gets_no_token(bot: Bot, impostor: Impostor) -> None:
    token = await bot.issue()
    with pytest.raises(HandshakeError, match="bot_unknown"):
        async with open_line(Address(url=impostor.url)) as line:
            await enrol(line, AGENT, token, lambda key: new_identity(AGENT, key))
    await within(impostor.ended.wait())
    assert [frame.kind for frame in impostor.heard] == ["hello"]


async def test_an_impostor_gets_no_proof(bot: Bot, impostor: Impostor) -> None:
    identity = await bot.enrolled()
    async with running_agent(identity, ScriptedExecutor(), impostor.url):
        await within(impostor.ended.wait())
        await until(lambda: len(impostor.heard) >= 2)  # it came back, and said no more
    assert {frame.kind for frame in impostor.heard} == {"hello"}


async def greet(bot: Bot, name: str) -> str:
    """What an agent of that name with a key of its own is told."""
    hello = Hello(agent=name, version="0", nonce=new_nonce())
    with pytest.raises(BotRefusedError) as caught:
        async with open_line(Address(url=bot.url)) as line:
            await introduce(line, hello, new_identity(name, bot.key.verify_key))
    return caught.value.code


async def test_an_unknown_agent_and_a_wrong_key_are_told_the_same(bot: Bot) -> None:
    await bot.enrolled()
    assert await greet(bot, AGENT) == await greet(bot, "nobody") == "not_admitted"
    reasons = [event.detail["reason"] for event in bot.audit.named("agent_refused")]
    assert reasons == ["agent_proof_wrong", "agent_unknown"]


async def test_a_copy_of_a_connected_agent_is_refused_and_audited(bot: Bot) -> None:
    identity = await bot.enrolled()
    async with running_agent(identity, ScriptedExecutor(), bot.url):
        await until(lambda: bot.hub.online(AGENT))
        hello = Hello(agent=AGENT, version="0", nonce=new_nonce())
        with pytest.raises(BotRefusedError, match="already_connected"):
            async with open_line(Address(url=bot.url)) as line:
                await introduce(line, hello, identity)
        assert bot.audit.named("second_connection_refused")
        assert outcome(await run(bot.hub, delivery("s1"), "s1")).state == "succeeded"


async def test_a_connection_that_no_longer_answers_makes_room(bot: Bot) -> None:
    identity = await bot.enrolled()
    async with relayed(bot.port) as (relay, url), running_agent(identity, ScriptedExecutor(), url):
        await until(lambda: bot.hub.online(AGENT))
        relay.freeze()
        hello = Hello(agent=AGENT, version="0", nonce=new_nonce())
        async with open_line(Address(url=bot.url)) as line:
            welcome = await introduce(line, hello, identity)
            assert isinstance(welcome, Welcome)
            assert not welcome.resumed


async def test_lets_nobody_in_when_the_audit_cannot_be_written(bot: Bot) -> None:
    identity = await bot.enrolled()
    bot.audit.broken = True
    hello = Hello(agent=AGENT, version="0", nonce=new_nonce())
    with pytest.raises(LineError):
        async with open_line(Address(url=bot.url)) as line:
            await introduce(line, hello, identity)
    assert not bot.hub.online(AGENT)
