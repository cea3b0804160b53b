"""The verb ``check_infra_health``: does every node answer.

Owns: its plan, one probe per node, all at once. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from actions.nodes import (
    environments_of,
    listed,
    note,
    prefixes,
    require_connected,
    target_of,
    title,
    wire_of,
    wire_targets,
)
from actions.rolling import Steps, run_of
from agent.wire.operations import Operation
from agent.wire.plan import WirePlan
from bot.core.domain.plan import Plan, Risk
from bot.core.ports import ActionRequest


class CheckInfraHealth:
    """A look at every node."""

    action_id = "check_infra_health"
    risk = Risk.READ
    needs = frozenset({"system"})
    reaches_nodes = True

    def survey(self, request: ActionRequest) -> Sequence[Operation]:
        return []

    def plan(self, request: ActionRequest) -> Plan:
        """One probe per connected node.

        Raises:
            UserError: none of the nodes is connected (``node_not_connected``).
        """
        target = target_of(request)
        nodes = tuple(node for node in target.nodes if node.wire)
        if not nodes:
            require_connected(target.nodes)
        missing = [node.node_id for node in target.nodes if not node.wire]
        short = prefixes(nodes)
        runs = []
        for node in nodes:
            steps = Steps(prefix=short[node.node_id], node=wire_of(node))
            steps.probe()
            runs.append(run_of(steps))
        wire = WirePlan(
            job_id=request.job_id,
            action=self.action_id,
            requested_by=request.actor.person_id,
            sr=request.sr,
            agent=target.agent,
            lock=None,
            targets=wire_targets(nodes, (), target),
            batches=(tuple(runs),),
        )
        names = tuple(node.node_id for node in nodes)
        return Plan(
            action=self.action_id,
            risk=self.risk,
            wire=wire,
            digest=wire.digest(),
            title=title(self.action_id, nodes),
            node_names=names,
            environments=environments_of(nodes),
            institution=target.system.institution,
            system=target.system.name,
            outline=(note("outline.probe", nodes=listed(names)),),
            warnings=(note("warnings.not_connected", nodes=listed(missing)),) if missing else (),
        )
