"""The operators' checks and cures: their operations, each with typed parameters.

Owns: their names and parameters. Paths, ports and logins are never parameters of people: they
come from the node's profile, which is sealed. Knows nothing of how an operation runs.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from agent.wire.profile import CronTemplate
from agent.wire.readings import Threshold
from agent.wire.scripts import ScriptRisk
from agent.wire.types import AbsolutePath, RelativePath, Sha256, Slug, UrlPath, WireModel, printable

Pid = Annotated[int, Field(ge=2, le=4_194_304)]  # 1 is init; the most that Linux has
Literally = Annotated[str, Field(min_length=1, max_length=200), printable]  # never a pattern
_FIELD = r"[0-9*/,-]{1,30}"
CronExpression = Annotated[str, Field(pattern=rf"^{_FIELD}( {_FIELD}){{4}}$")]

# --- the node ------------------------------------------------------------------------------------


class CheckNode(WireModel):
    """Ping where the profile allows it, SSH, the service's port, its process, its health page."""

    kind: Literal["check_node"] = "check_node"


class CheckLayer(WireModel):
    """Ask this node's own service directly over HTTP, whoever stands before it.

    ``path``: the health page of this node or of another of the plan, e.g. of a WAS behind this web
    server. The agent asks only for one that is in a sealed record.
    """

    kind: Literal["check_layer"] = "check_layer"
    path: UrlPath


class ReadResources(WireModel):
    """CPU, memory and load from ``/proc`` over ``seconds``, and the fullest filesystem."""

    kind: Literal["read_resources"] = "read_resources"
    cpu: Threshold  # percent
    memory: Threshold  # percent
    disk: Threshold  # percent
    seconds: Annotated[int, Field(ge=1, le=30)] = 1


class ReadDisks(WireModel):
    """Size, used and free of the filesystems of these paths, each of the profile's; none: all."""

    kind: Literal["read_disks"] = "read_disks"
    paths: Annotated[tuple[AbsolutePath, ...], Field(max_length=20)] = ()
    used: Threshold  # percent


class ListSessions(WireModel):
    """Who is logged in, since when, how long idle, from where (masked)."""

    kind: Literal["list_sessions"] = "list_sessions"


class EndSession(WireModel):
    """End one login session: the very process that a person saw, told by when it began."""

    kind: Literal["end_session"] = "end_session"
    pid: Pid
    started: Annotated[int, Field(ge=0)]  # clock ticks since boot, /proc/<pid>/stat field 22


class InspectSecurity(WireModel):
    """Locked accounts, listening ports against the profile, changed system binaries."""

    kind: Literal["inspect_security"] = "inspect_security"


class RecordBaseline(WireModel):
    """Keep the watched files' digests, as they are now, as what they should be."""

    kind: Literal["record_baseline"] = "record_baseline"
    # watched files and system binaries, as the survey has seen them
    expected: Annotated[tuple[tuple[AbsolutePath, Sha256 | None], ...], Field(max_length=200)]


class CompareBaseline(WireModel):
    """The watched files against the kept digests; what changed, where that may be shown."""

    kind: Literal["compare_baseline"] = "compare_baseline"


class ReadCertificates(WireModel):
    """The certificates of the profile: in the file and as the port serves them, whole chain."""

    kind: Literal["read_certificates"] = "read_certificates"
    days: Threshold


class ReadCrontab(WireModel):
    """Every line of the account's crontab: last and next run, against the log."""

    kind: Literal["read_crontab"] = "read_crontab"


class PreviewCron(WireModel):
    """What ``RegisterCron`` would change, as a diff; changes nothing."""

    kind: Literal["preview_cron"] = "preview_cron"
    template: CronTemplate
    cron: CronExpression


class RegisterCron(WireModel):
    """One line of a template in our marked block of the account's crontab. Twice is once.

    ``before``: SHA-256 of the crontab that the plan was made for; another one is refused.
    ``cron`` None takes the template's line out: only to undo what this plan has put in.
    """

    kind: Literal["register_cron"] = "register_cron"
    template: CronTemplate
    cron: CronExpression | None
    before: Sha256


# --- logs and space ------------------------------------------------------------------------------


class SearchLog(WireModel):
    """Lines of one log, rotated ones included, within a time window, with lines around them."""

    kind: Literal["search_log"] = "search_log"
    log: Slug | None = None  # of the profile; None: the service's own
    pattern: Literally | None = None
    since: AwareDatetime
    until: AwareDatetime
    lines: Annotated[int, Field(ge=1, le=5000)] = 100
    context: Annotated[int, Field(ge=0, le=20)] = 0


class StaleFile(WireModel):
    """One old log, and what is to become of it. Size and time are those that people approved."""

    folder: AbsolutePath  # a clearable one of the profile
    path: RelativePath
    size: Annotated[int, Field(ge=0)]
    mtime: int  # seconds since 1970
    treatment: Literal["compress", "delete"]


class ListStale(WireModel):
    """Old logs below the profile's clearable folders; never one that a process holds open."""

    kind: Literal["list_stale"] = "list_stale"
    compress_days: Annotated[int, Field(ge=1, le=3650)]
    delete_days: Annotated[int, Field(ge=1, le=3650)]


class ClearStale(WireModel):
    """Compress, verify, then remove; delete. Only these very files, as they were seen."""

    kind: Literal["clear_stale"] = "clear_stale"
    files: Annotated[tuple[StaleFile, ...], Field(max_length=2000)]


class HealDisk(WireModel):
    """Look at the disk, clear these files if it is fuller than ``used`` percent, look again.

    At most two that clear something, per node and hour.
    """

    kind: Literal["heal_disk"] = "heal_disk"
    used: Annotated[int, Field(ge=50, le=99)]
    files: Annotated[tuple[StaleFile, ...], Field(max_length=2000)]


# --- databases and what lies between systems ----------------------------------------------------


class ReadDatabase(WireModel):
    """Connections, who waits for whom, and since when."""

    kind: Literal["read_database"] = "read_database"
    connections: Threshold  # percent of max_connections


class EndBackend(WireModel):
    """Terminate one database session: the very one that a person saw blocking others."""

    kind: Literal["end_backend"] = "end_backend"
    pid: Pid
    started: AwareDatetime  # pg_stat_activity.backend_start


class DumpDatabase(WireModel):
    """A dump (custom format) in the profile's folder: space first, digest and listing after."""

    kind: Literal["dump_database"] = "dump_database"
    keep: Annotated[int, Field(ge=1, le=50)] = 5


class ReadQuality(WireModel):
    """The rows of ``tb_mes_wrk_prc_i`` of one day."""

    kind: Literal["read_quality"] = "read_quality"
    date: dt.date
    rows: Annotated[int, Field(ge=1, le=5000)] = 200


class ReadTransactions(WireModel):
    """Failed rows of the interface table, and those that have been stuck for that long."""

    kind: Literal["read_transactions"] = "read_transactions"
    stuck_minutes: Annotated[int, Field(ge=1, le=1440)] = 10
    rows: Annotated[int, Field(ge=1, le=5000)] = 200


class ReadChannels(WireModel):
    """Queue depths and listeners of the message broker."""

    kind: Literal["read_channels"] = "read_channels"
    depth: Threshold  # messages


# --- scripts of the site -------------------------------------------------------------------------


class RunScript(WireModel):
    """One of the site's registered scripts, on this node, with its arguments in order.

    The agent refuses when its own registration says otherwise of digest, risk or parameters.
    """

    kind: Literal["run_script"] = "run_script"
    script: Slug
    sha256: Sha256
    risk: ScriptRisk
    arguments: Annotated[
        tuple[tuple[Annotated[str, Field(max_length=32)], Literally], ...], Field(max_length=20)
    ] = ()


# --- results -------------------------------------------------------------------------------------


class StaleLogs(WireModel):
    """What ``ListStale`` found. ``open_files``: left alone, a process holds them open."""

    kind: Literal["stale_logs"] = "stale_logs"
    files: Annotated[tuple[StaleFile, ...], Field(max_length=2000)]
    open_files: Annotated[tuple[str, ...], Field(max_length=200)] = ()
    more: int = 0
    used_percent: float | None = None  # of the filesystem of the folders; the fullest


class CronPreview(WireModel):
    """The crontab's digest now and what would change, line by line (``+``, ``-``, blank).

    ``after``: its digest then. ``was``: the schedule that the template has now, where it has one.
    """

    kind: Literal["cron_preview"] = "cron_preview"
    before: Sha256
    diff: tuple[str, ...]
    already: bool
    after: Sha256
    was: CronExpression | None = None
