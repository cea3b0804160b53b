"""The plan of a look: the same operations at every node, all nodes side by side.

Owns: what every reading verb shares. Pure; must not know any one verb.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
from bot.core.domain.estate import Node
from bot.core.domain.plan import Plan, Risk
from bot.core.ports import ActionRequest

STEP_S = 60  # a look at one node, its login included
Looks = Callable[[Node], Sequence[Operation]]


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
    runs = []
    for node in connected:
        steps = Steps(prefix=short[node.node_id], node=wire_of(node))
        for operation in looks(node):
            steps.add(operation.kind.replace("_", "-"), operation, timeout_s=timeout_s)
        runs.append(run_of(steps))
    wire = WirePlan(
        job_id=request.job_id,
        action=action_id,
        requested_by=request.actor.person_id,
        sr=request.sr,
        agent=target.agent,
        lock=None,
        targets=wire_targets(connected, (), target),
        batches=(tuple(runs),),
    )
    names = tuple(node.node_id for node in connected)
    missing = [node.node_id for node in asked if not node.wire]
    return Plan(
        action=action_id,
        risk=Risk.READ,
        wire=wire,
        digest=wire.digest(),
        title=title(action_id, connected),
        node_names=names,
        environments=environments_of(connected),
        institution=target.system.institution,
        system=target.system.name,
        outline=(note(f"outline.{action_id}", nodes=listed(names)),),
        warnings=(note("warnings.not_connected", nodes=listed(missing)),) if missing else (),
    )
