"""Forged, stale and misdirected requests to the Teams door: refused with their status, nothing of
them reaches the core, and no token goes where it must not. The ids are those of the list of
hostile requests that the project is judged by."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from adapters.teams.adapter import TeamsAdapter
from adapters.teams.settings import TeamsSettings
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.report import Report
from bot.core.errors import ConfigurationError, OperationError
from tests.fakes.engine import FakeClock
from tests.fakes.messenger_driver import Parts
from tests.fakes.teams_login import APP_ID, TENANT
from tests.fakes.teams_service import BOT, TEAM_CHANNEL, Delivered
from tests.fakes.teams_world import TeamsWorld

LEE = "aaaaaaaa-0000-4000-8000-000000000001"
MENTION: dict[str, Any] = {
    "text": "<at>GUARDiA</at> 점검",
    "entities": [{"type": "mention", "mentioned": {"id": BOT}, "text": "<at>GUARDiA</at>"}],
}


@pytest.fixture
async def world() -> AsyncIterator[TeamsWorld]:
    async with TeamsWorld() as running:
        yield running


async def deliver(world: TeamsWorld, *, token: str | None = None, **fields: Any) -> Delivered:
    activity = world.service.activity(TEAM_CHANNEL, LEE, **(MENTION | fields))
    return await world.service.deliver(activity, token=token)


async def status_of(world: TeamsWorld, token: str, **fields: Any) -> int:
    """The status of an activity that must come to nothing, whatever it is."""
    answer = await deliver(world, token=token, **fields)
    assert world.received == []
    assert world.service.counts["connector"] == world.service.counts["token"] == 0
    return answer.status


def claims(world: TeamsWorld) -> dict[str, Any]:
    return dict(jwt.decode(world.service.bearer(), options={"verify_signature": False}))


async def test_a_request_with_a_good_token_is_heard(world: TeamsWorld) -> None:
    assert (await deliver(world)).status == 200
    assert len(world.received) == 1


# --- teams_jwt-001: the algorithm ---------------------------------------------------------------


async def test_001_a_token_without_a_signature_is_refused(world: TeamsWorld) -> None:
    token = jwt.encode(claims(world), "", algorithm="none", headers={"kid": "key-1"})
    assert await status_of(world, token) == 403


async def test_001_a_token_signed_with_the_public_key_as_a_password_is_refused(
    world: TeamsWorld,
) -> None:
    public = world.service.key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    token = jwt.encode(
        claims(world), base64.b64encode(public), algorithm="HS256", headers={"kid": "key-1"}
    )
    assert await status_of(world, token) == 403


# --- teams_jwt-003: for whom --------------------------------------------------------------------


async def test_003_a_token_for_another_bot_is_refused(world: TeamsWorld) -> None:
    other = "11111111-2222-4333-8444-555555555555"
    assert await status_of(world, world.service.bearer(aud=other)) == 403
    assert await status_of(world, world.service.bearer(aud=[other, APP_ID])) == 403


@pytest.mark.parametrize("missing", ["aud", "iss", "exp", "nbf", "serviceurl"])
async def test_a_token_that_lacks_a_claim_is_refused(world: TeamsWorld, missing: str) -> None:
    assert await status_of(world, world.service.bearer(**{missing: None})) == 403


async def test_a_token_of_another_issuer_is_refused(world: TeamsWorld) -> None:
    # What a tenant signs for the emulator or for a skill says nothing about Teams.
    token = world.service.bearer(iss=f"https://sts.windows.net/{TENANT}/")
    assert await status_of(world, token) == 403


# --- teams_jwt-005: from which service ----------------------------------------------------------


async def test_005_another_service_than_the_tokens_is_refused(world: TeamsWorld) -> None:
    assert await status_of(world, world.service.bearer(), serviceUrl="https://evil.test/") == 403


async def test_005_a_service_that_is_not_allowed_is_refused_though_the_token_names_it(
    world: TeamsWorld,
) -> None:
    evil = "https://smba.trafficmanager.net.evil.test/"
    assert await status_of(world, world.service.bearer(serviceurl=evil), serviceUrl=evil) == 403


async def test_005_two_service_claims_that_differ_are_refused(world: TeamsWorld) -> None:
    assert await status_of(world, world.service.bearer(serviceUrl="https://evil.test/")) == 403


async def test_005_a_remembered_address_that_is_no_longer_allowed_gets_no_token(
    world: TeamsWorld,
) -> None:
    value = {"service_url": "https://evil.test/", "kind": "personal"}
    await world.parts.memory.replace("teams", "reference:a:1", value, at=world.parts.clock.now())
    place = ConversationRef(adapter="teams", channel="a:1")
    with pytest.raises(OperationError) as error:
        await world.adapter.post(Report(title="t", summary="s"), place, key="k")
    assert error.value.code == "teams_service_refused"
    assert world.service.counts["token"] == 0


async def test_the_token_is_got_once_and_never_follows_a_redirect(world: TeamsWorld) -> None:
    place = ConversationRef(adapter="teams", channel=TEAM_CHANNEL, thread="1")
    for number in range(5):
        await world.adapter.post(Report(title="t", summary="s"), place, key=f"k{number}")
    assert world.service.counts["token"] == 1
    world.service.fail(1, status=307, Location=f"{world.service.origin}/files/x")
    with pytest.raises(OperationError):
        await world.adapter.post(Report(title="t", summary="s"), place, key="redirected")
    assert world.service.counts["token_leaked"] == 0
    assert world.service.counts["connector"] == 6


# --- teams_jwt-007: key ids ---------------------------------------------------------------------


async def test_007_a_thousand_unknown_key_ids_fetch_the_keys_once(world: TeamsWorld) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    body, limit = claims(world), asyncio.Semaphore(20)

    async def forged(number: int) -> int:
        async with limit:
            token = jwt.encode(body, stranger, algorithm="RS256", headers={"kid": f"k{number}"})
            return (await deliver(world, token=token)).status

    statuses = await asyncio.gather(*(forged(number) for number in range(1000)))
    assert set(statuses) == {403}
    assert world.received == []
    assert world.service.counts["keys"] == 1
    assert (await deliver(world)).status == 200


async def test_a_new_key_is_found_after_five_minutes(world: TeamsWorld) -> None:
    assert isinstance(world.parts.clock, FakeClock)
    assert (await deliver(world)).status == 200
    world.service.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    world.service.key_id = "key-2"
    assert (await deliver(world)).status == 403
    world.parts.clock.pass_by(minutes=5)
    assert (await deliver(world)).status == 200
    assert world.service.counts["keys"] == 2


async def test_a_known_key_id_with_another_signature_is_refused(world: TeamsWorld) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    token = jwt.encode(claims(world), stranger, algorithm="RS256", headers={"kid": "key-1"})
    assert await status_of(world, token) == 403


async def test_a_key_that_is_not_endorsed_for_teams_is_refused(world: TeamsWorld) -> None:
    world.service.endorsements = ["webchat"]
    assert await status_of(world, world.service.bearer()) == 403


async def test_without_keys_nothing_is_believed(world: TeamsWorld) -> None:
    world.service.keys_down = True
    assert await status_of(world, world.service.bearer()) == 503


# --- time, and what surrounds it ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("begins", "ends", "status"),
    [(-3600, -301, 403), (-3600, -299, 200), (301, 3600, 403), (299, 3600, 200)],
)
async def test_a_token_counts_in_its_time_with_five_minutes_of_skew(
    world: TeamsWorld, begins: int, ends: int, status: int
) -> None:
    now = int(world.parts.clock.now().timestamp())
    token = world.service.bearer(nbf=now + begins, exp=now + ends)
    assert (await deliver(world, token=token)).status == status


@pytest.mark.parametrize("odd", [True, "soon", [], {}, None])
async def test_an_odd_time_is_refused(world: TeamsWorld, odd: object) -> None:
    assert await status_of(world, world.service.bearer(exp=odd)) == 403


@pytest.mark.parametrize("token", ["x", "a.b.c", "e30.e30.", "." * 50, "가", "e" * 9000])
async def test_what_is_no_token_is_refused(world: TeamsWorld, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}".encode().decode("latin-1")}
    async with world.service._client.post(world.service.bot_url, headers=headers) as response:
        assert response.status in (400, 403)  # 400: what the server takes for no header at all
    assert world.received == []


async def test_without_a_token_it_is_401(world: TeamsWorld) -> None:
    assert await status_of(world, "") == 401


async def test_another_channel_recipient_or_tenant_is_refused(world: TeamsWorld) -> None:
    for fields in (
        {"channelId": "webchat"},
        {"recipient": {"id": "28:other"}},
        {"channelData": {"tenant": {"id": "other"}}},
        {"channelData": {}, "conversation": {"id": "x"}},
    ):
        assert await status_of(world, world.service.bearer(), **fields) == 403


@pytest.mark.parametrize(
    "body", ["", "[]", "null", "{", "[" * 20_000, '{"a":' * 5_000, '"x"', "NaN"]
)
async def test_a_malformed_body_is_400_and_never_500(world: TeamsWorld, body: str) -> None:
    answer = await world.service._posted(body, world.service.bearer())
    assert (answer.status, world.received) == (400, [])


async def test_malformed_activities_never_raise(world: TeamsWorld) -> None:
    whole = world.service.activity(TEAM_CHANNEL, LEE, **MENTION)
    for name in whole:
        for odd in (None, [], {}, 7, "x", [None], {"id": None}):
            answer = await world.service._posted(
                json.dumps(whole | {name: odd}), world.service.bearer()
            )
            assert answer.status in (200, 400, 403), (name, odd, answer)


async def test_a_body_that_is_too_large_is_413(world: TeamsWorld) -> None:
    answer = await deliver(world, text="가" * 400_000)
    assert (answer.status, world.received) == (413, [])


async def test_a_replayed_request_is_handed_on_once(world: TeamsWorld) -> None:
    activity = world.service.activity(TEAM_CHANNEL, LEE, **MENTION)
    token = world.service.bearer()
    for _ in range(3):
        assert (await world.service.deliver(activity, token=token)).status == 200
    assert len(world.received) == 1


# --- settings -----------------------------------------------------------------------------------

WHOLE: dict[str, Any] = {
    "enabled": True,
    "app_id": APP_ID,
    "tenant_id": TENANT,
    "app_password": "secret",
}


@pytest.mark.parametrize(
    "change",
    [
        {"app_id": ""},
        {"app_id": "GUARDiA"},
        {"tenant_id": ""},
        {"app_password": ""},
        {"service_urls": ()},
        {"service_urls": ("http://smba.trafficmanager.net/",)},
        {"openid_url": "http://login.test/"},
    ],
)
def test_an_adapter_that_could_not_check_refuses_to_start(change: dict[str, Any]) -> None:
    TeamsSettings(**WHOLE)
    with pytest.raises(ValueError, match=r"teams|app_id|tenant_id|app_password|service_urls|https"):
        TeamsSettings(**(WHOLE | change))


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("https://contoso-my.sharepoint.com/x?tempauth=1", True),
        ("https://a.b.sharepoint.com/x", False),
        ("https://sharepoint.com.evil.test/x", False),
        ("https://contoso.sharepoint.com:444/x", False),
        ("https://contoso.sharepoint.com@evil.test/x", False),
        ("https://evil.test\\@contoso.sharepoint.com/x", False),
        ("http://contoso.sharepoint.com/x", False),
        ("https://contoso.sharepoint.com:x/", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
def test_files_come_from_the_organisations_own_store_only(url: str, trusted: bool) -> None:
    assert TeamsSettings().trusts_file_host(url) is trusted


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_authority_that_cannot_be_read_refuses_to_start(
    tmp_path: Path, content: str | None
) -> None:
    ca_file = tmp_path / "ca.pem"
    if content is not None:
        ca_file.write_text(content)
    parts = Parts()
    with pytest.raises(ConfigurationError):
        TeamsAdapter(
            settings=TeamsSettings(**WHOLE, ca_file=ca_file),
            files=parts.files,
            memory=parts.memory,
            links=None,
            texts=parts.texts,
            clock=parts.clock,
        )
