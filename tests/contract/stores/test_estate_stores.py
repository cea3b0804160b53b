"""Inventory and Directory: the same answers from the fakes and from both databases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.wire.plan import SealedAccess
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.estate import Environment, Layer
from bot.core.domain.intent import Selector
from bot.core.domain.people import Actor, ExternalId, Role
from bot.core.errors import UserError
from cmdb.access import put_access
from cmdb.importers.estate_csv import import_estate, people_of, read_estate, vocabulary_of
from cmdb.inventory import SqlInventory
from cmdb.people import SqlDirectory
from cmdb.rules import DEFAULT_RULES
from tests.fakes.stores import MemoryDirectory, MemoryInventory

SMALL = Path(__file__).parents[2] / "cases" / "cmdb" / "small"
ESTATE = read_estate(SMALL)
PEOPLE = people_of(ESTATE)
DEVELOPER, OPERATOR, PM = PEOPLE["u032"], PEOPLE["u010"], PEOPLE["u013"]
SEALED = SealedAccess(node_id="moef-budget-prod-was01", ciphertext="c2VhbGVk")


@pytest.fixture
async def inventory(backend_engine):
    if backend_engine is None:
        nodes = [record.node for record in ESTATE.nodes]
        systems = {one.entry.code: one.entry for one in ESTATE.systems}
        channels = {(one.adapter, one.channel): systems[one.system_code] for one in ESTATE.channels}
        return MemoryInventory(
            vocabulary_of(ESTATE, None), nodes, access=[SEALED], channels=channels
        )
    await import_estate(backend_engine, ESTATE)
    await put_access(backend_engine, [SEALED])
    return SqlInventory(backend_engine)


@pytest.fixture
async def directory(backend_engine):
    if backend_engine is None:
        externals = {
            external: person.actor.person_id
            for person in ESTATE.people
            for external in person.externals
        }
        return MemoryDirectory(PEOPLE.values(), externals=externals, rules=DEFAULT_RULES)
    await import_estate(backend_engine, ESTATE)
    return SqlDirectory(backend_engine)


def ids(nodes) -> list[str]:
    return [node.node_id for node in nodes]


# --- inventory ---


async def test_a_layer_and_environment_mean_all_their_nodes(inventory) -> None:
    selector = Selector(
        institution="기획재정부", system="예산시스템", layer=Layer.WAS, env=Environment.PROD
    )
    target = await inventory.resolve(selector, DEVELOPER)
    assert ids(target.nodes) == [f"moef-budget-prod-was0{n}" for n in (1, 2, 3)]
    assert ids(target.helpers) == ["moef-budget-prod-web01"]
    assert (target.siblings, target.agent, target.lock) == (3, "GOV-PC-01", "MOEF-BUDGET")


async def test_a_channel_is_about_the_system_that_the_site_has_named(inventory) -> None:
    room = ConversationRef(adapter="slack", channel="C001", thread="m1")
    about = await inventory.system_of(room)
    assert about is not None
    assert about.code == "MOEF-BUDGET"
    assert await inventory.system_of(replace(room, adapter="teams")) is None
    assert await inventory.system_of(replace(room, channel="C002")) is None


async def test_numbers_pick_nodes_and_siblings_count_the_rest(inventory) -> None:
    selector = Selector(system="예산시스템", layer=Layer.WAS, env=Environment.PROD, nodes=(2, 1))
    target = await inventory.resolve(selector, DEVELOPER)
    assert ids(target.nodes) == ["moef-budget-prod-was01", "moef-budget-prod-was02"]
    assert target.siblings == 3


async def test_without_an_environment_every_one_that_fits_is_meant(inventory) -> None:
    selector = Selector(system="예산시스템", layer=Layer.WAS, nodes=(1,))
    target = await inventory.resolve(selector, DEVELOPER)
    assert ids(target.nodes) == ["moef-budget-prod-was01", "moef-budget-dev-was01"]
    assert target.siblings == 4


async def test_a_web_node_that_is_chosen_is_no_helper(inventory) -> None:
    target = await inventory.resolve(
        Selector(system="예산시스템", env=Environment.PROD, nodes=(1,)), DEVELOPER
    )
    assert "moef-budget-prod-web01" in ids(target.nodes)
    assert target.helpers == ()


async def test_a_system_of_one_visible_institution_implies_it(inventory) -> None:
    target = await inventory.resolve(Selector(system="통계시스템"), DEVELOPER)
    assert target.system.code == "MOEF-STAT"


@pytest.mark.parametrize(
    ("selector", "viewer"),
    [
        (Selector(system="출입국시스템"), DEVELOPER),  # exists, not for this person
        (Selector(system="없는시스템"), DEVELOPER),
        (Selector(institution="법무부", system="출입국시스템"), DEVELOPER),
        (Selector(institution="기획재정부", system="출입국시스템"), PM),
        (Selector(), PM),  # nothing said is not everything
        (Selector(layer=Layer.WAS, env=Environment.PROD), PM),
        (Selector(system="통계시스템", institution="기획재정부", layer=Layer.DB), PM),
        (Selector(system="예산"), PM),  # an alias is not an official name
    ],
)
async def test_the_unknown_and_the_hidden_get_one_answer(inventory, selector, viewer) -> None:
    with pytest.raises(UserError) as refused:
        await inventory.resolve(selector, viewer)
    assert (refused.value.code, refused.value.values) == ("target_unknown", {})


@pytest.mark.parametrize(
    "selector", [Selector(system="통계시스템"), Selector(institution="기획재정부")]
)
async def test_several_systems_are_listed_not_chosen(inventory, selector) -> None:
    with pytest.raises(UserError) as refused:
        await inventory.resolve(selector, OPERATOR)
    assert refused.value.code == "target_ambiguous"
    assert "기획재정부 통계시스템" in refused.value.values["candidates"]
    assert "법무부" not in refused.value.values["candidates"]


async def test_a_number_that_does_not_exist_is_not_passed_over(inventory) -> None:
    selector = Selector(system="예산시스템", layer=Layer.WAS, env=Environment.PROD, nodes=(1, 7))
    with pytest.raises(UserError) as refused:
        await inventory.resolve(selector, DEVELOPER)
    assert refused.value.code == "node_unknown"


async def test_the_vocabulary_holds_only_what_the_viewer_may_see(inventory) -> None:
    mine = await inventory.vocabulary(DEVELOPER)
    assert mine == _ordered(vocabulary_of(ESTATE, DEVELOPER), mine)
    assert {one.institution for one in mine.systems} == {"기획재정부"}
    assert [one.sr_id for one in mine.srs] == ["SR-2026-0401"]
    everything = await inventory.vocabulary(None)
    assert len(everything.nodes) == len(ESTATE.nodes)


def _ordered(expected, found):
    """Stores order by code; only the content is the contract."""
    for part in ("institutions", "systems", "nodes", "srs"):
        assert set(getattr(expected, part)) == set(getattr(found, part))
    return found


async def test_nodes_come_in_the_order_asked_and_whole(inventory) -> None:
    asked = ["moef-budget-prod-was02", "no-such-node", "moef-budget-prod-db01"]
    was, db = await inventory.nodes(asked)
    by_id = {record.node.node_id: record.node for record in ESTATE.nodes}
    assert was == by_id["moef-budget-prod-was02"]
    assert db == by_id["moef-budget-prod-db01"]
    assert was.wire is not None
    assert (was.host, was.wire.charset, db.wire) == ("127.0.0.1", "cp949", None)


async def test_access_leaves_out_nodes_without_a_record(inventory) -> None:
    asked = ["moef-budget-prod-was02", "moef-budget-prod-was01"]
    assert await inventory.access(asked) == (SEALED,)


# --- directory ---


@pytest.mark.parametrize(
    ("external", "person_id"),
    [
        (ExternalId(adapter="web", tenant="local", user_id="u032"), "u032"),
        (ExternalId(adapter="slack", tenant="T01", user_id="U0010"), "u010"),
        (ExternalId(adapter="teams", tenant="x", user_id="29:013"), "u013"),
    ],
)
async def test_a_messenger_identity_is_its_person(directory, external, person_id) -> None:
    assert await directory.find(external) == PEOPLE[person_id]


@pytest.mark.parametrize(
    "external",
    [
        ExternalId(adapter="web", tenant="elsewhere", user_id="u032"),
        ExternalId(adapter="slack", tenant="T01", user_id="u032"),
        ExternalId(adapter="teams", tenant="", user_id="U0010"),
        ExternalId(adapter="jandi", tenant="", user_id=""),
        ExternalId(adapter="jandi", tenant="", user_id="파트장031"),  # a display name is nobody
        ExternalId(adapter="slack", tenant="T01", user_id="개발032"),
    ],
)
async def test_an_unmapped_identity_is_nobody(directory, external) -> None:
    assert await directory.find(external) is None


async def test_people_are_found_by_id_and_listed(directory) -> None:
    assert await directory.person("u031") == Actor(
        person_id="u031",
        name="파트장031",
        role=Role.PART_LEADER,
        institutions=frozenset({"기획재정부"}),
    )
    assert await directory.person("u999") is None
    assert [one.person_id for one in await directory.people()] == sorted(PEOPLE)
    assert (await directory.person("u013")).all_institutions


async def test_rules_come_most_specific_first(directory) -> None:
    rules = await directory.rules()
    assert {rule.rule_id for rule in rules} == {rule.rule_id for rule in DEFAULT_RULES}
    assert rules[0].rule_id.startswith("developer-deploy")
    assert set(rules) == set(DEFAULT_RULES)


# --- what only a database does ---


databases = pytest.mark.parametrize("backend", ["sqlite", "postgres"])


@databases
@pytest.mark.parametrize(
    "standing", [{"active": False, "locked": False}, {"active": True, "locked": True}]
)
async def test_who_is_locked_or_has_left_is_nobody(directory, engine, standing) -> None:
    slack = ExternalId(adapter="slack", tenant="T01", user_id="U0032")
    assert await directory.set_standing("u032", **standing)
    assert await directory.find(slack) is None
    assert await directory.person("u032") is None
    assert "u032" not in [one.person_id for one in await directory.people()]
    await import_estate(engine, ESTATE)  # an import does not let anybody in again
    assert await directory.find(slack) is None


@databases
async def test_importing_twice_is_the_same_as_once(inventory, engine) -> None:
    before = await inventory.vocabulary(None)
    counts = await import_estate(engine, ESTATE)
    assert await inventory.vocabulary(None) == before
    assert (counts.nodes, counts.reachable, counts.rooms, counts.rules) == (10, 3, 1, 0)
