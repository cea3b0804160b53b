"""Asking a node's service over plain TCP and HTTP, from where the agent stands.

Owns: the port question and one small HTTP/1.1 GET. Follows no redirect and shows no body.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

ANSWER_S = 3.0
POLL_S = 0.2
_BODY_LIMIT = 64 * 1024
_own_ports: set[int] = set()  # local ports of what this process has open just now
_STATUS_LINE = re.compile(rb"^HTTP/1\.[01] ([1-5][0-9]{2})(?:[ \r\n]|$)")


async def port_open(host: str, port: int) -> bool:
    """Whether something accepts a connection within 3 seconds."""
    try:
        async with asyncio.timeout(ANSWER_S), _connection(host, port):
            return True
    except (OSError, TimeoutError):
        return False


async def wait_for_port(host: str, port: int, *, opened: bool, timeout_s: float) -> bool:
    """Ask again and again until the port is as wished. False: the time is over."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while await port_open(host, port) is not opened:
        if asyncio.get_running_loop().time() >= deadline:
            return False
        await asyncio.sleep(POLL_S)
    return True


def own_ports() -> frozenset[int]:
    """The local ports of the connections that these questions have open just now."""
    return frozenset(_own_ports)


async def http_status(host: str, port: int, path: str) -> int | None:
    """The status of one GET; None: no HTTP answer within 3 seconds."""
    try:
        async with asyncio.timeout(ANSWER_S):
            return await _ask(host, port, path)
    except (OSError, TimeoutError, ValueError):
        return None


async def _ask(host: str, port: int, path: str) -> int | None:
    async with _connection(host, port) as (reader, writer):
        name = f"[{host}]" if ":" in host else host
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: {name}:{port}\r\nUser-Agent: guardia-agent\r\n"
            "Accept: */*\r\nConnection: close\r\n\r\n".encode("ascii")
        )
        await writer.drain()
        match = _STATUS_LINE.match(await reader.readline())
        await reader.read(_BODY_LIMIT)  # closing with unread data would reset the other end
        return int(match[1]) if match else None


@asynccontextmanager
async def _connection(
    host: str, port: int
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(host, port)
    own = writer.get_extra_info("sockname")[1]
    _own_ports.add(own)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        _own_ports.discard(own)
