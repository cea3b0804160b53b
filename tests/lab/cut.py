"""A line that breaks: a proxy in front of a server that cuts, or goes silent, after N bytes.

Owns: passing bytes and counting them per direction. It runs in a thread of its own, so that it
serves tests that block and tests that do not. Knows nothing of what is said.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from tests.lab import processes
from tests.lab.part import Part
from tests.lab.ports import free_port

Direction = Literal["up", "down"]  # up: towards the server
_PIECE = 16384


@dataclass(frozen=True, slots=True)
class _Limit:
    direction: Direction
    at: int
    then: Literal["cut", "silent"]
    again_after: int | None = None  # bytes after a cut, to the next one


class TcpCut(Part):
    """Listens at ``host:port`` and passes to the server behind.

    ``passed``: bytes per direction over all connections since the last ``arm``. ``connections``:
    how many were ever taken.
    """

    def __init__(self, server_host: str, server_port: int, *, host: str | None = None) -> None:
        self.host = host or server_host  # a node's service is looked for at the same address
        self.port = free_port(self.host)
        self.passed: dict[Direction, int] = {"up": 0, "down": 0}
        self.connections = 0
        self.cuts = 0
        self._server = (server_host, server_port)
        self._limit: _Limit | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._open = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="tcp-cut", daemon=True)
        self._ready = threading.Event()

    def start(self) -> None:
        self._thread.start()
        if not self._ready.wait(processes.START_S):
            raise TimeoutError("the proxy does not listen")

    def stop(self) -> None:
        if self._thread.is_alive():
            self._call(self._end)
            self._thread.join(processes.START_S)

    def cut_after(
        self, count: int, direction: Direction = "up", *, again_after: int | None = None
    ) -> None:
        """Close all connections once, when ``count`` more bytes have passed in that direction; a
        second time ``again_after`` so many more.

        Later connections pass, so that a retry and a rollback can be seen to work.
        """
        self._arm(_Limit(direction, count, "cut", again_after))

    def silent_after(self, count: int, direction: Direction = "up") -> None:
        """Pass nothing more either way after that many bytes, and keep accepting."""
        self._arm(_Limit(direction, count, "silent"))

    def cut_now(self) -> None:
        """Close every connection at once."""
        self._call(self._cut)

    def restore(self) -> None:
        """Pass everything again, what was held back included."""
        self._arm(None)

    def _arm(self, limit: _Limit | None) -> None:
        def arm() -> None:
            self.passed = {"up": 0, "down": 0}
            self._limit = limit
            held = limit is not None and limit.then == "silent" and limit.at == 0
            (self._open.clear if held else self._open.set)()

        self._call(arm)

    def _call(self, function: Callable[[], None]) -> None:
        """Run it in the proxy's thread and wait for its end."""
        done = threading.Event()

        def run() -> None:
            function()
            done.set()

        self._loop.call_soon_threadsafe(run)
        if not done.wait(processes.START_S):
            raise TimeoutError("the proxy does not answer")

    def _end(self) -> None:
        self._cut()
        self._loop.stop()

    def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._open.set()
        listener = self._loop.run_until_complete(
            asyncio.start_server(self._accept, self.host, self.port)
        )
        self._ready.set()
        self._loop.run_forever()
        listener.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            await self._open.wait()
            out_reader, out_writer = await asyncio.open_connection(*self._server)
        except OSError:
            writer.transport.abort()
            self._writers.discard(writer)
            return
        self._writers.add(out_writer)
        try:
            await asyncio.gather(
                self._pass(reader, out_writer, "up"), self._pass(out_reader, writer, "down")
            )
        finally:
            for one in (writer, out_writer):
                self._writers.discard(one)
                one.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction
    ) -> None:
        writer.transport.set_write_buffer_limits(0)  # drained means given to the kernel, all of it
        with suppress(OSError):
            while piece := await reader.read(_PIECE):
                await self._open.wait()
                while piece:
                    piece = await self._forward(piece, writer, direction)
            await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()

    async def _forward(
        self, piece: bytes, writer: asyncio.StreamWriter, direction: Direction
    ) -> bytes:
        """Pass what the limit leaves; the rest of the piece, to be passed when it is lifted."""
        limit = self._limit
        if limit is None or limit.direction != direction:
            room = len(piece)
        else:
            room = limit.at - self.passed[direction]
        now, rest = piece[:room], piece[room:]
        self.passed[direction] += len(now)
        writer.write(now)
        await writer.drain()
        if limit is None or limit.direction != direction or self.passed[direction] < limit.at:
            return rest
        if limit.then == "cut":
            self._limit = None
            if limit.again_after is not None:
                self._limit = _Limit(direction, self.passed[direction] + limit.again_after, "cut")
            self.cuts += 1
            self._cut()
            raise ConnectionAbortedError("cut")
        self._open.clear()
        await self._open.wait()
        return rest
