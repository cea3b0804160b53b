"""Taking a file's place on a server that cannot do so in one step.

Owns: the order of the steps. Whatever is cut off, nothing is lost: the old file lies under its
kept name next to the new one until the new one is in place. Knows no protocol.
"""

from __future__ import annotations

from typing import Protocol

from agent.transports.transport import TransportError

_KEPT = ".kept"


class Steps(Protocol):
    """What such a server can do. Each raises as its protocol does."""

    async def exists(self, path: str) -> bool: ...

    async def move(self, old: str, new: str) -> None:
        """Rename to a name that nobody has."""

    async def delete(self, path: str) -> None: ...


async def take_place(steps: Steps, old: str, new: str) -> None:
    """Put ``old`` where ``new`` is. Not atomic: for a moment nothing is there.

    The old file is kept beside ``old`` (a folder of our own, on the same file system), goes back
    when the new one cannot take its place, and is removed at the very end.

    Raises:
        TransportError: ``not_found``, there is nothing to put there.
    """
    kept = f"{old}{_KEPT}"
    if not await steps.exists(old):
        raise TransportError("not_found", path=old)
    in_the_way = await steps.exists(new)
    if in_the_way:
        if await steps.exists(kept):  # of an attempt that was cut off after its end
            await steps.delete(kept)
        await steps.move(new, kept)
    done = False
    try:
        await steps.move(old, new)
        done = True
    finally:
        if in_the_way and not done:
            await steps.move(kept, new)
    if await steps.exists(kept):
        await steps.delete(kept)
