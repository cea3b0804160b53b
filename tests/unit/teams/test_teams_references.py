"""A conversation is reached where it was heard, and before that where the others are."""

from __future__ import annotations

from typing import Any

from adapters.teams.inbound import Activity
from adapters.teams.references import References
from adapters.teams.settings import TeamsSettings
from bot.core.domain.conversation import ConversationRef
from tests.fakes.engine import FakeClock
from tests.fakes.messengers import MemoryMessengerMemory

KOREA = "https://smba.trafficmanager.net/kr/"
SILENT = ConversationRef(adapter="teams", channel="19:other@thread.tacv2")


def heard(service_url: str = KOREA, channel: str = "19:ops@thread.tacv2") -> Activity:
    told: dict[str, Any] = {
        "type": "message",
        "id": "1",
        "serviceUrl": service_url,
        "from": {"id": "29:x"},
        "conversation": {"id": channel, "conversationType": "channel"},
    }
    return Activity.model_validate(told)


def references(memory: MemoryMessengerMemory, **settings: Any) -> References:
    return References(TeamsSettings(**settings), memory, FakeClock())


async def test_before_anybody_has_spoken_it_is_the_services_global_address() -> None:
    reference = await references(MemoryMessengerMemory()).of(SILENT)
    assert reference.service_url == "https://smba.trafficmanager.net/teams/"
    assert (reference.kind, reference.takes_files) == ("channel", False)


async def test_where_nobody_has_spoken_it_is_where_the_others_have_also_in_the_next_life() -> None:
    memory = MemoryMessengerMemory()
    await references(memory).learn(heard())
    assert (await references(memory).of(SILENT)).service_url == KOREA


async def test_an_address_that_is_trusted_no_more_is_not_guessed() -> None:
    memory = MemoryMessengerMemory()
    await references(memory).learn(heard("https://old.example/kr/"))
    reference = await references(memory).of(SILENT)
    assert reference.service_url == "https://smba.trafficmanager.net/teams/"


async def test_a_conversation_that_moves_is_followed() -> None:
    memory = MemoryMessengerMemory()
    known = references(memory)
    place = ConversationRef(adapter="teams", channel="19:ops@thread.tacv2")
    for region in (KOREA, "https://smba.trafficmanager.net/apac/"):
        await known.learn(heard(region))
        assert (await known.of(place)).service_url == region
        assert (await references(memory).of(place)).service_url == region
