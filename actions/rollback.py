"""The verb ``rollback``: put the verified backup of a past deployment back.

Owns: which deployment is meant, what stands in the way, and the plan that undoes it. Pure.

A rollback that fails is not undone: the version it would return to is the one that somebody
wanted to leave. It stops at the failing node, and its undo only brings stopped nodes back behind
the balancer once their health is proved; a node that is not healthy stays out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from actions.nodes import (
    Seat,
    has_shell,
    interruption_warnings,
    listed,
    note,
    portion_warnings,
    prefixes,
    require_files_reachable,
    seats_of,
    target_of,
    transfer_warnings,
    wire_of,
    wire_targets,
)
from actions.outline import health_notes, helpers_of, order_note, watch_notes
from actions.plans import plan_of
from actions.rolling import Steps, bring_back, portions, run_of
from agent.wire.operations import Operation
from agent.wire.plan import NodeRun, WirePlan
from bot.core.domain.estate import Node, Target
from bot.core.domain.job import Deployment
from bot.core.domain.plan import Note, Plan, Risk
from bot.core.errors import UserError
from bot.core.overlaps import shared
from bot.core.ports import ActionRequest


class Rollback:
    """A deployment back out."""

    action_id = "rollback"
    risk = Risk.CHANGE
    needs = frozenset({"system"})
    reaches_nodes = True

    def survey(self, request: ActionRequest) -> Sequence[Operation]:
        """Nothing: the backup's manifest is checked where it lies, before anything changes."""
        return []

    def plan(self, request: ActionRequest) -> Plan:
        """The rolling restore.

        Raises:
            UserError: ``nothing_to_roll_back``, ``already_rolled_back``, ``newer_on_top``,
                ``rollback_whole_only``, or the nodes cannot be reached.
        """
        target = target_of(request)
        deployment = _chosen(request, target)
        _require_top(deployment, request.history)
        nodes = _nodes(deployment, target)
        require_files_reachable(nodes)
        wire = _wire(request, deployment, nodes)
        return replace(
            plan_of(request, wire, nodes, risk=self.risk),
            restart=note("restart.as_deployed" if deployment.restarted else "restart.not_needed"),
            outline=_outline(deployment, nodes, target),
            undo=note("undo.rollback"),
            warnings=_warnings(deployment, nodes, target),
            deployment=deployment.job_id,
        )


def _chosen(request: ActionRequest, target: Target) -> Deployment:
    wanted = request.params.get("deployment")
    ids = {node.node_id for node in target.nodes}
    named = [
        past
        for past in request.history
        if past.system_code == target.system.code
        and ids & set(past.node_ids)
        and (not wanted or past.job_id == wanted)
        and (wanted or not request.sr or past.sr == request.sr)
    ]
    standing = [past for past in named if not past.undone]
    if standing:
        return standing[0]
    if named and (wanted or request.sr):
        raise UserError("already_rolled_back", deployment=named[0].job_id)
    raise UserError("nothing_to_roll_back", system=target.system.name)


def _require_top(deployment: Deployment, history: Sequence[Deployment]) -> None:
    """No later deployment has replaced the same files on the same nodes."""
    for past in history:
        if past.job_id == deployment.job_id:
            return
        if past.undone or past.system_code != deployment.system_code:
            continue
        path = shared(past.paths, deployment.paths)
        if path is not None and set(past.node_ids) & set(deployment.node_ids):
            raise UserError(
                "newer_on_top",
                deployment=deployment.job_id,
                newer=past.job_id,
                path=path,
            )


def _nodes(deployment: Deployment, target: Target) -> tuple[Node, ...]:
    nodes = tuple(node for node in target.nodes if node.node_id in deployment.node_ids)
    if len(nodes) < len(set(deployment.node_ids)):
        raise UserError(
            "rollback_whole_only",
            deployment=deployment.job_id,
            nodes=listed(sorted(deployment.node_ids)),
        )
    return nodes


def _seats(node: Node, target: Target, deployment: Deployment) -> tuple[Seat, ...]:
    return seats_of(node, target) if _restarts(node, deployment) else ()


def _restarts(node: Node, deployment: Deployment) -> bool:
    return deployment.restarted and has_shell(node)


def _wire(request: ActionRequest, deployment: Deployment, nodes: tuple[Node, ...]) -> WirePlan:
    target = target_of(request)
    short = prefixes(nodes)
    places = {node.node_id: _seats(node, target, deployment) for node in nodes}

    def run(node: Node) -> NodeRun:
        steps = Steps(
            prefix=short[node.node_id],
            node=wire_of(node),
            seats=places[node.node_id],
            rollout=target.rollout,
        )
        return _run(steps, deployment, restart=_restarts(node, deployment))

    return WirePlan(
        job_id=request.job_id,
        action=Rollback.action_id,
        requested_by=request.actor.person_id,
        sr=request.sr or deployment.sr,
        agent=target.agent,
        lock=target.lock,
        targets=wire_targets(nodes, [seat for seats in places.values() for seat in seats], target),
        batches=tuple(
            tuple(run(node) for node in batch)
            for batch in portions(nodes, target.rollout, siblings=target.siblings)
        ),
    )


def _run(steps: Steps, deployment: Deployment, *, restart: bool) -> NodeRun:
    count = len(deployment.paths)
    steps.preflight()
    if not restart:
        steps.restore(deployment.backup_id, count=count)
        steps.await_health()
        return run_of(steps)
    steps.leave()
    steps.mark_log()
    steps.stop()
    steps.restore(deployment.backup_id, count=count)
    steps.start()
    steps.await_health()
    steps.scan_log()
    steps.join()
    steps.watch()
    steps.probe()
    return run_of(steps, bring_back(steps))


def _outline(deployment: Deployment, nodes: tuple[Node, ...], target: Target) -> tuple[Note, ...]:
    helpers = helpers_of({node.node_id: _seats(node, target, deployment) for node in nodes})
    lines = [
        note(
            "outline.rollback_of",
            deployment=deployment.job_id,
            sr=deployment.sr or "-",
            count=len(deployment.paths),
            example=deployment.paths[0] if deployment.paths else "-",
        ),
        order_note(portions(nodes, target.rollout, siblings=target.siblings)),
    ]
    lines += [note("outline.leave", helpers=helpers)] if helpers else []
    if deployment.restarted:
        lines += [note("outline.restart_restore"), *health_notes(nodes)]
    else:
        lines += [note("outline.restore"), note("outline.health")]
    lines += [note("outline.join", helpers=helpers)] if helpers else []
    lines += watch_notes(nodes) if deployment.restarted else []
    return tuple(lines)


def _warnings(deployment: Deployment, nodes: tuple[Node, ...], target: Target) -> tuple[Note, ...]:
    found = transfer_warnings(nodes)
    found += portion_warnings(portions(nodes, target.rollout, siblings=target.siblings), target)
    shells = [node for node in nodes if _restarts(node, deployment)]
    found += interruption_warnings(shells, target) if shells else []
    if len(nodes) < len(target.nodes):
        places = {(node.entry.env, node.entry.layer) for node in nodes}
        left = [
            node.node_id
            for node in target.nodes
            if node not in nodes and (node.entry.env, node.entry.layer) in places
        ]
        if left:
            found.append(note("warnings.not_part_of_deployment", nodes=listed(left)))
    return tuple(found)
