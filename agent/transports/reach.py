"""Which transport reaches a node.

Owns: that choice, by the node's record alone. Must not know what is done over it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agent.transports import ftp, ssh
from agent.transports.transport import Transport
from agent.wire.plan import NodeAccess


@asynccontextmanager
async def connect(access: NodeAccess) -> AsyncIterator[Transport]:
    """Log in to the node by what its port speaks, and out again at the end.

    Raises:
        TransportError: as the transports' own ``connect``.
    """
    by_transfer = {"sftp": ssh.connect, "ftp": ftp.connect}
    async with by_transfer[access.target.transfer](access) as server:
        yield server
