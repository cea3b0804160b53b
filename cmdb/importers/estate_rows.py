"""What one line of each estate file may hold.

Owns: the columns of every file and the narrow type of every value. What later becomes an address,
an account or a path on a server passes the wire's own types here, before it is stored at all.
"""

from __future__ import annotations

import unicodedata
from datetime import date
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from agent.wire.plan import LegacyAlgorithm
from agent.wire.types import (
    AbsolutePath,
    AgentName,
    HostKeyFingerprint,
    HostName,
    LogWord,
    NodeId,
    Port,
    RelativePath,
    ServerAddress,
    Slug,
    UrlPath,
    UserName,
)
from bot.core.domain.estate import Environment, Layer
from bot.core.domain.people import Role
from bot.core.repositories import repository_url


def _name(text: str) -> str:
    """A name in its one written form, so that equal-looking names are equal."""
    if any(unicodedata.category(character).startswith("C") for character in text):
        raise ValueError("control or invisible characters")
    if text != text.strip():
        raise ValueError("blanks around it")
    return unicodedata.normalize("NFC", text)


def _split(text: object) -> object:
    """A cell that holds several values, '|' between them."""
    return [part for part in text.split("|") if part] if isinstance(text, str) else text


def _empty_is_none(text: object) -> object:
    return None if text == "" else text


def _empty_is_zero(text: object) -> object:
    return 0 if text == "" else text


Limit = Annotated[
    Annotated[int, Field(ge=1, le=600)] | None, BeforeValidator(_empty_is_none)
]  # seconds
Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_name)]
Text = Annotated[str, Field(max_length=300), AfterValidator(_name)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_split)]
RepositoryUrl = Annotated[str, Field(max_length=500), AfterValidator(repository_url)]


# Tomcat says this when it has come up (org.apache.catalina.startup.Catalina; since 8.5). One that
# runs in a Korean locale says it in Korean: such a node names its own word, or "-".
KNOWN_SUCCESS = {"tomcat": "Server startup in"}
EVERYTHING = "*"  # in the institutions of a person: all of them


class EstateRow(BaseModel):
    """One line. Its fields are the file's columns, no more and no fewer."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class InstitutionLine(EstateRow):
    institution: Name
    code: Slug
    aliases: Names


class SystemLine(EstateRow):
    """``canary``, ``batch`` and ``settle_s`` are said together, and so is where a repository is.
    What is not said stays as it was set on the command line."""

    institution: Name
    system: Name
    code: Slug
    aliases: Names
    criticality: Literal["high", "medium", "low"]
    manager: Slug
    agent: AgentName
    canary: Annotated[
        Annotated[int, Field(ge=0, le=100)] | None, BeforeValidator(_empty_is_none)
    ] = None
    batch: Annotated[
        Annotated[int, Field(ge=1, le=100)] | None, BeforeValidator(_empty_is_none)
    ] = None
    settle_s: Annotated[
        Annotated[int, Field(ge=0, le=300)] | None, BeforeValidator(_empty_is_none)
    ] = None
    repository_name: Annotated[Name | None, BeforeValidator(_empty_is_none)] = None
    repository_url: Annotated[RepositoryUrl | None, BeforeValidator(_empty_is_none)] = None
    repository_folder: Annotated[RelativePath | None, BeforeValidator(_empty_is_none)] = None


class ServerLine(EstateRow):
    node_id: NodeId
    institution: Name
    system: Name
    env: Environment
    layer: Layer
    node_no: Annotated[int, Field(ge=1, le=999)]
    ip: HostName
    ssh_port: Port
    ftp_port: Port
    transfer: Literal["sftp", "ftp"]
    os: Text
    os_user: UserName
    deploy_path: AbsolutePath | Literal[""]  # a database server has none
    backup_path: AbsolutePath | Literal[""]
    service: Slug
    service_port: Port
    health_path: UrlPath | Literal[""]
    log_path: AbsolutePath | Literal[""]


class PersonLine(EstateRow):
    user_id: Slug
    name: Name
    employee_no: Slug
    role: Role
    slack_id: Text
    teams_id: Text
    jandi_name: Text
    institutions: Names  # or EVERYTHING


class SrLine(EstateRow):
    sr_id: Slug
    institution: Name
    system: Name
    title: Text
    requester: Slug
    assignee: Slug
    status: Name
    requested_at: date
    due: date


class ConnectionLine(EstateRow):
    """How a node is reached. Its values replace those of servers.csv.

    An FTP node has no host key; its port is ``ftp_port``, and that of servers.csv where the
    column is empty. ``legacy`` names old algorithms that this very node needs. ``log_success``
    empty: what its kind of service is known to say (``KNOWN_SUCCESS``); ``-``: nothing. The
    three programs are those of ``service_kind`` "commands".
    """

    node_id: NodeId
    host: HostName
    ssh_port: Port
    os_user: UserName
    host_key: Annotated[HostKeyFingerprint | None, BeforeValidator(_empty_is_none)]
    deploy_path: AbsolutePath
    backup_path: AbsolutePath
    transfer: Literal["sftp", "ftp"]
    charset: Literal["utf-8", "cp949"]
    service: Slug
    service_kind: Literal["scripts", "systemd", "commands"]
    service_home: AbsolutePath
    service_port: Port
    health_path: UrlPath
    log_path: AbsolutePath
    upstream_file: Annotated[AbsolutePath | None, BeforeValidator(_empty_is_none)]
    balancer_home: Annotated[AbsolutePath | None, BeforeValidator(_empty_is_none)]
    ftp_port: Annotated[Port | None, BeforeValidator(_empty_is_none)] = None
    legacy: Annotated[tuple[LegacyAlgorithm, ...], BeforeValidator(_split)] = ()
    log_failures: Annotated[tuple[LogWord, ...], Field(max_length=10), BeforeValidator(_split)] = ()
    log_success: Annotated[Literal["-"] | LogWord | None, BeforeValidator(_empty_is_none)] = None
    watch_s: Annotated[int, Field(ge=0, le=600), BeforeValidator(_empty_is_zero)] = 0
    stop_s: Limit = None
    start_s: Limit = None
    health_s: Limit = None
    service_start: Annotated[AbsolutePath | None, BeforeValidator(_empty_is_none)] = None
    service_stop: Annotated[AbsolutePath | None, BeforeValidator(_empty_is_none)] = None
    service_status: Annotated[AbsolutePath | None, BeforeValidator(_empty_is_none)] = None

    @model_validator(mode="after")
    def _commands_or_none(self) -> ConnectionLine:
        programs = (self.service_start, self.service_stop, self.service_status)
        wanted = self.service_kind == "commands"
        if any(program is None for program in programs) if wanted else any(programs):
            raise ValueError(
                "service_kind 'commands' names service_start, service_stop and service_status; "
                "no other kind does"
            )
        return self


class BalancerLine(EstateRow):
    """A node's place behind a web node, or behind an L4 ``device`` that its agent knows."""

    web_node_id: Annotated[NodeId | None, BeforeValidator(_empty_is_none)]
    node_id: NodeId
    member: ServerAddress
    device: Annotated[Slug | None, BeforeValidator(_empty_is_none)] = None


class ChannelLine(EstateRow):
    """The system that a channel is about: what is meant there when no system is named."""

    adapter: Slug
    channel: Name
    system: Slug  # its code


class RoomLine(EstateRow):
    """A room of our own messenger."""

    room_id: Slug
    name: Name
    members: Annotated[tuple[Slug, ...], BeforeValidator(_split)]
