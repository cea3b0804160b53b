"""The verb ``check_infra_health``: does every node answer.

Owns: its plan, one look at each node, all at once. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from actions.reading import reading_plan
from agent.wire.checks import CheckNode
from agent.wire.operations import Operation
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
        """One look per connected node.

        Raises:
            UserError: none of the nodes is connected (``node_not_connected``).
        """
        return reading_plan(request, self.action_id, lambda node: [CheckNode()])
