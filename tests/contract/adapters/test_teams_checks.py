"""``guardia doctor teams`` finds what is wrong with settings and connections, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
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


async def test_services_that_are_silent_are_named(world: TeamsWorld) -> None:
    nowhere = "https://127.0.0.1:9/"
    urls = {"openid_url": nowhere, "login_url": nowhere, "service_urls": (nowhere,)}
    found = await findings(world, origin=nowhere, **urls)
    assert {name for name, each in found.items() if each.well} == {"teams/app"}
    assert "login.microsoftonline.com" in found["teams/token"].remedy


async def test_keys_that_do_not_speak_for_teams_are_a_finding(world: TeamsWorld) -> None:
    world.service.endorsements = ["webchat"]
    assert not (await findings(world))["teams/keys"].well
