"""A plan around the runs of its nodes: what every verb says of a request in the same words.

Owns: the fields of a wire plan and of a plan that follow from the request, its target and the
nodes. Pure; must not know any one verb.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from actions.nodes import environments_of, listed, note, target_of, title
from agent.wire.plan import NodeRun, NodeTarget, WirePlan
from bot.core.domain.estate import Node
from bot.core.domain.plan import Note, Plan, Risk
from bot.core.ports import ActionRequest


def wire_plan(
    request: ActionRequest,
    action_id: str,
    *,
    targets: tuple[NodeTarget, ...],
    batches: tuple[tuple[NodeRun, ...], ...],
    locks: bool = True,
) -> WirePlan:
    """The runs as this person's request to the target's agent.

    ``targets``: every server that a step touches; ``locks``: the system is held meanwhile, as it
    has to be for whatever changes something.
    """
    target = target_of(request)
    return WirePlan(
        job_id=request.job_id,
        action=action_id,
        requested_by=request.actor.person_id,
        sr=request.sr,
        agent=target.agent,
        lock=target.lock if locks else None,
        targets=targets,
        batches=batches,
    )


def plan_of(
    request: ActionRequest,
    wire: WirePlan,
    nodes: Sequence[Node],
    *,
    risk: Risk,
    named: Note | None = None,
) -> Plan:
    """The plan that is bound to ``wire``; what else a verb has to say of it, it adds.

    ``nodes``: those that are changed or read; ``named``: its title, if not the action's own.
    """
    system = target_of(request).system
    return Plan(
        action=wire.action,
        risk=risk,
        wire=wire,
        digest=wire.digest(),
        title=named or title(wire.action, nodes),
        node_names=tuple(node.node_id for node in nodes),
        environments=environments_of(nodes),
        institution=system.institution,
        system=system.name,
    )


def spared(plan: Plan, request: ActionRequest, nodes: Sequence[Node], key: str) -> Plan:
    """The plan, with a word on those nodes of the target that it is not about."""
    names = {node.node_id for node in nodes}
    left = [node.node_id for node in target_of(request).nodes if node.node_id not in names]
    if not left:
        return plan
    return replace(plan, warnings=(*plan.warnings, note(key, nodes=listed(left))))
