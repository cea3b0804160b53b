"""Files of a plan on their way to the agent, over real loopback WebSockets."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from agent.dial import Address, Line, LineError, introduce, open_line
from agent.link import Link
from agent.wire.handshake import new_nonce
from agent.wire.messages import (
    Beat,
    BlobRequest,
    Envelope,
    Hello,
    StepOrder,
)
from agent.wire.operations import FileSpec
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
from tests.integration.link.steps import Gate, events_of, outcome, run

CONTENT = bytes(range(256)) * 6000  # 1.5 MB
DIGEST = hashlib.sha256(CONTENT).hexdigest()
FILES = (FileSpec(path="a.jsp", sha256=DIGEST, size=len(CONTENT)),)


async def fetch(link: Link, digest: str, piece: int = 1 << 18) -> bytes | None:
    whole = b""
    while True:
        part = await link.read("J260401-ABC123", digest, len(whole), piece)
        if part is None:
            return None
        if not part:
            return whole
        whole += part


async def stage(bot: Bot, digest: str, *, cut: bool = False) -> bytes | None:
    """What a staging step gets of the file of that digest."""
    executor = ScriptedExecutor()
    got: list[bytes | None] = []
    async with (
        relayed(bot.port) as (relay, url),
        running_agent(await bot.enrolled(), executor, url) as link,
    ):

        async def work(_order: StepOrder) -> None:
            first = await link.read("J260401-ABC123", digest, 0, 1)
            if cut and first:
                relay.cut()
            got.append(await fetch(link, digest))

        executor.work["stage"] = work
        await run(bot.hub, delivery(files=FILES), "stage")
    return got[0]


async def test_a_file_of_the_plan_arrives_in_pieces(bot: Bot) -> None:
    bot.files.contents[DIGEST] = CONTENT
    assert await stage(bot, DIGEST) == CONTENT


async def test_a_file_arrives_whole_over_a_cut_line(bot: Bot) -> None:
    bot.files.contents[DIGEST] = CONTENT
    assert await stage(bot, DIGEST, cut=True) == CONTENT


async def test_a_file_that_no_plan_names_is_not_served(bot: Bot) -> None:
    secret = hashlib.sha256(b"secret").hexdigest()
    bot.files.contents[secret] = b"secret"
    assert await stage(bot, secret) is None
    assert bot.audit.named("file_refused")


async def test_a_file_that_is_gone_is_told_as_such(bot: Bot) -> None:
    assert await stage(bot, DIGEST) is None


async def ask_for_too_much(line: Line) -> None:
    for number in range(1, 200):
        ask = BlobRequest(
            request_id=number, job_id="J260401-ABC123", sha256=DIGEST, offset=0, length=1
        )
        await line.send(Envelope(seq=number, ack=0, message=ask))
    while True:  # a well-behaved agent otherwise: it answers every beat
        await line.receive(30)
        await line.send(Beat(ack=0))


async def test_an_agent_that_asks_for_too_much_at_once_loses_its_session(bot: Bot) -> None:
    identity = await bot.enrolled()
    bot.files.readable.clear()
    order = delivery(files=FILES)
    asking = asyncio.create_task(events_of(bot.hub, order, "stage"))
    async with open_line(Address(url=bot.url)) as line:
        await introduce(line, Hello(agent=AGENT, version="0", nonce=new_nonce()), identity)
        assert isinstance(await line.receive(30), Envelope)  # the plan, with its files
        with pytest.raises(LineError, match="broke"):
            await within(ask_for_too_much(line))
        await until(lambda: not bot.hub.online(AGENT))
    bot.files.readable.set()
    asking.cancel()


async def test_a_file_asked_for_before_a_restarted_bot_knows_the_plan_arrives(bot: Bot) -> None:
    bot.files.contents[DIGEST] = CONTENT
    identity = await bot.enrolled()
    executor = ScriptedExecutor()
    gate = Gate()
    got: list[bytes | None] = []
    order = delivery(files=FILES)
    async with running_agent(identity, executor, bot.url) as link:

        async def work(step: StepOrder) -> None:
            await gate(step)
            got.append(await fetch(link, DIGEST))

        executor.work["stage"] = work
        lost = asyncio.create_task(events_of(bot.hub, order, "stage"))
        await within(gate.begun.wait())
        lost.cancel()
        await bot.restart()
        await until(lambda: bot.hub.online(AGENT))
        gate.end.set()
        await run(bot.hub, delivery("s2", job_id="J260401-ABC124"), "s2")
        assert outcome(await run(bot.hub, order, "stage")).state == "succeeded"
    assert got == [CONTENT]
    assert not bot.audit.named("file_refused")
