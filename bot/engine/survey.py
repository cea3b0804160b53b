"""Looking before planning: the read operations that an action asks for, run on its targets.

Owns: the read-only plan of a survey and the facts that come back. A survey changes nothing and
needs no approval; it is audited like everything that touches a server.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from datetime import timedelta

from agent.wire.messages import StepOutcome
from agent.wire.operations import Operation, effect_of
from agent.wire.plan import Grant, NodeRun, SignedGrant, Step, WirePlan
from agent.wire.results import Result
from agent.wire.seal import sign_grant
from bot.core.domain.audit import AuditKind
from bot.core.domain.estate import Node, Target
from bot.core.domain.people import Actor
from bot.core.errors import OperationError, UserError
from bot.core.ports import Delivery
from bot.engine.chronicle import Chronicle
from bot.engine.naming import job_id_of
from bot.engine.services import Services

Facts = Mapping[tuple[str, int], Result]
_LIFE = timedelta(minutes=15)
_COMING_BACK_S = 30.0  # after the bot's own start: agents dial in again one by one


class Surveyor:
    """Runs surveys."""

    def __init__(self, services: Services, chronicle: Chronicle) -> None:
        self._services = services
        self._chronicle = chronicle
        self._began = time.monotonic()

    async def look(
        self, event_key: str, actor: Actor, target: Target, operations: Sequence[Operation]
    ) -> Facts:
        """The result of each operation on each node of the target.

        Raises:
            UserError: the agent is offline, or a node is not connected.
            OperationError: a node did not answer as it should.
        """
        if not operations:
            return {}
        if any(effect_of(operation) != "read" for operation in operations):
            raise OperationError("survey_changes")
        self._reachable(target)
        job_id = job_id_of(f"survey:{event_key}", self._services.clock.now())
        plan = _survey_plan(job_id, actor, target, operations)
        await self._chronicle.record(
            AuditKind.OPERATION,
            actor.person_id,
            subject="survey",
            job_id=job_id,
            nodes=[node.node_id for node in target.nodes],
            plan_digest=plan.digest(),
        )
        delivery = Delivery(
            plan=plan,
            grant=self._grant(plan, actor),
            access=await self._services.inventory.access([n.node_id for n in target.nodes]),
        )
        return await self._collect(delivery)

    async def await_online(self, target: Target) -> None:
        """As ``require_online``, but a bot that has just started waits for the agent to come
        back: requests that its end cut off are taken up before any agent can have dialled in.

        Raises:
            UserError: the agent has not come (``agent_offline``).
        """
        patience_s = min(self._services.settings.agent_patience_s, _COMING_BACK_S)
        while time.monotonic() < self._began + patience_s:
            if self._services.agents.online(target.agent):
                return
            await asyncio.sleep(0.2)
        self.require_online(target)

    def require_online(self, target: Target) -> None:
        """The agent that reaches these nodes has dialled in.

        Raises:
            UserError: it has not (``agent_offline``).
        """
        if not self._services.agents.online(target.agent):
            nodes = ", ".join(node.node_id for node in target.nodes)
            raise UserError("agent_offline", agent=target.agent, nodes=nodes)

    def _reachable(self, target: Target) -> None:
        self.require_online(target)
        missing = [node.node_id for node in target.nodes if node.wire is None]
        if missing:
            raise UserError("node_not_connected", nodes=", ".join(missing))

    def _grant(self, plan: WirePlan, actor: Actor) -> SignedGrant:
        now = self._services.clock.now()
        grant = Grant(
            job_id=plan.job_id,
            plan_digest=plan.digest(),
            agent=plan.agent,
            requested_by=actor.person_id,
            basis="rule",
            fencing_token=0,
            issued_at=now,
            expires_at=now + _LIFE,
        )
        return sign_grant(grant, self._services.signer)

    async def _collect(self, delivery: Delivery) -> Facts:
        gate = asyncio.Semaphore(self._services.settings.read_fan_out)
        facts: dict[tuple[str, int], Result] = {}

        async def one(step: Step, index: int) -> None:
            async with gate:
                facts[step.node_id, index] = await self._run(delivery, step)

        try:
            async with asyncio.TaskGroup() as group:
                for run in delivery.plan.runs():
                    for index, step in enumerate(run.steps):
                        group.create_task(one(step, index))
        except ExceptionGroup as errors:
            # One node's failure is the survey's; the others have been stopped with it.
            known = errors.subgroup(OperationError) or errors
            raise known.exceptions[0] from errors
        return facts

    async def _run(self, delivery: Delivery, step: Step) -> Result:
        async with aclosing(self._services.agents.run_step(delivery, step.step_id)) as events:
            async for event in events:
                if isinstance(event, StepOutcome):
                    if event.state == "succeeded" and event.result is not None:
                        return event.result
                    values = {**event.values, "node": step.node_id, "code": event.code}
                    raise OperationError("survey_failed", **values)
        raise OperationError("survey_failed", node=step.node_id, code="agent_silent")


def _survey_plan(
    job_id: str, actor: Actor, target: Target, operations: Sequence[Operation]
) -> WirePlan:
    return WirePlan(
        job_id=job_id,
        action="survey",
        requested_by=actor.person_id,
        agent=target.agent,
        lock=None,
        targets=tuple(node.wire for node in target.nodes if node.wire is not None),
        batches=(tuple(_node_run(node, operations) for node in target.nodes),),
    )


def _node_run(node: Node, operations: Sequence[Operation]) -> NodeRun:
    steps = tuple(
        Step(step_id=f"{node.node_id[:64]}.{index}", node_id=node.node_id, operation=operation)
        for index, operation in enumerate(operations)
    )
    return NodeRun(node_id=node.node_id, steps=steps)
