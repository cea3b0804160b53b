"""The verbs ``security_audit`` and ``ssl_expiry_detector``: what guards a node, looked at.

Owns: their plans. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from actions.nodes import profiled, target_of, with_shell
from actions.plans import spared
from actions.reading import ReadingVerb, reading_plan
from agent.wire.checks import InspectSecurity, ReadCertificates
from agent.wire.operations import Operation
from bot.core.domain.estate import Node
from bot.core.domain.plan import Plan
from bot.core.ports import ActionRequest

_AUDIT_S = 180  # packages are verified file by file
_CERTIFICATES_S = 120


class SecurityAudit(ReadingVerb):
    """Locked accounts, listening ports, system binaries of every node with a shell."""

    action_id = "security_audit"

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


class SslExpiryDetector(ReadingVerb):
    """Certificates in files and at ports."""

    action_id = "ssl_expiry_detector"

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
