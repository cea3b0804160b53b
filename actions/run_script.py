"""The verb ``run_script``: a site's own script, on nodes of the agent that has registered it.

Owns: which script is meant, whether its arguments are what it takes, and the plan. Pure. The
risk is the registration's: what reads runs at once on all nodes side by side, what changes
something goes by the layer's portions and stops at the first failure; there is no way back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from actions.nodes import (
    listed,
    note,
    prefixes,
    require_connected,
    require_shell,
    target_of,
    title,
    wire_of,
    wire_targets,
)
from actions.outline import order_note
from actions.plans import plan_of, wire_plan
from actions.rolling import Steps, portions, run_of
from agent.wire.checks import RunScript
from agent.wire.operations import Operation
from agent.wire.plan import NodeRun, WirePlan
from agent.wire.scripts import ScriptParameter, ScriptSpec, misfit
from bot.core.domain.estate import Node
from bot.core.domain.plan import Note, Plan, Risk
from bot.core.errors import UserError
from bot.core.ports import ActionRequest

PREFIX = "arg."
_LOGIN_S = 30  # around the script's own time


class RunSiteScript:
    """Runs what a site has registered, and nothing else."""

    action_id = "run_script"
    risk = Risk.DANGER
    needs = frozenset({"system", "layer", "env", "scripts"})
    reaches_nodes = True

    def survey(self, request: ActionRequest) -> Sequence[Operation]:
        """Nothing is to be known beforehand; what cannot be done is said at once."""
        return ()

    def plan(self, request: ActionRequest) -> Plan:
        """The script on every node of the target.

        Raises:
            UserError: ``script_not_here``, ``script_none_here``, ``script_argument_…``,
                ``node_not_connected``, ``ftp_only``.
        """
        target = target_of(request)
        spec = _spec(request)
        arguments = _arguments(spec, request.params)
        require_connected(target.nodes)
        require_shell(target.nodes)
        wire = _wire(request, spec, arguments)
        named = title(self.action_id, target.nodes)
        return replace(
            plan_of(
                request,
                wire,
                target.nodes,
                risk=Risk(spec.risk),
                named=replace(named, values=(*named.values, ("name", spec.title))),
            ),
            outline=_outline(request, spec, arguments),
            undo=None if spec.risk == "read" else note("undo.run_script"),
        )


def usage(spec: ScriptSpec) -> str:
    """Its arguments in one line, as they are written; those in brackets may be left out."""
    words = [
        (f"{each.name}={_kind(each)}" if each.required else f"[{each.name}={_kind(each)}]")
        for each in spec.parameters
    ]
    return " ".join(words) or "-"


def _kind(parameter: ScriptParameter) -> str:
    if parameter.choices:
        return "|".join(parameter.choices)
    return {"text": "…", "number": "0", "path": "/…", "date": "YYYY-MM-DD"}[parameter.kind]


def _spec(request: ActionRequest) -> ScriptSpec:
    wanted = str(request.params.get("script", ""))
    found = next((each for each in request.scripts if each.script == wanted), None)
    if found is not None:
        return found
    if not request.scripts:
        raise UserError("script_none_here")
    known = listed([f"{each.script}({each.title})" for each in request.scripts])
    raise UserError("script_not_here", script=wanted[:64], known=known)


def _arguments(spec: ScriptSpec, params: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """In the registration's order.

    Raises:
        UserError: one is missing, unknown or does not fit.
    """
    given = {
        name.removeprefix(PREFIX): str(value)
        for name, value in params.items()
        if name.startswith(PREFIX)
    }
    unknown = sorted(given.keys() - {each.name for each in spec.parameters})
    if unknown:
        names = listed(unknown)
        raise UserError(
            "script_argument_unknown", script=spec.script, names=names, usage=usage(spec)
        )
    lacking = [each.name for each in spec.parameters if each.required and each.name not in given]
    if lacking:
        names = listed(lacking)
        raise UserError(
            "script_argument_missing", script=spec.script, names=names, usage=usage(spec)
        )
    for parameter in spec.parameters:
        if parameter.name in given:
            _check(spec, parameter, given[parameter.name])
    return tuple((each.name, given[each.name]) for each in spec.parameters if each.name in given)


def _check(spec: ScriptSpec, parameter: ScriptParameter, value: str) -> None:
    why = misfit(parameter, value)
    if why is not None:
        raise UserError(
            f"script_argument_{why}",
            name=parameter.name,
            choices=", ".join(parameter.choices),
            least=0 if parameter.least is None else parameter.least,
            most=parameter.most,
            usage=usage(spec),
        )


def _portions(request: ActionRequest, spec: ScriptSpec) -> tuple[tuple[Node, ...], ...]:
    target = target_of(request)
    if spec.risk == "read":
        return (tuple(target.nodes),)
    return portions(target.nodes, target.rollout, siblings=target.siblings)


def _wire(
    request: ActionRequest, spec: ScriptSpec, arguments: tuple[tuple[str, str], ...]
) -> WirePlan:
    target = target_of(request)
    short = prefixes(target.nodes)
    operation = RunScript(
        script=spec.script, sha256=spec.sha256, risk=spec.risk, arguments=arguments
    )

    def run(node: Node) -> NodeRun:
        steps = Steps(prefix=short[node.node_id], node=wire_of(node))
        steps.add("run-script", operation, timeout_s=spec.timeout_s + _LOGIN_S)
        return run_of(steps)

    return wire_plan(
        request,
        RunSiteScript.action_id,
        locks=spec.risk != "read",
        targets=wire_targets(target.nodes, (), target),
        batches=tuple(tuple(run(node) for node in portion) for portion in _portions(request, spec)),
    )


def _outline(
    request: ActionRequest, spec: ScriptSpec, arguments: tuple[tuple[str, str], ...]
) -> tuple[Note, ...]:
    nodes = target_of(request).nodes
    names = listed([node.node_id for node in nodes])
    order = (
        note("outline.run_script.side_by_side", nodes=names)
        if spec.risk == "read"
        else order_note(_portions(request, spec))
    )
    said = " ".join(f"{name}={value}" for name, value in arguments)
    return (
        note("outline.run_script.which", script=spec.script, digest=spec.sha256[:12]),
        note("outline.run_script.arguments", arguments=said)
        if arguments
        else note("outline.run_script.no_arguments"),
        order,
    )
