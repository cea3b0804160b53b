"""One operation at one of the lab's nodes, without a bot: what reached the server is recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from agent.operations.context import StepContext
from agent.transports.reach import connect
from agent.transports.transport import Output, Transport
from agent.wire.plan import NodeAccess
from tests.fakes.agent import FakeNode, a_context


class Recorded:
    """A transport that keeps every argument list that it was given, and every piece it read."""

    def __init__(self, server: Transport, world: Watched) -> None:
        self._server = server
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    async def run(self, arguments: Sequence[str], **more: Any) -> Output:
        self._world.ran.append(tuple(arguments))
        said = await self._server.run(arguments, **more)
        happens = self._world.after.get(tuple(arguments[:2]))
        if happens is not None:
            happens()
        return said

    async def read(self, path: str, *, offset: int = 0, limit: int) -> bytes:
        body = await self._server.read(path, offset=offset, limit=limit)
        self._world.read_bytes += len(body)
        return body


@dataclass(kw_only=True)
class Watched:
    """A node's access, and what was done there. ``after``: what happens on the server when a
    command that begins with these two arguments has ended."""

    access: NodeAccess
    ran: list[tuple[str, ...]] = field(default_factory=list)
    read_bytes: int = 0
    after: dict[tuple[str, ...], Callable[[], object]] = field(default_factory=dict)

    @asynccontextmanager
    async def server(self) -> AsyncIterator[Transport]:
        async with connect(self.access) as server:
            yield Recorded(server, self)

    def context(self, **changes: Any) -> StepContext:
        made = a_context(self.access.target, FakeNode())
        return replace(made, server=self.server, **changes)
