"""May this step run? The agent's own answer, whatever the bot believes.

Owns: the checks of a step order against the plan, the signed grant, the sealed access record,
the highest fencing token seen and the site's policy. Pure: it reads no disk, no clock and no
server. A refusal is a value; anything not expressly in order is refused.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from nacl.public import PrivateKey
from nacl.signing import VerifyKey
from pydantic import BaseModel, ConfigDict, field_validator

from agent.wire.checks import CheckLayer
from agent.wire.messages import PlanOrder, StepOrder
from agent.wire.operations import AwaitHealth, WatchNode, effect_of, is_dangerous
from agent.wire.plan import (
    Environment,
    Grant,
    NodeAccess,
    NodeTarget,
    SealedAccess,
    Step,
    WirePlan,
)
from agent.wire.seal import SealError, open_access, open_grant

CLOCK_DIFFERENCE = timedelta(minutes=15)


class GuardPolicy(BaseModel):
    """What the owner of this agent allows, independent of the bot.

    ``approval_environments``: changes there need somebody else's signed approval. What is
    dangerous needs one with a one-time code everywhere, whatever is said here.
    ``allowed_hosts``: networks (CIDR) that targets must lie in; empty: any host.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    approval_environments: tuple[Environment, ...] = ("prod",)
    allowed_hosts: tuple[str, ...] = ()

    @field_validator("allowed_hosts")
    @classmethod
    def _networks(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            ipaddress.ip_network(host)
        return hosts


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """No, and why. ``code`` is one of: digest_mismatch, signature_invalid, wrong_agent,
    wrong_job, expired, step_unknown, host_not_allowed, access_missing, access_outdated,
    access_ahead, target_mismatch, page_not_registered, approval_missing, code_missing,
    stale_token. ``detail`` says what it was about."""

    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Yes: this step, with this login, under this token."""

    step: Step
    grant: Grant
    access: NodeAccess


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The checks, with what the agent knows for sure: its name, its key, the pinned bot key."""

    agent: str
    seal_key: PrivateKey
    bot_key: VerifyKey
    policy: GuardPolicy

    def admit(
        self,
        order: PlanOrder,
        step_order: StepOrder,
        *,
        fence: int,
        now: datetime,
        newest: datetime | None = None,
    ) -> Admission | Refusal:
        """Check everything. ``fence``: the highest token seen for the plan's lock so far;
        ``newest``: when the newest record of the step's node was sealed that had been used when
        this order came."""
        try:
            grant = open_grant(order.grant, self.bot_key)
        except SealError:
            return Refusal(code="signature_invalid", detail=step_order.job_id)
        step = order.plan.step(step_order.step_id)
        if step is None:
            return Refusal(code="step_unknown", detail=step_order.step_id)
        refusal = (
            _check_identity(order.plan, grant, step_order, agent=self.agent)
            or _check_time(grant, now)
            or self._check_approval(order.plan, grant, step)
            or _check_fence(grant, step, fence)
        )
        if refusal is not None:
            return refusal
        access = self._check_target(order, step.node_id)
        if isinstance(access, Refusal):
            return access
        refusal = _check_issue(access, newest, now) or self._check_page(order, step, access)
        return refusal or Admission(step=step, grant=grant, access=access)

    def _check_approval(self, plan: WirePlan, grant: Grant, step: Step) -> Refusal | None:
        target = plan.target(step.node_id)
        dangerous = is_dangerous(step.operation)
        if target is None or (effect_of(step.operation) == "read" and not dangerous):
            return None
        if target.env not in self.policy.approval_environments and not dangerous:
            return None
        # The plan's requester counts too: a grant must not rename who asked.
        requesters = {grant.requested_by, plan.requested_by}
        others = [each for each in grant.approvals if each.person_id not in requesters]
        if grant.basis != "approval" or not others:
            return Refusal(code="approval_missing", detail=target.env)
        if dangerous and not any(each.one_time_code for each in others):
            return Refusal(code="code_missing", detail=target.env)
        return None

    def _check_target(self, order: PlanOrder, node_id: str) -> NodeAccess | Refusal:
        target = order.plan.target(node_id)
        sealed = [access for access in order.access if access.node_id == node_id]
        if target is None or len(sealed) != 1:
            return Refusal(code="access_missing", detail=node_id)
        if not self._host_allowed(target):
            return Refusal(code="host_not_allowed", detail=target.host)
        access = self._opened(sealed[0])
        if access is None:
            return Refusal(code="access_missing", detail=node_id)
        if access.target != target:
            return Refusal(code="target_mismatch", detail=node_id)
        return access

    def _check_page(self, order: PlanOrder, step: Step, access: NodeAccess) -> Refusal | None:
        """The pages that may be asked for are health pages, as they were sealed: on a service's
        port anything else could be behind a path."""
        operation = step.operation
        if not isinstance(operation, AwaitHealth | WatchNode | CheckLayer):
            return None
        if operation.path == access.target.service.health_path:
            return None
        if isinstance(operation, CheckLayer) and operation.path in self._pages(order):
            return None
        return Refusal(code="page_not_registered", detail=operation.path)

    def _pages(self, order: PlanOrder) -> frozenset[str]:
        """The health pages of all nodes of the plan that are as they were sealed."""
        opened = (self._check_target(order, target.node_id) for target in order.plan.targets)
        return frozenset(
            access.target.service.health_path for access in opened if isinstance(access, NodeAccess)
        )

    def _opened(self, sealed: SealedAccess) -> NodeAccess | None:
        try:
            return open_access(sealed, self.seal_key)
        except SealError:
            return None

    def _host_allowed(self, target: NodeTarget) -> bool:
        if not self.policy.allowed_hosts:
            return True
        try:
            address = ipaddress.ip_address(target.host)
        except ValueError:  # a name could lead anywhere by the time it is looked up
            return False
        return any(address in ipaddress.ip_network(host) for host in self.policy.allowed_hosts)


def _check_identity(
    plan: WirePlan, grant: Grant, step_order: StepOrder, *, agent: str
) -> Refusal | None:
    if not plan.digest() == grant.plan_digest == step_order.plan_digest:
        return Refusal(code="digest_mismatch", detail=step_order.plan_digest)
    if not plan.agent == grant.agent == agent:
        return Refusal(code="wrong_agent", detail=plan.agent)
    if not plan.job_id == grant.job_id == step_order.job_id:
        return Refusal(code="wrong_job", detail=plan.job_id)
    if plan.requested_by != grant.requested_by:
        return Refusal(code="approval_missing", detail=grant.requested_by)
    return None


def _check_time(grant: Grant, now: datetime) -> Refusal | None:
    if now > grant.expires_at + CLOCK_DIFFERENCE or now < grant.issued_at - CLOCK_DIFFERENCE:
        return Refusal(code="expired", detail=grant.expires_at.isoformat())
    return None


def _check_issue(access: NodeAccess, newest: datetime | None, now: datetime) -> Refusal | None:
    """A record that has been replaced opens nothing any more, whoever has kept it. One of the
    future would make every later one look old."""
    issued = access.issued_at
    ahead = issued is not None and issued > now + CLOCK_DIFFERENCE
    outdated = newest is not None and (issued is None or issued < newest)
    if ahead:
        return Refusal(code="access_ahead", detail=access.target.node_id)
    return Refusal(code="access_outdated", detail=access.target.node_id) if outdated else None


def _check_fence(grant: Grant, step: Step, fence: int) -> Refusal | None:
    if effect_of(step.operation) == "change" and grant.fencing_token < fence:
        return Refusal(code="stale_token", detail=str(grant.fencing_token))
    return None
