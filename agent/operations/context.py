"""What an operation is given, and how it says no.

Owns: the context of one step, the blob seam, the failure every operation raises, and the three
answers of a verification. Knows no operation.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Protocol

from agent.devices import Device
from agent.operations.baselines import Baselines
from agent.scripts import ScriptShelf
from agent.transports.database import Database
from agent.transports.transport import Transport, TransportError
from agent.voice import Voice
from agent.wire.plan import NodeTarget, ServiceLogin, WirePlan
from agent.wire.results import Result

COMMAND_TIMEOUT_S = 600.0  # of one command; the step's own time is usually shorter


class BlobSource(Protocol):
    """Where the bytes of a plan's files come from."""

    async def read(self, job_id: str, sha256: str, offset: int, length: int) -> bytes | None:
        """The piece, at most ``length`` bytes; None: there is no such file."""


# Whether this step may do what it names, at its node, so often within that time; taken for good.
Allow = Callable[[str, int, timedelta], Awaitable[bool]]


async def never(name: str, most: int, within: timedelta) -> bool:
    """Where nobody counts, nothing that is counted is allowed."""
    return False


class OperationFailed(Exception):  # noqa: N818  what happened reads better than OperationFailedError
    """The operation did not succeed. ``code`` and ``values`` name the sentence in the bot's
    catalogue; ``lines`` come from the server; ``result`` is what was found all the same."""

    def __init__(
        self,
        code: str,
        *,
        lines: tuple[str, ...] = (),
        result: Result | None = None,
        **values: str,
    ) -> None:
        super().__init__(code, values)
        self.code = code
        self.lines = lines
        self.result = result
        self.values = values


class Verified(Enum):
    """What reading the server says about a step that was cut off."""

    DONE = "done"
    NOT_DONE = "not_done"  # and running it again is safe
    PARTIAL = "partial"  # or not tellable: neither repeat nor trust it


def no_database() -> AbstractAsyncContextManager[Database]:
    """Where nobody has said how to open one.

    Raises:
        TransportError: ``database_login_missing``.
    """
    raise TransportError("database_login_missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """One step's world. ``server`` logs in to the step's node, each time it is entered.

    ``output``: what servers said on the way, for the page of the job; operations add to it, and
    it is shown whether the step succeeds or not. ``say`` and ``tell`` are for people who watch
    while it runs.
    """

    job_id: str
    step_id: str
    plan: WirePlan
    target: NodeTarget
    server: Callable[[], AbstractAsyncContextManager[Transport]]
    blobs: BlobSource
    earlier: Mapping[str, Result]  # results of the same job, by step id
    report: Callable[[int, int], None]  # done, total
    devices: Mapping[str, Device] = field(default_factory=dict)  # L4 devices, by name
    output: list[str] = field(default_factory=list)
    allow: Allow = never
    baselines: Baselines | None = None  # of watched files, on the agent's own disk
    # The database of the node's profile, by the login sealed with the access, each time anew.
    database: Callable[[], AbstractAsyncContextManager[Database]] = no_database
    queue: ServiceLogin | None = None  # the login of the node's broker
    scripts: ScriptShelf = field(default_factory=ScriptShelf)  # of the site
    voices: Sequence[Voice] = ()

    def say(self, text: str) -> None:
        """Let people read this at once; never waits, and leaves out what does not fit."""
        for voice in self.voices:
            voice.say(text)

    async def tell(self, text: str) -> None:
        """As ``say``, and wait a little where there is no room: for output of any length."""
        for voice in self.voices:
            await voice.tell(text)
