"""The closed set of operations that an agent can be asked for, by their typed parameters.

Owns: names, typed parameters and the effect (read or change) of every operation of deployments;
those of the operators' checks are in ``agent.wire.checks``, and in the set here. What an
operation answers is in ``agent.wire.results``.
No operation carries a command line, a script or SQL: the agent's own code builds the argument
lists (``agent/operations``). Knows nothing of how an operation runs.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from agent.wire import checks
from agent.wire.types import (
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
    """SHA-256 of each named file below the deploy path; absent files answer null.

    What lies there and is no plain file is no failure: the answer names it as a conflict.
    """

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


class DrainDevice(WireModel):
    """Take one server out of (``down``) or back into (``up``) the pool of an L4 device.

    The device is one of those that the agent's own settings name; the HTTP call is made from the
    template there, so that neither its address nor its secret ever crosses the wire.
    """

    kind: Literal["drain_device"] = "drain_device"
    device: Slug
    member: ServerAddress
    state: Literal["down", "up"]


class SettleTraffic(WireModel):
    """Wait until the service has no open connection left, ``seconds`` at the most.

    At least ``at_least_s``: the balancer needs a moment until it has read its new file.
    Connections that are still open at the end are reported, not awaited for ever.
    """

    kind: Literal["settle_traffic"] = "settle_traffic"
    seconds: Annotated[int, Field(ge=0, le=300)]
    at_least_s: Annotated[int, Field(ge=0, le=60)] = 0


class BackupFiles(WireModel):
    """Copy the files that are about to change into the backup path, with a digest manifest.

    Files that do not exist yet are recorded as absent, so that undoing removes them again.
    ``folders`` are kept whole (the exploded folders of the archives among ``paths``); one that
    is not there is recorded as absent, too.
    """

    kind: Literal["backup_files"] = "backup_files"
    backup_id: Slug
    paths: Annotated[tuple[RelativePath, ...], Field(max_length=5000)]
    folders: Annotated[tuple[RelativePath, ...], Field(max_length=50)] = ()
    keep: Annotated[int, Field(ge=1, le=100)] = 5  # backups kept per node


class StageFiles(WireModel):
    """Transfer files next to their destination under temporary names and check them there."""

    kind: Literal["stage_files"] = "stage_files"
    files: Annotated[tuple[FileSpec, ...], Field(max_length=5000)]


class ReplaceFiles(WireModel):
    """Move the staged files into place, one atomic rename each, and check the digests after.

    ``cleared``: exploded folders that are removed with it, so that the service unpacks the new
    archive; each is in the backup of this job.
    """

    kind: Literal["replace_files"] = "replace_files"
    files: Annotated[tuple[FileSpec, ...], Field(max_length=5000)]
    cleared: Annotated[tuple[RelativePath, ...], Field(max_length=50)] = ()


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
    """Read the log from a mark on and look for the signs of a failed start.

    The signs are the agent's own and the words of the node's service; where the service names a
    sign of success, its absence is a failure.
    """

    kind: Literal["scan_log"] = "scan_log"
    since: StepId  # the MarkLog step of the same plan
    max_lines: Annotated[int, Field(ge=1, le=200)] = 20


class AwaitHealth(WireModel):
    """Ask the health page until ``needed`` good answers came in a row, or the time is over; only
    the node's own, whatever ``path`` says."""

    kind: Literal["await_health"] = "await_health"
    path: UrlPath
    needed: Annotated[int, Field(ge=1, le=20)] = 3
    timeout_s: Annotated[int, Field(ge=1, le=600)] = 60


class WatchNode(WireModel):
    """Ask the health page every second for that long, and read the log on from the node's mark:
    what dies soon after its start shows here.

    Fails with the log's tail when ``misses`` answers in a row were not good; where it
    ``judges_log``, also with the log's lines when they say what means a failed start, but for mere
    exceptions. What does not fail it is counted.
    """

    kind: Literal["watch_node"] = "watch_node"
    path: UrlPath
    seconds: Annotated[int, Field(ge=1, le=600)]
    misses: Annotated[int, Field(ge=1, le=20)] = 3
    judges_log: bool = False


Operation = Annotated[
    ProbeNode
    | Preflight
    | FingerprintFiles
    | DrainMember
    | DrainDevice
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
    | AwaitHealth
    | WatchNode
    | checks.CheckNode
    | checks.CheckLayer
    | checks.ReadResources
    | checks.ReadDisks
    | checks.ListSessions
    | checks.EndSession
    | checks.InspectSecurity
    | checks.RecordBaseline
    | checks.CompareBaseline
    | checks.ReadCertificates
    | checks.ReadCrontab
    | checks.PreviewCron
    | checks.RegisterCron
    | checks.SearchLog
    | checks.ListStale
    | checks.ClearStale
    | checks.HealDisk
    | checks.ReadDatabase
    | checks.EndBackend
    | checks.DumpDatabase
    | checks.ReadQuality
    | checks.ReadTransactions
    | checks.ReadChannels
    | checks.RunScript,
    Field(discriminator="kind"),
]

CHANGING: frozenset[str] = frozenset(
    {
        "drain_member",
        "drain_device",
        "backup_files",
        "stage_files",
        "replace_files",
        "discard_staging",
        "restore_backup",
        "stop_service",
        "start_service",
        "end_session",
        "record_baseline",
        "register_cron",
        "clear_stale",
        "heal_disk",
        "end_backend",
        "dump_database",
    }
)
DANGEROUS: frozenset[str] = frozenset({"end_session", "end_backend"})


def effect_of(operation: WireModel) -> Effect:
    """Whether an operation changes a server. Of a site's script its registration says it."""
    if isinstance(operation, checks.RunScript):
        return "read" if operation.risk == "read" else "change"
    return "change" if getattr(operation, "kind", "") in CHANGING else "read"


def is_dangerous(operation: WireModel) -> bool:
    """Whether it is approved in every environment, with the approver's one-time code."""
    if isinstance(operation, checks.RunScript):
        return operation.risk == "danger"
    return getattr(operation, "kind", "") in DANGEROUS
