"""What an operation is given, and how it says no.

Owns: the context of one step, the blob seam, the failure every operation raises, and the three
answers of a verification. Knows no operation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from agent.devices import Device
from agent.transports.transport import Transport
from agent.wire.operations import Result
from agent.wire.plan import NodeTarget, WirePlan

COMMAND_TIMEOUT_S = 600.0  # of one command; the step's own time is usually shorter


class BlobSource(Protocol):
    """Where the bytes of a plan's files come from."""

    async def read(self, job_id: str, sha256: str, offset: int, length: int) -> bytes | None:
        """The piece, at most ``length`` bytes; None: there is no such file."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """One step's world. ``server`` logs in to the step's node, each time it is entered.

    ``output``: what servers said on the way, for the page of the job; operations add to it, and
    it is shown whether the step succeeds or not.
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
