"""Where agents dial in, and where steps are ordered of them.

Owns: one live session per agent, waiting for a step's one outcome through reconnections, and
serving the pieces of files that plans name. Knows nothing of jobs, approvals or what a step does.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from typing import Any

import structlog
from aiohttp import web
from nacl.signing import SigningKey

from agent.wire.codec import MAX_FRAME_BYTES, fits
from agent.wire.messages import (
    Beat,
    BlobChunk,
    BlobRequest,
    Envelope,
    Hello,
    Message,
    PlanOrder,
    ScriptsAnnounced,
    StepCancel,
    StepOutcome,
    StepOutput,
    StepProgress,
    Welcome,
)
from agent.wire.scripts import ScriptSpec, is_reserved
from agent.wire.session import Session, SessionError
from bot.core.errors import OperationError
from bot.core.ports import AgentStore, AuditSink, Clock, Delivery, FileStore
from bot.engine.hub_agents import (
    MAX_BLOB_REQUESTS,
    MAX_UNREAD_BLOBS,
    AgentPresence,
    Link,
    RemoteAgent,
    Watch,
)
from bot.engine.hub_door import Door, DoorError, Journal, Line, LineLostError, refuse

_PROBE_S = 5.0  # how long an old connection has to answer when a second one comes
_ECHO_S = 0.3
_CLOSE_S = 2.0
_KNOCKING = 128  # connections that have not yet proved anything

_log = structlog.get_logger(__name__)


class AgentHub:
    """The ``AgentPool`` of agents that dial in here, and the ``ScriptBook`` of what they announce;
    mount ``handler`` at GET /agent/v1/link."""

    def __init__(
        self,
        *,
        store: AgentStore,
        bot_key: SigningKey,
        audit: AuditSink,
        files: FileStore,
        clock: Clock,
        heartbeat_s: float = 10.0,
        grace_s: float = 60.0,
        resume_s: float = 600.0,
    ) -> None:
        """``grace_s``: how long beyond a step's own time its outcome is waited for.
        ``resume_s``: how long a session is kept without a connection."""
        self._files = files
        self._clock = clock
        self._journal = Journal(audit, clock)
        self._door = Door(store=store, key=bot_key, journal=self._journal, clock=clock)
        self._heartbeat_s = heartbeat_s
        self._grace_s = grace_s
        self._resume_s = resume_s
        self._agents: dict[str, RemoteAgent] = {}
        self._closing = False
        self._knocking = 0

    # --- ScriptBook ---

    def scripts(self, agent: str) -> tuple[ScriptSpec, ...]:
        """See ``ScriptBook.scripts``."""
        known = self._agents.get(agent)
        return () if known is None or known.link is None else known.announced

    def known(self) -> Mapping[str, tuple[ScriptSpec, ...]]:
        """See ``ScriptBook.known``."""
        found = {name: self.scripts(name) for name in sorted(self._agents)}
        return {name: scripts for name, scripts in found.items() if scripts}

    # --- AgentPool ---

    def online(self, agent: str) -> bool:
        """Whether the agent has a live session."""
        known = self._agents.get(agent)
        return known is not None and known.link is not None

    def agents(self) -> tuple[AgentPresence, ...]:
        """Every agent that has connected or been asked for since the start, by name."""
        now = _now()
        return tuple(self._agents[name].presence(now) for name in sorted(self._agents))

    async def run_step(
        self, delivery: Delivery, step_id: str
    ) -> AsyncGenerator[StepProgress | StepOutput | StepOutcome, None]:
        """See ``AgentPool.run_step``."""
        plan = delivery.plan
        step = plan.step(step_id)
        code = None if step else "step_unknown"
        if not fits(PlanOrder(plan=plan, grant=delivery.grant, access=delivery.access)):
            code = "plan_too_large"
        if step is None or code is not None:
            yield _own_outcome(plan.job_id, step_id, "refused", code or "step_unknown")
            return
        agent = self._agent(plan.agent)
        with agent.watch((plan.job_id, step_id)) as watch:
            agent.order(delivery, step_id)
            async for event in self._await_outcome(agent, watch, delivery, step_id):
                yield event

    async def _await_outcome(
        self, agent: RemoteAgent, watch: Watch, delivery: Delivery, step_id: str
    ) -> AsyncGenerator[StepProgress | StepOutput | StepOutcome, None]:
        step = delivery.plan.step(step_id)
        # Never extended: an agent that keeps crashing or reporting must not hold a lock for ever.
        deadline = _now() + (step.timeout_s if step else 0) + self._grace_s
        redelivered = False
        while await _within(watch.event, deadline - _now()):
            while (piece := watch.next_output()) is not None:
                yield piece
            progress, outcome, renewed = watch.take()
            if progress is not None:
                yield progress
            if outcome is not None and outcome.code == "plan_unknown" and not redelivered:
                redelivered = True
                agent.order(delivery, step_id, plan_again=True)
            elif outcome is not None:
                yield outcome
                return
            elif renewed:
                agent.order(delivery, step_id)
        _log.warning("agent_silent", agent=agent.name, step=step_id, job=delivery.plan.job_id)
        yield _own_outcome(delivery.plan.job_id, step_id, "unknown", "agent_silent")

    def cancel_step(self, agent: str, job_id: str, step_id: str) -> None:
        """Ask the agent to stop a step where nothing is left half done; its outcome still
        comes."""
        self._agent(agent).post(StepCancel(job_id=job_id, step_id=step_id))

    async def close(self) -> None:
        """End every connection; agents come back to whoever listens next."""
        self._closing = True
        links = [agent.link for agent in self._agents.values() if agent.link is not None]
        for link in links:
            link.drop()
        for link in links:
            await link.gone.wait()

    def _agent(self, name: str) -> RemoteAgent:
        return self._agents.setdefault(name, RemoteAgent(name))

    # --- connections ---

    async def handler(self, request: web.Request) -> web.WebSocketResponse:
        """One connection, from the handshake to its end."""
        if self._closing or self._knocking >= _KNOCKING:
            raise web.HTTPServiceUnavailable
        socket = web.WebSocketResponse(
            compress=False, max_msg_size=MAX_FRAME_BYTES, timeout=_CLOSE_S
        )
        await socket.prepare(request)
        line = Line(socket)
        claimed = "?"
        try:
            hello, enrolled = await self._admit(line)
            claimed = hello.agent
            if enrolled:
                self._agent(claimed).forget_session()  # it was another key's
            else:
                await self._serve(line, hello)
        except DoorError as error:
            await refuse(line, error.code)
            claimed = error.agent or claimed
            await self._journal.note_misuse(claimed, "agent_refused", reason=error.reason)
        except (LineLostError, SessionError) as error:
            _log.info("agent_line_ended", agent=claimed, reason=str(error))
        except OperationError as error:
            # What cannot be audited must not happen: the agent tries again later.
            _log.error("agent_line_dropped", agent=claimed, code=error.code)
        finally:
            await socket.close()
        return socket

    async def _admit(self, line: Line) -> tuple[Hello, bool]:
        self._knocking += 1
        try:
            return await self._door.admit(line)
        finally:
            self._knocking -= 1

    async def _serve(self, line: Line, hello: Hello) -> None:
        agent = self._agent(hello.agent)
        link = Link()
        try:
            async with agent.arriving:
                await self._make_room(agent, hello)
                await self._open_session(line, agent, hello, link)
            await self._pump(line, agent, link)
        finally:
            if agent.link is link:
                agent.link = None
                agent.detached_at = _now()
                if agent.session:
                    agent.session.detach()
            link.gone.set()

    async def _make_room(self, agent: RemoteAgent, hello: Hello) -> None:
        old = agent.link
        if old is None:
            return
        # Only the agent's own process knows the session's id: that one is just quicker back
        # than its old connection is noticed to be dead.
        own = agent.session is not None and hello.session_id == agent.session_id
        if not own and await self._answers(agent, old):
            await self._journal.note_misuse(agent.name, "second_connection_refused")
            raise DoorError("already_connected", "already_connected", agent.name)
        old.drop()
        await old.gone.wait()

    async def _answers(self, agent: RemoteAgent, link: Link) -> bool:
        if agent.session is None:
            return False
        link.heard.clear()
        agent.session.ask()
        link.wake.set()
        heard = asyncio.ensure_future(link.heard.wait())
        gone = asyncio.ensure_future(link.gone.wait())
        try:
            await asyncio.wait({heard, gone}, timeout=_PROBE_S, return_when="FIRST_COMPLETED")
            # What it had sent before it died may be heard first; then the end follows at once.
            return heard.done() and not await _within(link.gone, _ECHO_S)
        finally:
            heard.cancel()
            gone.cancel()

    async def _open_session(self, line: Line, agent: RemoteAgent, hello: Hello, link: Link) -> None:
        now = _now()
        old = agent.session
        resumed = (
            old is not None
            and hello.session_id == agent.session_id
            and now - agent.detached_at <= self._resume_s
            and old.can_resume(hello.received)
        )
        if self._closing:
            raise LineLostError("closing")
        await self._journal.note(
            agent.name, "agent_resumed" if resumed else "agent_connected", version=hello.version
        )
        session = old if resumed and old else Session(heartbeat_s=self._heartbeat_s)
        session_id = agent.session_id if resumed else secrets.token_urlsafe(16)
        await line.send(
            Welcome(
                session_id=session_id,
                resumed=resumed,
                received=session.received,
                heartbeat_s=self._heartbeat_s,
            )
        )
        session.attach(hello.received if resumed else 0, now)
        agent.link, agent.version, agent.since = link, hello.version, self._clock.now()
        if not resumed:
            agent.renew(session, session_id)

    async def _pump(self, line: Line, agent: RemoteAgent, link: Link) -> None:
        session = agent.session
        if session is None:
            return
        try:
            async with asyncio.TaskGroup() as group:
                jobs: tuple[Coroutine[Any, Any, None], ...] = (
                    self._read(line, agent, session, link),
                    self._write(line, session, link),
                    self._serve_blobs(agent, session, link),
                )
                link.tasks = [group.create_task(job) for job in jobs]
        except* (LineLostError, OperationError) as errors:
            _log.info("agent_line_ended", agent=agent.name, reason=str(errors.exceptions[0]))
        except* SessionError as errors:
            _log.warning("agent_broke_the_rules", agent=agent.name, reason=str(errors.exceptions))
            agent.forget_session()

    async def _read(self, line: Line, agent: RemoteAgent, session: Session, link: Link) -> None:
        while True:
            frame = await line.receive(max(0.01, session.silent_at - _now()))
            if not isinstance(frame, Envelope | Beat):
                raise LineLostError(f"a {frame.kind} frame came out of turn")
            message = session.receive(frame, _now())
            link.heard.set()
            link.wake.set()
            if message is not None:
                await self._take(agent, message)

    async def _write(self, line: Line, session: Session, link: Link) -> None:
        while True:
            link.wake.clear()
            for frame in session.frames(_now()):
                await line.send(frame)
            await _within(link.wake, max(0.0, session.beat_due - _now()))

    async def _take(self, agent: RemoteAgent, message: Message) -> None:
        if isinstance(message, StepProgress | StepOutcome):
            if not agent.take(message):
                await self._journal.note_misuse(
                    agent.name, "answer_not_asked_for", step=message.step_id, job=message.job_id
                )
        elif isinstance(message, StepOutput):
            if not await agent.hear(message):
                await self._journal.note_misuse(
                    agent.name, "answer_not_asked_for", step=message.step_id, job=message.job_id
                )
        elif isinstance(message, ScriptsAnnounced):
            agent.announced = _by_id(message.scripts)
            for script in filter(is_reserved, (each.script for each in message.scripts)):
                await self._journal.note_misuse(agent.name, "script_name_reserved", script=script)
        elif isinstance(message, BlobRequest):
            if len(agent.blob_requests) >= MAX_BLOB_REQUESTS:
                raise SessionError("too_many_requests")
            agent.blob_requests.append(message)
        else:
            raise SessionError("not_an_agents_message")

    # --- pieces of files ---

    async def _serve_blobs(self, agent: RemoteAgent, session: Session, link: Link) -> None:
        while True:
            while agent.blob_requests and session.unacknowledged < MAX_UNREAD_BLOBS:
                # It leaves the queue only once answered, so that a lost line loses no request.
                chunk = await self._piece(agent, agent.blob_requests[0])
                agent.post(chunk)
                agent.blob_requests.popleft()
            await link.heard.wait()
            link.heard.clear()

    async def _piece(self, agent: RemoteAgent, request: BlobRequest) -> BlobChunk:
        absent = BlobChunk(request_id=request.request_id, found=False)
        if not agent.may_read(request):
            await self._journal.note_misuse(
                agent.name, "file_refused", job=request.job_id, sha256=request.sha256
            )
            return absent
        try:
            data = await self._files.read(request.sha256, request.offset, request.length)
        except OperationError as error:
            _log.error("file_not_served", agent=agent.name, code=error.code, sha256=request.sha256)
            return absent
        return BlobChunk(
            request_id=request.request_id, found=True, data=base64.b64encode(data).decode()
        )


def _by_id(scripts: Sequence[ScriptSpec]) -> tuple[ScriptSpec, ...]:
    """In order, each id once: the first of two is no worse than the second. None that is called
    as something of ours is."""
    found: dict[str, ScriptSpec] = {}
    for script in scripts:
        if not is_reserved(script.script):
            found.setdefault(script.script, script)
    return tuple(found[name] for name in sorted(found))


def _own_outcome(job_id: str, step_id: str, state: Any, code: str) -> StepOutcome:
    return StepOutcome(job_id=job_id, step_id=step_id, state=state, code=code)


async def _within(event: asyncio.Event, seconds: float) -> bool:
    """Whether the event comes in time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


def _now() -> float:
    return asyncio.get_running_loop().time()
