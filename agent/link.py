"""The agent's one session with the bot, over as many lines as it takes.

Owns: coming back for ever, resuming, the life of running steps across lines, and the pace of what
they say. Knows the executor only as ``Orders``; judges no order and runs none itself.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from agent import __version__
from agent.blobs import BlobRequests
from agent.dial import Address, BotRefusedError, Line, LineError, introduce, open_line
from agent.identity import Identity
from agent.ledger import LedgerError
from agent.voice import Voice
from agent.wire.codec import fits
from agent.wire.handshake import HandshakeError, new_nonce
from agent.wire.messages import (
    Beat,
    BlobChunk,
    Envelope,
    Hello,
    Message,
    PlanOrder,
    ScriptsAnnounced,
    StepCancel,
    StepOrder,
    StepOutcome,
    StepOutput,
    StepProgress,
)
from agent.wire.scripts import ScriptSpec
from agent.wire.session import Session, SessionError

_INBOX = 256  # orders that may wait; more, and the session begins anew
_OUTBOX = 512  # unacknowledged messages of ours
_SETTLED_S = 2.0  # a line that held so long was no failure
_PROGRESS_S = 0.2  # between two reports of one step
_SPOKEN = 24  # unacknowledged messages, beyond which output waits in its step's voice
_REST_S = 5.0  # for the last of a step's output, before its outcome
_FLUSH_S = 3.0  # at the end: how long to wait until the bot has the last outcomes

_log = structlog.get_logger(__name__)
_StepKey = tuple[str, str, str]  # job, plan digest, step


class Orders(Protocol):
    """Who checks and runs what the bot orders."""

    async def deliver(self, order: PlanOrder) -> None:
        """Take a plan; a bad one is told with the outcomes of its steps.

        Raises:
            LedgerError: it could not be kept.
        """

    async def run(
        self, order: StepOrder, report: Callable[[StepProgress], None], voice: Voice
    ) -> StepOutcome:
        """Run a step, or answer from the ledger what is known of it; what it says while it runs
        goes to ``voice``."""

    async def cancel(self, order: StepCancel) -> None:
        """Stop a step where nothing is left half done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Full jitter below ``base_s`` doubled with every failure, at most ``cap_s``. After a
    refusal, which no hurry mends, between half and all of ``refused_s``."""

    base_s: float = 0.5
    cap_s: float = 30.0
    refused_s: float = 60.0

    def delay_s(self, failures: int, rng: random.Random, *, refused: bool = False) -> float:
        if refused:
            return rng.uniform(self.refused_s / 2, self.refused_s)
        return rng.uniform(0, min(self.cap_s, self.base_s * 2.0 ** min(failures, 16)))


@dataclass(slots=True)
class _Running:
    task: asyncio.Task[None]
    session: Session | None  # the one that asked last: only it is told
    voice: Voice
    quiet_until: float = 0.0


class Link:
    """Run it once with ``run``; it is the executor's source of file pieces too (``read``)."""

    def __init__(
        self,
        identity: Identity,
        address: Address,
        *,
        backoff: Backoff | None = None,
        scripts: Callable[[], tuple[ScriptSpec, ...]] = tuple,
    ) -> None:
        """``scripts``: the site's scripts that would run now; it may read files."""
        self._identity = identity
        self._address = address
        self._backoff = backoff or Backoff()
        self._scripts = scripts
        self._rng = random.SystemRandom()
        self._session: Session | None = None
        self._session_id: str | None = None
        self._inbox: asyncio.Queue[tuple[Session, Message]] = asyncio.Queue(_INBOX)
        self._running: dict[_StepKey, _Running] = {}
        self._blobs = BlobRequests(self._send)
        self._stopping = asyncio.Event()
        self._over = False
        self._wake = asyncio.Event()  # there may be something to send
        self._heard = asyncio.Event()  # the bot has said something

    # --- the whole life ---

    def stop(self) -> None:
        """Take no more orders; ``run`` returns when running steps have ended or the grace is
        over. May be called again."""
        self._stopping.set()

    async def run(self, orders: Orders, *, grace_s: float = 20.0) -> None:
        """Serve until ``stop``."""
        async with asyncio.TaskGroup() as group:
            workers = [
                group.create_task(self._dial_forever()),
                group.create_task(self._dispatch(orders, group)),
            ]
            try:
                await self._stopping.wait()
                await self._finish(grace_s)
            finally:
                self._over = True
            for task in (*workers, *(running.task for running in self._running.values())):
                task.cancel()

    async def _finish(self, grace_s: float) -> None:
        if tasks := [running.task for running in self._running.values()]:
            _log.info("finishing_steps", steps=len(tasks), grace_s=grace_s)
            await asyncio.wait(tasks, timeout=grace_s)
        try:
            async with asyncio.timeout(_FLUSH_S):
                while self._session and self._session.attached and self._session.unacknowledged:
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            _log.warning("stopped_before_the_bot_had_everything")

    # --- the line ---

    async def _dial_forever(self) -> None:
        failures = 0
        while True:
            started = _now()
            refused = False
            try:
                async with open_line(self._address) as line:
                    await self._begin(line)
                    ended: Exception = await self._converse(line)
            except (LineError, SessionError, BotRefusedError, HandshakeError) as error:
                ended = error
            finally:
                if self._session:
                    self._session.detach()
            if self._over:
                return  # cancelled as its line broke: the group that ends by an error hides that
            refused = isinstance(ended, (BotRefusedError, HandshakeError))
            failures = 0 if _now() - started > _SETTLED_S else failures + 1
            delay_s = self._backoff.delay_s(failures, self._rng, refused=refused)
            _log.warning("line_lost", reason=str(ended), refused=refused, retry_s=round(delay_s, 2))
            await asyncio.sleep(delay_s)

    async def _begin(self, line: Line) -> None:
        hello = Hello(
            agent=self._identity.agent,
            version=__version__,
            nonce=new_nonce(),
            session_id=self._session_id,
            received=self._session.received if self._session else 0,
        )
        welcome = await introduce(line, hello, self._identity)
        if welcome.resumed and self._session and welcome.session_id == self._session_id:
            try:
                self._session.attach(welcome.received, _now())
            except SessionError:
                self._abandon()
                raise
        elif welcome.resumed:
            raise LineError("the bot resumed a session that is not ours")
        else:
            self._session = Session(heartbeat_s=welcome.heartbeat_s, outbox_limit=_OUTBOX)
            self._session_id = welcome.session_id
            self._blobs.begin_anew()
            self._session.attach(0, _now())
        scripts = await asyncio.to_thread(self._scripts)
        self._send(ScriptsAnnounced(scripts=scripts))
        _log.info("connected", resumed=welcome.resumed, scripts=len(scripts))

    def _abandon(self) -> None:
        # The next session begins at nothing: the bot asks again, and the ledger answers.
        self._session = self._session_id = None
        self._blobs.begin_anew()
        self._wake.set()

    async def _converse(self, line: Line) -> Exception:
        session = self._session
        ended: Exception = LineError("closed")
        if session is None:
            return ended
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read_line(line, session))
                group.create_task(self._write_line(line, session))
        except* (LineError, SessionError, BotRefusedError) as errors:
            ended = _first(errors)
        return ended

    async def _read_line(self, line: Line, session: Session) -> None:
        while True:
            frame = await line.receive(max(0.0, session.silent_at - _now()))
            if not isinstance(frame, (Envelope, Beat)):
                raise LineError(f"a {frame.kind} frame came out of turn")
            message = session.receive(frame, _now())
            self._wake.set()
            self._heard.set()
            if isinstance(message, BlobChunk):
                self._blobs.answer(message)
            elif message is not None:
                self._queue(session, message)

    async def _write_line(self, line: Line, session: Session) -> None:
        while True:
            self._wake.clear()
            if session is not self._session:
                raise SessionError("abandoned")
            speaks_at = self._speak(session)
            for frame in session.frames(_now()):
                await line.send(frame)
            try:
                async with asyncio.timeout_at(min(session.beat_due, speaks_at)):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _queue(self, session: Session, message: Message) -> None:
        try:
            self._inbox.put_nowait((session, message))
        except asyncio.QueueFull:
            self._abandon()
            raise SessionError("inbox_full") from None

    # --- orders ---

    async def _dispatch(self, orders: Orders, group: asyncio.TaskGroup) -> None:
        while True:
            session, message = await self._inbox.get()
            if session is not self._session or self._stopping.is_set():
                continue  # of a lost session, or too late: the bot asks again
            if isinstance(message, PlanOrder):
                await self._deliver(orders, session, message)
            elif isinstance(message, StepOrder):
                self._start(orders, message, group)
            elif isinstance(message, StepCancel):
                group.create_task(orders.cancel(message))
            else:
                _log.warning("message_ignored", kind=message.kind)

    async def _deliver(self, orders: Orders, session: Session, order: PlanOrder) -> None:
        try:
            await orders.deliver(order)
        except LedgerError as error:
            # Its steps will say so, one by one; what runs already must go on.
            _log.error("plan_not_kept", job=order.plan.job_id, reason=str(error))
        if session is self._session:
            self._blobs.plan_has_come(order.plan.job_id)

    def _start(self, orders: Orders, order: StepOrder, group: asyncio.TaskGroup) -> None:
        key = (order.job_id, order.plan_digest, order.step_id)
        if key in self._running:
            self._running[key].session = self._session
            return
        voice = Voice()
        voice.wake = self._wake.set
        task = group.create_task(self._run_step(orders, order, key, voice))
        self._running[key] = _Running(task, self._session, voice)

    async def _run_step(
        self, orders: Orders, order: StepOrder, key: _StepKey, voice: Voice
    ) -> None:
        def report(progress: StepProgress) -> None:
            # The executor may still report when this task has been stopped.
            running = self._running.get(key)
            if running and self._session and _now() >= running.quiet_until:
                self._report(progress, running, self._session)

        try:
            outcome = await orders.run(order, report, voice)
            await self._speak_out(self._running[key], key)
            if self._running[key].session is self._session:
                self._send(_sendable(outcome))
        finally:
            del self._running[key]

    def _report(self, progress: StepProgress, running: _Running, session: Session) -> None:
        # Progress may be lost, outcomes not: half of the outbox is theirs.
        if running.session is session and session.unacknowledged < _OUTBOX // 2:
            running.quiet_until = _now() + _PROGRESS_S
            self._send(progress)

    def _speak(self, session: Session) -> float:
        """Send what steps have said, as far as there is room for it; when to look again."""
        due = float("inf")
        for (job_id, _, step_id), running in self._running.items():
            at = running.voice.due_at() if running.session is session else None
            while at is not None and at <= _now() and session.unacknowledged < _SPOKEN:
                self._send_piece(job_id, step_id, running.voice)
                at = running.voice.due_at()
            if at is not None and session.unacknowledged < _SPOKEN:
                due = min(due, at)
        return due

    def _send_piece(self, job_id: str, step_id: str, voice: Voice) -> None:
        piece = voice.take()
        if piece is not None:
            offset, text = piece
            self._send(StepOutput(job_id=job_id, step_id=step_id, offset=offset, text=text))

    async def _speak_out(self, running: _Running, key: _StepKey) -> None:
        """The rest of it before the outcome; what cannot go soon is left out."""
        try:
            async with asyncio.timeout(_REST_S):
                while running.voice.held and (session := running.session) is not None:
                    if session.attached and session.unacknowledged < _SPOKEN:
                        self._send_piece(key[0], key[2], running.voice)
                    else:
                        self._heard.clear()
                        await self._heard.wait()
        except TimeoutError:
            _log.warning("output_left_out", step=key[2], size=running.voice.held)

    def _send(self, message: Message) -> None:
        if self._session is None:
            return
        try:
            self._session.send(message)
        except SessionError as error:
            _log.error("session_abandoned", reason=error.code)
            self._abandon()
        self._wake.set()

    async def read(self, job_id: str, sha256: str, offset: int, length: int) -> bytes | None:
        """See ``BlobRequests.read``."""
        return await self._blobs.read(job_id, sha256, offset, length)


def _sendable(outcome: StepOutcome) -> StepOutcome:
    if fits(outcome):
        return outcome
    # Only answers of reads grow so large; without its answer a read has failed.
    return outcome.model_copy(
        update={"state": "failed", "code": "outcome_too_large", "lines": (), "result": None}
    )


def _first(errors: BaseExceptionGroup[BaseException]) -> Exception:
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            return _first(error)
        if isinstance(error, Exception):
            return error
    return LineError("closed")


def _now() -> float:
    return asyncio.get_running_loop().time()
