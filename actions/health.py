"""The verb ``check_infra_health``: does every node answer.

Owns: its plan, one look at each node, all at once. Pure.
"""

from __future__ import annotations

from actions.reading import ReadingVerb, reading_plan
from agent.wire.checks import CheckNode
from bot.core.domain.plan import Plan
from bot.core.ports import ActionRequest


class CheckInfraHealth(ReadingVerb):
    """A look at every node."""

    action_id = "check_infra_health"

    def plan(self, request: ActionRequest) -> Plan:
        """One look per connected node.

        Raises:
            UserError: none of the nodes is connected (``node_not_connected``).
        """
        return reading_plan(request, self.action_id, lambda node: [CheckNode()])
