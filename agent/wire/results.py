"""The closed set of what operations answer.

Owns: the typed results of the operations of deployments, and the union of all results; those of
the operators' checks are in ``agent.wire.checks`` and ``agent.wire.readings``. A result is a value:
how it is worded and drawn is others' matter.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from agent.wire import checks
from agent.wire.readings import Reading
from agent.wire.types import NodeId, Sha256, WireModel

# Why not all of a log could be judged: what was written before it was rotated, packed or emptied
# is in no file beside it; or there was more than is looked at. "": all of it was.
LogLost = Literal["", "moved", "too_long"]


class Done(WireModel):
    """Nothing to tell but that it is so."""

    kind: Literal["done"] = "done"
    note: str = ""


class Digests(WireModel):
    """SHA-256 per path below the deploy path; null where there is no such file.

    ``conflicts``: what lies at a path that is no plain file; its digest is null. ``not_kept``: the
    owner (``user``, or ``user:group``) that a file has and will not have once it is replaced.
    """

    kind: Literal["digests"] = "digests"
    files: dict[str, Sha256 | None]
    conflicts: dict[str, Literal["folder", "link", "other"]] = Field(default_factory=dict)
    not_kept: dict[str, str] = Field(default_factory=dict)


class NodeProbe(WireModel):
    """What answered at the node. Times in milliseconds; null where nothing answered."""

    kind: Literal["node_probe"] = "node_probe"
    node_id: NodeId
    ssh_ms: int | None
    service_ms: int | None
    health_status: int | None  # HTTP status of the health page


class Space(WireModel):
    """Free bytes where the node's files live; null where the transfer cannot tell (FTP).

    ``legacy``: old algorithms that the connection had to use, e.g. ``kex=…``, ``host-key=…``.
    ``clock_ahead_s``: how far the server's clock is ahead of the agent's; null: not told.
    """

    kind: Literal["space"] = "space"
    free_bytes: int | None
    legacy: tuple[str, ...] = ()
    clock_ahead_s: int | None = None


class ServiceState(WireModel):
    """Process and port of the node's service."""

    kind: Literal["service_state"] = "service_state"
    running: bool
    pid: int | None = None
    port_open: bool


class LogMark(WireModel):
    """Length of the log in bytes, and its inode; null: there is no log yet, or the server cannot
    tell (FTP). ``proof``: SHA-256 of the bytes before that length, by which the file is known
    again when it has been packed or copied; null: there are none."""

    kind: Literal["log_mark"] = "log_mark"
    size: int
    inode: int | None = None
    proof: Sha256 | None = None


class LogFindings(WireModel):
    """Lines that matter, oldest first, and whether the log said that the start succeeded."""

    kind: Literal["log_findings"] = "log_findings"
    started: bool
    suspicious: tuple[str, ...]
    lost: LogLost = ""


class Settled(WireModel):
    """Connections of the service that were still open at the end; null: they cannot be counted."""

    kind: Literal["settled"] = "settled"
    waited_s: int
    still_open: int | None


class Health(WireModel):
    """The good answers in a row at the end, and the last status seen.

    Of a watch: how many lines of the log (``troubles``) told of something that stopped nothing,
    and why not all of it was read.
    """

    kind: Literal["health"] = "health"
    healthy: bool
    good: int
    asked: int
    last_status: int | None
    troubles: int = 0
    lost: LogLost = ""


Result = Annotated[
    Done
    | Digests
    | NodeProbe
    | Space
    | ServiceState
    | LogMark
    | LogFindings
    | Settled
    | Health
    | Reading
    | checks.StaleLogs
    | checks.CronPreview,
    Field(discriminator="kind"),
]
