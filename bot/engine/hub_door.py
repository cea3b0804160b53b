"""The door of the hub: who comes in.

Owns: the bot's side of the handshake and of enrolment, and how refusals are told and audited.
To a stranger every refusal looks the same. Knows nothing of sessions and orders.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from aiohttp import WSMsgType, web
from nacl.signing import SigningKey

from agent.wire.codec import CodecError, decode, encode
from agent.wire.enrolment import secret_digest
from agent.wire.handshake import (
    HandshakeError,
    challenge,
    check_agent,
    check_enrolment,
    to_verify_key,
)
from agent.wire.messages import (
    PROTOCOL_VERSION,
    Challenge,
    Enrol,
    Enrolled,
    Frame,
    Hello,
    Proof,
    Refused,
)
from bot.core.domain.audit import AuditEvent, AuditKind
from bot.core.ports import AgentStore, AuditSink, Clock

HANDSHAKE_S = 10.0
_A_MINUTE = 30  # refusals audited, enrolments tried: who knocks for ever must not fill the audit

_log = structlog.get_logger(__name__)


class DoorError(Exception):
    """Not admitted. ``code`` is what the other end is told, ``reason`` what the audit is."""

    def __init__(self, code: str, reason: str, agent: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason
        self.agent = agent  # who it claimed to be


class LineLostError(Exception):
    """The other end is gone, silent, or does not speak frames."""


class Throttle:
    """So many a minute, of the clock that is passed in."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._minute = ""
        self._count = 0

    def allows(self, now: datetime) -> bool:
        minute = now.strftime("%H:%M")
        self._count = self._count + 1 if minute == self._minute else 1
        self._minute = minute
        return self._count <= self._limit


class Journal:
    """Writes what happens to agents into the audit."""

    def __init__(self, audit: AuditSink, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock
        self._throttle = Throttle(_A_MINUTE)

    async def note(self, agent: str, event: str, **detail: str) -> None:
        """Raises:
        OperationError: the audit cannot be written; whatever was to follow must not.
        """
        values: Mapping[str, object] = {"event": event, **detail}
        await self._audit.append(
            AuditEvent(
                kind=AuditKind.AGENT,
                at=self._clock.now(),
                actor=f"agent:{agent}",
                subject=agent,
                detail=values,
            )
        )

    async def note_misuse(self, agent: str, event: str, **detail: str) -> None:
        """As ``note``, but only so often a minute; the log has them all."""
        _log.warning(event, agent=agent, **detail)
        if self._throttle.allows(self._clock.now()):
            await self.note(agent, event, **detail)


class Line:
    """A WebSocket of aiohttp that speaks frames."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket

    async def send(self, frame: Frame) -> None:
        """Raises:
        LineLostError: the other end is gone.
        """
        try:
            await self._socket.send_str(encode(frame))
        except (ConnectionError, RuntimeError) as error:
            raise LineLostError(str(error)) from error

    async def receive(self, within_s: float) -> Frame:
        """Raises:
        LineLostError: the other end is gone, silent, or sent no frame.
        """
        try:
            message = await self._socket.receive(timeout=within_s)
        except (TimeoutError, ConnectionError) as error:
            raise LineLostError("silent") from error
        if message.type is not WSMsgType.TEXT:
            raise LineLostError(f"closed ({message.type.name.lower()})")
        try:
            return decode(message.data)
        except CodecError as error:
            raise LineLostError(str(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Admits enrolled agents, and enrols those with a token."""

    store: AgentStore
    key: SigningKey
    journal: Journal
    clock: Clock
    enrolments: Throttle = field(default_factory=lambda: Throttle(_A_MINUTE))

    async def admit(self, line: Line) -> tuple[Hello, bool]:
        """The proved hello, and whether it was an enrolment (which ends the connection).

        Raises:
            DoorError: refused.
            LineLostError: it went away.
        """
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                return await self._converse(line)
        except TimeoutError as error:
            raise LineLostError("the handshake took too long") from error

    async def _converse(self, line: Line) -> tuple[Hello, bool]:
        hello = await line.receive(HANDSHAKE_S)
        if not isinstance(hello, Hello):
            raise DoorError("out_of_turn", f"a {hello.kind} frame instead of hello")
        if hello.protocol != PROTOCOL_VERSION:
            raise DoorError("protocol_unknown", f"protocol {hello.protocol}", hello.agent)
        sent = challenge(hello, self.key)
        await line.send(sent)
        answer = await line.receive(HANDSHAKE_S)
        if isinstance(answer, Proof) and hello.purpose == "session":
            await self._check(hello, sent, answer)
            return hello, False
        if isinstance(answer, Enrol) and hello.purpose == "enrolment":
            await self._enrol(hello, sent, answer)
            await line.send(Enrolled(agent=hello.agent))
            return hello, True
        raise DoorError("out_of_turn", f"a {answer.kind} frame instead of a proof", hello.agent)

    async def _check(self, hello: Hello, sent: Challenge, proof: Proof) -> None:
        known = await self.store.verify_key(hello.agent)
        try:
            # For an unknown name a key that nobody has: the same work, and the same answer.
            key = to_verify_key(known) if known else SigningKey.generate().verify_key
            check_agent(hello, sent, proof, key)
        except HandshakeError as error:
            reason = error.code if known else "agent_unknown"
            raise DoorError("not_admitted", reason, hello.agent) from error

    async def _enrol(self, hello: Hello, sent: Challenge, enrol: Enrol) -> None:
        try:
            check_enrolment(hello, sent, enrol)
        except HandshakeError as error:
            raise DoorError("enrolment_refused", error.code, hello.agent) from error
        if not self.enrolments.allows(self.clock.now()):
            raise DoorError("enrolment_refused", "too_many_enrolments", hello.agent)
        # First the audit: a key that is registered and not written down must not exist.
        await self.journal.note(hello.agent, "agent_enrolling", key=_label(enrol.verify_key))
        redeemed = await self.store.redeem(
            hello.agent,
            secret_digest(enrol.token),
            verify_key=enrol.verify_key,
            seal_key=enrol.seal_key,
            now=self.clock.now(),
        )
        # The same key again: our answer was lost on its way, and the agent asks once more.
        if not redeemed and await self.store.verify_key(hello.agent) != enrol.verify_key:
            raise DoorError("enrolment_refused", "token_not_good", hello.agent)
        await self.journal.note(hello.agent, "agent_enrolled", key=_label(enrol.verify_key))


def _label(key: str) -> str:
    """The start of a public key, enough to tell two apart."""
    return base64.b64decode(key).hex()[:16]


async def refuse(line: Line, code: str) -> None:
    """Say no, if the other end still listens."""
    try:
        await line.send(Refused(code=code))
    except LineLostError as error:
        _log.debug("refusal_not_heard", reason=str(error))
