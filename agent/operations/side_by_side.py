"""Many small requests to one server, a few of them under way at a time.

Owns: how many, and that nothing new is begun after a failure. Must not know what is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

AT_ONCE = 32  # requests on one SFTP channel
Item = TypeVar("Item")


async def each(
    items: Iterable[Item], work: Callable[[Item], Awaitable[None]], *, at_once: int = AT_ONCE
) -> None:
    """Do the work for every item.

    At the first failure nothing new is begun, and what is under way is awaited before a failure
    is raised: when this returns, the server does nothing any more.
    """
    waiting = iter(items)
    stopped = False

    async def worker() -> None:
        nonlocal stopped
        for item in waiting:
            if stopped:
                return
            well = False
            try:
                await work(item)
                well = True
            finally:
                stopped = stopped or not well

    for ended in await asyncio.gather(*(worker() for _ in range(at_once)), return_exceptions=True):
        if isinstance(ended, BaseException):
            raise ended
