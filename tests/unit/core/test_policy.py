"""Who may do what, and whose verdict counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.wire.checks import EndSession
from agent.wire.operations import ServiceStatus, StopService
from bot.core.domain.decision import (
    Approval,
    Deny,
    Effect,
    Permit,
    RequireApproval,
    Rule,
    Stage,
    Verdict,
)
from bot.core.domain.job import JobState
from bot.core.domain.people import Actor, Role
from bot.core.domain.plan import Plan, Risk
from bot.core.policy import (
    FALLBACK_STAGES,
    Asked,
    asked_of,
    decide,
    eligible,
    may_decide,
    needs_code,
    open_stage,
    still_stands,
)
from tests.fakes.values import NOW, a_job, a_person, a_plan, a_run, a_wire_plan

PERMIT_ALL = Rule(rule_id="all", effect=Effect.PERMIT)


def asked(**changes: object) -> Asked:
    values = {
        "action": "deploy",
        "risk": Risk.CHANGE,
        "institution": "기획재정부",
        "environments": ("dev",),
    } | changes
    return Asked(**values)  # type: ignore[arg-type]  # a test table


def test_denies_when_no_rule_matches() -> None:
    assert decide(asked(), a_person("u032"), []) == Deny(code="no_rule")


def test_denies_what_the_person_may_not_see_even_when_a_rule_permits_it() -> None:
    stranger = a_person("u012", institutions=("교육부",))
    assert decide(asked(), stranger, [PERMIT_ALL]) == Deny(code="no_right")


def test_permits_a_change_in_development_that_a_rule_permits() -> None:
    assert decide(asked(), a_person("u032"), [PERMIT_ALL]) == Permit(rule="all")


@pytest.mark.parametrize(
    ("risk", "environments"),
    [
        (Risk.CHANGE, ("prod",)),
        (Risk.CHANGE, ("dev", "prod")),
        (Risk.DANGER, ("dev",)),
        (Risk.DANGER, ("prod",)),
    ],
)
def test_risk_demands_approval_whatever_the_rules_permit(
    risk: Risk, environments: tuple[str, ...]
) -> None:
    decision = decide(asked(risk=risk, environments=environments), a_person("u032"), [PERMIT_ALL])
    assert decision == RequireApproval(rule="risk", stages=FALLBACK_STAGES)


def test_the_strictest_of_several_approving_rules_counts() -> None:
    one = Rule(rule_id="one", effect=Effect.APPROVE, stages=(Stage(roles=(Role.PM,)),))
    two = Rule(
        rule_id="two",
        effect=Effect.APPROVE,
        stages=(Stage(roles=(Role.PART_LEADER,)), Stage(roles=(Role.PM,))),
    )
    decision = decide(asked(), a_person("u032"), [one, two, PERMIT_ALL])
    assert isinstance(decision, RequireApproval)
    assert decision.rule == "two"


def test_a_rule_for_one_environment_speaks_for_a_request_that_touches_it() -> None:
    rule = Rule(rule_id="prod", effect=Effect.APPROVE, environments=("prod",))
    decision = decide(asked(environments=("dev", "prod")), a_person("u032"), [rule])
    assert isinstance(decision, RequireApproval)


LEADER = a_person("u031", role=Role.PART_LEADER)


def waiting_job(**changes: object):  # type: ignore[no-untyped-def]
    job = a_job(state=JobState.AWAITING_APPROVAL, stages=(Stage(roles=(Role.PART_LEADER,)),))
    return replace(job, **changes)


@pytest.mark.parametrize(
    ("actor", "changes", "digest", "after", "code"),
    [
        (LEADER, {}, None, timedelta(0), None),
        (a_person("u032", role=Role.PART_LEADER), {}, None, timedelta(0), "own_request"),
        (a_person("u010", role=Role.OPERATOR), {}, None, timedelta(0), "not_an_approver"),
        (LEADER, {}, "0" * 64, timedelta(0), "plan_changed"),
        (LEADER, {}, None, timedelta(hours=1), "request_expired"),
        (LEADER, {"state": JobState.QUEUED}, None, timedelta(0), "already_decided"),
        (
            a_person("u099", role=Role.PART_LEADER, institutions=("교육부",)),
            {},
            None,
            timedelta(0),
            "job_unknown",
        ),
    ],
)
def test_a_verdict_counts_only_from_the_right_person_for_this_very_plan_in_time(
    actor: Actor, changes: dict[str, object], digest: str | None, after: timedelta, code: str | None
) -> None:
    job = waiting_job(**changes)
    assert may_decide(job, actor, digest or job.plan.digest, NOW + after) == code


def an_approval(person: Actor, digest: str, verdict: Verdict = Verdict.APPROVE) -> Approval:
    return Approval(
        job_id="J260523-AAAAAA",
        person_id=person.person_id,
        name=person.name,
        role=person.role,
        verdict=verdict,
        plan_digest=digest,
        stage=0,
        at=NOW,
    )


def test_the_second_verdict_of_the_same_person_is_refused() -> None:
    job = waiting_job(stages=(Stage(roles=(Role.PART_LEADER,), quorum=2),))
    job = replace(job, approvals=(an_approval(LEADER, job.plan.digest),))
    assert open_stage(job) == 0
    assert may_decide(job, LEADER, job.plan.digest, NOW) == "already_spoken"


def test_an_approval_falls_with_the_rights_of_who_gave_it() -> None:
    job = waiting_job()
    job = replace(job, approvals=(an_approval(LEADER, job.plan.digest),))
    assert still_stands(job, [LEADER])
    assert not still_stands(job, [replace(LEADER, role=Role.DEVELOPER)])
    assert not still_stands(job, [])


def test_an_approval_of_another_plan_does_not_count_at_the_start() -> None:
    job = waiting_job()
    job = replace(job, approvals=(an_approval(LEADER, "f" * 64),))
    assert not still_stands(job, [LEADER])


def test_the_requester_is_never_among_those_who_may_approve() -> None:
    job = waiting_job()
    own = a_person("u032", role=Role.PART_LEADER)
    assert eligible(job, [own, LEADER]) == (LEADER,)


# --- what is dangerous --------------------------------------------------------------------------


@pytest.mark.parametrize("environment", ["prod", "stage", "dev"])
@pytest.mark.parametrize(
    "rule",
    [
        PERMIT_ALL,
        Rule(
            rule_id="this",
            effect=Effect.PERMIT,
            roles=(Role.DEVELOPER,),
            actions=("kill_session",),
            risks=("danger",),
            environments=("prod", "stage", "dev"),
        ),
    ],
    ids=["a rule for everything", "a rule for just that"],
)
def test_danger_waits_for_approval_in_every_environment_whatever_a_site_permits(
    rule: Rule, environment: str
) -> None:
    wanted = asked(action="kill_session", risk=Risk.DANGER, environments=(environment,))
    decision = decide(wanted, a_person("u032"), [rule])
    assert decision == RequireApproval(rule="risk", stages=FALLBACK_STAGES)


def a_dangerous_plan(*, claims: Risk = Risk.DANGER) -> Plan:
    run = a_run("was01", [EndSession(pid=24817, started=4242)])
    return a_plan(a_wire_plan(run, action="kill_session"), risk=claims)


@pytest.mark.parametrize("claims", list(Risk))
def test_a_plan_is_as_dangerous_as_its_steps(claims: Risk) -> None:
    plan = a_dangerous_plan(claims=claims)
    assert needs_code(plan)
    assert asked_of(plan).risk is Risk.DANGER


def test_a_plan_of_ordinary_steps_needs_no_code() -> None:
    assert not needs_code(a_plan())
    assert asked_of(a_plan()).risk is Risk.CHANGE
    assert needs_code(a_plan(risk=Risk.DANGER))


def test_a_plan_that_changes_something_is_no_look_whatever_it_claims() -> None:
    run = a_run("was01", [StopService()])
    plan = a_plan(a_wire_plan(run, action="manage_service"), risk=Risk.READ)
    assert asked_of(plan).risk is Risk.CHANGE
    look = a_plan(a_wire_plan(a_run("was01", [ServiceStatus()])), risk=Risk.READ)
    assert asked_of(look).risk is Risk.READ


def test_without_its_code_a_yes_to_something_dangerous_does_not_stand() -> None:
    job = waiting_job(plan=a_dangerous_plan())
    said = an_approval(LEADER, job.plan.digest)
    assert not still_stands(replace(job, approvals=(said,)), [LEADER])
    coded = replace(said, one_time_code=True)
    assert still_stands(replace(job, approvals=(coded,)), [LEADER])
