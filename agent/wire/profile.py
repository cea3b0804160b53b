"""What a site has registered of a node beside how to reach it.

Owns: the only logs, folders, files, ports, certificates, databases and queues that a check may
touch there. It is part of the node's target, and so of the sealed access record: a bot that lies
cannot make an agent read another file.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from agent.wire.types import AbsolutePath, HostName, Port, Slug, UrlPath, WireModel

CronTemplate = Literal["db_backup", "log_cleanup", "health_check"]


class LogSpec(WireModel):
    """A log by its name. Rotated ones lie beside it, their names begin with its own name."""

    name: Slug
    path: AbsolutePath
    charset: Literal["utf-8", "cp949"] = "utf-8"


class WatchedFile(WireModel):
    """A configuration file. ``diff``: its changed lines may be shown."""

    path: AbsolutePath
    diff: bool = False


class CertificateSpec(WireModel):
    """A certificate: in a file (PEM), served at a port of this node, or both and compared."""

    path: AbsolutePath | None = None
    port: Port | None = None
    server_name: HostName | None = None


class DatabaseSpec(WireModel):
    """A PostgreSQL database of this node. ``dump_folder``: where its dumps go, on the node;
    dumps are made there by the node's own account, which logs in by its own ``~/.pgpass``."""

    port: Port = 5432
    name: Slug
    user: Slug = "guardia"  # of the dumps; the login of checks is sealed with the access
    dump_folder: AbsolutePath | None = None


class QueueSpec(WireModel):
    """A message broker's management API, asked by HTTP at this node."""

    kind: Literal["rabbitmq"] = "rabbitmq"
    port: Port = 15672
    path: UrlPath = "/api/queues"


class CronJobSpec(WireModel):
    """The program of the site behind a template, run by the node's own account."""

    template: CronTemplate
    path: AbsolutePath


class NodeProfile(WireModel):
    """All of it; what is not said is not touched. ``ports``: those that may listen (None: nobody
    has said). ``ping``: ICMP reaches this node."""

    ping: bool = False
    disks: Annotated[tuple[AbsolutePath, ...], Field(max_length=20)] = ()
    logs: Annotated[tuple[LogSpec, ...], Field(max_length=20)] = ()
    clearable: Annotated[tuple[AbsolutePath, ...], Field(max_length=20)] = ()  # folders of logs
    watched: Annotated[tuple[WatchedFile, ...], Field(max_length=100)] = ()
    binaries: Annotated[tuple[AbsolutePath, ...], Field(max_length=100)] = ()
    ports: Annotated[tuple[Port, ...], Field(max_length=200)] | None = None
    certificates: Annotated[tuple[CertificateSpec, ...], Field(max_length=20)] = ()
    database: DatabaseSpec | None = None
    queue: QueueSpec | None = None
    cron_log: AbsolutePath | None = None
    cron_jobs: Annotated[tuple[CronJobSpec, ...], Field(max_length=10)] = ()
