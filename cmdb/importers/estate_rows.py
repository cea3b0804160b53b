"""What one line of each estate file may hold.

Owns: the columns of every file and the narrow type of every value. What later becomes an address,
an account or a path on a server passes the wire's own types here, before it is stored at all.
"""

from __future__ import annotations

import unicodedata
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from agent.wire.types import (
    AbsolutePath,
    AgentName,
    HostKeyFingerprint,
    HostName,
    NodeId,
    Port,
    ServerAddress,
    Slug,
    UrlPath,
    UserName,
)
from bot.core.domain.estate import Environment, Layer
from bot.core.domain.people import Role


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


Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_name)]
Text = Annotated[str, Field(max_length=300), AfterValidator(_name)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_split)]


EVERYTHING = "*"  # in the institutions of a person: all of them


class EstateRow(BaseModel):
    """One line. Its fields are the file's columns, no more and no fewer."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class InstitutionLine(EstateRow):
    institution: Name
    code: Slug
    aliases: Names


class SystemLine(EstateRow):
    institution: Name
    system: Name
    code: Slug
    aliases: Names
    criticality: Literal["high", "medium", "low"]
    manager: Slug
    agent: AgentName


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
    """How a node is reached. Its values replace those of servers.csv."""

    node_id: NodeId
    host: HostName
    ssh_port: Port
    os_user: UserName
    host_key: HostKeyFingerprint
    deploy_path: AbsolutePath
    backup_path: AbsolutePath
    transfer: Literal["sftp", "ftp"]
    charset: Literal["utf-8", "cp949"]
    service: Slug
    service_kind: Literal["scripts", "systemd"]
    service_home: AbsolutePath
    service_port: Port
    health_path: UrlPath
    log_path: AbsolutePath
    upstream_file: Annotated[AbsolutePath | None, BeforeValidator(_empty_is_none)]
    balancer_home: Annotated[AbsolutePath | None, BeforeValidator(_empty_is_none)]


class BalancerLine(EstateRow):
    web_node_id: NodeId
    node_id: NodeId
    member: ServerAddress


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
