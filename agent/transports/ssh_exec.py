"""One command over SSH: an exec channel with its bounds, from its beginning to its end.

Owns: what a command says (bounded, and handed on while it comes), what it reads, how long it may
take and be silent, and how it is given up. Knows nothing of operations.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

import asyncssh

from agent.transports.output import BoundedBytes, StreamText
from agent.transports.ssh_files import Silence, translated
from agent.transports.transport import OnOutput, Output, TransportError

_DRAIN_S = 1.0  # for output still under way; a daemon that kept the stream open never ends it
_DRAINS = 30  # at the most
_UNHEARD = 256 * 1024  # characters that wait for whoever follows, before the server has to
_WINDOW = 256 * 1024  # bytes that a server may send ahead of whoever follows
_WIDE_WINDOW = 2 * 1024 * 1024  # asyncssh's own
_REFUSED = {asyncssh.OPEN_REQUEST_SESSION_FAILED, asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED}

Channel = asyncssh.SSHClientChannel[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecRequest:
    """What ``Transport.run`` is asked for. ``charset``: of the server."""

    arguments: tuple[str, ...]
    charset: str
    timeout_s: float
    silence_s: float
    disposable: bool


async def execute(
    connection: asyncssh.SSHClientConnection,
    request: ExecRequest,
    *,
    stdin: AsyncIterator[bytes] | None,
    on_output: OnOutput | None,
) -> Output:
    """See ``Transport.run``."""
    followed = _Followed(request.charset, on_output) if on_output else None
    execution = _Exec(followed)
    channel = await _begin(connection, request, execution)
    works = [execution.feed(channel, stdin)]
    works += [followed.pass_on(execution.resume)] if followed else []
    feeding, *passing = [asyncio.ensure_future(work) for work in works]
    for task in (feeding, *passing):
        task.add_done_callback(execution.stop_if_failed)
    try:
        limit = await execution.follow(request.timeout_s, request.silence_s)
        if followed is not None:
            followed.end()
            await asyncio.gather(*passing)
    finally:
        for task in (feeding, *passing):
            task.cancel()
        await asyncio.wait({feeding, *passing})
        _give_up(channel, execution, disposable=request.disposable)
    said = execution.said(request.charset)
    if limit:
        raise TransportError(limit, said, command=request.arguments[0])
    _raise_for_input(feeding, said)
    if execution.error is not None:
        raise TransportError("connection_lost", said) from execution.error
    return said


async def _begin(
    connection: asyncssh.SSHClientConnection, request: ExecRequest, execution: _Exec
) -> Channel:
    async with translated():
        command = shlex.join(request.arguments).encode(request.charset, "surrogateescape")
        try:
            channel, _ = await connection.create_session(
                lambda: execution,
                cast(str, command),  # bytes pass as they are; text would always become UTF-8
                encoding=None,
                window=_WINDOW if execution.followed else _WIDE_WINDOW,
            )
        except asyncssh.ChannelOpenError as error:
            if error.code not in _REFUSED:
                raise
            raise TransportError("no_shell", command=request.arguments[0]) from error
    return cast(Channel, channel)


def _give_up(channel: Channel, execution: _Exec, *, disposable: bool) -> None:
    """Closed, not killed, unless it may be: sshd signals the whole group, daemons just started
    included."""
    # ``exited`` is set too when whoever feeds or follows it has been cancelled.
    if disposable and execution.status is None and not execution.closed.is_set():
        with suppress(OSError):  # the line may be gone
            channel.terminate()
    channel.close()


class _Followed:
    """Both streams of a command on their way to whoever follows them; what waits is bounded."""

    def __init__(self, charset: str, on_output: OnOutput) -> None:
        self._texts = {False: StreamText(charset), True: StreamText(charset)}
        self._on_output = on_output
        self._waiting: list[str] = []
        self._size = 0
        self._there = asyncio.Event()
        self._ended = False

    def add(self, data: bytes, *, error: bool) -> bool:
        """Take a piece. False: enough for now."""
        self._put(self._texts[error].add(data))
        return self._size < _UNHEARD

    def end(self) -> None:
        """Nothing comes any more."""
        for text in self._texts.values():
            self._put(text.end())
        self._ended = True
        self._there.set()

    def _put(self, text: str) -> None:
        if text:
            self._waiting.append(text)
            self._size += len(text)
            self._there.set()

    async def pass_on(self, resume: Callable[[], None]) -> None:
        """Until the end: hand on what waits, then let the server go on."""
        while self._waiting or not self._ended:
            await self._there.wait()
            self._there.clear()
            text = "".join(self._waiting)
            self._waiting.clear()
            if text:
                await self._on_output(text)
            self._size = sum(map(len, self._waiting))
            resume()


class _Exec(asyncssh.SSHClientSession[bytes]):
    """One exec channel until it has ended: what it says is kept, what it reads is fed."""

    def __init__(self, followed: _Followed | None) -> None:
        self.status: int | None = None
        self.error: Exception | None = None
        self.exited = asyncio.Event()
        self.closed = asyncio.Event()
        self.followed = followed
        self._channel: Channel | None = None
        self._stdout = BoundedBytes()
        self._stderr = BoundedBytes()
        self._heard_bytes = 0
        self._paused = False
        self._silence: Silence | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, chan: Channel) -> None:
        self._channel = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        (self._stdout if datatype is None else self._stderr).add(data)
        self._heard_bytes += len(data)
        self._heard()
        if self.followed is None or self._channel is None:
            return
        if not self.followed.add(data, error=datatype is not None) and not self._paused:
            self._paused = True
            self._our_turn()
            self._channel.pause_reading()

    def resume(self) -> None:
        """Whoever follows has room again."""
        if self._paused and self._channel is not None:
            self._paused = False
            self._heard()
            self._channel.resume_reading()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def exit_status_received(self, status: int) -> None:
        self.status = status
        self.exited.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = exc
        self.exited.set()
        self.closed.set()
        self._writable.set()

    def stop_if_failed(self, task: asyncio.Future[None]) -> None:
        """What the source of the input, or whoever follows, raises ends the command, too."""
        if task.cancelled() or task.exception():
            self.exited.set()

    def said(self, charset: str) -> Output:
        """What is kept of both streams."""
        return Output(
            status=self.status,
            stdout=self._stdout.text(charset),
            stderr=self._stderr.text(charset),
            exact=self._stdout.exact(charset),
        )

    def _heard(self) -> None:
        if self._silence is not None:
            self._silence.heard()

    def _our_turn(self) -> None:
        if self._silence is not None:
            self._silence.ours()

    async def feed(self, channel: Channel, source: AsyncIterator[bytes] | None) -> None:
        """Write as fast as the command reads; a command that has ended needs no more."""
        if source is not None:
            self._our_turn()
            async for piece in source:
                self._heard()
                await self._writable.wait()
                if self.exited.is_set():
                    return
                channel.write(piece)
                self._our_turn()
            self._heard()
        channel.write_eof()

    async def follow(self, timeout_s: float, silence_s: float) -> str | None:
        """Wait for the end. None: ended; otherwise which limit was reached first."""
        self._silence = Silence(silence_s)
        try:
            async with asyncio.timeout(timeout_s), self._silence.timeout:
                await self.exited.wait()
        except TimeoutError:
            return "silence" if self._silence.timeout.expired() else "timeout"
        finally:
            self._silence = None
        await self._drain()
        return None

    async def _drain(self) -> None:
        """What is still under way comes; where somebody follows it, as long as something does."""
        for _ in range(1 if self.followed is None else _DRAINS):
            seen = self._heard_bytes
            with suppress(TimeoutError):
                async with asyncio.timeout(_DRAIN_S):
                    await self.closed.wait()
                    return
            if seen == self._heard_bytes and not self._paused:
                return


def _raise_for_input(feeding: asyncio.Future[None], said: Output) -> None:
    """The source's own error as it is; a channel that closed under our hands as a lost line,
    unless the command had ended by itself."""
    error = None if feeding.cancelled() else feeding.exception()
    if error is None:
        return
    if not isinstance(error, OSError):
        raise error
    if said.status is None:
        raise TransportError("connection_lost", said) from error
