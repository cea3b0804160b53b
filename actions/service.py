"""The verb ``manage_service``: state, start, stop and restart of a node's service.

Owns: its four operations and their plans. Pure.

A restart that fails at one node brings every node it stopped back. A stop that fails does the
same: a service that could not be stopped everywhere serves everywhere. A start that fails leaves
what has started running: going back only reads how every node stands.
"""

from __future__ import annotations

from collections.abc import Sequence

from actions.nodes import (
    Seat,
    coverage_warnings,
    environments_of,
    interruption_warnings,
    listed,
    note,
    portion_warnings,
    prefixes,
    require_connected,
    require_shell,
    seats_of,
    target_of,
    title,
    transfer_warnings,
    wire_of,
    wire_targets,
)
from actions.outline import health_notes, helpers_of, order_note
from actions.rolling import Steps, bring_back, portions, run_of, undo_steps
from agent.wire.operations import Operation, ServiceState, ServiceStatus
from agent.wire.plan import NodeRun, WirePlan
from bot.core.domain.estate import Node, Target
from bot.core.domain.plan import Note, Plan, Risk
from bot.core.errors import UserError
from bot.core.ports import ActionRequest

OPERATIONS = ("status", "start", "stop", "restart")
_SAME_SERVICE = {"apache": "httpd", "apache2": "httpd", "wildfly": "jboss"}


class ManageService:
    """A service's state, and its changes."""

    action_id = "manage_service"
    risk = Risk.CHANGE
    needs = frozenset({"system", "layer", "env"})
    reaches_nodes = True

    def survey(self, request: ActionRequest) -> Sequence[Operation]:
        """Whether the service runs now, where that decides what undoing means."""
        _nodes(request)
        return [ServiceStatus()] if _operation(request) in {"start", "stop"} else []

    def plan(self, request: ActionRequest) -> Plan:
        """A reading plan for ``status``, a rolling one for what changes.

        Raises:
            UserError: ``operation_unknown``, ``service_not_here``, ``node_not_connected``.
        """
        target = target_of(request)
        operation = _operation(request)
        nodes = _nodes(request)
        wire = _wire(request, operation, nodes)
        reads = operation == "status"
        return Plan(
            action=self.action_id,
            risk=Risk.READ if reads else Risk.CHANGE,
            wire=wire,
            digest=wire.digest(),
            title=title(f"service_{operation}", nodes),
            node_names=tuple(node.node_id for node in nodes),
            environments=environments_of(nodes),
            institution=target.system.institution,
            system=target.system.name,
            restart=None if reads else note(f"restart.service_{operation}"),
            outline=_outline(operation, nodes, target),
            undo=None if reads else note(f"undo.service_{operation}"),
            warnings=_warnings(request, operation, nodes),
        )


def _operation(request: ActionRequest) -> str:
    operation = str(request.params.get("operation", "status"))
    if operation not in OPERATIONS:
        raise UserError("operation_unknown", operation=operation)
    return operation


def _nodes(request: ActionRequest) -> tuple[Node, ...]:
    """The target's connected nodes whose service is the named one; without a name, all."""
    nodes = target_of(request).nodes
    wanted = _service(str(request.params.get("service", "")))
    found = tuple(node for node in nodes if not wanted or _service(node.service) == wanted)
    if not found:
        present = listed(sorted({node.service for node in nodes}))
        raise UserError("service_not_here", service=wanted, present=present)
    require_connected(found)
    if _operation(request) != "status":
        require_shell(found)
    return found


def _service(name: str) -> str:
    plain = name.strip().lower()
    return _SAME_SERVICE.get(plain, plain)


def _empties(nodes: Sequence[Node], target: Target) -> bool:
    """Whether a stop of these nodes leaves nobody behind the balancer."""
    return len(nodes) >= target.siblings


def _seats(operation: str, nodes: Sequence[Node], target: Target) -> dict[str, tuple[Seat, ...]]:
    if operation == "status" or (operation == "stop" and _empties(nodes, target)):
        return {node.node_id: () for node in nodes}
    return {node.node_id: seats_of(node, target) for node in nodes}


def _wire(request: ActionRequest, operation: str, nodes: tuple[Node, ...]) -> WirePlan:
    target = target_of(request)
    seats = _seats(operation, nodes, target)
    short = prefixes(nodes)

    def run(node: Node) -> NodeRun:
        steps = Steps(
            prefix=short[node.node_id],
            node=wire_of(node),
            seats=seats[node.node_id],
            rollout=target.rollout,
        )
        return _run(operation, steps, was_running=_was_running(request, node))

    reads = operation == "status"
    batches = (nodes,) if reads else portions(nodes, target.rollout, siblings=target.siblings)
    return WirePlan(
        job_id=request.job_id,
        action=ManageService.action_id,
        requested_by=request.actor.person_id,
        sr=request.sr,
        agent=target.agent,
        lock=None if reads else target.lock,
        targets=wire_targets(nodes, [seat for row in seats.values() for seat in row], target),
        batches=tuple(tuple(run(node) for node in batch) for batch in batches),
    )


def _was_running(request: ActionRequest, node: Node) -> bool:
    state = request.facts.get((node.node_id, 0))
    return state.running if isinstance(state, ServiceState) else True


def _run(operation: str, steps: Steps, *, was_running: bool) -> NodeRun:
    if operation == "status":
        steps.status()
        steps.probe()
        return run_of(steps)
    if operation == "start":
        _start(steps)
        state = undo_steps(steps)
        state.status()
        return run_of(steps, state)
    steps.leave()
    if operation == "stop":
        steps.stop()
        steps.status()
        return run_of(steps, bring_back(steps) if was_running else None)
    steps.mark_log()
    steps.stop()
    steps.start()
    steps.await_health()
    steps.scan_log()
    steps.join()
    steps.watch()
    steps.probe()
    return run_of(steps, bring_back(steps))


def _start(steps: Steps) -> None:
    steps.mark_log()
    steps.start()
    steps.await_health()
    steps.scan_log()
    steps.join()
    steps.probe()


def _outline(operation: str, nodes: tuple[Node, ...], target: Target) -> tuple[Note, ...]:
    names = listed([node.node_id for node in nodes])
    if operation == "status":
        return (note("outline.service_status", nodes=names),)
    seats = _seats(operation, nodes, target)
    helpers = helpers_of(seats)
    lines = [order_note(portions(nodes, target.rollout, siblings=target.siblings))]
    if helpers and operation != "start":
        lines.append(note("outline.leave", helpers=helpers))
    lines.append(note(f"outline.service_{operation}"))
    if operation != "stop":
        lines += health_notes(nodes)
        lines += [note("outline.join", helpers=helpers)] if helpers else []
    return tuple(lines)


def _warnings(request: ActionRequest, operation: str, nodes: tuple[Node, ...]) -> tuple[Note, ...]:
    target = target_of(request)
    if operation == "status":
        return ()
    found = coverage_warnings(target, len(nodes))
    found += portion_warnings(portions(nodes, target.rollout, siblings=target.siblings), target)
    found += transfer_warnings(nodes)
    if operation == "restart":
        found += interruption_warnings(nodes, target)
    if operation == "stop":
        key = "warnings.stop_all" if _empties(nodes, target) else "warnings.stop_some"
        found.append(note(key, count=len(nodes), total=target.siblings))
    already = [
        node.node_id
        for node in nodes
        if (node.node_id, 0) in request.facts
        and _was_running(request, node) == (operation == "start")
    ]
    if already and operation in {"start", "stop"}:
        found.append(note(f"warnings.already_{operation}", nodes=listed(already)))
    return tuple(found)
