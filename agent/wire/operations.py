"""The closed set of operations that an agent can be asked for, and what each answers.

Owns: names, typed parameters, typed results and the effect (read or change) of every operation.
No operation carries a command line, a script or SQL: the agent's own code builds the argument
lists (``agent/operations``). Knows nothing of how an operation runs.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from agent.wire.types import (
    NodeId,
    RelativePath,
    ServerAddress,
    Sha256,
    Slug,
    StepId,
    UrlPath,
    WireModel,
)

Effect = Literal["read", "change"]


class FileSpec(WireModel):
    """One file below a node's deploy path: where it goes and what it must contain."""

    path: RelativePath
    sha256: Sha256
    size: Annotated[int, Field(ge=0)]  # bytes


# --- operations -----------------------------------------------------------------------------


class ProbeNode(WireModel):
    """Does the node answer: TCP port, host key, login, service port, health page."""

    kind: Literal["probe_node"] = "probe_node"


class Preflight(WireModel):
    """Can this node be changed: login, write permission, free space for upload and backup."""

    kind: Literal["preflight"] = "preflight"
    bytes_needed: Annotated[int, Field(ge=0)]


class FingerprintFiles(WireModel):
    """SHA-256 of each named file below the deploy path; absent files answer null."""

    kind: Literal["fingerprint_files"] = "fingerprint_files"
    paths: Annotated[tuple[RelativePath, ...], Field(max_length=5000)]


class DrainMember(WireModel):
    """Take one server out of (``down``) or back into (``up``) an upstream block of the balancer.

    Runs on the web node that balances, on the upstream file of its own target record; the change
    is atomic, checked by the server's own syntax check and undone when that fails.
    """

    kind: Literal["drain_member"] = "drain_member"
    member: ServerAddress
    state: Literal["down", "up"]


class SettleTraffic(WireModel):
    """Wait until requests in flight have ended."""

    kind: Literal["settle_traffic"] = "settle_traffic"
    seconds: Annotated[int, Field(ge=0, le=300)]


class BackupFiles(WireModel):
    """Copy the files that are about to change into the backup path, with a digest manifest.

    Files that do not exist yet are recorded as absent, so that undoing removes them again.
    """

    kind: Literal["backup_files"] = "backup_files"
    backup_id: Slug
    paths: Annotated[tuple[RelativePath, ...], Field(max_length=5000)]
    keep: Annotated[int, Field(ge=1, le=100)] = 5  # backups kept per node


class StageFiles(WireModel):
    """Transfer files next to their destination under temporary names and check them there."""

    kind: Literal["stage_files"] = "stage_files"
    files: Annotated[tuple[FileSpec, ...], Field(max_length=5000)]


class ReplaceFiles(WireModel):
    """Move the staged files into place, one atomic rename each, and check the digests after."""

    kind: Literal["replace_files"] = "replace_files"
    files: Annotated[tuple[FileSpec, ...], Field(max_length=5000)]


class DiscardStaging(WireModel):
    """Remove what this job has staged and nobody will put into place any more.

    Best effort: what cannot be removed now is removed by the next staging on that node.
    """

    kind: Literal["discard_staging"] = "discard_staging"


class RestoreBackup(WireModel):
    """Put a verified backup back, remove what it recorded as absent, check the digests after."""

    kind: Literal["restore_backup"] = "restore_backup"
    backup_id: Slug


class StopService(WireModel):
    """Stop the node's service and wait until its port is closed."""

    kind: Literal["stop_service"] = "stop_service"
    timeout_s: Annotated[int, Field(ge=1, le=600)] = 60


class StartService(WireModel):
    """Start the node's service and wait until its port answers."""

    kind: Literal["start_service"] = "start_service"
    timeout_s: Annotated[int, Field(ge=1, le=600)] = 60


class ServiceStatus(WireModel):
    """Is the service running: process and port."""

    kind: Literal["service_status"] = "service_status"


class MarkLog(WireModel):
    """Remember where the log ends now, so that a later check reads only what came after."""

    kind: Literal["mark_log"] = "mark_log"


class ScanLog(WireModel):
    """Read the log from a mark on and look for the signs of a failed start."""

    kind: Literal["scan_log"] = "scan_log"
    since: StepId  # the MarkLog step of the same plan
    max_lines: Annotated[int, Field(ge=1, le=200)] = 20


class AwaitHealth(WireModel):
    """Ask the health page until ``needed`` good answers came in a row, or the time is over."""

    kind: Literal["await_health"] = "await_health"
    path: UrlPath
    needed: Annotated[int, Field(ge=1, le=20)] = 3
    timeout_s: Annotated[int, Field(ge=1, le=600)] = 60


Operation = Annotated[
    ProbeNode
    | Preflight
    | FingerprintFiles
    | DrainMember
    | SettleTraffic
    | BackupFiles
    | StageFiles
    | ReplaceFiles
    | DiscardStaging
    | RestoreBackup
    | StopService
    | StartService
    | ServiceStatus
    | MarkLog
    | ScanLog
    | AwaitHealth,
    Field(discriminator="kind"),
]

CHANGING: frozenset[str] = frozenset(
    {
        "drain_member",
        "backup_files",
        "stage_files",
        "replace_files",
        "discard_staging",
        "restore_backup",
        "stop_service",
        "start_service",
    }
)


def effect_of(operation: WireModel) -> Effect:
    """Whether an operation changes a server."""
    return "change" if getattr(operation, "kind", "") in CHANGING else "read"


# --- results --------------------------------------------------------------------------------


class Done(WireModel):
    """Nothing to tell but that it is so."""

    kind: Literal["done"] = "done"
    note: str = ""


class Digests(WireModel):
    """SHA-256 per path below the deploy path; null where there is no such file."""

    kind: Literal["digests"] = "digests"
    files: dict[str, Sha256 | None]


class NodeProbe(WireModel):
    """What answered at the node. Times in milliseconds; null where nothing answered."""

    kind: Literal["node_probe"] = "node_probe"
    node_id: NodeId
    ssh_ms: int | None
    service_ms: int | None
    health_status: int | None  # HTTP status of the health page


class Space(WireModel):
    """Free bytes where the node's files live."""

    kind: Literal["space"] = "space"
    free_bytes: int


class ServiceState(WireModel):
    """Process and port of the node's service."""

    kind: Literal["service_state"] = "service_state"
    running: bool
    pid: int | None = None
    port_open: bool


class LogMark(WireModel):
    """Inode and length of the log, bytes. Null inode: there is no log yet."""

    kind: Literal["log_mark"] = "log_mark"
    size: int


class LogFindings(WireModel):
    """Lines that matter, oldest first, and whether the log said that the start succeeded."""

    kind: Literal["log_findings"] = "log_findings"
    started: bool
    suspicious: tuple[str, ...]


class Health(WireModel):
    """The good answers in a row at the end, and the last status seen."""

    kind: Literal["health"] = "health"
    healthy: bool
    good: int
    asked: int
    last_status: int | None


Result = Annotated[
    Done | Digests | NodeProbe | Space | ServiceState | LogMark | LogFindings | Health,
    Field(discriminator="kind"),
]
