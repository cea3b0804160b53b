"""AgentStore and SignInStore: what is spent is spent, the same on every implementation."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from tests.fakes.jobs import NOW

UNTIL = NOW + timedelta(minutes=10)
DIGEST, OTHER = "a" * 64, "b" * 64


async def enrol(
    stores, *, digest: str = DIGEST, agent: str = "GOV-PC-01", key: str = "djE="
) -> bool:
    return await stores.agents.redeem(agent, digest, verify_key=key, seal_key="czE=", now=NOW)


async def test_a_token_enrols_its_agent_once(stores) -> None:
    await stores.agents.issue_token("GOV-PC-01", DIGEST, until=UNTIL)
    assert await stores.agents.verify_key("GOV-PC-01") is None
    assert await enrol(stores)
    assert not await enrol(stores, key="djI=")
    assert await stores.agents.verify_key("GOV-PC-01") == "djE="
    assert await stores.agents.seal_key("GOV-PC-01") == "czE="


async def test_twenty_redemptions_at_once_are_one(stores) -> None:
    await stores.agents.issue_token("GOV-PC-01", DIGEST, until=UNTIL)
    assert (await asyncio.gather(*(enrol(stores) for _ in range(20)))).count(True) == 1


async def test_a_token_is_good_for_its_own_agent_only(stores) -> None:
    await stores.agents.issue_token("GOV-PC-01", DIGEST, until=UNTIL)
    assert not await enrol(stores, agent="GOV-PC-02")
    assert not await enrol(stores, digest=OTHER)
    assert await stores.agents.seal_key("GOV-PC-02") is None
    assert await enrol(stores)


async def test_a_lapsed_token_enrols_nobody(stores) -> None:
    await stores.agents.issue_token("GOV-PC-01", DIGEST, until=NOW)
    assert not await enrol(stores)


async def test_a_newer_token_voids_the_older(stores) -> None:
    await stores.agents.issue_token("GOV-PC-01", DIGEST, until=UNTIL)
    await stores.agents.issue_token("GOV-PC-01", OTHER, until=UNTIL)
    assert not await enrol(stores)
    assert await enrol(stores, digest=OTHER)


async def test_enrolling_again_replaces_the_keys(stores) -> None:
    await stores.agents.issue_token("GOV-PC-01", DIGEST, until=UNTIL)
    await enrol(stores)
    await stores.agents.issue_token("GOV-PC-01", OTHER, until=UNTIL)
    assert await enrol(stores, digest=OTHER, key="djI=")
    assert await stores.agents.verify_key("GOV-PC-01") == "djI="


async def test_a_sign_in_code_is_good_once(stores) -> None:
    await stores.sign_ins.issue("u032", DIGEST, until=UNTIL)
    redeemed = await asyncio.gather(*(stores.sign_ins.redeem(DIGEST, now=NOW) for _ in range(20)))
    assert sorted(redeemed, key=str).count("u032") == 1
    assert await stores.sign_ins.redeem(DIGEST, now=NOW) is None


async def test_a_lapsed_unknown_or_voided_code_signs_nobody_in(stores) -> None:
    await stores.sign_ins.issue("u032", DIGEST, until=NOW)
    assert await stores.sign_ins.redeem(DIGEST, now=NOW) is None
    assert await stores.sign_ins.redeem(OTHER, now=NOW) is None
    await stores.sign_ins.issue("u032", DIGEST, until=UNTIL)
    await stores.sign_ins.issue("u032", OTHER, until=UNTIL)
    assert await stores.sign_ins.redeem(DIGEST, now=NOW) is None
    assert await stores.sign_ins.redeem(OTHER, now=NOW) == "u032"
