"""What auditors read.

Owns: the audit event and the canonical form that the hash chain covers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class AuditKind(StrEnum):
    REQUEST = "request"
    QUESTION = "question"
    PLAN = "plan"
    DECISION = "decision"
    APPROVAL = "approval"
    REFUSAL = "refusal"
    STATE = "state"
    OPERATION = "operation"
    OUTCOME = "outcome"
    AGENT = "agent"
    SIGN_IN = "sign_in"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One thing that happened. ``detail`` is JSON-able and already redacted."""

    kind: AuditKind
    at: datetime
    actor: str  # person id, "agent:<name>" or "bot"
    job_id: str | None = None
    subject: str = ""  # what it is about: action, step id, node
    detail: Mapping[str, object] = field(default_factory=dict)
