"""Orders, output and scripts between hub and link, over real loopback WebSockets."""

from __future__ import annotations

import asyncio

from agent.dial import Address, introduce, open_line
from agent.link import Link
from agent.wire.handshake import new_nonce
from agent.wire.messages import (
    Envelope,
    Hello,
    StepOrder,
    StepOutcome,
    StepOutput,
)
from agent.wire.scripts import ScriptSpec
from tests.fakes.link import (
    AGENT,
    QUICK,
    Bot,
    delivery,
    relayed,
    running_agent,
    until,
    within,
)
from tests.fakes.pool import Scripted, ScriptedExecutor
from tests.integration.link.steps import Gate, events_of, outcome, run


async def test_a_plan_is_sent_once_for_all_its_steps(bot: Bot) -> None:
    executor = ScriptedExecutor()
    async with running_agent(await bot.enrolled(), executor, bot.url):
        order = delivery("s1", "s2")
        for step_id in ("s1", "s2"):
            await run(bot.hub, order, step_id)
    assert len(executor.delivered) == 1
    assert [one.step_id for one in executor.ordered] == ["s1", "s2"]


async def test_a_plan_that_the_agent_does_not_know_is_sent_once_more(bot: Bot) -> None:
    executor = ScriptedExecutor()
    async with running_agent(await bot.enrolled(), executor, bot.url):
        order = delivery("s1", "s2")
        await run(bot.hub, order, "s1")
        executor.delivered.clear()
        assert outcome(await run(bot.hub, order, "s2")).state == "succeeded"
    assert len(executor.delivered) == 1


async def test_a_step_that_the_plan_does_not_have_is_refused(bot: Bot) -> None:
    assert outcome(await run(bot.hub, delivery("s1"), "s9")).code == "step_unknown"


async def test_a_cancel_reaches_the_executor(bot: Bot) -> None:
    executor = ScriptedExecutor()
    gate = executor.work["s1"] = Gate()
    async with running_agent(await bot.enrolled(), executor, bot.url):
        waiting = asyncio.create_task(events_of(bot.hub, delivery("s1"), "s1"))
        await within(gate.begun.wait())
        bot.hub.cancel_step(AGENT, "J260401-ABC123", "s1")
        await until(lambda: len(executor.cancelled) == 1)
        assert executor.cancelled[0].step_id == "s1"
        gate.end.set()
        await within(waiting)


async def test_an_outcome_of_another_agent_is_dropped_and_audited(bot: Bot) -> None:
    honest = ScriptedExecutor()
    gate = honest.work["s1"] = Gate()
    liar = await bot.enrolled("liar")
    async with running_agent(await bot.enrolled(), honest, bot.url):
        waiting = asyncio.create_task(events_of(bot.hub, delivery("s1"), "s1"))
        await within(gate.begun.wait())
        async with open_line(Address(url=bot.url)) as line:
            await introduce(line, Hello(agent="liar", version="0", nonce=new_nonce()), liar)
            lie = StepOutcome(job_id="J260401-ABC123", step_id="s1", state="failed", code="lie")
            await line.send(Envelope(seq=1, ack=0, message=lie))
            await until(lambda: bool(bot.audit.named("answer_not_asked_for")))
        gate.end.set()
        assert outcome(await within(waiting)).state == "succeeded"


async def test_lists_agents_for_the_health_page(bot: Bot) -> None:
    async with running_agent(await bot.enrolled(), ScriptedExecutor(), bot.url):
        await until(lambda: bot.hub.online(AGENT))
        (presence,) = bot.hub.agents()
        assert (presence.name, presence.online) == (AGENT, True)
        assert presence.heard_s is not None
    await until(lambda: not bot.hub.online(AGENT))


async def test_stopping_lets_the_running_step_end_and_tells_its_outcome(bot: Bot) -> None:
    executor = ScriptedExecutor()
    gate = executor.work["s1"] = Gate()
    link = Link(await bot.enrolled(), Address(url=bot.url))
    life = asyncio.create_task(link.run(executor))
    waiting = asyncio.create_task(events_of(bot.hub, delivery("s1"), "s1"))
    await within(gate.begun.wait())
    link.stop()
    gate.end.set()
    await within(life)
    assert outcome(await within(waiting)).state == "succeeded"


SCRIPT = ScriptSpec(script="clean-temp", sha256="a" * 64, title="임시 파일 정리", risk="change")


async def test_what_a_step_says_comes_before_its_outcome_and_whole(bot: Bot) -> None:
    identity = await bot.enrolled()
    executor = ScriptedExecutor()
    said = tuple(f"줄 {number} {'x' * 500}\n" for number in range(5_000))
    executor.answers["s1"] = Scripted(said=said)
    async with running_agent(identity, executor, bot.url):
        events = await run(bot.hub, delivery("s1"), "s1")
    pieces = [event for event in events if isinstance(event, StepOutput)]
    assert "".join(piece.text for piece in pieces) == "".join(said)
    ends = [piece.offset + len(piece.text.encode()) for piece in pieces]
    assert [piece.offset for piece in pieces] == [0, *ends[:-1]]
    assert outcome(events).state == "succeeded"


async def test_a_line_that_is_away_costs_the_middle_and_no_memory(bot: Bot) -> None:
    identity = await bot.enrolled()
    executor = ScriptedExecutor()
    said = tuple("x" * 999 + "\n" for _ in range(4_000))
    async with relayed(bot.port) as (relay, url):

        async def freeze(_order: StepOrder) -> None:
            relay.freeze()
            asyncio.get_running_loop().call_later(4, relay.thaw)

        executor.work["s1"] = freeze
        executor.answers["s1"] = Scripted(said=said)
        async with running_agent(identity, executor, url):
            events = await run(bot.hub, delivery("s1"), "s1")
    pieces = [event for event in events if isinstance(event, StepOutput)]
    size = sum(len(piece.text) for piece in pieces)
    assert outcome(events).state == "succeeded"
    assert pieces[0].offset == 0
    assert size < 4_000_000
    last = pieces[-1]
    assert last.offset + len(last.text) == 4_000_000


async def test_output_of_a_step_that_nobody_ordered_is_noted(bot: Bot) -> None:
    identity = await bot.enrolled()
    async with open_line(Address(url=bot.url)) as line:
        welcome = await introduce(
            line, Hello(agent=AGENT, version="1", nonce=new_nonce()), identity
        )
        assert not welcome.resumed
        told = StepOutput(job_id="J260401-ABC123", step_id="s9", offset=0, text="x")
        await line.send(Envelope(seq=1, ack=0, message=told))
        await until(lambda: bool(bot.audit.named("answer_not_asked_for")))
    assert bot.audit.named("answer_not_asked_for")


async def test_scripts_are_known_while_their_agent_is_connected(bot: Bot) -> None:
    identity = await bot.enrolled()
    assert bot.hub.scripts(AGENT) == ()
    link = Link(identity, Address(url=bot.url), scripts=lambda: (SCRIPT,))
    task = asyncio.create_task(link.run(ScriptedExecutor(), grace_s=1))
    await until(lambda: bot.hub.scripts(AGENT) == (SCRIPT,))
    assert bot.hub.known() == {AGENT: (SCRIPT,)}
    link.stop()
    await within(task)
    await until(lambda: not bot.hub.online(AGENT))
    assert bot.hub.scripts(AGENT) == ()
    assert bot.hub.known() == {}


async def test_a_script_called_as_a_command_of_ours_is_not_known_and_audited(bot: Bot) -> None:
    identity = await bot.enrolled()
    taking = [SCRIPT.model_copy(update={"script": name}) for name in ("deploy", "List")]
    link = Link(identity, Address(url=bot.url), scripts=lambda: (*taking, SCRIPT))
    task = asyncio.create_task(link.run(ScriptedExecutor(), grace_s=1))
    await until(lambda: bot.hub.scripts(AGENT) == (SCRIPT,))
    await until(lambda: len(bot.audit.named("script_name_reserved")) == 2)
    assert bot.hub.scripts(AGENT) == (SCRIPT,)
    link.stop()
    await within(task)


async def test_scripts_are_announced_anew_with_every_line(bot: Bot) -> None:
    identity = await bot.enrolled()
    offered = [(SCRIPT,), ()]
    async with relayed(bot.port) as (relay, url):
        link = Link(
            identity,
            Address(url=url),
            backoff=QUICK,
            scripts=lambda: offered.pop(0) if offered else (),
        )
        task = asyncio.create_task(link.run(ScriptedExecutor(), grace_s=1))
        await until(lambda: bot.hub.scripts(AGENT) == (SCRIPT,))
        relay.cut()
        await until(lambda: not offered and bot.hub.online(AGENT))
        await until(lambda: bot.hub.scripts(AGENT) == ())
        assert bot.hub.known() == {}
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
