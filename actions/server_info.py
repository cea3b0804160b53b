"""The verb ``server_info``: what the CMDB knows of the servers that are meant.

Owns: the table. Reads no server; shows addresses masked.
"""

from __future__ import annotations

from collections.abc import Sequence

from actions.nodes import target_of
from agent.wire.operations import Operation
from bot.core.domain.estate import Node
from bot.core.domain.plan import Risk
from bot.core.domain.report import Report, Table
from bot.core.ports import ActionRequest
from bot.core.texts import Texts

_COLUMNS = ("node", "layer", "env", "os", "service", "transfer", "address", "connected")


class ServerInfo:
    """The servers of a target."""

    action_id = "server_info"
    risk = Risk.READ
    needs = frozenset({"system"})
    reaches_nodes = False

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def survey(self, request: ActionRequest) -> Sequence[Operation]:
        return []

    def plan(self, request: ActionRequest) -> Report:
        """The answer itself.

        Raises:
            UserError: there is no target (``target_unknown``).
        """
        target = target_of(request)
        say = self._texts.say
        named = {
            "institution": target.system.institution,
            "system": target.system.name,
            "count": len(target.nodes),
        }
        return Report(
            title=say("server_info.title", **named),
            summary=say("server_info.summary", **named),
            sections=(
                Table(
                    columns=tuple(say(f"server_info.column.{name}") for name in _COLUMNS),
                    rows=tuple(self._row(node) for node in target.nodes),
                    folded=len(target.nodes) > 20,
                ),
            ),
        )

    def _row(self, node: Node) -> tuple[str, ...]:
        say = self._texts.say
        return (
            node.node_id,
            node.entry.layer.value,
            say(f"env.{node.entry.env.value}"),
            node.os,
            f"{node.service}:{node.service_port}",
            f"{node.transfer.upper()} ({node.os_user})",
            masked(node.host),
            say("server_info.connected" if node.wire else "server_info.not_connected"),
        )


def masked(host: str) -> str:
    """An IPv4 address with its last two parts hidden; of a name, only the first label."""
    parts = host.split(".")
    if len(parts) == 4 and all(part.isdigit() for part in parts):
        return f"{parts[0]}.{parts[1]}.x.x"
    return "x:x:x" if ":" in host else parts[0]
