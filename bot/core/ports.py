"""The seams: what the engine needs of the world, as protocols.

Owns: every port. Plug-ins implement them, ``bot.app.wiring`` names the implementations, and each
has one contract suite that runs on every implementation and its fake.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from agent.wire.messages import StepOutcome, StepOutput, StepProgress
from agent.wire.operations import Operation
from agent.wire.plan import SealedAccess, SignedGrant, WirePlan
from agent.wire.results import Result
from agent.wire.scripts import ScriptSpec
from bot.core.domain.artifact import Artifact
from bot.core.domain.audit import AuditEvent
from bot.core.domain.conversation import ConversationRef, Inbound, ReceivedFile
from bot.core.domain.decision import Approval, Rule
from bot.core.domain.estate import Node, SystemEntry, Target, Vocabulary
from bot.core.domain.guide import GuideAnswer
from bot.core.domain.intent import Clarification, Intent, Param, Selector, Utterance
from bot.core.domain.job import Deployment, Job, JobState, StepRecord
from bot.core.domain.people import Actor, ExternalId
from bot.core.domain.plan import Plan, Risk
from bot.core.domain.report import Report

# --- chat ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a messenger can do; what it lacks is degraded by one shared table.

    ``files``: both ways. ``verified_senders``: the service itself proves who speaks; where it
    does not, nothing that changes a server is taken on its word.
    """

    threads: bool
    buttons: bool
    files: bool
    edits: bool
    private_replies: bool
    mentions: bool = True
    commands: bool = True
    verified_senders: bool = True
    pace_s: float = 0.0


Receiver = Callable[[Inbound], Awaitable[None]]


class Adapter(Protocol):
    """One chat service: its events become inbound values, reports become its messages.

    It acknowledges within the service's limit before any work is done and never reads meaning
    into text.
    """

    name: str
    capabilities: Capabilities

    async def run(self, receive: Receiver) -> None:
        """Serve until cancelled. ``receive`` returns as soon as the event is durably taken."""

    async def post(self, report: Report, to: ConversationRef, *, key: str) -> ConversationRef:
        """Post into the conversation; the same ``key`` posts once. Returns the message's place.

        Raises:
            OperationError: the service did not take it (``chat_unavailable``; with the value
                ``retry_after_s`` where it said when to come again).
        """

    async def edit(self, report: Report, message: ConversationRef) -> None:
        """Replace a message that ``post`` returned. Files come with posts only.

        Raises:
            OperationError: as ``post``; ``message_missing``: it is not there any more.
        """


class FileStore(Protocol):
    """Bytes by their SHA-256. Streams; never holds a file in memory."""

    async def receive(self, name: str, chunks: AsyncIterator[bytes]) -> ReceivedFile:
        """Take a dropped file.

        Raises:
            UserError: it is too large or empty (``file_too_large``, ``file_empty``).
        """

    async def open_artifact(self, files: Sequence[ReceivedFile]) -> Artifact:
        """Check the files, open zip archives entry by entry, and store every entry by digest.

        Raises:
            UserError: what is wrong with which file; nothing is stored half.
        """

    async def read(self, digest: str, offset: int, length: int) -> bytes:
        """A piece of a stored file; empty at and past its end.

        Raises:
            OperationError: there is no such file (``file_missing``).
        """

    async def remember_entry(self, path: Path) -> str:
        """Store a local file under its digest and return that."""


# --- language --------------------------------------------------------------------------------


class IntentParser(Protocol):
    """Text to an intent of the catalogue, a question, or None for what is not for the bot."""

    async def parse(self, utterance: Utterance) -> Intent | Clarification | None:
        """Reads no server, executes nothing; nonsense is a clarification, not an error."""


# --- actions ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRequest:
    """Everything a pure action may look at. ``facts`` are the results of its survey, by
    (node id, index of the operation); ``history`` the target's deployments, newest first."""

    job_id: str
    actor: Actor
    target: Target | None
    params: Mapping[str, Param]
    sr: str | None
    artifact: Artifact | None
    facts: Mapping[tuple[str, int], Result]
    history: tuple[Deployment, ...]
    now: datetime
    guides: GuideAnswer | None = None  # for verbs that need them
    seen: tuple[Job, ...] = ()  # this person's own reads of late, newest first: "seen" in needs
    permitted: frozenset[str] = frozenset()  # commands this person may have: "permitted" in needs
    scripts: tuple[ScriptSpec, ...] = ()  # those of the target's agent: "scripts" in needs


class Action(Protocol):
    """A verb of the catalogue: a pure function from arguments, targets and facts to a plan."""

    action_id: str
    risk: Risk  # the highest it can have; the plan carries its own
    # Without which it cannot be planned: "system", "files", "seen", …; "or:<name>": a parameter
    # that stands in for the target.
    needs: frozenset[str]
    reaches_nodes: bool  # False: answered from what the bot itself knows

    def survey(self, request: ActionRequest) -> Sequence[Operation]:
        """Read operations to run on every node of the target before planning."""

    def plan(self, request: ActionRequest) -> Plan | Report:
        """The plan; or, where no server is needed for the answer, the answer itself.

        Raises:
            UserError: it cannot be done as asked, and why.
        """


# --- the estate ------------------------------------------------------------------------------


class Inventory(Protocol):
    """The CMDB's estate, seen with the eyes of one person."""

    async def vocabulary(self, viewer: Actor | None) -> Vocabulary:
        """All names this person may see; None sees everything (the command line's owner)."""

    async def resolve(self, selector: Selector, viewer: Actor) -> Target:
        """The nodes that are meant; never empty, of one system, after the row filter.

        Raises:
            UserError: ``target_unknown`` (nothing visible matches: the same answer for what does
                not exist and for what this person may not see), ``target_ambiguous`` (several
                systems match), ``node_unknown`` (that number does not exist).
        """

    async def nodes(self, node_ids: Sequence[str]) -> tuple[Node, ...]:
        """These nodes as they are now, in the order asked; unknown ones are left out."""

    async def system_of(self, conversation: ConversationRef) -> SystemEntry | None:
        """The system that this channel is about, where the site has said so."""

    async def access(self, node_ids: Sequence[str]) -> tuple[SealedAccess, ...]:
        """Their sealed access records; nodes without one are left out."""


class Directory(Protocol):
    """People, rules."""

    async def find(self, external: ExternalId) -> Actor | None:
        """The person behind a messenger identity, with their rights as of now."""

    async def person(self, person_id: str) -> Actor | None:
        """The person of that id, with their rights as of now."""

    async def people(self) -> tuple[Actor, ...]:
        """Everybody who is active."""

    async def rules(self) -> tuple[Rule, ...]:
        """Policy's rows, most specific first."""


# --- jobs ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The lock of one system in one job's hands."""

    scope: str
    job_id: str
    fencing_token: int


class JobStore(Protocol):
    """Jobs and everything that hangs on them. Every method is one transaction."""

    async def create(self, job: Job) -> bool:
        """Store a new job. False: a job of that id exists already, and is left as it is."""

    async def load(self, job_id: str) -> Job | None:
        """The job with its approvals and step records."""

    async def advance(
        self, job_id: str, to: JobState, *, at: datetime, was: JobState | None = None
    ) -> bool:
        """Move to the next state; with ``was`` only from that one. False: it is there already.

        Raises:
            OperationError: the lifecycle does not allow it, or it is in another state than
                ``was`` (``state_conflict``).
        """

    async def attach(
        self,
        job_id: str,
        *,
        card: ConversationRef | None = None,
        progress: ConversationRef | None = None,
    ) -> None:
        """Remember where the plan card or the progress message was posted."""

    async def record_step(self, job_id: str, step: StepRecord) -> None:
        """Insert or replace what is known of one step."""


class ApprovalStore(Protocol):
    """Verdicts and cancellations."""

    async def add_approval(self, approval: Approval) -> bool:
        """Append a verdict, atomically: one person once, only while its stage awaits approval.
        The job's ``run_at`` becomes the latest of its verdicts'.
        False: this person has spoken already, somebody was faster, or the job no longer waits."""

    async def request_cancel(self, job_id: str, person_id: str) -> bool:
        """Ask a job to stop before its next step. False: it has ended."""

    async def cancel_requested(self, job_id: str) -> bool:
        """Whether somebody has asked it to stop. Asked every second while a long step runs."""


class LockStore(Protocol):
    """One changing job per system, across all verbs."""

    async def acquire(self, scope: str, job_id: str, *, at: datetime) -> Lease | None:
        """The lease, with a token larger than all before it; the holder gets its own back.
        None: another job holds it."""

    async def release(self, lease: Lease) -> None:
        """Give it back. Another's lease is left alone."""

    async def holder(self, scope: str) -> str | None:
        """The job that holds it."""


class DeploymentStore(Protocol):
    """What has been deployed."""

    async def add_deployment(self, deployment: Deployment) -> None:
        """Record it; a second time is the same as once."""

    async def mark_undone(self, job_id: str) -> None:
        """A rollback has put this deployment's backup back."""

    async def deployments(self, system_code: str) -> tuple[Deployment, ...]:
        """Deployments of a system, newest first."""


class HistoryStore(Protocol):
    """Jobs by who asked for them, by where, and by whether they are still going on."""

    async def reads_of(self, person_id: str, action: str, *, since: datetime) -> tuple[Job, ...]:
        """This person's ended jobs of an action that began since then, newest first."""

    async def active_jobs(self) -> tuple[Job, ...]:
        """Jobs that are not in a terminal state."""

    async def latest_job(self, thread: ConversationRef) -> Job | None:
        """The job that was last asked for in this thread."""


class DialogueStore(Protocol):
    """Questions that wait for an answer: one per person and thread."""

    async def ask(
        self, conversation: ConversationRef, person_id: str, partial: Intent, *, until: datetime
    ) -> None:
        """Remember what is understood so far."""

    async def pending(
        self, conversation: ConversationRef, person_id: str, *, now: datetime
    ) -> Intent | None:
        """The open question's intent, unless it has lapsed."""

    async def drop(self, conversation: ConversationRef, person_id: str) -> None:
        """Forget it."""


class AuditSink(Protocol):
    """The tamper-evident chain."""

    async def append(self, event: AuditEvent) -> None:
        """Durably appended when it returns.

        Raises:
            OperationError: it could not be written (``audit_unavailable``): do nothing.
        """


# --- agents ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A plan on its way: what the agent needs to check and run it."""

    plan: WirePlan
    grant: SignedGrant
    access: tuple[SealedAccess, ...]


class AgentPool(Protocol):
    """Agents, wherever they are connected."""

    def online(self, agent: str) -> bool:
        """Whether the agent has a live session."""

    def run_step(
        self, delivery: Delivery, step_id: str
    ) -> AsyncGenerator[StepProgress | StepOutput | StepOutcome, None]:
        """Run one step of a plan; progress and output, then exactly one outcome, always.

        Waits through reconnections. When the agent stays silent past the step's own time and a
        grace, the outcome has state ``unknown`` and code ``agent_silent``; asking for the same
        step again is safe, the agent's ledger knows.
        """

    def cancel_step(self, agent: str, job_id: str, step_id: str) -> None:
        """Ask the agent to stop a step where nothing is left half done; its outcome still
        comes. May be asked again and again."""


class AgentStore(Protocol):
    """Enrolled agents and the tokens that enrol them."""

    async def issue_token(self, agent: str, token_digest: str, *, until: datetime) -> None:
        """Keep the SHA-256 of a single-use token; an older one for that name is void."""

    async def redeem(
        self, agent: str, token_digest: str, *, verify_key: str, seal_key: str, now: datetime
    ) -> bool:
        """Spend the token and register the keys. False: unknown, spent, lapsed or another's."""

    async def verify_key(self, agent: str) -> str | None:
        """The Ed25519 key (base64) of an enrolled agent."""

    async def seal_key(self, agent: str) -> str | None:
        """The X25519 key (base64) of an enrolled agent."""


class Clock(Protocol):
    """The present, aware and in UTC."""

    def now(self) -> datetime:
        """Now."""
