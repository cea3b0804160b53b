"""Who may change something now: never two steps at one place, never two jobs under one lock.

Owns: the order in which changing steps are let in. First come, first served among those that are
in each other's way; steps of one job at different places run side by side. Knows nothing of what
a step does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(eq=False, slots=True, kw_only=True)
class _Ticket:
    """One step that wants in, or is in."""

    lock: str
    job_id: str
    places: frozenset[str]
    admitted: asyncio.Event = field(default_factory=asyncio.Event)

    def in_the_way_of(self, other: _Ticket) -> bool:
        if self.places & other.places:
            return True
        return self.lock == other.lock and self.job_id != other.job_id


class Gate:
    """Lets changing steps of this agent in, one by one or side by side."""

    def __init__(self) -> None:
        self._waiting: list[_Ticket] = []
        self._inside: list[_Ticket] = []

    @asynccontextmanager
    async def turn(self, *, lock: str, job_id: str, places: Set[str]) -> AsyncIterator[None]:
        """Wait for the turn and keep it until the end of the block.

        ``places``: what only one step at a time may change, e.g. the node.
        """
        ticket = _Ticket(lock=lock, job_id=job_id, places=frozenset(places))
        self._waiting.append(ticket)
        self._admit()
        try:
            await ticket.admitted.wait()
            yield
        finally:
            (self._inside if ticket in self._inside else self._waiting).remove(ticket)
            self._admit()

    def _admit(self) -> None:
        """In order of arrival: whoever is in the way of nobody inside or ahead may enter."""
        ahead: list[_Ticket] = []
        for ticket in list(self._waiting):
            if any(ticket.in_the_way_of(other) for other in (*self._inside, *ahead)):
                ahead.append(ticket)
                continue
            self._waiting.remove(ticket)
            self._inside.append(ticket)
            ticket.admitted.set()
