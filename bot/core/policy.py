"""Who may do what, and who has to agree. Pure; the absence of a rule is a denial.

Owns: the decision on a plan and the check of a verdict. Rights are those of the moment: callers
read people and rules anew for every decision, at the click and once more before the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.wire.operations import effect_of, is_dangerous
from bot.core.domain.decision import (
    Approval,
    Decision,
    Deny,
    Effect,
    Permit,
    RequireApproval,
    Rule,
    Stage,
    Verdict,
)
from bot.core.domain.estate import Environment
from bot.core.domain.job import Job, JobState
from bot.core.domain.people import Actor, Role
from bot.core.domain.plan import Plan, Risk

# What stands even when a site's rules forget to say who approves (ACTIONS: "risk decides
# approval before any rule of the database is read").
FALLBACK_STAGES = (Stage(roles=(Role.PART_LEADER, Role.PM)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What policy looks at: a verb, its risk, and where."""

    action: str
    risk: Risk
    institution: str
    environments: tuple[str, ...]


def needs_code(plan: Plan) -> bool:
    """Whether a yes to this plan counts only with the one-time code of who says it."""
    if plan.risk is Risk.DANGER:
        return True
    return any(is_dangerous(step.operation) for step in plan.wire.steps())


def asked_of(plan: Plan) -> Asked:
    """What a plan asks of policy. Its risk is what its steps are, whatever its maker says."""
    return Asked(
        action=plan.action,
        risk=_risk_of(plan),
        institution=plan.institution,
        environments=plan.environments,
    )


def _risk_of(plan: Plan) -> Risk:
    if needs_code(plan):
        return Risk.DANGER
    changes = any(effect_of(step.operation) == "change" for step in plan.wire.steps())
    return Risk.CHANGE if changes else plan.risk


def decide(asked: Asked, actor: Actor, rules: Sequence[Rule]) -> Decision:
    """Whether this person may have it at once, must have it approved, or may not have it."""
    if not actor.may_see(asked.institution):
        return Deny(code="no_right")
    matching = [rule for rule in rules if _matches(rule, asked, actor)]
    if not matching:
        return Deny(code="no_rule")
    approving = [rule for rule in matching if rule.effect is Effect.APPROVE]
    if approving:
        strictest = max(approving, key=_strictness)
        return RequireApproval(rule=strictest.rule_id, stages=strictest.stages or FALLBACK_STAGES)
    if _must_be_approved(asked):
        return RequireApproval(rule="risk", stages=FALLBACK_STAGES)
    return Permit(rule=matching[0].rule_id)


def may_ever_ask(action: str, risks: Iterable[Risk], actor: Actor, rules: Sequence[Rule]) -> bool:
    """Whether there is any place at which this person may ask for this verb, in any of its forms.

    It says what is worth showing them, and permits nothing.
    """
    named = frozenset(name for rule in rules for name in rule.institutions)
    places = named | {""} if actor.all_institutions else actor.institutions
    return any(
        not isinstance(decide(_at(action, risk, place, env), actor, rules), Deny)
        for risk in risks
        for place in places
        for env in Environment
    )


def _at(action: str, risk: Risk, institution: str, env: Environment) -> Asked:
    return Asked(action=action, risk=risk, institution=institution, environments=(env.value,))


def _must_be_approved(asked: Asked) -> bool:
    in_production = Environment.PROD.value in asked.environments
    return asked.risk is Risk.DANGER or (asked.risk is Risk.CHANGE and in_production)


def _strictness(rule: Rule) -> tuple[int, int]:
    return (len(rule.stages), sum(stage.quorum for stage in rule.stages))


def _matches(rule: Rule, asked: Asked, actor: Actor) -> bool:
    return (
        _allows(rule.roles, actor.role)
        and _allows(rule.actions, asked.action)
        and _allows(rule.risks, asked.risk.value)
        and _allows(rule.institutions, asked.institution)
        # A rule for some environments speaks for a request that touches one of them.
        and (not rule.environments or bool(set(rule.environments) & set(asked.environments)))
    )


def _allows(values: Iterable[object], value: object) -> bool:
    listed = tuple(values)
    return not listed or value in listed


def open_stage(job: Job) -> int | None:
    """The stage that waits for a verdict, 0-based; None when all have been passed."""
    for index, stage in enumerate(job.stages):
        if _ayes(job.approvals, index) < stage.quorum:
            return index
    return None


def _ayes(approvals: Sequence[Approval], stage: int) -> int:
    return len(
        {
            approval.person_id
            for approval in approvals
            if approval.stage == stage and approval.verdict is Verdict.APPROVE
        }
    )


def still_counts(job: Job, approval: Approval) -> bool:
    """Whether nobody was faster: the stage that this verdict is for still waits for one.

    Asked by the store inside the transaction that appends the verdict, since two people may
    click at the same moment.
    """
    spoken = {given.person_id for given in job.approvals}
    rejected = any(given.verdict is Verdict.REJECT for given in job.approvals)
    return (
        job.state is JobState.AWAITING_APPROVAL
        and not rejected
        and approval.person_id not in spoken
        and open_stage(job) == approval.stage
    )


def earliest_start(approvals: Iterable[Approval]) -> datetime | None:
    """The latest of the times that people said yes for; None: nobody named one."""
    return max(
        (
            approval.run_at
            for approval in approvals
            if approval.verdict is Verdict.APPROVE and approval.run_at is not None
        ),
        default=None,
    )


def may_decide(job: Job, actor: Actor, plan_digest: str, now: datetime) -> str | None:
    """None when this person's verdict counts now; else the code of the refusal."""
    stage = open_stage(job)
    spoken = {approval.person_id for approval in job.approvals}
    refusals = (
        # The same answer as for a job that does not exist.
        ("job_unknown", not actor.may_see(job.plan.institution)),
        ("request_expired", job.state is JobState.EXPIRED),
        ("already_decided", job.state is not JobState.AWAITING_APPROVAL or stage is None),
        ("request_expired", now >= job.expires_at),
        ("plan_changed", plan_digest != job.plan.digest),
        ("own_request", actor.person_id == job.requester_id),
        ("not_an_approver", stage is None or actor.role not in job.stages[stage].roles),
        ("already_spoken", actor.person_id in spoken),
    )
    return next((code for code, refused in refusals if refused), None)


def eligible(job: Job, people: Iterable[Actor]) -> tuple[Actor, ...]:
    """Everybody whose approval could count at some stage of this job."""
    roles = {role for stage in job.stages for role in stage.roles}
    return tuple(
        person
        for person in people
        if person.role in roles
        and person.person_id != job.requester_id
        and person.may_see(job.plan.institution)
    )


def still_stands(job: Job, people: Iterable[Actor]) -> bool:
    """Whether the given approvals still suffice with the rights that people have now, each given
    with a one-time code where the plan needs one."""
    now_eligible = {person.person_id: person for person in eligible(job, people)}
    coded = needs_code(job.plan)
    for index, stage in enumerate(job.stages):
        ayes = {
            approval.person_id
            for approval in job.approvals
            if approval.stage == index
            and approval.verdict is Verdict.APPROVE
            and approval.plan_digest == job.plan.digest
            and (approval.one_time_code or not coded)
            and approval.person_id in now_eligible
            and now_eligible[approval.person_id].role in stage.roles
        }
        if len(ayes) < stage.quorum:
            return False
    return True
