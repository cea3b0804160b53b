"""The seams of the operators' checks: samples, site scripts, macros, one-time codes, output.

Owns: their protocols and the values that only they carry. As for ``bot.core.ports``, each has one
contract suite that runs on every implementation and its fake.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from agent.wire.readings import Series
from agent.wire.scripts import ScriptSpec
from bot.core.domain.conversation import ConversationRef

# --- samples -------------------------------------------------------------------------------------


class SampleStore(Protocol):
    """Numbers that nodes have shown, kept for charts."""

    async def add(self, node_id: str, at: datetime, values: Mapping[str, float]) -> None:
        """Keep one look at a node, by the name of its facts; the same instant twice is once."""

    async def series(self, node_id: str, names: Sequence[str], since: datetime) -> list[Series]:
        """What is kept of a node since then, a series a name, oldest first."""

    async def forget(self, before: datetime) -> None:
        """Drop what is older."""


# --- site scripts --------------------------------------------------------------------------------


class ScriptBook(Protocol):
    """The scripts that agents have announced."""

    def scripts(self, agent: str) -> tuple[ScriptSpec, ...]:
        """Those of one agent, by their ids; none while it has not announced any."""

    def known(self) -> Mapping[str, tuple[ScriptSpec, ...]]:
        """Those of all connected agents."""


# --- macros --------------------------------------------------------------------------------------


class MacroOwner(StrEnum):
    PERSON = "person"
    ROOM = "room"


@dataclass(frozen=True, slots=True, kw_only=True)
class Macro:
    """A command under a name. It is understood, planned and approved anew each time."""

    macro_id: str
    name: str
    command: str  # as ``/sm`` takes it: "<id> <target> name=value"
    owner: MacroOwner
    owner_key: str  # the person's id, or "<adapter>:<channel>"
    made_by: str
    made_at: datetime


class MacroStore(Protocol):
    """Kept commands of people and rooms."""

    async def keep(self, macro: Macro) -> bool:
        """Keep it; one of the same owner and name is replaced. False: the owner has too many."""

    async def of(self, person_id: str, room: ConversationRef) -> tuple[Macro, ...]:
        """Those that this person sees in this room: their own, then the room's, by name."""

    async def find(self, macro_id: str) -> Macro | None:
        """The macro of that id."""

    async def drop(self, macro_id: str) -> bool:
        """Forget it. False: there is none."""


# --- one-time codes ------------------------------------------------------------------------------


class CodeVerdict(StrEnum):
    """What became of a code: only ``good`` counts, and only once."""

    GOOD = "good"
    WRONG = "wrong"
    USED = "used"  # this one, or a later one, has been taken before
    LOCKED = "locked"  # too many wrong ones; try again later
    NOT_ENROLLED = "not_enrolled"


class OneTimeCodes(Protocol):
    """RFC 6238 codes of people. Secrets lie encrypted, and never leave but at enrolment."""

    async def enrolled(self, person_id: str) -> bool:
        """Whether this person has proved a device."""

    async def begin(self, person_id: str) -> str:
        """A new secret, as an ``otpauth://`` address for a QR code; it counts once confirmed."""

    async def confirm(self, person_id: str, code: str, *, now: datetime) -> CodeVerdict:
        """The first code of a new device makes it the one that counts."""

    async def check(self, person_id: str, code: str, *, now: datetime) -> CodeVerdict:
        """Take a code. One that was good is used up, atomically over all replicas."""

    async def forget(self, person_id: str) -> bool:
        """Drop the person's device, and what has begun. False: there was nothing."""


# --- live output ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputPart:
    """The beginning and the end of what a step has said; ``left_out`` bytes lie between."""

    head: str
    tail: str
    left_out: int
    size: int  # bytes in all that came


class OutputStore(Protocol):
    """What long steps say while they run: bounded on disk, in order, each piece once."""

    async def append(self, job_id: str, step_id: str, *, offset: int, text: str) -> None:
        """Keep one piece; one that is there already is ignored."""

    async def part(self, job_id: str, step_id: str, *, most: int) -> OutputPart | None:
        """At most ``most`` bytes from each end; None: it has said nothing."""

    async def file(self, job_id: str, step_id: str) -> AsyncIterator[bytes] | None:
        """All that is kept, piece by piece, to be saved; None: it has said nothing."""
