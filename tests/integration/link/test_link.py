"""Hub and link over real loopback WebSockets."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from nacl.signing import SigningKey

from agent.dial import Address, BotRefusedError, Line, LineError, enrol, introduce, open_line
from agent.identity import new_identity
from agent.link import Link
from agent.wire.codec import decode, encode
from agent.wire.enrolment import EnrolmentToken
from agent.wire.handshake import HandshakeError, challenge, new_nonce, to_text
from agent.wire.messages import (
    Beat,
    BlobRequest,
    Envelope,
    Frame,
    Hello,
    StepOrder,
    StepOutcome,
    StepOutput,
    StepProgress,
    Welcome,
)
from agent.wire.operations import FileSpec
from agent.wire.scripts import ScriptSpec
from bot.core.ports import Delivery
from bot.engine.hub import AgentHub
from tests.fakes.link import (
    AGENT,
    QUICK,
    Bot,
    delivery,
    relayed,
    running_agent,
    running_bot,
    until,
    within,
)
from tests.fakes.pool import Scripted, ScriptedExecutor

CONTENT = bytes(range(256)) * 6000  # 1.5 MB
DIGEST = hashlib.sha256(CONTENT).hexdigest()
FILES = (FileSpec(path="a.jsp", sha256=DIGEST, size=len(CONTENT)),)


@pytest.fixture
async def bot() -> AsyncIterator[Bot]:
    async with running_bot() as bot:
        yield bot


async def run(hub: AgentHub, order: Delivery, step_id: str) -> list[StepProgress | StepOutcome]:
    return await within(_all(hub, order, step_id))


async def _all(hub: AgentHub, order: Delivery, step_id: str) -> list[StepProgress | StepOutcome]:
    return [event async for event in hub.run_step(order, step_id)]


def outcome(events: list[StepProgress | StepOutcome]) -> StepOutcome:
    last = events[-1]
    assert isinstance(last, StepOutcome)
    assert not any(isinstance(event, StepOutcome) for event in events[:-1])
    return last


class Gate:
    """Work of a step that waits until it is told to end."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.end = asyncio.Event()

    async def __call__(self, _order: StepOrder) -> None:
        self.begun.set()
        await self.end.wait()


# --- enrolment --------------------------------------------------------------------------------


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


# --- who is let in ----------------------------------------------------------------------------


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


# --- through reconnections --------------------------------------------------------------------


async def test_an_outcome_made_while_the_line_was_cut_arrives_on_the_next(bot: Bot) -> None:
    identity = await bot.enrolled()
    executor = ScriptedExecutor()
    gate = executor.work["s1"] = Gate()
    async with relayed(bot.port) as (relay, url), running_agent(identity, executor, url):
        waiting = asyncio.create_task(_all(bot.hub, delivery("s1"), "s1"))
        await within(gate.begun.wait())
        relay.cut()
        gate.end.set()
        assert outcome(await within(waiting)).state == "succeeded"
    assert len(executor.ordered) == 1
    assert bot.audit.named("agent_resumed")


async def test_a_frozen_line_is_given_up_and_the_session_goes_on(bot: Bot) -> None:
    identity = await bot.enrolled()
    executor = ScriptedExecutor()
    gate = executor.work["s1"] = Gate()
    async with relayed(bot.port) as (relay, url), running_agent(identity, executor, url):
        waiting = asyncio.create_task(_all(bot.hub, delivery("s1"), "s1"))
        await within(gate.begun.wait())
        relay.freeze()
        gate.end.set()
        await until(lambda: not bot.hub.online(AGENT))
        relay.cut()
        relay.thaw()
        assert outcome(await within(waiting)).state == "succeeded"
    assert executor.begun == ["s1"]


async def test_a_step_outlives_a_restart_of_the_bot(bot: Bot) -> None:
    identity = await bot.enrolled()
    executor = ScriptedExecutor()
    gate = executor.work["s1"] = Gate()
    async with running_agent(identity, executor, bot.url):
        lost = asyncio.create_task(_all(bot.hub, delivery("s1"), "s1"))
        await within(gate.begun.wait())
        lost.cancel()
        await bot.restart()
        waiting = asyncio.create_task(_all(bot.hub, delivery("s1"), "s1"))
        await until(lambda: bot.hub.online(AGENT))
        gate.end.set()
        assert outcome(await within(waiting)).state == "succeeded"
    assert executor.begun == ["s1"]
    assert not bot.audit.named("answer_not_asked_for")


async def test_an_outcome_is_not_told_to_a_restarted_bot_before_it_asks(bot: Bot) -> None:
    identity = await bot.enrolled()
    executor = ScriptedExecutor()
    gate = executor.work["s1"] = Gate()
    async with running_agent(identity, executor, bot.url):
        lost = asyncio.create_task(_all(bot.hub, delivery("s1"), "s1"))
        await within(gate.begun.wait())
        lost.cancel()
        await bot.restart()
        await until(lambda: bot.hub.online(AGENT))
        gate.end.set()
        # Whatever the agent says of itself comes before the outcome of a step ordered later.
        await run(bot.hub, delivery("s2", job_id="J260401-ABC124"), "s2")
        assert not bot.audit.named("answer_not_asked_for")
        assert outcome(await run(bot.hub, delivery("s1"), "s1")).state == "succeeded"
    assert executor.begun == ["s1", "s2"]


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
        lost = asyncio.create_task(_all(bot.hub, order, "stage"))
        await within(gate.begun.wait())
        lost.cancel()
        await bot.restart()
        await until(lambda: bot.hub.online(AGENT))
        gate.end.set()
        await run(bot.hub, delivery("s2", job_id="J260401-ABC124"), "s2")
        assert outcome(await run(bot.hub, order, "stage")).state == "succeeded"
    assert got == [CONTENT]
    assert not bot.audit.named("file_refused")


async def test_a_restarted_agent_is_given_plan_and_step_again(bot: Bot) -> None:
    identity = await bot.enrolled()
    first, second = ScriptedExecutor(), ScriptedExecutor()
    gate = first.work["s1"] = Gate()
    async with running_agent(identity, first, bot.url):
        waiting = asyncio.create_task(_all(bot.hub, delivery("s1"), "s1"))
        await within(gate.begun.wait())
    second.answers["s1"] = Scripted(verified=True)
    async with running_agent(identity, second, bot.url):
        assert outcome(await within(waiting)).verified
    assert len(second.delivered) == 1


async def test_waits_for_an_agent_that_is_not_there_yet(bot: Bot) -> None:
    identity = await bot.enrolled()
    waiting = asyncio.create_task(_all(bot.hub, delivery("s1"), "s1"))
    async with running_agent(identity, ScriptedExecutor(), bot.url):
        assert outcome(await within(waiting)).state == "succeeded"


async def test_an_agent_that_stays_away_ends_as_unknown() -> None:
    async with running_bot(grace_s=0.1) as bot:
        events = await run(bot.hub, delivery("s1", timeout_s=1), "s1")
    assert outcome(events).state == "unknown"
    assert outcome(events).code == "agent_silent"


async def test_every_step_ends_once_while_the_line_is_cut_again_and_again(bot: Bot) -> None:
    rng = random.Random(20260401)
    executor = ScriptedExecutor()
    steps = [f"s{number}" for number in range(60)]
    order = delivery(*steps)

    async def work(_order: StepOrder) -> None:
        await asyncio.sleep(rng.random() / 5)

    async with (
        relayed(bot.port) as (relay, url),
        running_agent(await bot.enrolled(), executor, url),
    ):

        async def cut_for_ever() -> None:
            while True:
                await asyncio.sleep(rng.random() / 5)
                relay.cut()

        cutter = asyncio.create_task(cut_for_ever())
        for start in range(0, len(steps), 10):
            executor.work.update(dict.fromkeys(steps[start : start + 10], work))
            ended = await asyncio.gather(
                *(run(bot.hub, order, step_id) for step_id in steps[start : start + 10])
            )
            assert {outcome(events).state for events in ended} == {"succeeded"}
        cutter.cancel()
    assert sorted(executor.begun) == sorted(steps)
    assert not bot.audit.named("answer_not_asked_for")


# --- orders -----------------------------------------------------------------------------------


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
        waiting = asyncio.create_task(_all(bot.hub, delivery("s1"), "s1"))
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
        waiting = asyncio.create_task(_all(bot.hub, delivery("s1"), "s1"))
        await within(gate.begun.wait())
        async with open_line(Address(url=bot.url)) as line:
            await introduce(line, Hello(agent="liar", version="0", nonce=new_nonce()), liar)
            lie = StepOutcome(job_id="J260401-ABC123", step_id="s1", state="failed", code="lie")
            await line.send(Envelope(seq=1, ack=0, message=lie))
            await until(lambda: bool(bot.audit.named("answer_not_asked_for")))
        gate.end.set()
        assert outcome(await within(waiting)).state == "succeeded"


# --- files ------------------------------------------------------------------------------------


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
    asking = asyncio.create_task(_all(bot.hub, order, "stage"))
    async with open_line(Address(url=bot.url)) as line:
        await introduce(line, Hello(agent=AGENT, version="0", nonce=new_nonce()), identity)
        assert isinstance(await line.receive(30), Envelope)  # the plan, with its files
        with pytest.raises(LineError, match="broke"):
            await within(ask_for_too_much(line))
        await until(lambda: not bot.hub.online(AGENT))
    bot.files.readable.set()
    asking.cancel()


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
    waiting = asyncio.create_task(_all(bot.hub, delivery("s1"), "s1"))
    await within(gate.begun.wait())
    link.stop()
    gate.end.set()
    await within(life)
    assert outcome(await within(waiting)).state == "succeeded"


# --- output and scripts -------------------------------------------------------------------------

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
