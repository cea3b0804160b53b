"""The guard: everything in order passes, and each single thing out of order is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey
from pydantic import ValidationError

from agent.guard import Admission, Guard, GuardPolicy, Refusal
from agent.wire.checks import CheckLayer, EndBackend, EndSession, RunScript
from agent.wire.messages import PlanOrder, StepOrder
from agent.wire.operations import (
    AwaitHealth,
    FingerprintFiles,
    Operation,
    StopService,
    WatchNode,
    is_dangerous,
)
from agent.wire.plan import ApprovalRecord, NodeTarget, SignedGrant, WirePlan
from agent.wire.seal import seal_access
from tests.fakes.agent import AGENT, JOB, NOW, Site, a_plan, a_step, a_target, step_order

SITE = Site()
STEPS = (
    a_step("read", FingerprintFiles(paths=("a.txt",))),
    a_step("stop", StopService()),
)
MINE = ApprovalRecord(person_id="dev-1", role="developer", at=NOW)
OTHERS = ApprovalRecord(person_id="lead-1", role="sm_lead", at=NOW)


@pytest.fixture
def plan(tmp_path: Path) -> WirePlan:
    return a_plan(a_target(tmp_path), STEPS)


@pytest.fixture
def guard() -> Guard:
    return Guard(
        agent=AGENT,
        seal_key=SITE.seal,
        bot_key=SITE.bot.verify_key,
        policy=GuardPolicy(),
    )


def ask(
    guard: Guard, order: PlanOrder, step_id: str = "stop", *, fence: int = 0, late: int = 0
) -> Admission | Refusal:
    now = NOW + timedelta(minutes=late)
    return guard.admit(order, step_order(order.plan, step_id), fence=fence, now=now)


def code(answer: Admission | Refusal) -> str:
    return answer.code if isinstance(answer, Refusal) else "ok"


def test_admits_what_is_in_order_and_opens_the_login(guard: Guard, plan: WirePlan) -> None:
    answer = ask(guard, SITE.order(plan))
    assert isinstance(answer, Admission)
    assert answer.step == STEPS[1]
    assert answer.access == SITE.access(plan.targets[0])


def _swapped(plan: WirePlan) -> PlanOrder:
    """The plan is another one than was approved."""
    order = SITE.order(plan)
    return order.model_copy(update={"plan": plan.model_copy(update={"sr": "SR-1"})})


def _cut(plan: WirePlan) -> PlanOrder:
    order = SITE.order(plan)
    text = order.grant.grant.replace('"fencing_token":7', '"fencing_token":9')
    grant = SignedGrant(grant=text, signature=order.grant.signature)
    return order.model_copy(update={"grant": grant})


def _other_bot(plan: WirePlan) -> PlanOrder:
    return Site(bot=SigningKey.generate(), seal=SITE.seal).order(plan)


def _granted(**changes: object) -> Callable[[WirePlan], PlanOrder]:
    return lambda plan: SITE.order(plan, SITE.grant(plan, **changes))


def _planned(**changes: object) -> Callable[[WirePlan], PlanOrder]:
    return lambda plan: SITE.order(
        WirePlan.model_validate({**plan.model_dump(), **changes}),
    )


def _aimed(**changes: object) -> Callable[[WirePlan], PlanOrder]:
    """The plan names something else than the sealed record does."""

    def order(plan: WirePlan) -> PlanOrder:
        bent = plan.targets[0].model_copy(update=changes)
        return SITE.order(
            plan.model_copy(update={"targets": (bent,)}), None, SITE.access(plan.targets[0])
        )

    return order


def _sealed_for_another(plan: WirePlan) -> PlanOrder:
    sealed = seal_access(SITE.access(plan.targets[0]), PrivateKey.generate().public_key)
    return SITE.order(plan).model_copy(update={"access": (sealed,)})


ATTACKS: dict[str, tuple[str, Callable[[WirePlan], PlanOrder]]] = {
    "another plan under the same grant": ("digest_mismatch", _swapped),
    "a grant edited after signing": ("signature_invalid", _cut),
    "a grant signed by another bot": ("signature_invalid", _other_bot),
    "a grant for another plan": ("digest_mismatch", _granted(plan_digest="0" * 64)),
    "a grant for another agent": ("wrong_agent", _granted(agent="agent-2")),
    "a plan for another agent": ("wrong_agent", _planned(agent="agent-2")),
    "a grant for another job": ("wrong_job", _granted(job_id="J260401-ZZZZZZ")),
    "a grant that renames the requester": ("approval_missing", _granted(requested_by="x-1")),
    "a rule where people must approve": ("approval_missing", _granted(basis="rule")),
    "a rule that lists an approval": (
        "approval_missing",
        _granted(basis="rule", approvals=(OTHERS,)),
    ),
    "an approval by nobody": ("approval_missing", _granted(approvals=())),
    "an approval of one's own request": ("approval_missing", _granted(approvals=(MINE,))),
    "another host": ("target_mismatch", _aimed(host="10.0.0.9")),
    "another port": ("target_mismatch", _aimed(port=2222)),
    "another host key": ("target_mismatch", _aimed(host_key="SHA256:" + "B" * 43)),
    "another folder": ("target_mismatch", _aimed(deploy_path="/etc")),
    "a softer environment": ("target_mismatch", _aimed(env="dev")),
    "no access record": (
        "access_missing",
        lambda plan: SITE.order(plan).model_copy(update={"access": ()}),
    ),
    "an access record for another agent": ("access_missing", _sealed_for_another),
    "two access records": (
        "access_missing",
        lambda plan: SITE.order(plan).model_copy(update={"access": SITE.order(plan).access * 2}),
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_refuses(attack: str, guard: Guard, plan: WirePlan) -> None:
    expected, make = ATTACKS[attack]
    assert code(ask(guard, make(plan))) == expected


def test_refuses_a_step_that_is_not_in_the_plan(guard: Guard, plan: WirePlan) -> None:
    order = SITE.order(plan)
    asked = StepOrder(job_id=JOB, plan_digest=plan.digest(), step_id="other")
    assert code(guard.admit(order, asked, fence=0, now=NOW)) == "step_unknown"


def test_refuses_a_step_order_with_another_digest(guard: Guard, plan: WirePlan) -> None:
    asked = StepOrder(job_id=JOB, plan_digest="1" * 64, step_id="stop")
    assert code(guard.admit(SITE.order(plan), asked, fence=0, now=NOW)) == "digest_mismatch"


def test_refuses_a_step_order_of_another_job(guard: Guard, plan: WirePlan) -> None:
    asked = StepOrder(job_id="J260401-ZZZZZZ", plan_digest=plan.digest(), step_id="stop")
    assert code(guard.admit(SITE.order(plan), asked, fence=0, now=NOW)) == "wrong_job"


@pytest.mark.parametrize(("late", "expected"), [(74, "ok"), (76, "expired"), (-16, "expired")])
def test_allows_a_quarter_of_an_hour_of_clock_difference(
    guard: Guard, plan: WirePlan, late: int, expected: str
) -> None:
    assert code(ask(guard, SITE.order(plan), late=late)) == expected


@pytest.mark.parametrize(
    ("step_id", "fence", "expected"),
    [("stop", 7, "ok"), ("stop", 8, "stale_token"), ("read", 8, "ok")],
)
def test_changes_need_the_newest_token_and_reads_need_none(
    guard: Guard, plan: WirePlan, step_id: str, fence: int, expected: str
) -> None:
    assert code(ask(guard, SITE.order(plan), step_id, fence=fence)) == expected


def test_reads_in_production_need_no_approval(guard: Guard, plan: WirePlan) -> None:
    order = SITE.order(plan, SITE.grant(plan, basis="rule", approvals=()))
    assert code(ask(guard, order, "read")) == "ok"


def test_a_rule_suffices_where_the_policy_asks_for_no_approval(
    guard: Guard, tmp_path: Path
) -> None:
    plan = a_plan(a_target(tmp_path, env="dev"), STEPS)
    order = SITE.order(plan, SITE.grant(plan, basis="rule", approvals=()))
    assert code(ask(guard, order)) == "ok"
    strict = replace(guard, policy=GuardPolicy(approval_environments=("prod", "dev")))
    assert code(ask(strict, order)) == "approval_missing"


@pytest.mark.parametrize(
    ("hosts", "host", "expected"),
    [
        (("127.0.0.0/8",), "127.0.0.1", "ok"),
        (("10.0.0.0/8",), "127.0.0.1", "host_not_allowed"),
        (("10.0.0.0/8", "127.0.0.1/32"), "127.0.0.1", "ok"),
        (("127.0.0.0/8",), "localhost", "host_not_allowed"),
    ],
)
def test_hosts_lie_in_the_allowed_networks(
    guard: Guard, tmp_path: Path, hosts: tuple[str, ...], host: str, expected: str
) -> None:
    plan = a_plan(a_target(tmp_path, host=host), STEPS)
    narrow = replace(guard, policy=GuardPolicy(allowed_hosts=hosts))
    assert code(ask(narrow, SITE.order(plan))) == expected


def test_a_policy_with_a_network_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError):
        GuardPolicy(allowed_hosts=("not-a-network",))


# --- what is dangerous --------------------------------------------------------------------------

CODED = OTHERS.model_copy(update={"one_time_code": True})
OWN_CODE = MINE.model_copy(update={"one_time_code": True})
DANGERS: dict[str, Operation] = {
    "end_session": EndSession(pid=24817, started=4242),
    "end_backend": EndBackend(pid=4711, started=NOW),
    "a site's dangerous script": RunScript(
        script="drop-cache", sha256="a" * 64, risk="danger", arguments=()
    ),
}
ENVIRONMENTS = ("prod", "stage", "dev")


@pytest.mark.parametrize("env", ENVIRONMENTS)
@pytest.mark.parametrize("danger", DANGERS)
@pytest.mark.parametrize(
    ("basis", "approvals", "expected"),
    [
        ("approval", (CODED,), "ok"),
        ("approval", (OTHERS, CODED), "ok"),
        ("approval", (OTHERS,), "code_missing"),
        ("approval", (OTHERS, OWN_CODE), "code_missing"),
        ("approval", (OWN_CODE,), "approval_missing"),
        ("approval", (), "approval_missing"),
        ("rule", (), "approval_missing"),
        ("rule", (CODED,), "approval_missing"),
    ],
)
def test_what_is_dangerous_needs_somebody_elses_code_everywhere(
    guard: Guard,
    tmp_path: Path,
    env: str,
    danger: str,
    basis: str,
    approvals: tuple[ApprovalRecord, ...],
    expected: str,
) -> None:
    assert is_dangerous(DANGERS[danger])
    plan = a_plan(a_target(tmp_path, env=env), (a_step("end", DANGERS[danger]),))
    order = SITE.order(plan, SITE.grant(plan, basis=basis, approvals=approvals))
    lax = replace(guard, policy=GuardPolicy(approval_environments=()))
    for each in (guard, lax):
        assert code(ask(each, order, "end")) == expected


# --- pages ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/actuator/health", "/manager/text/stop", "/actuator/health/x"])
@pytest.mark.parametrize(
    "ask",
    [
        lambda path: AwaitHealth(path=path),
        lambda path: WatchNode(path=path, seconds=1),
        lambda path: CheckLayer(path=path),
    ],
    ids=["await", "watch", "check"],
)
def test_only_the_health_page_that_is_sealed_is_asked_for(
    guard: Guard, tmp_path: Path, ask: Callable[[str], Operation], path: str
) -> None:
    plan = a_plan(a_target(tmp_path), [a_step("page", ask(path))])
    answer = guard.admit(SITE.order(plan), step_order(plan, "page"), fence=0, now=NOW)
    assert code(answer) == ("ok" if path == "/actuator/health" else "page_not_registered")


def _web_and_was(tmp_path: Path) -> tuple[NodeTarget, NodeTarget]:
    was = a_target(tmp_path)
    service = was.service.model_copy(update={"health_path": "/nginx-health"})
    return was.model_copy(update={"node_id": "web01", "service": service}), was


def test_a_web_server_may_be_asked_for_the_page_of_a_was_of_the_plan(
    guard: Guard, tmp_path: Path
) -> None:
    web, was = _web_and_was(tmp_path)
    step = a_step("page", CheckLayer(path="/actuator/health")).model_copy(
        update={"node_id": "web01"}
    )
    plan = a_plan(web, [step], targets=(web, was))
    ordered = step_order(plan, "page")
    assert code(guard.admit(SITE.order(plan), ordered, fence=0, now=NOW)) == "ok"
    # The WAS is none that anybody has sealed: its page is only the bot's word.
    only_web = SITE.order(plan, None, SITE.access(web))
    assert code(guard.admit(only_web, ordered, fence=0, now=NOW)) == "page_not_registered"
    service = was.service.model_copy(update={"health_path": "/was-page"})
    other = SITE.access(was.model_copy(update={"service": service}))
    bent = SITE.order(plan, None, SITE.access(web), other)
    assert code(guard.admit(bent, ordered, fence=0, now=NOW)) == "page_not_registered"


# --- replaced records -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sealed", "newest", "answer"),
    [
        (None, None, "ok"),
        (0, None, "ok"),
        (0, 0, "ok"),
        (1, 0, "ok"),
        (0, 1, "access_outdated"),
        (None, 0, "access_outdated"),
        (24 * 60, None, "access_ahead"),
    ],
)
def test_a_record_opens_nothing_once_a_newer_one_has_been_used(
    guard: Guard, plan: WirePlan, sealed: int | None, newest: int | None, answer: str
) -> None:
    def at(minutes: int | None):
        return None if minutes is None else NOW + timedelta(minutes=minutes)

    access = SITE.access(plan.targets[0]).model_copy(update={"issued_at": at(sealed)})
    order = SITE.order(plan, None, access)
    admitted = guard.admit(order, step_order(plan, "stop"), fence=0, now=NOW, newest=at(newest))
    assert code(admitted) == answer
