"""Asking a node's service over plain TCP and HTTP, from where the agent stands.

Owns: the port question and one small HTTP/1.1 GET. Follows no redirect and shows no body.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress

ANSWER_S = 3.0
POLL_S = 0.2
_BODY_LIMIT = 64 * 1024
_STATUS_LINE = re.compile(rb"^HTTP/1\.[01] ([1-5][0-9]{2})(?:[ \r\n]|$)")


async def port_open(host: str, port: int) -> bool:
    """Whether something accepts a connection within 3 seconds."""
    try:
        async with asyncio.timeout(ANSWER_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    await _close(writer)
    return True


async def wait_for_port(host: str, port: int, *, opened: bool, timeout_s: float) -> bool:
    """Ask again and again until the port is as wished. False: the time is over."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while await port_open(host, port) is not opened:
        if asyncio.get_running_loop().time() >= deadline:
            return False
        await asyncio.sleep(POLL_S)
    return True


async def http_status(host: str, port: int, path: str) -> int | None:
    """The status of one GET; None: no HTTP answer within 3 seconds."""
    try:
        async with asyncio.timeout(ANSWER_S):
            return await _ask(host, port, path)
    except (OSError, TimeoutError, ValueError):
        return None


async def _ask(host: str, port: int, path: str) -> int | None:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        name = f"[{host}]" if ":" in host else host
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: {name}:{port}\r\nUser-Agent: guardia-agent\r\n"
            "Accept: */*\r\nConnection: close\r\n\r\n".encode("ascii")
        )
        await writer.drain()
        match = _STATUS_LINE.match(await reader.readline())
        await reader.read(_BODY_LIMIT)  # closing with unread data would reset the other end
        return int(match[1]) if match else None
    finally:
        await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
