"""The whole engine on fakes: people, an estate, a messenger that remembers, scripted agents.

Owns: a world in which a test says something, presses something, and reads what was said back.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from nacl.signing import SigningKey

from actions.catalog import action_of
from agent.wire.operations import FingerprintFiles
from agent.wire.plan import Step
from agent.wire.results import Digests
from bot.core.check_ports import OutputStore, ScriptBook
from bot.core.domain.conversation import Click, Command, ConversationRef, Mention, ReceivedFile
from bot.core.domain.estate import (
    Environment,
    InstitutionEntry,
    Layer,
    Rollout,
    SrEntry,
    SystemEntry,
    Target,
    Vocabulary,
)
from bot.core.domain.intent import Intent, Selector
from bot.core.domain.job import Job
from bot.core.domain.people import Actor, ExternalId, Role
from bot.core.domain.report import Report
from bot.core.errors import OperationError
from bot.core.messenger_ports import ConsoleLinks, IdentityLinks
from bot.core.ports import Action, AgentPool, Capabilities, FileStore, Receiver
from bot.core.texts import load_texts
from bot.engine.approvals import Approvals
from bot.engine.chronicle import Chronicle
from bot.engine.conductor import Conductor
from bot.engine.outbound import Outbound, Shape
from bot.engine.pipeline import Pipeline
from bot.engine.requests import ApprovalRequests
from bot.engine.services import EngineSettings, Services, Stores
from bot.engine.waiting import Waiting
from cmdb.rules import DEFAULT_RULES
from intents.command_book import BOOK
from intents.guides import GuideFinder
from tests.fakes.calendars import MemoryCalendar, MemorySources
from tests.fakes.codes import MemoryOneTimeCodes
from tests.fakes.files import MemoryFileStore
from tests.fakes.guides import MemoryGuides
from tests.fakes.macros import MemoryMacros
from tests.fakes.messengers import MemoryIdentityLinks
from tests.fakes.outputs import MemoryOutputs
from tests.fakes.parser import ScriptedParser
from tests.fakes.planning import NOW, SYSTEM, behind, node_of
from tests.fakes.pool import Scripted, ScriptedPool
from tests.fakes.report_text import words_of
from tests.fakes.samples import MemorySamples
from tests.fakes.stores import MemoryAudit, MemoryDialogues, MemoryDirectory, MemoryInventory
from tests.fakes.stores import MemoryJobs as Jobs

MOEF = SYSTEM.institution
MOIS = "행정안전부"
OTHER_SYSTEM = SystemEntry(institution=MOIS, name="전자결재", code="MOIS-SIGN")
TEXTS = load_texts("ko")


def _person(person_id: str, role: Role, *institutions: str) -> Actor:
    return Actor(
        person_id=person_id, name=f"{person_id}씨", role=role, institutions=frozenset(institutions)
    )


DEV = _person("dev", Role.DEVELOPER, MOEF)
OPERATOR = _person("operator", Role.OPERATOR, MOEF)
LEADER = _person("leader", Role.PART_LEADER, MOEF)
PM = _person("pm", Role.PM, MOEF)
AUDITOR = _person("auditor", Role.AUDITOR, MOEF)
OUTSIDER = _person("outsider", Role.PM, MOIS)
PEOPLE = (DEV, OPERATOR, LEADER, PM, AUDITOR, OUTSIDER)

DEPLOY = Intent(
    action="deploy",
    selector=Selector(
        institution=MOEF,
        system=SYSTEM.name,
        layer=Layer.WAS,
        env=Environment.PROD,
        nodes=(1, 2),
    ),
    sr="SR-2026-0401",
)
HEALTH = Intent(
    action="check_infra_health",
    selector=Selector(institution=MOEF, system=SYSTEM.name, layer=Layer.WAS),
)


class FakeClock:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    def pass_by(self, **span: float) -> None:
        self.at += timedelta(**span)


@dataclass(kw_only=True)
class Posted:
    """One message with everything it has ever said; the last is what people see."""

    place: ConversationRef
    key: str
    said: list[Report]

    @property
    def now(self) -> Report:
        return self.said[-1]


class FakeMessenger:
    """An Adapter that remembers. ``down``: takes nothing."""

    name = "web"
    capabilities = Capabilities(
        threads=True, buttons=True, files=True, edits=True, private_replies=True
    )

    def __init__(self) -> None:
        self.messages: dict[str, Posted] = {}  # by key
        self.down = False
        self.heard = asyncio.Event()

    async def run(self, receive: Receiver) -> None:
        await asyncio.Event().wait()

    async def post(self, report: Report, to: ConversationRef, *, key: str) -> ConversationRef:
        self._check()
        if key not in self.messages:
            place = replace(to, message=f"b{len(self.messages)}")
            self.messages[key] = Posted(place=place, key=key, said=[report])
        self.heard.set()
        return self.messages[key].place

    async def edit(self, report: Report, message: ConversationRef) -> None:
        self._check()
        self.at(message).said.append(report)
        self.heard.set()

    def at(self, place: ConversationRef) -> Posted:
        return next(one for one in self.messages.values() if one.place == place)

    def all(self, part: str) -> list[Posted]:
        """The messages whose key contains that."""
        return [one for one in self.messages.values() if part in one.key]

    def _check(self) -> None:
        if self.down:
            raise OperationError("chat_unavailable", adapter=self.name)


def _nothing_there(step: Step) -> Scripted:
    operation = step.operation
    assert isinstance(operation, FingerprintFiles)
    return Scripted(result=Digests(files=dict.fromkeys(operation.paths)))


def a_vocabulary() -> Vocabulary:
    nodes = [node_of(number) for number in (1, 2)] + [node_of(1, layer="WEB")]
    return Vocabulary(
        institutions=(
            InstitutionEntry(name=MOEF, code="MOEF"),
            InstitutionEntry(name=MOIS, code="MOIS"),
        ),
        systems=(SYSTEM, OTHER_SYSTEM),
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


def two_behind_one() -> MemoryInventory:
    """Two application servers behind one balancer."""
    web = node_of(1, layer="WEB")
    return MemoryInventory(a_vocabulary(), [behind(node_of(1), web), behind(node_of(2), web), web])


class Portions(MemoryInventory):
    """Application servers behind one balancer, changed in these portions."""

    def __init__(self, count: int, rollout: Rollout) -> None:
        web = node_of(1, layer="WEB")
        nodes = [behind(node_of(number), web) for number in range(1, count + 1)]
        super().__init__(a_vocabulary(), [*nodes, web])
        self._rollout = rollout

    async def resolve(self, selector: Selector, viewer: Actor) -> Target:
        return replace(await super().resolve(selector, viewer), rollout=self._rollout)


@dataclass(kw_only=True)
class World:
    """The engine with everything it stands on within reach."""

    clock: FakeClock = field(default_factory=FakeClock)
    messenger: FakeMessenger = field(default_factory=FakeMessenger)
    parser: ScriptedParser = field(default_factory=ScriptedParser)
    agents: AgentPool = field(default_factory=ScriptedPool)
    jobs: Jobs = field(default_factory=Jobs)
    dialogues: MemoryDialogues = field(default_factory=MemoryDialogues)
    audit: MemoryAudit = field(default_factory=MemoryAudit)
    files: FileStore = field(default_factory=MemoryFileStore)
    directory: MemoryDirectory = field(
        default_factory=lambda: MemoryDirectory(PEOPLE, rules=DEFAULT_RULES)
    )
    guides: MemoryGuides = field(default_factory=MemoryGuides)
    calendar: MemoryCalendar = field(default_factory=MemoryCalendar)
    sources: MemorySources = field(default_factory=MemorySources)
    samples: MemorySamples = field(default_factory=MemorySamples)
    macros: MemoryMacros = field(default_factory=MemoryMacros)
    settings: EngineSettings = field(default_factory=lambda: EngineSettings(agent_patience_s=0))
    outputs: OutputStore | None = None  # in memory, unless one is given
    scripts: ScriptBook | None = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    inventory: MemoryInventory = field(default_factory=two_behind_one)
    signer: SigningKey = field(default_factory=SigningKey.generate)
    shape: Shape | None = None
    identities: IdentityLinks | None = None
    codes: MemoryOneTimeCodes = field(default_factory=MemoryOneTimeCodes)
    links: ConsoleLinks | None = None
    more_actions: Mapping[str, Action] = field(default_factory=dict)  # before the catalogue's own

    def __post_init__(self) -> None:
        if isinstance(self.agents, ScriptedPool):
            self.agents.script("fingerprint_files", _nothing_there)
        self.events = itertools.count(1)
        self.services = Services(
            adapters={self.messenger.name: self.messenger},
            parser=self.parser,
            action_of=lambda name: self.more_actions.get(name) or action_of(name),
            commands=BOOK,
            inventory=self.inventory,
            directory=self.directory,
            agents=self.agents,
            guide_search=GuideFinder(),
            sources=self.sources,
            stores=Stores(
                jobs=self.jobs,
                approvals=self.jobs,
                locks=self.jobs,
                deployments=self.jobs,
                history=self.jobs,
                dialogues=self.dialogues,
                audit=self.audit,
                files=self.files,
                guides=self.guides,
                calendar=self.calendar,
                identities=self.identities or MemoryIdentityLinks(self.directory),
                samples=self.samples,
                outputs=self.outputs or MemoryOutputs(),
                macros=self.macros,
                codes=self.codes,
            ),
            clock=self.clock,
            texts=TEXTS,
            signer=self.signer,
            settings=self.settings,
            scripts=self.scripts,
            links=self.links,
        )
        self.chronicle = Chronicle(self.audit, self.clock)
        self.outbound = Outbound(
            self.services.adapters,
            spawn=self._spawn,
            edit_interval_s=0.005,
            shape=self.shape,
            retry_s=0.005,
        )
        self.pipeline = Pipeline(self.services, self.chronicle, self.outbound)
        self.approvals = Approvals(self.services, self.chronicle, self.outbound)
        self.requests = ApprovalRequests(self.services, self.chronicle, self.outbound)
        self.conductor = Conductor(self.services, self.chronicle, self.outbound, self.requests)
        self.waiting = Waiting(self.services, self.chronicle, self.outbound, self.requests)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    # --- what people do --------------------------------------------------------------------

    def mention(
        self,
        text: str,
        *,
        by: str = "dev",
        thread: str | None = None,
        files: tuple[ReceivedFile, ...] = (),
        event_id: str | None = None,
    ) -> Mention:
        number = event_id or f"e{next(self.events)}"
        return Mention(
            event_id=number,
            sender=external(by),
            conversation=ConversationRef(
                adapter="web", channel="ops", thread=thread, message=f"m-{number}"
            ),
            text=text,
            files=files,
            at=self.clock.now(),
        )

    def command(self, name: str, text: str, *, by: str = "dev") -> Command:
        said = self.mention(text, by=by)
        return Command(
            event_id=said.event_id,
            sender=said.sender,
            conversation=said.conversation,
            name=name,
            text=text,
            at=said.at,
        )

    def click(
        self, button: str, value: str, *, by: str = "leader", place: ConversationRef | None = None
    ) -> Click:
        at = place or ConversationRef(adapter="web", channel="ops", thread="m-e1", message="b0")
        return Click(
            event_id=f"e{next(self.events)}",
            sender=external(by),
            conversation=at,
            button=button,
            value=value,
            at=self.clock.now(),
        )

    def press(self, job: Job, *, by: str = "leader", button: str = "approve") -> Click:
        """A press on the job's own card; ``approve_at`` as the card offers it now."""
        value = job.job_id if button == "cancel" else f"{job.job_id}:{job.plan.digest}"
        if button == "approve_at":
            buttons = self.messenger.at(job.card).now.buttons
            value = next(each.value for each in buttons if each.button == button)
        return self.click(button, value, by=by, place=job.card)

    # --- what there is ---------------------------------------------------------------------

    async def a_file(self, name: str = "index.jsp", body: bytes = b"<html/>") -> ReceivedFile:
        async def chunks():
            yield body

        return await self.files.receive(name, chunks())

    async def a_deployment(self, *, waiting: bool = True) -> Job:
        """A deployment that the developer has asked for; ``waiting`` for approval or planned."""
        self.parser.answers["배포"] = DEPLOY
        follow_up = await self.pipeline.handle(self.mention("배포", files=(await self.a_file(),)))
        assert follow_up.start is not None, self.said()
        if waiting:
            await self.requests.open(follow_up.start)
        return self.job(follow_up.start)

    async def an_approved(self) -> Job:
        job = await self.a_deployment()
        await self.approvals.press(self.press(job))
        await self.requests.settle(job.job_id)
        return self.job(job.job_id)

    def job(self, job_id: str) -> Job:
        return self.jobs.jobs[job_id]

    def said(self) -> str:
        """Everything that can be read now."""
        return "\n".join(words_of(one.now) for one in self.messenger.messages.values())

    def audited(self, kind: str) -> list[Mapping[str, object]]:
        return [
            {"actor": e.actor, "subject": e.subject, "job_id": e.job_id, **e.detail}
            for e in self.audit.events
            if e.kind == kind
        ]


def external(person_id: str) -> ExternalId:
    return ExternalId(adapter="web", tenant="local", user_id=person_id)
