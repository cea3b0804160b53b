"""Whatever step fails, with or without having taken effect, going back leaves the fleet whole."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from actions.deploy import Deploy
from actions.rollback import Rollback
from actions.service import ManageService
from agent.wire.operations import DrainDevice, DrainMember
from agent.wire.plan import Step
from bot.core.domain.estate import Rollout
from bot.core.domain.job import StepRecord, StepState
from bot.core.domain.plan import Plan
from bot.core.recovery import touched, undo_steps
from tests.fakes.planning import (
    behind,
    deploy_request,
    deployment_of,
    node_of,
    pair,
    request_for,
    target_of,
)


@dataclass
class Server:
    """What a node is to its users."""

    version: str
    backup: str = ""
    running: bool = True
    out_of: set[str] = field(default_factory=set)


class Fleet:
    """Servers that operations act upon, and how many serve at any moment."""

    def __init__(self, plan: Plan, version: str, other: str) -> None:
        self.servers = {run.node_id: Server(version=version) for run in plan.wire.runs()}
        self.other = other
        self.least = len(self.servers)

    def apply(self, node: str, step: Step) -> None:
        server = self.servers[node]
        match step.operation.kind:
            case "backup_files":
                server.backup = server.version
            case "replace_files":
                server.version = self.other
            case "restore_backup":
                server.version = server.backup or self.other
            case "stop_service":
                server.running = False
            case "start_service":
                server.running = True
            case "drain_member" | "drain_device":
                self._drain(server, step)
        self.least = min(self.least, self.serving())

    def _drain(self, server: Server, step: Step) -> None:
        assert isinstance(step.operation, DrainMember | DrainDevice)
        place = getattr(step.operation, "device", step.node_id)
        if step.operation.state == "up":
            server.out_of.discard(place)
            assert server.running, "a stopped node was put back behind the balancer"
            return
        inside = [s for s in self.servers.values() if place not in s.out_of]
        assert inside != [server], "the last node was taken out"
        server.out_of.add(place)

    def serving(self) -> int:
        return sum(server.running and not server.out_of for server in self.servers.values())


def plans() -> list[tuple[str, Plan]]:
    two = pair(web=2)
    past = deployment_of("J260401-AAAAAA", two.nodes)
    restart = {"operation": "restart"}
    behind_device = target_of([behind(node_of(number), device="l4") for number in (1, 2)])
    large = target_of(
        [behind(node_of(number), node_of(1, layer="WEB")) for number in range(1, 6)],
        helpers=[node_of(1, layer="WEB")],
        rollout=Rollout(canary=1, batch=3),
    )
    return [
        ("deploy-device", Deploy().plan(deploy_request({"a.class": "changed"}, behind_device))),
        ("deploy-batches", Deploy().plan(deploy_request({"a.class": "changed"}, large))),
        ("deploy", Deploy().plan(deploy_request({"a.class": "changed"}, two))),
        ("deploy-static", Deploy().plan(deploy_request({"a.html": "changed"}, two))),
        ("rollback", Rollback().plan(request_for(two, history=[past]))),
        ("restart", ManageService().plan(request_for(two, params=restart))),
    ]


def failures() -> list[tuple[str, Plan, str, bool]]:
    return [
        (name, plan, step.step_id, took_effect)
        for name, plan in plans()
        for run in plan.wire.runs()
        for step in run.steps
        for took_effect in (False, True)
    ]


def run_until(plan: Plan, fleet: Fleet, failing: str, *, took_effect: bool) -> None:
    """What the engine does: forward until the failure, then back, the latest node first."""
    records: dict[str, StepRecord] = {}
    for run in plan.wire.runs():
        for step in run.steps:
            failed = step.step_id == failing
            if took_effect or not failed:
                fleet.apply(run.node_id, step)
            state = StepState.FAILED if failed else StepState.SUCCEEDED
            records[step.step_id] = StepRecord(step_id=step.step_id, state=state)
            if failed:
                for back in touched(plan.wire, records):
                    for undo in undo_steps(back, records):
                        fleet.apply(back.node_id, undo)
                return


@pytest.mark.parametrize(
    ("name", "plan", "failing", "took_effect"),
    failures(),
    ids=lambda value: str(value) if isinstance(value, str | bool) else "",
)
def test_every_node_serves_again_whatever_failed(
    name: str, plan: Plan, failing: str, took_effect: bool
) -> None:
    fleet = Fleet(plan, version="now", other="other")
    run_until(plan, fleet, failing, took_effect=took_effect)
    for server in fleet.servers.values():
        assert server.running
        assert server.out_of == set()
        if name != "rollback":
            assert server.version == "now"
    assert fleet.least >= 1


@pytest.mark.parametrize(("name", "plan"), plans(), ids=lambda value: str(value)[:20])
def test_at_least_one_node_serves_at_any_moment(name: str, plan: Plan) -> None:
    fleet = Fleet(plan, version="now", other="other")
    run_until(plan, fleet, "none", took_effect=True)
    assert fleet.least >= 1
    assert fleet.serving() == len(fleet.servers)
    if name != "restart":
        assert {server.version for server in fleet.servers.values()} == {"other"}
