"""``guardia doctor teams`` finds what is wrong with settings and connections, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adapters.teams.checks import examine_teams
from adapters.teams.settings import TeamsSettings
from bot.core.messenger_ports import Finding
from tests.fakes.teams_world import TeamsWorld


@pytest.fixture
async def world() -> AsyncIterator[TeamsWorld]:
    async with TeamsWorld() as running:
        yield running


async def findings(
    world: TeamsWorld, origin: str | None = None, **changes: Any
) -> dict[str, Finding]:
    settings = TeamsSettings(**world.service.settings(**changes))
    return {each.name: each async for each in examine_teams(settings, origin)}


async def test_a_site_without_teams_is_told_how_to_have_it(world: TeamsWorld) -> None:
    found = await findings(world, enabled=False)
    assert [each.well for each in found.values()] == [False]
    assert "docs/teams.md" in found["teams"].remedy


async def test_a_good_site_is_well_but_for_its_address(world: TeamsWorld) -> None:
    found = await findings(world)
    assert {name for name, each in found.items() if not each.well} == {"teams/endpoint"}
    assert "public_origin" in found["teams/endpoint"].remedy


async def test_a_wrong_secret_is_named_without_being_shown(world: TeamsWorld) -> None:
    found = await findings(world, app_password="wrong-secret")
    assert "invalid_client" in found["teams/token"].found
    assert "wrong-secret" not in repr(found)


async def test_each_refusal_of_the_login_has_its_own_remedy(world: TeamsWorld) -> None:
    other = "11111111-2222-4333-8444-555555555555"
    wrong = (await findings(world, app_password="wrong-secret"))["teams/token"]
    unknown = (await findings(world, app_id=other))["teams/token"]
    world.service.secret_expired = True
    expired = (await findings(world))["teams/token"]
    found = [("AADSTS7000215", wrong), ("AADSTS700016", unknown), ("AADSTS7000222", expired)]
    assert [(code in each.found, each.well) for code, each in found] == [(True, False)] * 3
    assert "not its id" in wrong.remedy
    assert "teams.app_id" in unknown.remedy
    assert "expired" in expired.remedy


async def test_a_tenant_that_is_none_is_asked_about(world: TeamsWorld) -> None:
    other = "11111111-2222-4333-8444-555555555555"
    token = (await findings(world, tenant_id=other))["teams/token"]
    assert (token.well, "tenant_id" in token.remedy) == (False, True)


async def test_a_file_of_authorities_that_is_none_is_named(
    world: TeamsWorld, tmp_path: Path
) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("nothing")
    for file in (empty, tmp_path / "missing.pem"):
        found = await findings(world, ca_file=file)
        assert str(file) in found["teams/ca_file"].found
        assert "PEM" in found["teams/ca_file"].remedy


async def test_services_that_are_silent_are_named(world: TeamsWorld) -> None:
    nowhere = "https://127.0.0.1:9/"
    urls = {"openid_url": nowhere, "login_url": nowhere, "service_urls": (nowhere,)}
    found = await findings(world, origin=nowhere, **urls)
    assert {name for name, each in found.items() if each.well} == {"teams/app"}
    assert "login.microsoftonline.com" in found["teams/token"].remedy


async def test_keys_that_do_not_speak_for_teams_are_a_finding(world: TeamsWorld) -> None:
    world.service.endorsements = ["webchat"]
    assert not (await findings(world))["teams/keys"].well
