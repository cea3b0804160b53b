"""The tables.

Owns: every table and its columns. Enums are strings, instants aware UTC, values JSON. Rows never
leave this package: stores turn them into the core's values.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, MetaData, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from cmdb.columns import UtcDateTime

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
Json = Any  # what a JSON column holds; cmdb.serial gives it its type


def _json(*, nullable: bool = False) -> Any:
    # none_as_null: an absent value is SQL's NULL, not JSON's.
    return Field(
        default=None, sa_type=JSON(none_as_null=True), sa_column_kwargs={"nullable": nullable}
    )


def _instant() -> Any:
    return Field(sa_type=UtcDateTime, nullable=False)


def _maybe_instant() -> Any:
    return Field(default=None, sa_type=UtcDateTime, nullable=True)


class Table(SQLModel):
    """What all tables share: one catalogue of names."""

    metadata: ClassVar[MetaData] = METADATA


# --- jobs ------------------------------------------------------------------------------------


class JobRow(Table, table=True):
    __tablename__ = "jobs"

    job_id: str = Field(primary_key=True)
    state: str = Field(index=True)
    plan: Json = _json()
    requester_id: str
    requester_name: str
    sr: str | None = None
    conversation: Json = _json()
    thread_key: str = Field(index=True)  # the conversation as one text, to be found by
    created_at: datetime = _instant()
    expires_at: datetime = _instant()
    stages: Json = _json()
    rule: str = ""
    started_at: datetime | None = _maybe_instant()
    ended_at: datetime | None = _maybe_instant()
    fencing_token: int = 0
    card: Json = _json(nullable=True)
    progress: Json = _json(nullable=True)
    cancel_requested_by: str | None = None


class ApprovalRow(Table, table=True):
    __tablename__ = "approvals"
    __table_args__ = (UniqueConstraint("job_id", "person_id"),)  # one person speaks once

    approval_id: int | None = Field(default=None, primary_key=True)
    job_id: str = Field(foreign_key="jobs.job_id")
    person_id: str
    name: str
    role: str
    verdict: str
    plan_digest: str
    stage: int
    at: datetime = _instant()


class StepRow(Table, table=True):
    __tablename__ = "steps"
    __table_args__ = (UniqueConstraint("job_id", "step_id"),)

    position: int | None = Field(default=None, primary_key=True)
    job_id: str = Field(foreign_key="jobs.job_id")
    step_id: str
    state: str
    record: Json = _json()


class LockRow(Table, table=True):
    """A row outlives its holder: the token must keep growing."""

    __tablename__ = "locks"

    scope: str = Field(primary_key=True)
    job_id: str | None = None
    fencing_token: int = 0
    acquired_at: datetime | None = _maybe_instant()


class DeploymentRow(Table, table=True):
    __tablename__ = "deployments"

    job_id: str = Field(primary_key=True)
    backup_id: str
    system_code: str = Field(index=True)
    node_ids: Json = _json()
    sr: str | None = None
    ended_at: datetime = _instant()
    paths: Json = _json()
    restarted: bool
    undone: bool


class DialogueRow(Table, table=True):
    __tablename__ = "dialogues"

    adapter: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    thread: str = Field(primary_key=True)  # empty: outside any thread
    person_id: str = Field(primary_key=True)
    partial: Json = _json()
    until: datetime = _instant()


# --- people and rules ------------------------------------------------------------------------


class PersonRow(Table, table=True):
    __tablename__ = "people"

    person_id: str = Field(primary_key=True)
    name: str
    employee_no: str
    role: str
    institutions: Json = _json()
    all_institutions: bool = False
    active: bool = True
    locked: bool = False


class ExternalIdRow(Table, table=True):
    """A tenant that is empty stands for the one workspace that the adapter serves."""

    __tablename__ = "external_ids"

    adapter: str = Field(primary_key=True)
    tenant: str = Field(primary_key=True)
    user_id: str = Field(primary_key=True)
    person_id: str = Field(foreign_key="people.person_id", index=True)


class RuleRow(Table, table=True):
    __tablename__ = "rules"

    rule_id: str = Field(primary_key=True)
    effect: str
    rule: Json = _json()


# --- the estate ------------------------------------------------------------------------------


class InstitutionRow(Table, table=True):
    __tablename__ = "institutions"

    name: str = Field(primary_key=True)
    code: str
    aliases: Json = _json()


class SystemRow(Table, table=True):
    __tablename__ = "systems"

    code: str = Field(primary_key=True)
    institution: str = Field(foreign_key="institutions.name", index=True)
    name: str = Field(index=True)
    aliases: Json = _json()
    criticality: str
    manager: str
    agent: str


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
    wire: Json = _json(nullable=True)  # NodeTarget, once the host key is registered


class BalancerRow(Table, table=True):
    __tablename__ = "balancers"

    node_id: str = Field(primary_key=True, foreign_key="nodes.node_id")
    web_node_id: str = Field(primary_key=True, foreign_key="nodes.node_id")
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


# --- audit -----------------------------------------------------------------------------------


class AuditRow(Table, table=True):
    """``body`` is the canonical JSON that ``hash`` covers; the columns beside it serve searches."""

    __tablename__ = "audit_events"

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    prev_hash: str
    hash: str
    body: str = Field(sa_type=Text)
    kind: str
    at: datetime = _instant()
    actor: str = Field(index=True)
    job_id: str | None = Field(default=None, index=True)


# --- agents, rooms, sign-in ------------------------------------------------------------------


class AgentRow(Table, table=True):
    __tablename__ = "agents"

    name: str = Field(primary_key=True)
    verify_key: str
    seal_key: str
    enrolled_at: datetime = _instant()


class AgentTokenRow(Table, table=True):
    __tablename__ = "agent_tokens"

    agent: str = Field(primary_key=True)
    token_digest: str
    until: datetime = _instant()


class ChannelRow(Table, table=True):
    """The system that a channel of a messenger is about."""

    __tablename__ = "channels"

    adapter: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    system_code: str = Field(foreign_key="systems.code")


class RoomRow(Table, table=True):
    __tablename__ = "rooms"

    room_id: str = Field(primary_key=True)
    name: str
    position: int = 0  # of the last message or edit


class RoomMemberRow(Table, table=True):
    __tablename__ = "room_members"

    room_id: str = Field(primary_key=True, foreign_key="rooms.room_id")
    person_id: str = Field(primary_key=True, index=True)


class RoomMessageRow(Table, table=True):
    __tablename__ = "room_messages"
    __table_args__ = (UniqueConstraint("room", "position"),)

    message_id: str = Field(primary_key=True)
    key: str = Field(unique=True)
    room: str = Field(foreign_key="rooms.room_id")
    thread: str | None = None
    author: str
    body: Json = _json()
    only_for: str | None = None
    posted_at: datetime = _instant()
    revision: int
    position: int


class SignInRow(Table, table=True):
    __tablename__ = "sign_in_codes"

    person_id: str = Field(primary_key=True)
    code_digest: str = Field(unique=True)
    until: datetime = _instant()


# --- talk ------------------------------------------------------------------------------------


class TalkRoomRow(Table, table=True):
    """A channel that the bot hears: how many messages so far, and whether it wants advice."""

    __tablename__ = "talk_rooms"

    adapter: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    heard: int = 0
    advising: bool = False
    muted_until: datetime | None = _maybe_instant()


class TalkMessageRow(Table, table=True):
    """Something said, redacted. Dropped when it is old."""

    __tablename__ = "talk_messages"
    __table_args__ = (UniqueConstraint("adapter", "channel", "position"),)

    key: str = Field(primary_key=True)
    adapter: str
    channel: str
    position: int
    thread: str | None = None
    author: str
    name: str
    text: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime, nullable=False, index=True)


class TalkSummaryRow(Table, table=True):
    __tablename__ = "talk_summaries"

    adapter: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    upto: int
    made_at: datetime = _instant()
    lines: Json = _json()


class AdviceCardRow(Table, table=True):
    """The latest card of a topic in a room."""

    __tablename__ = "advice_cards"

    adapter: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    topic: str = Field(primary_key=True)
    key: str
    at: datetime = _instant()
