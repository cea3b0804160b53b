"""Looking before planning."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.wire.operations import FingerprintFiles, Operation, ServiceStatus, StopService
from agent.wire.results import ServiceState
from agent.wire.seal import open_grant
from bot.core.errors import GuardiaError
from bot.engine.survey import Surveyor
from tests.fakes.engine import DEV, World
from tests.fakes.planning import node_of, pair, target_of
from tests.fakes.pool import Scripted

RUNNING = ServiceState(running=True, port_open=True)
LOOK = (ServiceStatus(), FingerprintFiles(paths=("a.jsp",)))


async def look(world: World, operations: tuple[Operation, ...] = LOOK, target=None):
    surveyor = Surveyor(world.services, world.chronicle)
    return await surveyor.look("web:e1", DEV, target or pair(), operations)


async def code_of(world: World, **more: object) -> tuple[str, dict[str, str]]:
    with pytest.raises(GuardiaError) as refused:
        await look(world, **more)
    return refused.value.code, refused.value.values


async def test_brings_every_answer_of_every_node():
    world = World()
    world.agents.script("service_status", Scripted(result=RUNNING))
    facts = await look(world)
    names = [node.node_id for node in pair().nodes]
    assert set(facts) == {(name, index) for name in names for index in (0, 1)}
    assert facts[names[0], 0] == RUNNING


async def test_its_plan_reads_only_and_takes_no_lock():
    world = World()
    world.agents.script("service_status", Scripted(result=RUNNING))
    await look(world)
    plans = {one.delivery.plan.digest() for one in world.agents.ordered}
    assert len(plans) == 1
    plan = world.agents.ordered[0].delivery.plan
    assert (plan.lock, plan.action, plan.requested_by) == (None, "survey", "dev")
    (event,) = world.audited("operation")
    assert (event["subject"], event["plan_digest"]) == ("survey", plan.digest())


async def test_never_sends_what_changes():
    world = World()
    code, _ = await code_of(world, operations=(ServiceStatus(), StopService()))
    assert code == "survey_changes"
    assert world.agents.ordered == []
    assert world.audited("operation") == []


async def test_says_that_the_agent_is_offline():
    world = World()
    world.agents.offline.add("GOV-PC-01")
    code, values = await code_of(world)
    assert code == "agent_offline"
    assert values["agent"] == "GOV-PC-01"
    assert world.agents.ordered == []


async def test_says_which_nodes_are_not_connected():
    target = target_of([node_of(1), node_of(2, connected=False)])
    code, values = await code_of(World(), target=target)
    assert (code, values["nodes"]) == ("node_not_connected", target.nodes[1].node_id)


@pytest.mark.parametrize("state", ["failed", "refused", "unknown"])
async def test_says_which_node_did_not_answer(state: str):
    world = World()
    bad = pair().nodes[1].node_id

    def answer(step):
        if step.node_id == bad:
            return Scripted(state=state, code="connect_failed")
        return Scripted(result=RUNNING)

    world.agents.script("service_status", answer)
    code, values = await code_of(world, operations=(ServiceStatus(),))
    assert (code, values) == ("survey_failed", {"node": bad, "code": "connect_failed"})


async def test_looks_at_nothing_when_the_audit_is_broken():
    world = World()
    world.audit.broken = True
    assert (await code_of(world))[0] == "audit_unavailable"
    assert world.agents.ordered == []


async def test_looks_at_many_nodes_a_bounded_number_at_a_time():
    world = World(settings=replace(World().settings, read_fan_out=3))
    world.agents.script("service_status", Scripted(result=RUNNING))
    target = target_of([node_of(number) for number in range(1, 41)])
    assert len(await look(world, (ServiceStatus(),), target)) == 40


async def test_asks_nothing_where_nothing_is_asked():
    world = World()
    assert await look(world, ()) == {}
    assert world.audit.events == []


async def test_its_grant_names_the_plan_and_rests_on_a_rule():
    world = World()
    world.agents.script("service_status", Scripted(result=RUNNING))
    await look(world)
    delivery = world.agents.ordered[0].delivery
    grant = open_grant(delivery.grant, world.signer.verify_key)
    assert grant.plan_digest == delivery.plan.digest()
    assert (grant.basis, grant.approvals, grant.fencing_token) == ("rule", (), 0)
