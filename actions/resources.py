"""The verbs ``monitor_resources`` and ``check_disk_space``: how full and how busy nodes are.

Owns: their plans, with the limits that count for each node frozen into them. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from actions.nodes import listed, require_connected, target_of
from actions.reading import ReadingVerb, reading_plan
from agent.wire.checks import ReadDisks, ReadResources
from agent.wire.operations import Operation
from bot.core.domain.estate import Node
from bot.core.domain.plan import Plan
from bot.core.errors import UserError
from bot.core.ports import ActionRequest


class MonitorResources(ReadingVerb):
    """CPU, memory, load and the fullest disk of every node."""

    action_id = "monitor_resources"

    def plan(self, request: ActionRequest) -> Plan:
        """One look per connected node.

        Raises:
            UserError: none of the nodes is connected (``node_not_connected``).
        """
        target = target_of(request)

        def looks(node: Node) -> Sequence[Operation]:
            limits = target.limits_of(node.node_id)
            return [ReadResources(cpu=limits.cpu, memory=limits.memory, disk=limits.disk)]

        return reading_plan(request, self.action_id, looks)


class CheckDiskSpace(ReadingVerb):
    """Size, used and free of the node's known paths, or of the one that is named."""

    action_id = "check_disk_space"

    def plan(self, request: ActionRequest) -> Plan:
        """One look per connected node that knows the path.

        Raises:
            UserError: ``path_not_known``, none of the nodes has it among its paths;
                ``node_not_connected``.
        """
        target = target_of(request)
        path = _plain(str(request.params.get("path") or ""))
        nodes = _knowing(target.nodes, path)

        def looks(node: Node) -> Sequence[Operation]:
            used = target.limits_of(node.node_id).disk
            return [ReadDisks(paths=(path,) if path else (), used=used)]

        return reading_plan(request, self.action_id, looks, nodes=nodes)


def _plain(path: str) -> str:
    """A folder is the same with a slash behind it."""
    return path.rstrip("/") or path[:1]


def _knowing(nodes: Sequence[Node], path: str) -> tuple[Node, ...]:
    if not path:
        return tuple(nodes)
    if not any(node.wire for node in nodes):
        require_connected(nodes)
    paths = {node.node_id: disk_paths(node) for node in nodes}
    found = tuple(node for node in nodes if path in paths[node.node_id])
    if not found:
        known = sorted({each for row in paths.values() for each in row})
        raise UserError("path_not_known", path=path, known=listed(known))
    return found


def disk_paths(node: Node) -> tuple[str, ...]:
    """What may be asked for at a node; nothing while it is not connected."""
    if node.wire is None:
        return ()
    own = (node.wire.deploy_path, node.wire.backup_path)
    return tuple(dict.fromkeys((*node.wire.profile.disks, *own)))
