"""A job: one request that became a plan, from reception to its one terminal state.

Owns: states, their order, and what is known of every step.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from agent.wire.results import Result
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.decision import Approval, Stage
from bot.core.domain.plan import Plan


class JobState(StrEnum):
    RECEIVED = "received"
    PLANNED = "planned"
    AWAITING_APPROVAL = "awaiting_approval"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    ROLLBACK_FAILED = "rollback_failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    DENIED = "denied"
    UNKNOWN = "unknown"


TERMINAL: frozenset[JobState] = frozenset(
    {
        JobState.SUCCEEDED,
        JobState.FAILED,
        JobState.ROLLED_BACK,
        JobState.ROLLBACK_FAILED,
        JobState.CANCELLED,
        JobState.EXPIRED,
        JobState.DENIED,
        JobState.UNKNOWN,
    }
)


class StepState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """What is known of one step of a job. ``code`` and ``values`` name its sentence."""

    step_id: str
    state: StepState
    code: str = "ok"
    values: tuple[tuple[str, str], ...] = ()
    lines: tuple[str, ...] = ()
    result: Result | None = None
    attempt: int = 1
    verified: bool = False
    elapsed_ms: int = 0
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as the store holds it."""

    job_id: str
    state: JobState
    plan: Plan
    requester_id: str
    requester_name: str
    sr: str | None
    conversation: ConversationRef  # the thread everything about this job is posted to
    created_at: datetime
    expires_at: datetime  # when the request for approval lapses
    stages: tuple[Stage, ...] = ()
    rule: str = ""
    approvals: tuple[Approval, ...] = ()
    steps: tuple[StepRecord, ...] = ()
    started_at: datetime | None = None
    ended_at: datetime | None = None
    fencing_token: int = 0
    card: ConversationRef | None = None  # the posted plan card
    progress: ConversationRef | None = None  # the posted progress message
    cancel_requested_by: str | None = None
    run_at: datetime | None = None  # not before; None: as soon as it is approved


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A past deployment that left a verified backup behind on its nodes."""

    job_id: str
    backup_id: str
    system_code: str
    node_ids: tuple[str, ...]
    sr: str | None
    ended_at: datetime
    paths: tuple[str, ...]
    restarted: bool
    undone: bool  # a later rollback has put the backup back
