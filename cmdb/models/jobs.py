"""The tables of jobs and what is done for them.

Owns: jobs, verdicts, steps, locks, past deployments, open questions, the audit chain.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Text, UniqueConstraint
from sqlmodel import Field

from cmdb.models.table import Json, Table, instant, json_column, maybe_instant


class JobRow(Table, table=True):
    __tablename__ = "jobs"

    job_id: str = Field(primary_key=True)
    state: str = Field(index=True)
    plan: Json = json_column()
    requester_id: str
    requester_name: str
    sr: str | None = None
    conversation: Json = json_column()
    thread_key: str = Field(index=True)  # the conversation as one text, to be found by
    created_at: datetime = instant()
    expires_at: datetime = instant()
    stages: Json = json_column()
    rule: str = ""
    started_at: datetime | None = maybe_instant()
    ended_at: datetime | None = maybe_instant()
    fencing_token: int = 0
    card: Json = json_column(nullable=True)
    progress: Json = json_column(nullable=True)
    cancel_requested_by: str | None = None
    run_at: datetime | None = maybe_instant()


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
    at: datetime = instant()
    run_at: datetime | None = maybe_instant()
    one_time_code: bool = False
    seal: str = ""


class StepRow(Table, table=True):
    __tablename__ = "steps"
    __table_args__ = (UniqueConstraint("job_id", "step_id"),)

    position: int | None = Field(default=None, primary_key=True)
    job_id: str = Field(foreign_key="jobs.job_id")
    step_id: str
    state: str
    record: Json = json_column()


class LockRow(Table, table=True):
    """A row outlives its holder: the token must keep growing."""

    __tablename__ = "locks"

    scope: str = Field(primary_key=True)
    job_id: str | None = None
    fencing_token: int = 0
    acquired_at: datetime | None = maybe_instant()


class DeploymentRow(Table, table=True):
    __tablename__ = "deployments"

    job_id: str = Field(primary_key=True)
    backup_id: str
    system_code: str = Field(index=True)
    node_ids: Json = json_column()
    sr: str | None = None
    ended_at: datetime = instant()
    paths: Json = json_column()
    restarted: bool
    undone: bool


class DialogueRow(Table, table=True):
    __tablename__ = "dialogues"

    adapter: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    thread: str = Field(primary_key=True)  # empty: outside any thread
    person_id: str = Field(primary_key=True)
    partial: Json = json_column()
    until: datetime = instant()


class AuditRow(Table, table=True):
    """``body`` is the canonical JSON that ``hash`` covers; the columns beside it serve searches."""

    __tablename__ = "audit_events"

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    prev_hash: str
    hash: str
    body: str = Field(sa_type=Text)
    kind: str
    at: datetime = instant()
    actor: str = Field(index=True)
    job_id: str | None = Field(default=None, index=True)
