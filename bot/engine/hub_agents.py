"""One agent as the hub knows it, over all its connections.

Owns: its session, what has been ordered of it, who waits for which step, and which pieces of
files it may ask for. No sockets, no audit; times are seconds of the event loop's clock.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

from agent.wire.messages import (
    BlobRequest,
    Message,
    PlanOrder,
    StepOrder,
    StepOutcome,
    StepOutput,
    StepProgress,
)
from agent.wire.operations import ReplaceFiles, StageFiles
from agent.wire.plan import WirePlan
from agent.wire.scripts import ScriptSpec
from agent.wire.session import Session, SessionError
from bot.core.ports import Delivery

StepKey = tuple[str, str]  # job id, step id
_REMEMBERED = 2048  # steps asked, so that a late answer is told from one nobody asked for
_JOBS = 128  # jobs whose files an agent may ask for
MAX_BLOB_REQUESTS = 32  # that an agent may have open
_UNREAD_OUTPUT = 32  # pieces of at most 48 KB of one step
_READ_WITHIN_S = 1.0
MAX_UNREAD_BLOBS = 8  # pieces in the outbox, 1.4 MB each


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPresence:
    """An agent as people see it. ``heard_s``: seconds since it was last heard, None: never."""

    name: str
    online: bool
    version: str
    since: datetime | None
    heard_s: float | None


@dataclass(slots=True)
class Watch:
    """What one waiter has not yet seen of its step. Progress is overwritten, never queued; of
    output a bounded part waits."""

    event: asyncio.Event = field(default_factory=asyncio.Event)
    progress: StepProgress | None = None
    outcome: StepOutcome | None = None
    renewed: bool = False  # a new session: everything has to be ordered again
    output: deque[StepOutput] = field(default_factory=lambda: deque(maxlen=_UNREAD_OUTPUT))
    read: asyncio.Event = field(default_factory=asyncio.Event)  # some of it has been

    def take(self) -> tuple[StepProgress | None, StepOutcome | None, bool]:
        """What there is but output, which ``next_output`` gives, and first."""
        seen = self.progress, self.outcome, self.renewed
        self.progress, self.outcome, self.renewed = None, None, False
        self.event.clear()
        return seen

    def next_output(self) -> StepOutput | None:
        """The oldest piece that nobody has seen."""
        if not self.output:
            return None
        self.read.set()
        return self.output.popleft()

    async def room(self) -> None:
        """Until another piece finds its place, but not for long: beyond that the oldest goes."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_READ_WITHIN_S):
                while len(self.output) == _UNREAD_OUTPUT:
                    self.read.clear()
                    await self.read.wait()


class Link:
    """One connection of an agent: its tasks, and how to end them."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[None]] = []
        self.wake = asyncio.Event()  # there may be something to send
        self.heard = asyncio.Event()  # the agent has said something
        self.gone = asyncio.Event()  # the connection has been cleared away

    def drop(self) -> None:
        for task in self.tasks:
            task.cancel()


class RemoteAgent:
    """The agent of one name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.version = ""
        self.since: datetime | None = None
        self.session: Session | None = None
        self.session_id = ""
        self.detached_at = 0.0
        self.link: Link | None = None
        self.arriving = asyncio.Lock()  # one newcomer at a time is weighed against the old link
        self.blob_requests: deque[BlobRequest] = deque()
        self.announced: tuple[ScriptSpec, ...] = ()
        self._delivered: set[str] = set()  # plan digests, in this session
        self._watches: dict[StepKey, list[Watch]] = {}
        self._asked: OrderedDict[StepKey, None] = OrderedDict()
        self._files: OrderedDict[str, frozenset[str]] = OrderedDict()

    # --- sessions ---

    def renew(self, session: Session, session_id: str) -> None:
        """A session that begins at nothing: whoever waits has to order again."""
        self.session, self.session_id = session, session_id
        self.announced = ()
        self._delivered.clear()
        self.blob_requests.clear()
        for watch in self._all_watches():
            watch.renewed = True
            watch.event.set()

    def forget_session(self) -> None:
        """After a breach of the rules nothing of the session is to be relied on."""
        self.session, self.session_id = None, ""
        if self.link is not None:
            self.link.drop()

    def presence(self, now: float) -> AgentPresence:
        return AgentPresence(
            name=self.name,
            online=self.link is not None,
            version=self.version,
            since=self.since,
            heard_s=now - self.session.heard_at if self.session else None,
        )

    # --- orders ---

    def order(self, delivery: Delivery, step_id: str, *, plan_again: bool = False) -> None:
        """Order a step, and before it its plan unless this session has it. Without a session
        nothing is sent: the next one begins with ``Watch.renewed``."""
        plan = delivery.plan
        digest = plan.digest()
        self._remember(plan, step_id)
        if digest not in self._delivered or plan_again:
            self.post(PlanOrder(plan=plan, grant=delivery.grant, access=delivery.access))
            self._delivered.add(digest)
        self.post(StepOrder(job_id=plan.job_id, plan_digest=digest, step_id=step_id))

    def post(self, message: Message) -> None:
        """Put a message on its way."""
        if self.session is None:
            return
        try:
            self.session.send(message)
        except SessionError:
            self.forget_session()
            return
        if self.link is not None:
            self.link.wake.set()

    def _remember(self, plan: WirePlan, step_id: str) -> None:
        self._asked[plan.job_id, step_id] = None
        while len(self._asked) > _REMEMBERED:
            self._asked.popitem(last=False)
        self._files[plan.job_id] = _digests(plan) | self._files.get(plan.job_id, frozenset())
        self._files.move_to_end(plan.job_id)
        while len(self._files) > _JOBS:
            self._files.popitem(last=False)

    # --- answers ---

    @contextmanager
    def watch(self, key: StepKey) -> Iterator[Watch]:
        """Wait for a step's messages while the context lasts."""
        watch = Watch()
        self._watches.setdefault(key, []).append(watch)
        try:
            yield watch
        finally:
            self._watches[key].remove(watch)
            if not self._watches[key]:
                del self._watches[key]

    def take(self, message: StepProgress | StepOutcome) -> bool:
        """Hand it to whoever waits. False: it was never asked of this agent."""
        key = (message.job_id, message.step_id)
        for watch in self._watches.get(key, ()):
            if isinstance(message, StepOutcome):
                watch.outcome = message
            else:
                watch.progress = message
            watch.event.set()
        return key in self._asked or key in self._watches

    async def hear(self, piece: StepOutput) -> bool:
        """As ``take``, for a piece of output; waits a little for a waiter that is behind."""
        key = (piece.job_id, piece.step_id)
        for watch in tuple(self._watches.get(key, ())):
            await watch.room()
            watch.output.append(piece)
            watch.event.set()
        return key in self._asked or key in self._watches

    def may_read(self, request: BlobRequest) -> bool:
        """Whether a plan delivered to this agent names that file for that job."""
        return request.sha256 in self._files.get(request.job_id, ())

    def _all_watches(self) -> Iterator[Watch]:
        for watches in self._watches.values():
            yield from watches


def _digests(plan: WirePlan) -> frozenset[str]:
    return frozenset(
        file.sha256
        for step in plan.steps()
        if isinstance(step.operation, StageFiles | ReplaceFiles)
        for file in step.operation.files
    )
