"""The service's open connections, counted on the node itself.

Owns: settle_traffic and the reading of /proc/net/tcp and tcp6, which needs no shell, but is quicker
with one.
"""

from __future__ import annotations

import asyncio
import re

from agent.operations.context import StepContext
from agent.operations.net import own_ports, port_open
from agent.transports.transport import Transport, TransportError
from agent.wire.operations import SettleTraffic
from agent.wire.results import Settled

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_TABLE_LIMIT = 8 << 20  # bytes; 50,000 connections
_PIECE = 4096  # the kernel answers page by page
_POLL_S = 1.0
_FILTER_S = 20.0
# "  12: 0100007F:1F90 0100007F:C350 01 …": local, remote, state; addresses in hexadecimal.
_ROW = re.compile(r"^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:([0-9A-F]{4}) ([0-9A-F]{2}) ", re.M)
_ESTABLISHED, _LISTEN = "01", "0A"
# The line to the server itself is gone; anything else means that it cannot be counted there.
_CUT_OFF = frozenset(
    {"unreachable", "host_key_changed", "login_refused", "connection_lost", "silence", "timeout"}
)


async def settle(context: StepContext, operation: SettleTraffic) -> Settled:
    """Wait until nobody is connected to the service's port any more, ``seconds`` at the most.

    Where connections cannot be counted, the whole time is waited. The agent's own do not count.
    """
    if context.target.transfer == "ftp":  # its view of /proc, if any, is of no use
        return await _wait(context, operation, None)
    async with context.server() as server:
        return await _wait(context, operation, server)


async def _wait(
    context: StepContext, operation: SettleTraffic, server: Transport | None
) -> Settled:
    loop = asyncio.get_running_loop()
    began = loop.time()
    longest = max(operation.seconds, operation.at_least_s)
    while True:
        still_open = None if server is None else await _count(context, server)
        waited = loop.time() - began
        settled = still_open == 0 and waited >= operation.at_least_s
        if settled or waited >= longest:
            context.report(longest, longest)
            return Settled(waited_s=round(waited), still_open=still_open)
        context.report(int(waited), longest)
        await asyncio.sleep(min(_POLL_S, max(longest - waited, 0)))


async def _count(context: StepContext, server: Transport) -> int | None:
    """Connections that others have open to the service; None: not to be told here."""
    service = context.target.service
    try:
        tables = await _tables(server, service.port)
    except TransportError as error:
        if error.code in _CUT_OFF:
            raise
        return None
    rows = [(int(own, 16), int(other, 16), state) for own, other, state in _rows(tables)]
    at_port = [(other, state) for own, other, state in rows if own == service.port]
    # A port that answers without a listener here belongs to another network (a container's).
    listening = any(state == _LISTEN for _, state in at_port)
    if not listening and await port_open(context.target.host, service.port):
        return None
    # By port alone: behind a translated address ours would not be known by its address.
    own = own_ports()
    return sum(state == _ESTABLISHED and other not in own for other, state in at_port)


def _rows(tables: list[str]) -> list[tuple[str, str, str]]:
    return [(row[1], row[2], row[3]) for table in tables for row in _ROW.finditer(table)]


async def _tables(server: Transport, port: int) -> list[str]:
    """The rows of that port; where nothing can be run, all rows.

    A busy server has tens of thousands of closed connections in its table, and every piece of it
    that is read makes the kernel walk over all rows before.
    """
    if server.shell:
        rows = f" [0-9A-F]+:{port:04X} [0-9A-F]+:[0-9A-F]+ ({_ESTABLISHED}|{_LISTEN}) "
        found = await server.run(["grep", "-hE", rows, *_TABLES], timeout_s=_FILTER_S)
        if found.status in {0, 1}:  # 2: a table is missing
            return [found.stdout]
    return [await _read(server, path) for path in _TABLES]


async def _read(server: Transport, path: str) -> str:
    """The whole table; one without IPv6 has no tcp6, which counts as empty."""
    body = bytearray()
    try:
        while len(body) < _TABLE_LIMIT:
            piece = await server.read(path, offset=len(body), limit=_PIECE)
            if not piece:
                break
            body += piece
    except TransportError as error:
        if error.code != "not_found" or path == _TABLES[0]:
            raise
    return body.decode("ascii", errors="replace")
