"""The verb ``check_internal_was_status``: which layer is it, the web servers or what is behind.

Owns: its plan: every web server and every WAS of the target, each asked at its own port. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from actions.nodes import target_of, wire_of
from actions.reading import ReadingVerb, reading_plan
from agent.wire.checks import CheckLayer
from agent.wire.operations import Operation
from bot.core.domain.estate import Layer, Node
from bot.core.domain.plan import Plan
from bot.core.errors import UserError
from bot.core.ports import ActionRequest


class CheckInternalWasStatus(ReadingVerb):
    """Web servers and WAS, asked separately."""

    action_id = "check_internal_was_status"

    def plan(self, request: ActionRequest) -> Plan:
        """One question per connected node. Where only the WAS are meant, the web servers in
        front of them are asked, too: without them no layer could be named.

        Raises:
            UserError: ``no_web_or_was``, ``node_not_connected``.
        """
        target = target_of(request)
        known = {node.node_id: node for node in (*target.helpers, *target.nodes)}
        nodes = [node for node in known.values() if node.entry.layer is not Layer.DB]
        if not nodes:
            raise UserError("no_web_or_was", system=target.system.name)
        nodes.sort(key=lambda node: (node.entry.layer is not Layer.WEB, node.node_id))
        through = _page_behind(nodes)

        def looks(node: Node) -> Sequence[Operation]:
            return [CheckLayer(path=path) for path in _pages(node, through)]

        plan = reading_plan(request, self.action_id, looks, nodes=nodes)
        layers = {node.node_id: node.entry.layer.value for node in nodes}
        return replace(plan, layers=tuple((name, layers[name]) for name in plan.node_names))


def _page_behind(nodes: Sequence[Node]) -> str:
    """The page of the WAS that web servers are asked for, too; empty: there is no WAS here."""
    was = [node.wire for node in nodes if node.entry.layer is Layer.WAS and node.wire]
    return was[0].service.health_path if was else ""


def _pages(node: Node, through: str) -> list[str]:
    """A web server's own page often says nothing of what is behind it: one more question does."""
    pages = [wire_of(node).service.health_path]
    if node.entry.layer is Layer.WEB and through and through not in pages:
        pages.append(through)
    return pages
