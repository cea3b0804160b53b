"""The verbs ``security_audit`` and ``ssl_expiry_detector``: what guards a node, looked at.

Owns: their plans, and which nodes of a target they are about. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from actions.nodes import has_shell, listed, note, require_connected, require_shell, target_of
from actions.reading import reading_plan
from agent.wire.checks import InspectSecurity, ReadCertificates
from agent.wire.operations import Operation
from agent.wire.profile import NodeProfile
from bot.core.domain.estate import Node
from bot.core.domain.plan import Plan, Risk
from bot.core.errors import UserError
from bot.core.ports import ActionRequest

_AUDIT_S = 180  # packages are verified file by file
_CERTIFICATES_S = 120


class SecurityAudit:
    """Locked accounts, listening ports, system binaries of every node with a shell."""

    action_id = "security_audit"
    risk = Risk.READ
    needs = frozenset({"system"})
    reaches_nodes = True

    def survey(self, request: ActionRequest) -> Sequence[Operation]:
        return []

    def plan(self, request: ActionRequest) -> Plan:
        """One look per connected node that can run something.

        Raises:
            UserError: ``node_not_connected``, ``ftp_only``.
        """
        nodes = with_shell(request)
        plan = reading_plan(
            request,
            self.action_id,
            lambda node: [InspectSecurity()],
            nodes=nodes,
            timeout_s=_AUDIT_S,
        )
        return spared(plan, request, nodes, "warnings.no_shell_spared")


class SslExpiryDetector:
    """Certificates in files and at ports."""

    action_id = "ssl_expiry_detector"
    risk = Risk.READ
    needs = frozenset({"system"})
    reaches_nodes = True

    def survey(self, request: ActionRequest) -> Sequence[Operation]:
        return []

    def plan(self, request: ActionRequest) -> Plan:
        """One look per connected node that has certificates registered.

        Raises:
            UserError: ``no_certificates``, ``node_not_connected``.
        """
        target = target_of(request)
        nodes = profiled(request, lambda profile: bool(profile.certificates), "no_certificates")

        def looks(node: Node) -> Sequence[Operation]:
            return [ReadCertificates(days=target.limits_of(node.node_id).certificate)]

        return reading_plan(request, self.action_id, looks, nodes=nodes, timeout_s=_CERTIFICATES_S)


def profiled(
    request: ActionRequest, has: Callable[[NodeProfile], bool], code: str
) -> tuple[Node, ...]:
    """The target's nodes whose profile has that.

    Raises:
        UserError: none of them (``code``), or none is connected (``node_not_connected``).
    """
    nodes = target_of(request).nodes
    found = tuple(node for node in nodes if node.wire and has(node.wire.profile))
    if found:
        return found
    if not any(node.wire for node in nodes):
        require_connected(nodes)
    raise UserError(code, nodes=listed([node.node_id for node in nodes]))


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


def spared(plan: Plan, request: ActionRequest, nodes: Sequence[Node], key: str) -> Plan:
    """The plan, with a word on those nodes of the target that it is not about."""
    names = {node.node_id for node in nodes}
    left = [node.node_id for node in target_of(request).nodes if node.node_id not in names]
    if not left:
        return plan
    return replace(plan, warnings=(*plan.warnings, note(key, nodes=listed(left))))
