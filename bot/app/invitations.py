"""Codes with which a leader vouches for whoever enrols a first authenticator.

Owns: issuing such a code, and whether one holds: only its digest is kept, in the messengers'
memory, for all replicas. A session alone is not enough: whoever has stolen one could enrol a
device of their own, and say yes to dangerous work in its person's name.
"""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta

from bot.core.linking import code_digest, new_code
from bot.core.messenger_ports import MessengerMemory
from bot.core.ports import Clock

LIFE = timedelta(minutes=30)
MOST_WRONG = 5  # then another one has to be issued
_OWNER = "console"  # whose they are in the messengers' memory


class Invitations:
    """One a person. It holds until the device is confirmed: a page that was closed too early costs
    nobody another walk to the leader."""

    def __init__(self, memory: MessengerMemory, clock: Clock) -> None:
        self._memory = memory
        self._clock = clock

    async def issue(self, person_id: str) -> str:
        """A new code for that person; an older one is void."""
        code = new_code()
        until = self._clock.now() + LIFE
        kept = {"digest": code_digest(code), "until": until.isoformat(), "wrong": 0}
        await self._keep(person_id, kept)
        return code

    async def holds(self, person_id: str, code: str) -> bool:
        """Whether this is the person's code, and still good. Wrong ones are counted."""
        kept = await self._memory.recall(_OWNER, _key(person_id))
        if not kept or self._clock.now() >= datetime.fromisoformat(str(kept["until"])):
            return False
        wrong = int(str(kept["wrong"]))
        if wrong >= MOST_WRONG:
            return False
        if hmac.compare_digest(str(kept["digest"]), code_digest(code)):
            return True
        await self._keep(person_id, {**kept, "wrong": wrong + 1})
        return False

    async def spend(self, person_id: str) -> None:
        """The device counts now: the code has done what it is for."""
        await self._keep(person_id, {})

    async def _keep(self, person_id: str, kept: dict[str, object]) -> None:
        await self._memory.replace(_OWNER, _key(person_id), kept, at=self._clock.now())


def _key(person_id: str) -> str:
    return f"invitation:{person_id}"
