"""What plan makers ask of a target: reachable nodes, short names, the balancers in front.

Owns: the checks every verb makes on its nodes before it plans. Pure; must not know any one verb.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from agent.wire.plan import NodeTarget, WirePlan
from agent.wire.profile import NodeProfile
from bot.core.domain.estate import Layer, Node, Target
from bot.core.domain.plan import Note
from bot.core.errors import UserError
from bot.core.ports import ActionRequest

_PREFIX_MAX = 48  # leaves room for number and name in a step id of 81 characters
_NAMED_MAX = 20  # nodes named in one sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A balancer that a node stands behind, and the node's address as a member of it.

    ``helper`` is the node that the step runs at: the web node, or, of an L4 ``device``, the
    member itself.
    """

    helper: str
    member: str
    device: str = ""


def target_of(request: ActionRequest) -> Target:
    """The request's target.

    Raises:
        UserError: there is none (``target_unknown``).
    """
    if request.target is None:
        raise UserError("target_unknown")
    return request.target


def wire_of(node: Node) -> NodeTarget:
    """The node's address as the agent needs it.

    Raises:
        UserError: the node is not connected (``node_not_connected``).
    """
    if node.wire is None:
        raise UserError("node_not_connected", nodes=node.node_id)
    return node.wire


def require_connected(nodes: Sequence[Node]) -> None:
    """Every node has a registered host key.

    Raises:
        UserError: ``node_not_connected``, naming those that have none.
    """
    missing = [node.node_id for node in nodes if node.wire is None]
    if missing:
        raise UserError("node_not_connected", nodes=listed(missing))


def require_files_reachable(nodes: Sequence[Node]) -> None:
    """Files can be sent to every node: not a database layer, connected.

    Raises:
        UserError: ``layer_not_deployable`` or ``node_not_connected``.
    """
    if any(node.entry.layer is Layer.DB for node in nodes):
        raise UserError("layer_not_deployable", layer=Layer.DB.value)
    require_connected(nodes)


def has_shell(node: Node) -> bool:
    """Whether anything can be run there: over FTP nothing can, so no service is restarted."""
    return node.transfer == "sftp"


def require_shell(nodes: Sequence[Node]) -> None:
    """Something can be run on every node.

    Raises:
        UserError: ``ftp_only``, naming those that only take files.
    """
    by_ftp = [node.node_id for node in nodes if not has_shell(node)]
    if by_ftp:
        raise UserError("ftp_only", nodes=listed(by_ftp))


def with_shell(request: ActionRequest) -> tuple[Node, ...]:
    """The target's nodes that can run something.

    Raises:
        UserError: none can (``ftp_only``).
    """
    nodes = target_of(request).nodes
    found = tuple(node for node in nodes if has_shell(node))
    if not found:
        require_shell(nodes)
    return found


def profiled(
    request: ActionRequest,
    has: Callable[[NodeProfile], bool],
    code: str,
    *,
    sought_on: Layer | None = None,
) -> tuple[Node, ...]:
    """The target's connected nodes whose profile has that.

    ``sought_on``: where none has it, each node of this layer that is not connected could; without
    it, only a target of which nothing is connected leaves that open.

    Raises:
        UserError: there is none (``code``), or nobody can tell (``node_not_connected``).
    """
    nodes = target_of(request).nodes
    found = tuple(node for node in nodes if node.wire and has(node.wire.profile))
    if found:
        return found
    if sought_on is not None:
        require_connected([node for node in nodes if node.entry.layer is sought_on])
    elif not any(node.wire for node in nodes):
        require_connected(nodes)
    raise UserError(code, nodes=listed([node.node_id for node in nodes]))


def with_database(request: ActionRequest) -> tuple[Node, ...]:
    """The target's connected nodes that have a database to ask.

    Raises:
        UserError: there is none (``no_database``), or nobody can tell (``node_not_connected``).
    """
    return profiled(
        request, lambda profile: profile.database is not None, "no_database", sought_on=Layer.DB
    )


def listed(names: Sequence[str]) -> str:
    """Names for one sentence, the tail as a count."""
    shown = ", ".join(names[:_NAMED_MAX])
    return shown if len(names) <= _NAMED_MAX else f"{shown} (+{len(names) - _NAMED_MAX})"


def prefixes(nodes: Sequence[Node]) -> dict[str, str]:
    """A short name per node for its step ids: the last part of the node's name, if that is
    unique; more parts, if not; a number, if even the whole name is too long."""
    ids = [node.node_id for node in nodes]
    for parts in range(1, 8):
        short = {node_id: "-".join(node_id.split("-")[-parts:]) for node_id in ids}
        if len(set(short.values())) == len(ids) and all(map(_fits, short.values())):
            return short
    return {node_id: f"n{index + 1:03}" for index, node_id in enumerate(ids)}


def _fits(prefix: str) -> bool:
    return len(prefix) <= _PREFIX_MAX and prefix[:1].isalnum()


def seats_of(node: Node, target: Target) -> tuple[Seat, ...]:
    """The balancers a node can be taken out of: connected, and with somebody left to serve."""
    if target.siblings < 2:
        return ()
    usable = {
        web.node_id for web in (*target.helpers, *target.nodes) if web.wire and web.wire.balancer
    }
    return tuple(
        Seat(helper=place.web_node_id or node.node_id, member=place.member, device=place.device)
        for place in node.balancers
        if place.device or place.web_node_id in usable
    )


def interruption_warnings(nodes: Sequence[Node], target: Target) -> list[Note]:
    """Why stopping these nodes one by one is felt, where it is."""
    warnings = []
    bare = [node.node_id for node in nodes if not seats_of(node, target)]
    if bare:
        warnings.append(note("warnings.interruption", nodes=listed(bare)))
    deaf = sorted(
        {place.web_node_id for node in nodes for place in node.balancers if place.web_node_id}
        - {seat.helper for node in nodes for seat in seats_of(node, target)}
    )
    if deaf and target.siblings > 1:
        warnings.append(note("warnings.balancer_not_connected", nodes=listed(deaf)))
    return warnings


def transfer_warnings(nodes: Sequence[Node]) -> list[Note]:
    """What a server's age makes weaker, where it does."""
    found = []
    by_ftp = [node.node_id for node in nodes if not has_shell(node)]
    if by_ftp:
        found.append(note("warnings.ftp", nodes=listed(by_ftp)))
    old = [node for node in nodes if node.wire and node.wire.legacy]
    if old:
        kinds = sorted({kind for node in old if node.wire for kind in node.wire.legacy})
        names = listed([node.node_id for node in old])
        found.append(note("warnings.legacy", nodes=names, kinds=", ".join(kinds)))
    return found


def portion_warnings(portions: Sequence[Sequence[Node]], target: Target) -> list[Note]:
    """That many of a layer are away at once, where they are."""
    most = max(len(portion) for portion in portions)
    if most < 2 or most * 2 <= target.siblings:
        return []
    return [note("warnings.large_batch", count=most, total=target.siblings)]


def coverage_warnings(target: Target, count: int) -> list[Note]:
    """That a plan covers only a part of the layer, where it does."""
    layers = layers_of(target.nodes)
    if len(target.environments) != 1 or "/" in layers or count >= target.siblings:
        return []
    return [note("warnings.partial", layer=layers, total=target.siblings, count=count)]


def wire_targets(
    nodes: Sequence[Node], seats: Iterable[Seat], target: Target
) -> tuple[NodeTarget, ...]:
    """Nodes first, then the helpers that the seats name, each once."""
    needed = {seat.helper for seat in seats} - {node.node_id for node in nodes}
    # Where all of a system is meant, the web nodes are among its nodes, not its helpers.
    helpers = [node for node in (*target.helpers, *target.nodes) if node.node_id in needed]
    return tuple(wire_of(node) for node in (*nodes, *helpers))


def layers_of(nodes: Sequence[Node]) -> str:
    """The layers of these nodes, e.g. ``WAS`` or ``WEB/WAS``."""
    present = {node.entry.layer for node in nodes}
    return "/".join(layer.value for layer in Layer if layer in present)


def title(verb: str, nodes: Sequence[Node]) -> Note:
    """What on what: the catalogue has one sentence per verb and environment."""
    environments = {node.entry.env.value for node in nodes}
    place = environments.pop() if len(environments) == 1 else "mixed"
    entry = nodes[0].entry
    return note(
        f"plan.{verb}.{place}",
        institution=entry.institution,
        system=entry.system,
        layer=layers_of(nodes),
        count=len(nodes),
    )


def environments_of(nodes: Sequence[Node]) -> tuple[str, ...]:
    return tuple(sorted({node.entry.env.value for node in nodes}))


def node_ids(plan: WirePlan) -> tuple[str, ...]:
    """The nodes that a plan runs on, in its order."""
    return tuple(run.node_id for run in plan.runs())


def note(key: str, /, **values: object) -> Note:
    """A sentence of the catalogue with its values."""
    return Note(key=key, values=tuple((name, str(value)) for name, value in values.items()))
