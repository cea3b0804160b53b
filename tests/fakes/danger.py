"""A dangerous verb for tests: one login session of one node, ended.

Owns: its request and its plan. The catalogue's own verbs are tested elsewhere; this one is only
as dangerous as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.wire.checks import EndSession
from agent.wire.operations import Operation
from agent.wire.plan import NodeRun, Step, WirePlan
from bot.core.domain.intent import Intent
from bot.core.domain.plan import Note, Plan, Risk
from bot.core.ports import ActionRequest
from tests.fakes.engine import DEPLOY

SESSION = 24817
END_SESSION = Intent(
    action="kill_session", selector=DEPLOY.selector, params={"pid": SESSION}, sr=DEPLOY.sr
)


@dataclass(frozen=True, kw_only=True)
class EndSessionAction:
    """Action. ``claims``: the risk that its plans say they have."""

    action_id: str = "kill_session"
    risk: Risk = Risk.DANGER
    needs: frozenset[str] = frozenset({"system"})
    reaches_nodes: bool = True
    claims: Risk = Risk.DANGER

    def survey(self, _: ActionRequest) -> Sequence[Operation]:
        return ()

    def plan(self, request: ActionRequest) -> Plan:
        assert request.target is not None
        node, system = request.target.nodes[0], request.target.system
        assert node.wire is not None
        step = Step(
            step_id="end.1",
            node_id=node.node_id,
            operation=EndSession(pid=SESSION, started=4242),
        )
        wire = WirePlan(
            job_id=request.job_id,
            action=self.action_id,
            requested_by=request.actor.person_id,
            agent=node.agent,
            lock=system.code,
            targets=(node.wire,),
            batches=((NodeRun(node_id=node.node_id, steps=(step,)),),),
        )
        return Plan(
            action=self.action_id,
            risk=self.claims,
            wire=wire,
            digest=wire.digest(),
            title=Note(key="action.kill_session"),
            node_names=(node.node_id,),
            environments=(node.wire.env,),
            institution=system.institution,
            system=system.name,
            outline=(Note(key="action.kill_session"),),
        )
