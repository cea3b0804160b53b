"""What a place implies, and what it never overrules."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from bot.core.domain.conversation import ConversationRef
from bot.core.domain.estate import Environment, Layer, Node, NodeEntry, SystemEntry
from bot.core.domain.intent import Intent, Selector
from bot.core.domain.job import Job
from bot.core.domain.people import Actor
from bot.engine.context import Surroundings
from bot.engine.services import Services
from tests.fakes.values import INSTITUTION, a_job, a_person

THREAD = ConversationRef(adapter="web", channel="ops", thread="m1")
SYSTEM = SystemEntry(institution=INSTITUTION, name="예산시스템", code="MOEF-BUDGET")
HERE = a_person("u032")
STRANGER = a_person("u012", institutions=("교육부",))
RESTART = Intent(
    action="manage_service",
    params={"operation": "restart"},
    missing=("institution", "system", "env", "layer"),
    open_target=True,
)


class Memory:
    """History, inventory and services in one: what the surroundings ask of them."""

    def __init__(self, *, job: Job | None = None, system: SystemEntry | None = None) -> None:
        self.job, self.system = job, system
        self.history = self.inventory = self.stores = self

    async def latest_job(self, _: ConversationRef) -> Job | None:
        return self.job

    async def system_of(self, _: ConversationRef) -> SystemEntry | None:
        return self.system

    async def nodes(self, node_ids: tuple[str, ...]) -> tuple[Node, ...]:
        return tuple(a_node(node_id, number) for number, node_id in enumerate(node_ids, start=1))


def a_node(node_id: str, number: int) -> Node:
    entry = NodeEntry(
        node_id=node_id,
        institution=INSTITUTION,
        system="예산시스템",
        env=Environment.PROD,
        layer=Layer.WAS,
        number=number,
    )
    return Node(
        entry=entry,
        os="RHEL 8.8",
        transfer="sftp",
        os_user="wasadmin",
        host="127.0.0.1",
        ssh_port=22,
        deploy_path="/app",
        service="tomcat",
        service_port=8080,
        agent="GOV-PC-01",
    )


async def complete(memory: Memory, intent: Intent = RESTART, actor: Actor = HERE) -> Intent:
    services = cast(Services, memory)
    return await Surroundings(services).complete(intent, THREAD, actor)


async def test_a_channel_gives_its_system_and_asks_for_the_rest() -> None:
    meant = await complete(Memory(system=SYSTEM))
    assert (meant.selector.institution, meant.selector.system) == (INSTITUTION, "예산시스템")
    assert meant.missing == ("env", "layer")


async def test_a_thread_gives_the_servers_of_its_last_job() -> None:
    meant = await complete(Memory(job=a_job(), system=SYSTEM))
    assert meant.selector.nodes == (1,)
    assert meant.selector.env is Environment.PROD
    assert meant.missing == ()


async def test_a_server_that_the_words_name_is_one_of_the_threads_environment() -> None:
    one = replace(RESTART, selector=Selector(layer=Layer.WAS, nodes=(3,)), missing=("env",))
    meant = await complete(Memory(job=a_job()), one)
    assert (meant.selector.env, meant.selector.nodes) == (Environment.PROD, (3,))
    assert meant.missing == ()


async def test_a_rollback_in_a_deployments_thread_means_that_deployment() -> None:
    rollback = Intent(action="rollback", missing=("institution", "system"), open_target=True)
    meant = await complete(Memory(job=a_job()), rollback)
    assert meant.params == {"deployment": "J260523-AAAAAA"}


@pytest.mark.parametrize(
    "selector",
    [Selector(institution="관세청"), Selector(system="국고시스템"), Selector(layer=Layer.DB)],
)
async def test_what_the_words_name_is_never_overruled(selector: Selector) -> None:
    meant = await complete(Memory(job=a_job(), system=SYSTEM), replace(RESTART, selector=selector))
    for name in ("institution", "system", "layer"):
        named = getattr(selector, name)
        assert named is None or getattr(meant.selector, name) == named
    assert meant.selector.nodes == () or selector.layer is None


async def test_a_word_that_is_not_understood_may_be_another_system() -> None:
    unsure = replace(RESTART, open_target=False)
    assert await complete(Memory(job=a_job(), system=SYSTEM), unsure) == unsure


async def test_nobody_is_led_to_what_they_may_not_see() -> None:
    assert await complete(Memory(job=a_job(), system=SYSTEM), actor=STRANGER) == RESTART
