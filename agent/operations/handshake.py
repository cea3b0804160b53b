"""A TLS handshake from the agent, for nothing but the certificates that a port serves.

Owns: asking by ``openssl s_client`` (the whole chain; also of servers that speak only what nobody
should any more), or, where the bastion has no openssl, by Python itself, which shows the leaf
alone. Nothing is verified and nothing is sent over the connection.
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass

_PATIENCE_S = 10.0
_OUTPUT_LIMIT = 512 << 10  # bytes
_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What a port shows: DER, the leaf first. ``whole``: more than the leaf could be seen.

    Without a chain, ``reason`` is ``closed`` (nobody listens) or ``no_tls``.
    """

    chain: tuple[bytes, ...] = ()
    whole: bool = False
    reason: str = ""


async def ask(host: str, port: int, server_name: str | None) -> Served:
    """The certificates of that port; what does not answer is an answer."""
    if not await _listens(host, port):
        return Served(reason="closed")
    said = await _by_openssl(host, port, server_name)
    if said is None:
        return await _by_python(host, port, server_name)
    chain = tuple(ssl.PEM_cert_to_DER_cert(block) for block in _BLOCK.findall(said))
    return Served(chain=chain, whole=True) if chain else Served(reason="no_tls")


async def _listens(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def _by_openssl(host: str, port: int, server_name: str | None) -> str | None:
    """What it prints; None: there is no openssl here."""
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    name = ["-servername", server_name] if server_name else ["-noservername"]
    arguments = ["s_client", "-connect", place, *name, "-showcerts", "-cipher", "ALL:@SECLEVEL=0"]
    try:
        process = await asyncio.create_subprocess_exec(
            "openssl",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            # The machine's own settings may forbid what an old server speaks.
            env={**os.environ, "OPENSSL_CONF": os.devnull},
        )
    except OSError:
        return None
    assert process.stdout is not None  # noqa: S101  asked for above
    body = bytearray()
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                while len(body) < _OUTPUT_LIMIT and (piece := await process.stdout.read(1 << 16)):
                    body += piece
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    return body.decode("ascii", "replace")


async def _by_python(host: str, port: int, server_name: str | None) -> Served:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    try:
        async with asyncio.timeout(_PATIENCE_S):
            _, writer = await asyncio.open_connection(
                host, port, ssl=context, server_hostname=server_name or ""
            )
    except (OSError, TimeoutError, ValueError):
        return Served(reason="no_tls")
    try:
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.close()
    return Served(chain=(shown,)) if shown else Served(reason="no_tls")
