"""A bot's hub and an agent's link on loopback, with a wire between them that can be cut."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from aiohttp import web
from nacl.signing import SigningKey

from agent.dial import Address, enrol, open_line
from agent.identity import Identity, new_identity
from agent.link import Backoff, Link
from agent.wire.enrolment import EnrolmentToken
from agent.wire.operations import FileSpec, Operation, ProbeNode, StageFiles
from agent.wire.plan import NodeRun, NodeTarget, ServiceSpec, SignedGrant, Step, WirePlan
from bot.core.domain.artifact import Artifact
from bot.core.domain.audit import AuditEvent
from bot.core.domain.conversation import ReceivedFile
from bot.core.errors import OperationError
from bot.core.ports import Delivery
from bot.engine.hub import AgentHub
from tests.fakes.pool import MemoryAgentStore, ScriptedExecutor
from tests.lab.ports import free_port

Value = TypeVar("Value")
AGENT = "moef-agent-1"
NOW = datetime(2026, 4, 1, 9, tzinfo=UTC)
PATIENT_S = 120.0  # the machine may be slow
QUICK = Backoff(base_s=0.02, cap_s=0.1, refused_s=0.2)


class FixedClock:
    def now(self) -> datetime:
        return NOW


class MemoryAudit:
    def __init__(self) -> None:
        self.events: list[AuditEvent] = []
        self.broken = False

    async def append(self, event: AuditEvent) -> None:
        if self.broken:
            raise OperationError("audit_unavailable")
        self.events.append(event)

    def named(self, event: str) -> list[AuditEvent]:
        return [one for one in self.events if one.detail.get("event") == event]


class MemoryFiles:
    """Only the reading half of a file store."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.readable = asyncio.Event()  # cleared: reads wait
        self.readable.set()

    async def receive(self, name: str, chunks: AsyncIterator[bytes]) -> ReceivedFile:
        raise NotImplementedError

    async def open_artifact(self, files: Sequence[ReceivedFile]) -> Artifact:
        raise NotImplementedError

    async def read(self, digest: str, offset: int, length: int) -> bytes:
        await self.readable.wait()
        if digest not in self.contents:
            raise OperationError("file_missing", digest=digest)
        return self.contents[digest][offset : offset + length]

    async def remember_entry(self, path: Path) -> str:
        raise NotImplementedError


class Bot:
    """A hub that listens. ``restart`` forgets every session, as a new process would."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, grace_s: float = 60.0) -> None:
        self.key = SigningKey.generate()
        self.store = MemoryAgentStore()
        self.audit = MemoryAudit()
        self.files = MemoryFiles()
        self.port = free_port()  # its own through restarts
        self._tls = tls
        self._grace_s = grace_s
        self._runner: web.AppRunner | None = None
        self.hub = self._new_hub()

    def _new_hub(self) -> AgentHub:
        return AgentHub(
            store=self.store,
            bot_key=self.key,
            audit=self.audit,
            files=self.files,
            clock=FixedClock(),
            heartbeat_s=1.0,
            grace_s=self._grace_s,
        )

    async def start(self) -> None:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self.hub.handler(request)

        app = web.Application()
        app.router.add_get("/agent/v1/link", handle)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._tls)
        await site.start()

    async def stop(self) -> None:
        await self.hub.close()
        if self._runner:
            await self._runner.cleanup()

    async def restart(self) -> None:
        await self.stop()
        self.hub = self._new_hub()
        await self.start()

    @property
    def url(self) -> str:
        scheme = "wss" if self._tls else "ws"
        return f"{scheme}://localhost:{self.port}/agent/v1/link"

    async def issue(self, agent: str = AGENT, *, valid_s: float = 600) -> EnrolmentToken:
        token = EnrolmentToken.issue(self.key.verify_key)
        await self.store.issue_token(agent, token.digest, until=NOW + timedelta(seconds=valid_s))
        return token

    async def enrolled(self, agent: str = AGENT) -> Identity:
        token = await self.issue(agent)
        async with open_line(Address(url=self.url)) as line:
            return await enrol(line, agent, token, lambda key: new_identity(agent, key))


class Relay:
    """A TCP relay whose connections can be cut or frozen."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._pumps: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._open = asyncio.Event()
        self._open.set()

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _accept(self, near: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        try:
            far, far_out = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            out.close()
            return
        for source, sink in ((near, far_out), (far, out)):
            self._pumps.add(asyncio.create_task(self._pump(source, sink)))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self._open.wait()
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()

    def freeze(self) -> None:
        self._open.clear()

    def thaw(self) -> None:
        self._open.set()

    def cut(self) -> None:
        """Break every connection there is; new ones pass."""
        for pump in self._pumps:
            pump.cancel()
        self._pumps.clear()

    async def stop(self) -> None:
        self._open.set()
        self.cut()
        if self._server:
            self._server.close()


@asynccontextmanager
async def running_bot(
    *, tls: ssl.SSLContext | None = None, grace_s: float = 60.0
) -> AsyncIterator[Bot]:
    bot = Bot(tls=tls, grace_s=grace_s)
    await bot.start()
    try:
        yield bot
    finally:
        await bot.stop()


@asynccontextmanager
async def running_agent(
    identity: Identity, executor: ScriptedExecutor, url: str, *, ca_file: Path | None = None
) -> AsyncIterator[Link]:
    link = Link(identity, Address(url=url, ca_file=ca_file), backoff=QUICK)
    task = asyncio.create_task(link.run(executor, grace_s=1))
    try:
        yield link
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def relayed(port: int) -> AsyncIterator[tuple[Relay, str]]:
    relay = Relay(port)
    near = await relay.start()
    try:
        yield relay, f"ws://127.0.0.1:{near}/agent/v1/link"
    finally:
        await relay.stop()


async def until(holds: Callable[[], bool]) -> None:
    """Poll until it holds."""
    async with asyncio.timeout(PATIENT_S):
        while not holds():
            await asyncio.sleep(0.01)


async def within(work: Awaitable[Value]) -> Value:
    async with asyncio.timeout(PATIENT_S):
        return await work


def target(node_id: str = "was1") -> NodeTarget:
    return NodeTarget(
        node_id=node_id,
        env="prod",
        host="127.0.0.1",
        port=22,
        user="deploy",
        host_key="SHA256:" + "A" * 43,
        deploy_path="/srv/app",
        backup_path="/srv/backup",
        service=ServiceSpec(
            name="tomcat",
            kind="scripts",
            home="/srv/tomcat",
            port=8080,
            health_path="/actuator/health",
            log_path="/srv/tomcat/logs/catalina.out",
        ),
    )


def delivery(
    *step_ids: str,
    agent: str = AGENT,
    job_id: str = "J260401-ABC123",
    files: tuple[FileSpec, ...] = (),
    timeout_s: int = 120,
) -> Delivery:
    """A plan whose steps probe; with ``files`` the last one stages them."""
    operations: list[tuple[str, Operation]] = [(one, ProbeNode()) for one in step_ids]
    if files:
        operations.append(("stage", StageFiles(files=files)))
    plan = WirePlan(
        job_id=job_id,
        action="deploy",
        requested_by="dev1",
        agent=agent,
        lock="MOEF-BUDGET",
        targets=(target(),),
        batches=(
            (
                NodeRun(
                    node_id="was1",
                    steps=tuple(
                        Step(step_id=one, node_id="was1", operation=what, timeout_s=timeout_s)
                        for one, what in operations
                    ),
                ),
            ),
        ),
    )
    return Delivery(plan=plan, grant=SignedGrant(grant="{}", signature=""), access=())
