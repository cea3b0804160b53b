"""One ICMP echo from the bastion, through the system's own ``ping``.

Owns: its argument list and the reading of its answer. Asks only hosts of a target record, and
only where the caller knows that ICMP is wanted there.
"""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass
from typing import Literal

_WAIT_S = 2
_LIMIT_S = 6.0  # the program's own wait, and looking up a name
_TIME = re.compile(rb"\btime[=<]([0-9]+(?:\.[0-9]+)?) ?ms")


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """``unknown``: this bastion cannot ping (no program, no permission), which proves nothing."""

    state: Literal["answered", "silent", "unknown"]
    milliseconds: float | None = None


def arguments(host: str) -> list[str]:
    """What is run; the host is the one bound argument, and never an option."""
    return ["ping", "-c", "1", "-W", str(_WAIT_S), "--", host]


async def ping(host: str) -> Echo:
    """One echo, at the most 6 seconds."""
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments(host),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
        )
    except OSError:
        return Echo(state="unknown")
    try:
        async with asyncio.timeout(_LIMIT_S):
            said, _ = await process.communicate()
    except TimeoutError:
        return Echo(state="silent")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return read_echo(process.returncode, said)


def read_echo(status: int | None, said: bytes) -> Echo:
    """Status 0: it answered; 1: it did not; anything else: nothing was asked."""
    if status == 0:
        found = _TIME.search(said)
        return Echo(state="answered", milliseconds=float(found[1]) if found else None)
    return Echo(state="silent" if status == 1 else "unknown")
