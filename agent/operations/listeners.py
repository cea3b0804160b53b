"""The TCP ports that a server listens on, from its own tables in ``/proc/net``.

Owns: reading and decoding those tables, and what is reachable from outside. Judges nothing.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal

from agent.transports.transport import Transport

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_COMMAND_S = 30.0
_ROW = re.compile(r"^\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) \S+ 0A ", re.MULTILINE)

# From where a port can be reached: from everywhere, at one address of the node, from itself only.
Scope = Literal["everywhere", "one_address", "local"]
_WIDEST: tuple[Scope, ...] = ("local", "one_address", "everywhere")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One port and the widest of its scopes."""

    port: int
    scope: Scope


async def listeners(server: Transport, host: str) -> tuple[Listener, ...] | None:
    """All listening ports, by number; None: the server does not tell. ``host``: the node's own
    address, which counts as reachable whatever it is."""
    first, second = [await _table(server, path) for path in TABLES]
    if first is None:
        return None
    return listening_in("\n".join([first, second or ""]), host)  # no IPv6, no second table


def listening_in(text: str, host: str) -> tuple[Listener, ...]:
    """The listening ports of these tables."""
    found: dict[int, Scope] = {}
    for match in _ROW.finditer(text):
        scope, port = _scope(_address(match[1]), host), int(match[2], 16)
        found[port] = max(found.get(port, scope), scope, key=_WIDEST.index)
    return tuple(Listener(port=port, scope=found[port]) for port in sorted(found))


def _scope(address: ipaddress.IPv4Address | ipaddress.IPv6Address, host: str) -> Scope:
    if address.is_unspecified:
        return "everywhere"
    return "local" if address.is_loopback and str(address) != host else "one_address"


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Words of 32 bits in the order of the server's processor; nearly always little-endian."""
    words = [bytes.fromhex(text[start : start + 8])[::-1] for start in range(0, len(text), 8)]
    body = b"".join(words)
    if len(body) == 4:
        return ipaddress.IPv4Address(body)
    address = ipaddress.IPv6Address(body)
    return address.ipv4_mapped or address


async def _table(server: Transport, path: str) -> str | None:
    """The table, or its first half megabyte: the kernel lists what listens first. In one go, since
    every piece read by its place makes it walk over all rows before."""
    said = await server.run(["cat", "--", path], timeout_s=_COMMAND_S)
    return said.stdout if said.status == 0 else None
