"""What policy says of a plan, and what people say of it.

Owns: Decision and Approval. Decisions are pure; approvals are bound to one plan digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.core.domain.people import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of approval: how many different people of these roles must say yes."""

    roles: tuple[Role, ...]
    quorum: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """It may run at once. ``rule`` is the id of the rule that says so."""

    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequireApproval:
    """It may run when these stages, in order, have said yes."""

    rule: str
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deny:
    """It may not run. ``code`` names the sentence of the catalogue that the person is shown."""

    code: str


Decision = Permit | RequireApproval | Deny


class Effect(StrEnum):
    PERMIT = "permit"
    APPROVE = "approve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A row of policy. Empty tuples mean any; the absence of a matching rule is a denial."""

    rule_id: str
    effect: Effect
    roles: tuple[Role, ...] = ()  # of the requester
    actions: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()
    institutions: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()


class Verdict(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One person's word on one plan."""

    job_id: str
    person_id: str
    name: str
    role: Role
    verdict: Verdict
    plan_digest: str
    stage: int  # 0-based
    at: datetime
    run_at: datetime | None = None  # yes, but not before this
    one_time_code: bool = False  # proved with one
    seal: str = ""  # the bot's keyed MAC over all of it: a row that somebody wrote has none
