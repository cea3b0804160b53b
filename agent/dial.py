"""One line to the bot, from dialling to the end of the handshake.

Owns: TLS, the WebSocket client and the translation of its exceptions, and the agent's side of
the handshake and of enrolment. Knows nothing of sessions, orders or how often to try again.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from nacl.signing import VerifyKey
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from agent import __version__
from agent.identity import Identity
from agent.wire.codec import MAX_FRAME_BYTES, CodecError, decode, encode
from agent.wire.enrolment import EnrolmentToken
from agent.wire.handshake import (
    HandshakeError,
    check_bot,
    make_enrolment,
    new_nonce,
    prove_agent,
)
from agent.wire.messages import Challenge, Enrolled, Frame, Hello, Refused, Welcome

HANDSHAKE_S = 10.0
_CLOSE_S = 2.0

Expected = TypeVar("Expected", Challenge, Enrolled, Welcome)


class LineError(Exception):
    """The line could not be opened or has broken; dialling again may help."""


class BotRefusedError(Exception):
    """The bot said no. ``code`` is its reason."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the bot listens. ``ca_file``: the only authority to trust; None: the system's."""

    url: str
    ca_file: Path | None = None


class Line:
    """An open WebSocket that speaks frames."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, frame: Frame) -> None:
        """Raises:
        LineError: the line has broken.
        """
        try:
            await self._connection.send(encode(frame))
        except (OSError, WebSocketException) as error:
            raise LineError(f"the line broke: {error}") from error

    async def receive(self, within_s: float) -> Frame:
        """Raises:
        LineError: nothing came in time, what came is no frame, or the line has broken.
        BotRefusedError: the bot said no.
        """
        try:
            async with asyncio.timeout(within_s):
                text = await self._connection.recv()
            if isinstance(text, bytes):
                raise LineError("a binary frame came")
            frame = decode(text)
        except TimeoutError as error:
            raise LineError("the bot is silent") from error
        except (OSError, WebSocketException, CodecError) as error:
            raise LineError(f"the line broke: {error}") from error
        if isinstance(frame, Refused):
            raise BotRefusedError(frame.code)
        return frame

    async def expect(self, kind: type[Expected]) -> Expected:
        """The next frame of the handshake. Raises as ``receive``."""
        frame = await self.receive(HANDSHAKE_S)
        if not isinstance(frame, kind):
            raise LineError(f"a {frame.kind} frame came out of turn")
        return frame


@asynccontextmanager
async def open_line(address: Address) -> AsyncIterator[Line]:
    """Dial and close again at the end.

    Raises:
        LineError: nobody answers there, or the certificate does not hold.
    """
    try:
        connection = await connect(
            address.url,
            ssl=_tls(address),
            compression=None,
            proxy=None,  # a proxy out of the environment would be a way nobody has configured
            open_timeout=HANDSHAKE_S,
            close_timeout=_CLOSE_S,
            ping_interval=None,  # the session has a heartbeat of its own
            max_size=MAX_FRAME_BYTES,
        )
    except (OSError, TimeoutError, WebSocketException) as error:
        raise LineError(f"{address.url} does not answer: {error}") from error
    try:
        yield Line(connection)
    finally:
        await connection.close()


async def introduce(line: Line, hello: Hello, identity: Identity) -> Welcome:
    """Prove to the pinned bot, and to nobody else, who this agent is.

    Raises:
        HandshakeError: the other end is not the bot; nothing has been proved to it.
        BotRefusedError: the bot does not admit the agent.
        LineError: the line broke.
    """
    await line.send(hello)
    challenge = await line.expect(Challenge)
    check_bot(hello, challenge, pinned=identity.bot)
    await line.send(prove_agent(hello, challenge, identity.signing))
    return await line.expect(Welcome)


async def enrol(
    line: Line, agent: str, token: EnrolmentToken, keep: Callable[[VerifyKey], Identity]
) -> Identity:
    """Spend the token at the bot whose fingerprint it carries, and at no other.

    ``keep`` makes the identity and stores it durably before the secret leaves this process.

    Raises: as ``introduce``.
    """
    hello = Hello(agent=agent, version=__version__, purpose="enrolment", nonce=new_nonce())
    await line.send(hello)
    challenge = await line.expect(Challenge)
    identity = keep(check_bot(hello, challenge, fingerprint=token.fingerprint))
    await line.send(
        make_enrolment(
            hello,
            challenge,
            secret=token.secret,
            key=identity.signing,
            seal_key=identity.box.public_key,
        )
    )
    if (await line.expect(Enrolled)).agent != agent:
        raise HandshakeError("enrolled_another")
    return identity


def _tls(address: Address) -> ssl.SSLContext | None:
    if not address.url.startswith("wss:"):
        return None
    context = ssl.create_default_context(cafile=address.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
