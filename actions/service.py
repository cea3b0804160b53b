"""The verb ``manage_service``: state, start, stop and restart of a node's service.

Owns: its four operations and their plans. Pure. The state comes first: what is already as asked
is left alone and named, and where that is all of it, the request is refused.

A restart that fails at one node brings every node it stopped back. A stop that fails does the
same: a service that could not be stopped everywhere serves everywhere. A start that fails leaves
what has started running: going back only reads how every node stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from actions.nodes import (
    Seat,
    coverage_warnings,
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
from actions.plans import plan_of, wire_plan
from actions.rolling import Steps, bring_back, portions, run_of, undo_steps
from agent.wire.operations import Operation, ServiceStatus
from agent.wire.plan import NodeRun, WirePlan
from agent.wire.results import ServiceState
from bot.core.domain.estate import Node
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
        """Whether the service runs now, where that decides what there is to do."""
        _nodes(request)
        return [ServiceStatus()] if _operation(request) in {"start", "stop"} else []

    def plan(self, request: ActionRequest) -> Plan:
        """A reading plan for ``status``, a rolling one for what changes.

        Raises:
            UserError: ``operation_unknown``, ``service_not_here``, ``node_not_connected``;
                ``service_already_start`` or ``…_stop``, every node is as asked.
        """
        operation = _operation(request)
        nodes = _unlike(request, operation)
        wire = _wire(request, operation, nodes)
        reads = operation == "status"
        return replace(
            plan_of(
                request,
                wire,
                nodes,
                risk=Risk.READ if reads else Risk.CHANGE,
                named=title(f"service_{operation}", nodes),
            ),
            restart=None if reads else note(f"restart.service_{operation}"),
            outline=_outline(request, operation, nodes),
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


def _unlike(request: ActionRequest, operation: str) -> tuple[Node, ...]:
    """The nodes that are not as asked yet."""
    nodes = _nodes(request)
    already = _already(request, operation)
    if len(already) == len(nodes):
        names = listed([node.node_id for node in nodes])
        service = nodes[0].service
        raise UserError(f"service_already_{operation}", service=service, nodes=names)
    return tuple(node for node in nodes if node not in already)


def _already(request: ActionRequest, operation: str) -> tuple[Node, ...]:
    """Those that are as asked: started is what answers at its port, stopped what does neither
    that nor lives."""
    if operation not in {"start", "stop"}:
        return ()
    return tuple(node for node in _nodes(request) if _is_as_asked(request, operation, node))


def _is_as_asked(request: ActionRequest, operation: str, node: Node) -> bool:
    state = request.facts.get((node.node_id, 0))
    if not isinstance(state, ServiceState):
        return False
    return state.port_open if operation == "start" else not (state.running or state.port_open)


def _service(name: str) -> str:
    plain = name.strip().lower()
    return _SAME_SERVICE.get(plain, plain)


def _empties(request: ActionRequest, operation: str, nodes: Sequence[Node]) -> bool:
    """Whether a stop of these nodes leaves nobody behind the balancer."""
    already = len(_already(request, operation))
    return operation == "stop" and len(nodes) + already >= target_of(request).siblings


def _seats(
    request: ActionRequest, operation: str, nodes: Sequence[Node]
) -> dict[str, tuple[Seat, ...]]:
    target = target_of(request)
    if operation == "status" or _empties(request, operation, nodes):
        return {node.node_id: () for node in nodes}
    return {node.node_id: seats_of(node, target) for node in nodes}


def _wire(request: ActionRequest, operation: str, nodes: tuple[Node, ...]) -> WirePlan:
    target = target_of(request)
    seats = _seats(request, operation, nodes)
    short = prefixes(nodes)

    def run(node: Node) -> NodeRun:
        steps = Steps(
            prefix=short[node.node_id],
            node=wire_of(node),
            seats=seats[node.node_id],
            rollout=target.rollout,
        )
        return _run(operation, steps)

    reads = operation == "status"
    batches = (nodes,) if reads else portions(nodes, target.rollout, siblings=target.siblings)
    return wire_plan(
        request,
        ManageService.action_id,
        locks=not reads,
        targets=wire_targets(nodes, [seat for row in seats.values() for seat in row], target),
        batches=tuple(tuple(run(node) for node in batch) for batch in batches),
    )


def _run(operation: str, steps: Steps) -> NodeRun:
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
        return run_of(steps, bring_back(steps))
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


def _outline(request: ActionRequest, operation: str, nodes: tuple[Node, ...]) -> tuple[Note, ...]:
    target = target_of(request)
    names = listed([node.node_id for node in nodes])
    if operation == "status":
        return (note("outline.service_status", nodes=names),)
    seats = _seats(request, operation, nodes)
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
    already = _already(request, operation)
    found = coverage_warnings(target, len(nodes) + len(already))
    found += portion_warnings(portions(nodes, target.rollout, siblings=target.siblings), target)
    found += transfer_warnings(nodes)
    if operation == "restart":
        found += interruption_warnings(nodes, target)
    if operation == "stop":
        key = "stop_all" if _empties(request, operation, nodes) else "stop_some"
        found.append(note(f"warnings.{key}", count=len(nodes), total=target.siblings))
    if already:
        names = listed([node.node_id for node in already])
        found.append(note(f"warnings.already_{operation}", nodes=names))
    return tuple(found)
