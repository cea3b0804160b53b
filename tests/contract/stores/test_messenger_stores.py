"""MessengerMemory and IdentityLinks: the same on every implementation."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import pytest

from bot.core.domain.people import Actor, ExternalId, Role
from bot.core.errors import UserError
from bot.core.linking import MOST_WRONG, PAUSE
from bot.core.messenger_ports import IdentityLinks, MessengerMemory
from bot.core.ports import Directory
from cmdb.messengers import SqlIdentityLinks, SqlMessengerMemory
from cmdb.people import PersonRecord, SqlDirectory
from tests.fakes.estate_stores import MemoryDirectory
from tests.fakes.jobs import NOW
from tests.fakes.messengers import MemoryIdentityLinks, MemoryMessengerMemory

UNTIL = NOW + timedelta(minutes=10)
DIGEST, OTHER = "a" * 64, "b" * 64
ANA = Actor(person_id="u1", name="안아", role=Role.OPERATOR)
BEN = Actor(person_id="u2", name="변", role=Role.PM)
U1 = ExternalId(adapter="slack", tenant="T1", user_id="U1")
ELSEWHERE = ExternalId(adapter="slack", tenant="T2", user_id="U1")
BENS = ExternalId(adapter="slack", tenant="", user_id="U2")
WRONG = "f" * 64


@dataclass(frozen=True, kw_only=True)
class Kept:
    memory: MessengerMemory
    links: IdentityLinks
    directory: Directory


@pytest.fixture
async def kept(backend_engine) -> Kept:
    if backend_engine is None:
        people = MemoryDirectory([ANA, BEN], externals={BENS: "u2"})
        memory = MemoryMessengerMemory()
        return Kept(memory=memory, links=MemoryIdentityLinks(people), directory=people)
    directory = SqlDirectory(backend_engine)
    await directory.add(PersonRecord(actor=ANA, employee_no="1"))
    await directory.add(PersonRecord(actor=BEN, employee_no="2", externals=(BENS,)))
    return Kept(
        memory=SqlMessengerMemory(backend_engine),
        links=SqlIdentityLinks(backend_engine),
        directory=directory,
    )


# --- memory ----------------------------------------------------------------------------------


async def test_what_was_kept_first_stays(kept) -> None:
    memory = kept.memory
    first = {"channel": "C1", "ts": "1.2", "parts": [1, 2], "한": None}
    assert await memory.keep("slack", "post:k", first, at=NOW) == first
    assert await memory.keep("slack", "post:k", {"other": 1}, at=NOW) == first
    assert await memory.recall("slack", "post:k") == first


async def test_twenty_that_keep_at_once_agree_on_one(kept) -> None:
    told = await asyncio.gather(
        *(kept.memory.keep("slack", "k", {"n": number}, at=NOW) for number in range(20))
    )
    assert len({one["n"] for one in told}) == 1


async def test_replacing_needs_nothing_to_be_there(kept) -> None:
    await kept.memory.replace("teams", "reference", {"a": 1}, at=NOW)
    await kept.memory.replace("teams", "reference", {"b": 2}, at=NOW)
    assert await kept.memory.recall("teams", "reference") == {"b": 2}


async def test_adapters_do_not_see_each_others_keys(kept) -> None:
    await kept.memory.keep("slack", "k", {"a": 1}, at=NOW)
    assert await kept.memory.recall("teams", "k") is None


async def test_only_what_is_old_and_of_that_adapter_is_forgotten(kept) -> None:
    memory, later = kept.memory, NOW + timedelta(days=1)
    await memory.keep("slack", "old", {"a": 1}, at=NOW)
    await memory.keep("slack", "new", {"a": 1}, at=later)
    await memory.keep("teams", "old", {"a": 1}, at=NOW)
    await memory.forget("slack", before=later)
    assert await memory.recall("slack", "old") is None
    assert await memory.recall("slack", "new") == {"a": 1}
    assert await memory.recall("teams", "old") == {"a": 1}


# --- linking ---------------------------------------------------------------------------------


async def test_a_code_maps_the_identity_to_its_person_once(kept) -> None:
    assert await kept.directory.find(U1) is None
    await kept.links.issue("u1", DIGEST, until=UNTIL)
    told = await asyncio.gather(*(kept.links.redeem(DIGEST, U1, now=NOW) for _ in range(10)))
    assert sorted(told, key=str).count("u1") == 1
    assert await kept.directory.find(U1) == ANA
    assert await kept.links.redeem(DIGEST, ELSEWHERE, now=NOW) is None
    assert await kept.directory.find(ELSEWHERE) is None


async def test_a_lapsed_unknown_or_voided_code_maps_nothing(kept) -> None:
    await kept.links.issue("u1", DIGEST, until=NOW)
    assert await kept.links.redeem(DIGEST, U1, now=NOW) is None
    await kept.links.issue("u1", DIGEST, until=UNTIL)
    await kept.links.issue("u1", OTHER, until=UNTIL)
    assert await kept.links.redeem(DIGEST, U1, now=NOW) is None
    assert await kept.links.redeem("c" * 64, U1, now=NOW) is None
    assert await kept.directory.find(U1) is None
    assert await kept.links.redeem(OTHER, U1, now=NOW) == "u1"


async def test_a_code_that_was_said_is_good_for_nobody_whatever_came_of_it(kept) -> None:
    await kept.links.issue("u1", DIGEST, until=UNTIL)
    assert await kept.links.redeem(DIGEST, BENS, now=NOW) is None
    assert await kept.links.redeem(DIGEST, U1, now=NOW) is None
    await kept.links.issue("u1", OTHER, until=UNTIL)
    await kept.links.void(OTHER)
    await kept.links.void(OTHER)
    assert await kept.links.redeem(OTHER, U1, now=NOW) is None
    assert await kept.directory.find(U1) is None


async def test_somebody_elses_identity_is_not_taken_over(kept) -> None:
    await kept.links.issue("u1", DIGEST, until=UNTIL)
    await kept.links.issue("u2", OTHER, until=UNTIL)
    assert await kept.links.redeem(OTHER, U1, now=NOW) == "u2"
    assert await kept.links.redeem(DIGEST, U1, now=NOW) is None
    assert await kept.directory.find(U1) == BEN


async def test_nor_one_that_is_somebodys_in_every_tenant(kept) -> None:
    in_a_tenant = ExternalId(adapter="slack", tenant="T1", user_id="U2")
    await kept.links.issue("u1", DIGEST, until=UNTIL)
    assert await kept.links.redeem(DIGEST, in_a_tenant, now=NOW) is None
    assert await kept.directory.find(in_a_tenant) == BEN


async def test_the_same_id_in_another_organisation_is_somebody_else(kept) -> None:
    colleague = ExternalId(adapter="slack", tenant="T1", user_id="U2")
    partner = ExternalId(adapter="slack", tenant="T9", user_id="U2", foreign=True)
    nobodys = ExternalId(adapter="slack", tenant="", user_id="U2", foreign=True)
    assert await kept.directory.find(colleague) == BEN
    assert await kept.directory.find(partner) is None
    assert await kept.directory.find(nobodys) is None
    await kept.links.issue("u1", DIGEST, until=UNTIL)
    assert await kept.links.redeem(DIGEST, nobodys, now=NOW) is None
    await kept.links.issue("u1", DIGEST, until=UNTIL)
    assert await kept.links.redeem(DIGEST, partner, now=NOW) == "u1"
    assert await kept.directory.find(partner) == ANA
    assert await kept.directory.find(colleague) == BEN


# --- wrong codes -----------------------------------------------------------------------------


async def said_wrongly(kept: Kept, times: int, *, by: ExternalId = U1) -> None:
    for _ in range(times):
        assert await kept.links.redeem(WRONG, by, now=NOW) is None


async def test_an_identity_that_guesses_waits_and_others_do_not(kept) -> None:
    await kept.links.issue("u1", DIGEST, until=UNTIL)
    await said_wrongly(kept, MOST_WRONG)
    with pytest.raises(UserError) as paused:
        await kept.links.redeem(DIGEST, U1, now=NOW)
    assert (paused.value.code, paused.value.values["minutes"]) == ("link_paused", "10")
    await kept.links.issue("u1", DIGEST, until=UNTIL)
    assert await kept.links.redeem(DIGEST, ELSEWHERE, now=NOW) == "u1"


async def test_the_wait_ends_and_a_right_code_ends_the_count(kept) -> None:
    await said_wrongly(kept, MOST_WRONG)
    later = NOW + PAUSE
    await kept.links.issue("u1", DIGEST, until=later + PAUSE)
    assert await kept.links.redeem(DIGEST, U1, now=later) == "u1"
    await said_wrongly(kept, 2 * MOST_WRONG)  # it is somebody's now: nothing is found out


async def test_many_that_guess_at_once_have_no_more_tries_than_one(kept) -> None:
    told = await asyncio.gather(
        *(kept.links.redeem(WRONG, U1, now=NOW) for _ in range(20)), return_exceptions=True
    )
    assert told.count(None) == MOST_WRONG
    assert sum(isinstance(one, UserError) for one in told) == 20 - MOST_WRONG


@pytest.mark.parametrize("backend", ["sqlite", "postgres"])
async def test_wrong_codes_are_counted_over_restarts_and_replicas(kept, backend_engine) -> None:
    await said_wrongly(kept, MOST_WRONG)
    with pytest.raises(UserError):
        await SqlIdentityLinks(backend_engine).redeem(WRONG, U1, now=NOW)


@pytest.mark.parametrize("backend", ["sqlite", "postgres"])
async def test_an_import_of_people_leaves_linked_identities_alone(kept) -> None:
    await kept.links.issue("u2", DIGEST, until=UNTIL)
    await kept.links.redeem(DIGEST, U1, now=NOW)
    await kept.directory.add(PersonRecord(actor=BEN, employee_no="2"))
    assert await kept.directory.find(U1) == BEN
    assert await kept.directory.find(BENS) is None


@pytest.mark.parametrize("backend", ["sqlite", "postgres"])
@pytest.mark.parametrize(
    "standing", [{"active": False, "locked": False}, {"active": True, "locked": True}]
)
async def test_who_has_left_or_is_shut_out_links_nothing(kept, standing) -> None:
    await kept.links.issue("u1", DIGEST, until=UNTIL)
    await kept.directory.set_standing("u1", **standing)
    assert await kept.links.redeem(DIGEST, U1, now=NOW) is None
    await kept.directory.set_standing("u1", active=True, locked=False)
    assert await kept.directory.find(U1) is None
