"""Teams' text as people typed it, and people by what does not change about them."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.teams.inbound import Activity, said_of, sender_of
from bot.core.domain.people import ExternalId
from tests.fakes.engine import FakeClock

APP_ID = "6f0b3c1e-0d5a-4f43-9f2e-2b7a3d1c9e10"
BOT = f"28:{APP_ID}"
TENANT = "0a1b2c3d-1111-4222-8333-944455556666"
LEE = "0d5a6f0b-2222-4333-8444-9444aaaa6666"


def mention(text: str | None, *, of: str = BOT, name: str = "GUARDiA") -> dict[str, Any]:
    mentioned = {"id": of, "name": name}
    return {"type": "mention", "mentioned": mentioned} | ({"text": text} if text else {})


def activity(text: str, *entities: dict[str, Any], **more: Any) -> Activity:
    """As the service words the first message of somebody in a channel."""
    told: dict[str, Any] = {
        "type": "message",
        "id": "1485983408511",
        "timestamp": "2026-11-22T03:00:00.511Z",
        "channelId": "msteams",
        "serviceUrl": "https://smba.trafficmanager.net/kr/",
        "from": {
            "id": "29:1I9Is_Sx0OIy2rQ7Xz1lcaPKlO9eqmBRTBuW6XzkFtcjqxTjPaCMij8BVMdBcL9L_RwWNJ",
            "name": "이운영",
            "aadObjectId": LEE.upper(),
        },
        "conversation": {
            "isGroup": True,
            "conversationType": "channel",
            "id": "19:efa9296d959346209fea44151c742e73@thread.tacv2;messageid=1485983408511",
        },
        "recipient": {"id": BOT, "name": "GUARDiA"},
        "text": text,
        "entities": [{"type": "clientInfo", "locale": "ko-KR", "platform": "Windows"}, *entities],
        "channelData": {"tenant": {"id": TENANT}},
    }
    return Activity.model_validate(told | more)


def words(text: str, *entities: dict[str, Any]) -> str:
    sender = ExternalId(adapter="teams", tenant=TENANT, user_id=LEE)
    said = said_of(activity(text, *entities), sender, bot_id=BOT, at=FakeClock().now())
    assert said is not None
    assert said.addressed
    return said.text


AT = "<at>GUARDiA</at>"


@pytest.mark.parametrize(
    ("typed", "entities", "read_as"),
    [
        (f"{AT} 재기동해줘", [mention(AT)], "재기동해줘"),
        (f"\r\n{AT} 재기동\r\n", [mention(AT)], "재기동"),
        (f"{AT}&nbsp;재기동", [mention(AT)], "재기동"),
        (f"{AT}야, 재기동", [mention(AT)], "재기동"),
        (f"{AT}님 재기동", [mention(AT)], "재기동"),
        (f"재기동 부탁해 {AT}", [mention(AT)], "재기동 부탁해"),
        (f"{AT} {AT} 재기동", [mention(AT), mention(AT)], "재기동"),
        (f"{AT} 재기동", [mention(None)], "재기동"),
        ("<at>guardia</at> 재기동", [mention(AT)], "재기동"),
        ('<at id="0">GUARDiA</at> 재기동', [mention(AT)], "재기동"),
        (
            "<at>GUARDiA</at>&nbsp;<at>봇</at> 재기동",
            [mention(AT), mention("<at>봇</at>", name="봇")],
            "재기동",
        ),
        (
            f"{AT} <at>김부장</at> <at>R&amp;D</at> 승인?",
            [
                mention(AT),
                mention("<at>김부장</at>", of="29:kim", name="김부장"),
                mention("<at>R&amp;D</at>", of="29:rnd", name="R&D"),
            ],
            "김부장 R&D 승인?",
        ),
        (f"{AT} 1 &lt; 2 &amp;&amp; 3 &gt; 2", [mention(AT)], "1 < 2 && 3 > 2"),
        (f"{AT} &lt;at&gt;모두&lt;/at&gt;", [mention(AT)], "<at>모두</at>"),
        (f"{AT} &amp;lt;b&amp;gt;", [mention(AT)], "&lt;b&gt;"),
        (f'{AT} 반영 <attachment id="1"></attachment>', [mention(AT)], "반영"),
        (f"{AT} <attribute name='a'/> 확인", [mention(AT)], "<attribute name='a'/> 확인"),
        (f"{AT} <b>굵게</b>", [mention(AT)], "<b>굵게</b>"),
    ],
)
def test_text_is_what_the_person_typed(
    typed: str, entities: list[dict[str, Any]], read_as: str
) -> None:
    assert words(typed, *entities) == read_as


def test_a_mention_of_somebody_else_is_no_call() -> None:
    sender = ExternalId(adapter="teams", tenant=TENANT, user_id=LEE)
    said = said_of(
        activity("<at>GUARDiA</at> 점검", mention(AT, of="29:kim")),
        sender,
        bot_id=BOT,
        at=FakeClock().now(),
    )
    assert said is not None
    assert not said.addressed


def test_a_person_is_tenant_and_directory_id_from_the_first_message_on() -> None:
    """``29:…`` is another one for each bot and is not read."""
    expected = ExternalId(adapter="teams", tenant=TENANT, user_id=LEE)
    assert sender_of(activity("안녕"), TENANT) == expected


@pytest.mark.parametrize("sender", [{"id": "29:1anonymous"}, {"id": "28:other-bot"}])
def test_who_is_in_no_directory_is_nobody(sender: dict[str, str]) -> None:
    for more in ({}, {"aadObjectId": None}, {"aadObjectId": " "}):
        assert sender_of(activity("안녕", **{"from": sender | more}), TENANT) is None
