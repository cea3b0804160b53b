"""The plan of a look: the same operations at every node, all nodes side by side.

Owns: what every reading verb shares, its plan and its traits. Pure; must not know any one verb.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from actions.nodes import (
    listed,
    note,
    prefixes,
    require_connected,
    target_of,
    wire_of,
    wire_targets,
)
from actions.plans import plan_of, wire_plan
from actions.rolling import Steps, run_of
from agent.wire.operations import Operation
from agent.wire.plan import NodeRun
from bot.core.domain.estate import Node
from bot.core.domain.plan import Note, Plan, Risk
from bot.core.ports import ActionRequest

STEP_S = 60  # a look at one node, its login included
Looks = Callable[[Node], Sequence[Operation]]


class ReadingVerb:
    """What every verb has that is nothing but a look."""

    risk = Risk.READ
    needs = frozenset({"system"})
    reaches_nodes = True

    def survey(self, request: ActionRequest) -> Sequence[Operation]:
        """Nothing is to be known beforehand."""
        return []


def reading_plan(
    request: ActionRequest,
    action_id: str,
    looks: Looks,
    *,
    nodes: Sequence[Node] | None = None,
    timeout_s: int = STEP_S,
) -> Plan:
    """One run per connected node with what ``looks`` says of it; the others are warned of.

    ``nodes``: the target's nodes that the verb is about; None: all of them. Steps are named by
    their operation's kind; the outline's sentence is ``outline.<action>``.

    Raises:
        UserError: none of the nodes is connected (``node_not_connected``).
    """
    target = target_of(request)
    asked = tuple(target.nodes if nodes is None else nodes)
    connected = tuple(node for node in asked if node.wire)
    if not connected:
        require_connected(asked)
    short = prefixes(connected)

    def run(node: Node) -> NodeRun:
        steps = Steps(prefix=short[node.node_id], node=wire_of(node))
        for operation in looks(node):
            steps.add(operation.kind.replace("_", "-"), operation, timeout_s=timeout_s)
        return run_of(steps)

    wire = wire_plan(
        request,
        action_id,
        locks=False,
        targets=wire_targets(connected, (), target),
        batches=(tuple(run(node) for node in connected),),
    )
    plan = plan_of(request, wire, connected, risk=Risk.READ)
    return replace(
        plan,
        outline=(note(f"outline.{action_id}", nodes=listed(plan.node_names)),),
        warnings=_not_asked(asked),
    )


def _not_asked(nodes: Sequence[Node]) -> tuple[Note, ...]:
    missing = [node.node_id for node in nodes if not node.wire]
    return (note("warnings.not_connected", nodes=listed(missing)),) if missing else ()
