"""Connections that are kept for a while: the steps of a job follow each other at one node.

Owns: which connection is taken up again, when it is proved to live, and when it is closed. A
login to an old server takes seconds, and some lock an account that logs in too often. Knows
neither SSH nor FTP: it wraps whatever connects.

A connection serves one user at a time. It is kept only after a clean end, only for the very same
access record, and it is asked something before it is taken up again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog

from agent.transports.transport import Connect, Transport, TransportError
from agent.wire.plan import NodeAccess

_PROOF_S = 3.0
_log = structlog.get_logger("agent.transports")


@dataclass(slots=True, kw_only=True)
class _Kept:
    """An open connection that nobody uses, until its time is over."""

    transport: Transport
    opened: AbstractAsyncContextManager[Transport]
    expiry: asyncio.TimerHandle | None = None


class KeptConnections:
    """``connect`` as before, with connections kept for ``idle_s`` seconds after their use."""

    def __init__(self, connect: Connect, *, idle_s: float = 20.0) -> None:
        self._connect = connect
        self._idle_s = idle_s
        self._kept: dict[NodeAccess, list[_Kept]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def connect(self, access: NodeAccess) -> AsyncIterator[Transport]:
        """A connection for this record, kept or new.

        Raises:
            TransportError: as whatever connects.
        """
        connection = await self._take(access) or await self._open(access)
        async with AsyncExitStack() as unless_well:
            unless_well.push_async_callback(self._close, connection)
            yield connection.transport
            unless_well.pop_all()
        self._keep(access, connection)

    async def close(self) -> None:
        """End what is kept."""
        for access in list(self._kept):
            for connection in self._kept.pop(access):
                if connection.expiry is not None:
                    connection.expiry.cancel()
                await self._close(connection)
        await asyncio.gather(*self._closing, return_exceptions=True)

    async def _open(self, access: NodeAccess) -> _Kept:
        opened = self._connect(access)
        return _Kept(transport=await opened.__aenter__(), opened=opened)

    async def _take(self, access: NodeAccess) -> _Kept | None:
        """The latest kept one that still answers."""
        while kept := self._kept.get(access):
            connection = kept.pop()
            if connection.expiry is not None:
                connection.expiry.cancel()
            if await self._lives(connection, access):
                return connection
            await self._close(connection)
        self._kept.pop(access, None)
        return None

    async def _lives(self, connection: _Kept, access: NodeAccess) -> bool:
        try:
            async with asyncio.timeout(_PROOF_S):
                await connection.transport.files.stat(access.target.deploy_path)
        except (TransportError, TimeoutError):
            return False
        return True

    def _keep(self, access: NodeAccess, connection: _Kept) -> None:
        self._kept.setdefault(access, []).append(connection)
        loop = asyncio.get_running_loop()
        connection.expiry = loop.call_later(self._idle_s, self._expire, access, connection)

    def _expire(self, access: NodeAccess, connection: _Kept) -> None:
        kept = self._kept.get(access, [])
        if connection not in kept:
            return
        kept.remove(connection)
        if not kept:
            self._kept.pop(access, None)
        task = asyncio.get_running_loop().create_task(self._close(connection))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close(self, connection: _Kept) -> None:
        try:
            await connection.opened.__aexit__(None, None, None)
        except TransportError as error:  # what is over needs no goodbye
            _log.info("connection closed badly", code=error.code)
