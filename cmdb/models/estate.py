"""The tables of the estate.

Owns: institutions, systems, nodes and their balancers, service requests, guides, sealed logins.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Text
from sqlmodel import Field

from cmdb.models.table import Json, Table, json_column


class InstitutionRow(Table, table=True):
    __tablename__ = "institutions"

    name: str = Field(primary_key=True)
    code: str
    aliases: Json = json_column()


class SystemRow(Table, table=True):
    __tablename__ = "systems"

    code: str = Field(primary_key=True)
    institution: str = Field(foreign_key="institutions.name", index=True)
    name: str = Field(index=True)
    aliases: Json = json_column()
    criticality: str
    manager: str
    agent: str
    canary: int = 1
    batch_size: int = 1
    settle_s: int = 5
    repository_name: str | None = None
    repository_url: str | None = None
    repository_folder: str | None = None  # the deployed one; None: the whole repository


class NodeRow(Table, table=True):
    __tablename__ = "nodes"

    node_id: str = Field(primary_key=True)
    system_code: str = Field(foreign_key="systems.code", index=True)
    env: str
    layer: str
    number: int
    host: str
    ssh_port: int
    ftp_port: int
    transfer: str
    os: str
    os_user: str
    deploy_path: str
    backup_path: str
    service: str
    service_port: int
    health_path: str
    log_path: str
    wire: Json = json_column(nullable=True)  # NodeTarget, once the host key is registered


class BalancerRow(Table, table=True):
    """A node's place behind a web node's balancer or an L4 device: exactly one of the two."""

    __tablename__ = "balancers"
    __table_args__ = (
        CheckConstraint("(web_node_id IS NULL) <> (device IS NULL)", name="one_kind"),
    )

    node_id: str = Field(primary_key=True, foreign_key="nodes.node_id")
    position: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    web_node_id: str | None = Field(default=None, foreign_key="nodes.node_id")
    device: str | None = None
    member: str


class SrRow(Table, table=True):
    __tablename__ = "srs"

    sr_id: str = Field(primary_key=True)
    system_code: str = Field(foreign_key="systems.code", index=True)
    title: str
    requester: str
    assignee: str
    status: str
    requested_at: str  # ISO date
    due: str  # ISO date


class GuideRow(Table, table=True):
    """A guide without an institution is for everybody."""

    __tablename__ = "guides"

    guide_id: str = Field(primary_key=True)
    title: str
    institution: str | None = Field(default=None, foreign_key="institutions.name")
    text: str = Field(sa_type=Text)


class AccessRow(Table, table=True):
    """A login, readable by the agent alone."""

    __tablename__ = "access_records"

    node_id: str = Field(primary_key=True, foreign_key="nodes.node_id")
    ciphertext: str = Field(sa_type=Text)


class ChannelRow(Table, table=True):
    """The system that a channel of a messenger is about."""

    __tablename__ = "channels"

    adapter: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    system_code: str = Field(foreign_key="systems.code")
