"""A site: the bot's engine and an agent in this process, and the lab's real servers.

Owns: the estate that the lab's nodes make, and what a person says and reads. Only the messenger
and the database are in memory: files are opened, plans are made, approved, signed, sealed, checked
and run as they are at a site.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from nacl.public import PrivateKey
from nacl.signing import SigningKey

from agent.executor import Executor
from agent.guard import GuardPolicy
from agent.ledger import Ledger
from agent.operations.baselines import Baselines
from agent.scripts import ScriptShelf, SiteScript
from agent.transports.kept import KeptConnections
from agent.transports.reach import connect
from agent.transports.transport import Connect
from agent.wire.plan import KeyLogin, NodeAccess, NodeTarget, PasswordLogin, ServiceLogin
from agent.wire.seal import seal_access
from bot.app.web.links import SignedLinks
from bot.core.deploy_ports import SourceRepository
from bot.core.domain.conversation import ReceivedFile
from bot.core.domain.estate import (
    BalancerMember,
    Environment,
    InstitutionEntry,
    Layer,
    Node,
    NodeEntry,
    Rollout,
    SrEntry,
    Vocabulary,
)
from bot.core.domain.intent import Intent, Param, Selector
from bot.core.domain.job import TERMINAL, Job, JobState, StepState
from bot.core.domain.report import Report, Tone
from bot.engine.files import DiskFileStore
from bot.engine.outputs import DiskOutputStore
from tests.fakes.durable import Running
from tests.fakes.engine import MOEF, OTHER_SYSTEM, SYSTEM, FakeClock, World, words_of
from tests.integration.deploy.lab_pool import AGENT, LabBlobs, LabInventory, LabPool, LabScripts
from tests.lab import Fleet, LabNode

Files = Mapping[str, bytes] | bytes  # by path, or one archive as it is
QUICK = Rollout(canary=1, batch=1, settle_s=1)


@dataclass(kw_only=True)
class Site:
    """Everything within reach of a test.

    ``targets`` and ``logins`` change what the CMDB says of a node, by its id; ``services`` are the
    logins of its database and queue, sealed with them; ``aim`` may stand in
    for the agent's way to reach a server; ``sources`` makes the systems' repositories from the
    file store.
    """

    fleet: Fleet
    folder: Path
    rollout: Rollout = QUICK
    env: Literal["prod", "dev"] = "prod"
    targets: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    logins: Mapping[str, KeyLogin | PasswordLogin] = field(default_factory=dict)
    services: Mapping[str, Mapping[str, ServiceLogin]] = field(default_factory=dict)
    extra: Sequence[Node] = ()
    aim: Connect = connect
    scripts: Sequence[SiteScript] = ()  # in the agent's settings
    sources: Callable[[DiskFileStore], SourceRepository] | None = None
    seal: PrivateKey = field(default_factory=PrivateKey.generate)
    bot: Running = field(init=False)
    pool: LabPool = field(init=False)
    inventory: LabInventory = field(init=False)
    _kept: KeptConnections = field(init=False)

    def __post_init__(self) -> None:
        signer, clock = SigningKey.generate(), FakeClock()
        shelf = ScriptShelf(self.scripts)
        files = DiskFileStore(self.folder / "files")
        outputs = DiskOutputStore(self.folder / "outputs")
        nodes = [self._node(node, number) for number, node in enumerate(self.fleet.nodes, start=1)]
        webs = [self._node(self.fleet.web, 1)] if self.fleet.web else []
        everything = [*nodes, *webs, *self.extra]
        self.inventory = LabInventory(_vocabulary(everything), everything, self.rollout)
        self._seal_all()
        self._kept = KeptConnections(self.aim)
        self.pool = LabPool(
            Executor(
                agent=AGENT,
                seal_key=self.seal,
                bot_key=signer.verify_key,
                ledger=Ledger(self.folder / "ledger.sqlite"),
                blobs=LabBlobs(files),
                policy=GuardPolicy(),
                connect=self._kept.connect,
                baselines=Baselines(self.folder / "baselines"),
                scripts=shelf,
                now=lambda: self.world.clock.now(),  # noqa: PLW0108  the world comes later
            )
        )
        more = {"sources": self.sources(files)} if self.sources else {}
        self.bot = Running(
            folder=self.folder,
            agents=self.pool,
            world_of=lambda **given: World(
                inventory=self.inventory,
                files=files,
                outputs=outputs,
                scripts=LabScripts(shelf),
                signer=signer,
                clock=clock,
                links=SignedLinks("https://guardia.example", "a secret of the tests only", clock),
                **more,
                **given,
            ),
        )

    @property
    def world(self) -> World:
        return self.bot.world

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Site]:
        try:
            async with self.bot.up():
                yield self
        finally:
            await self._kept.close()

    # --- the estate ------------------------------------------------------------------------

    def _node(self, node: LabNode, number: int) -> Node:
        target = node.target(env=self.env, **self.targets.get(node.node_id, {}))
        is_web = node is self.fleet.web
        places = (
            (BalancerMember(web_node_id=self.fleet.web.node_id, member=node.member),)
            if self.fleet.web and not is_web
            else ()
        )
        return node_of_target(
            target, layer=Layer.WEB if is_web else Layer.WAS, number=number, balancers=places
        )

    def _seal_all(self) -> None:
        logins = {node.node_id: node.sshd.key_login for node in self.fleet.all_nodes}
        for node_id, node in self.inventory._nodes.items():
            login = self.logins.get(node_id) or logins[node_id]
            if node.wire is not None:
                more = self.services.get(node_id, {})
                access = NodeAccess(
                    target=node.wire,
                    login=login,
                    database=more.get("database"),
                    queue=more.get("queue"),
                )
                self.inventory.records[node_id] = seal_access(access, self.seal.public_key)

    # --- what people do --------------------------------------------------------------------

    async def dropped(self, files: Files, name: str = "patch.zip") -> ReceivedFile:
        """The files as one zip, or a single one as it is."""

        async def pieces() -> AsyncIterator[bytes]:
            if isinstance(files, bytes):
                yield files
            else:
                yield zipped(files) if name.endswith(".zip") else next(iter(files.values()))

        return await self.world.files.receive(name, pieces())

    async def ask(self, files: Files | None = None, **more: Any) -> Job:
        """A request in the room, until its plan waits for approval (or runs)."""
        made = await self._request(files, **more)
        assert made, self.world.said()
        (job_id,) = made
        await self.bot.until(lambda: self.bot.is_shown(self.world.job(job_id)))
        return self.world.job(job_id)

    async def refused(self, files: Files | None = None, **more: Any) -> Report:
        """A request in the room that no job is made of; what was answered."""
        made = await self._request(files, **more)
        assert not made, self.world.said()
        return list(self.world.messenger.messages.values())[-1].now

    async def _request(
        self,
        files: Files | None,
        *,
        name: str = "patch.zip",
        action: str = "deploy",
        by: str = "dev",
        nodes: tuple[int, ...] = (),
        params: Mapping[str, Param] | None = None,
        thread: str | None = None,
    ) -> set[str]:
        """Ask, and wait for a job or a refusal: the ids of the jobs made."""
        text = f"{action} {sorted((params or {}).items())} {nodes}"
        self.world.parser.answers[text] = Intent(
            action=action,
            selector=Selector(
                institution=MOEF,
                system=SYSTEM.name,
                layer=Layer.WAS,
                env=Environment(self.env),
                nodes=nodes,
            ),
            params=dict(params or {}),
            sr="SR-2026-0401",
        )
        given = (await self.dropped(files, name),) if files else ()
        before = set(self.world.jobs.jobs)
        said = len(self.world.messenger.messages)
        await self.bot.workflows.receive(
            self.world.mention(text, by=by, files=given, thread=thread)
        )
        await self.bot.until(
            lambda: (
                set(self.world.jobs.jobs) - before
                or any(
                    one.key.endswith((":answer", ":refusal"))
                    and one.now.tone in {Tone.BAD, Tone.WARNING, Tone.ASK}
                    for one in list(self.world.messenger.messages.values())[said:]
                )
            )
        )
        return set(self.world.jobs.jobs) - before

    async def approve(self, job: Job, *, by: str = "leader") -> Job:
        """Pressed, or with a one-time code where one is needed, and followed to the end."""
        await self.bot.approve(job, by=by)
        return await self.ended(job)

    async def ended(self, job: Job, *, patience_s: float = 600) -> Job:
        """The job in its end state, after its report."""
        key = f"{job.job_id}:final"
        await self.bot.until(
            lambda: self.world.job(job.job_id).state in TERMINAL and self.world.messenger.all(key),
            patience_s=patience_s,
        )
        return self.world.job(job.job_id)

    async def deploy(self, files: Files | None = None, **more: Any) -> Job:
        """Asked for, approved, ended."""
        job = await self.ask(files, **more)
        assert job.state is JobState.AWAITING_APPROVAL, self.world.said()
        return await self.approve(job)

    # --- what they read --------------------------------------------------------------------

    def report(self, job: Job) -> str:
        """The final report, as text."""
        return words_of(self.world.messenger.all(f"{job.job_id}:final")[0].now)

    def failed_steps(self, job: Job) -> list[tuple[str, str]]:
        """(step, code) of every step that did not succeed."""
        return [
            (record.step_id, record.code)
            for record in self.world.job(job.job_id).steps
            if record.state not in {StepState.SUCCEEDED, StepState.SKIPPED}
        ]

    def digests(self) -> dict[str, dict[str, str]]:
        """What lies on every server, read from its disk."""
        return {node.node_id: node.digests() for node in self.fleet.nodes}


def node_of_target(
    target: NodeTarget,
    *,
    layer: Layer = Layer.WAS,
    number: int = 1,
    balancers: tuple[BalancerMember, ...] = (),
) -> Node:
    """The CMDB's node of that target."""
    return Node(
        entry=NodeEntry(
            node_id=target.node_id,
            institution=SYSTEM.institution,
            system=SYSTEM.name,
            env=Environment(target.env),
            layer=layer,
            number=number,
        ),
        os="Debian",
        transfer=target.transfer,
        os_user=target.user,
        host=target.host,
        ssh_port=target.port,
        deploy_path=target.deploy_path,
        service=target.service.name,
        service_port=target.service.port,
        agent=AGENT,
        wire=target,
        balancers=balancers,
    )


def zipped(files: Mapping[str, bytes]) -> bytes:
    """One archive of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return buffer.getvalue()


def _vocabulary(nodes: Sequence[Node]) -> Vocabulary:
    return Vocabulary(
        institutions=(InstitutionEntry(name=MOEF, code="MOEF"),),
        systems=(replace(SYSTEM, agent=AGENT), OTHER_SYSTEM),
        nodes=tuple(node.entry for node in nodes),
        srs=(
            SrEntry(
                sr_id="SR-2026-0401",
                institution=MOEF,
                system=SYSTEM.name,
                title="예산 화면 수정",
                status="개발완료",
            ),
        ),
    )
