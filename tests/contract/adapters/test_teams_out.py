"""The Teams adapter says what it is given, once and within limits, over the real client library."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.core.domain.report import Attachment, Lines, Paragraph, Report
from bot.core.errors import OperationError
from tests.fakes.adaptive_cards import actions_of, card_in, words_of
from tests.fakes.sample_reports import plan_report
from tests.fakes.teams_world import ASK, CHANNEL, LEE, PERSONAL, Links, TeamsWorld


@pytest.fixture
async def world() -> AsyncIterator[TeamsWorld]:
    async with TeamsWorld(links=Links()) as running:
        running.service.roster |= {PERSONAL}
        yield running


# --- going out ---------------------------------------------------------------------------------


async def test_the_same_key_posts_once_also_in_the_next_life(world: TeamsWorld) -> None:
    to = replace(CHANNEL, thread="1001")
    first = await world.adapter.post(ASK, to, key="k")
    await world.stop_bot()
    await world.start_bot()
    assert await world.adapter.post(ASK, to, key="k") == first
    assert len(world.service.messages) == 1


async def test_a_report_into_the_open_channel_opens_a_thread_and_is_edited_there(
    world: TeamsWorld,
) -> None:
    place = await world.adapter.post(ASK, CHANNEL, key="k")
    assert place.thread == place.message
    await world.adapter.edit(replace(ASK, title="끝났습니다.", buttons=()), place)
    (stored,) = world.service.messages.values()
    assert (stored.revision, actions_of(card_in(stored.activity))) == (2, {})


async def test_a_conversation_is_reached_after_a_restart_where_it_was_heard(
    world: TeamsWorld,
) -> None:
    await world.service.deliver(world.service.activity(PERSONAL, LEE, text="안녕하세요"))
    thread = world.received[0].conversation
    await world.stop_bot()
    await world.start_bot()
    place = await world.adapter.post(ASK, replace(thread, message=None), key="later")
    assert world.service.messages[place.message or ""].conversation == PERSONAL


async def test_an_edit_of_a_message_that_is_gone_says_so(world: TeamsWorld) -> None:
    place = await world.adapter.post(ASK, CHANNEL, key="k")
    world.service.messages[place.message or ""].deleted = True
    with pytest.raises(OperationError) as error:
        await world.adapter.edit(ASK, place)
    assert error.value.code == "message_missing"


@pytest.mark.parametrize("status", [412, 500, 502, 503, 504])
async def test_what_passes_by_is_tried_again_in_a_moment(world: TeamsWorld, status: int) -> None:
    world.service.fail(2, status=status)
    await world.adapter.post(ASK, CHANNEL, key="k")
    assert len(world.service.messages) == 1


async def test_what_does_not_pass_by_is_left_to_the_queue(world: TeamsWorld) -> None:
    world.service.fail(3)
    with pytest.raises(OperationError) as error:
        await world.adapter.post(ASK, CHANNEL, key="k")
    assert error.value.code == "chat_unavailable"


async def test_a_throttled_call_says_when_to_come_again(world: TeamsWorld) -> None:
    world.service.fail(1, status=429, Retry_After="7")
    with pytest.raises(OperationError) as error:
        await world.adapter.post(ASK, CHANNEL, key="k")
    assert 7 <= float(error.value.values["retry_after_s"]) < 8


async def test_a_time_to_come_again_may_be_a_date(world: TeamsWorld) -> None:
    now, later = "Sun, 22 Nov 2026 03:00:00 GMT", "Sun, 22 Nov 2026 03:00:07 GMT"
    world.service.fail(1, status=429, Retry_After=later, Date=now)
    with pytest.raises(OperationError) as error:
        await world.adapter.post(ASK, CHANNEL, key="k")
    assert 7 <= float(error.value.values["retry_after_s"]) < 8


async def test_without_a_retry_after_the_next_try_is_at_a_random_moment(world: TeamsWorld) -> None:
    waits = set()
    for _ in range(3):
        world.service.fail(1, status=429)
        with pytest.raises(OperationError) as error:
            await world.adapter.post(ASK, CHANNEL, key="k")
        waits.add(float(error.value.values["retry_after_s"]))
    assert len(waits) > 1
    assert all(0 < wait < 5 for wait in waits)


async def test_a_room_without_the_app_is_not_tried_again(world: TeamsWorld) -> None:
    with pytest.raises(OperationError) as error:
        await world.adapter.post(ASK, replace(CHANNEL, channel="19:x@thread.tacv2"), key="k")
    assert error.value.code == "teams_refused"


async def test_a_report_that_is_too_long_is_cut_and_goes_along_whole(world: TeamsWorld) -> None:
    lines = tuple(f"{number:05} 로그 한 줄입니다 " + "가" * 80 for number in range(2_000))
    report = Report(title="로그", summary="로그입니다.", sections=(Lines(lines=lines),))
    await world.adapter.post(report, replace(CHANNEL, thread="1001"), key="k")
    card = world.card_of_only_message()
    link = actions_of(card)["전체 내용.txt"]
    digest = link["url"].rpartition("/")[2]
    whole = await world.parts.files.read(digest, 0, 1 << 20)
    assert lines[0] in whole.decode()
    assert lines[-1] in whole.decode()


@pytest.mark.parametrize("limit_kb", [40, 28])
async def test_where_teams_takes_less_than_it_says_the_report_still_comes_whole(
    world: TeamsWorld, limit_kb: int
) -> None:
    """What the service's documents have called the limit before."""
    world.service.max_message_bytes = limit_kb * 1024
    lines = tuple(f"{number:05} 로그 한 줄입니다 " + "가" * 200 for number in range(80))
    report = replace(ASK, sections=(Lines(lines=lines),))
    place = await world.adapter.post(report, replace(CHANNEL, thread="1001"), key="k")
    actions = actions_of(world.card_of_only_message())
    whole = await world.parts.files.read(
        actions["전체 내용.txt"]["url"].rpartition("/")[2], 0, 1 << 20
    )
    assert lines[0] in whole.decode()
    assert {"1번", "취소"} <= set(actions)
    await world.adapter.edit(replace(report, title="끝났습니다."), place)
    assert world.service.messages[place.message or ""].revision == 2
    # In the next life the service is asked anew.
    await world.stop_bot()
    await world.start_bot()
    assert await world.adapter.post(report, replace(CHANNEL, thread="1001"), key="k") == place
    await world.adapter.edit(report, place)
    assert world.service.messages[place.message or ""].revision == 3


async def test_a_message_that_no_card_can_hold_is_refused_as_such(world: TeamsWorld) -> None:
    world.service.max_message_bytes = 1024
    with pytest.raises(OperationError) as error:
        await world.adapter.post(ASK, CHANNEL, key="k")
    assert (error.value.code, error.value.values["status"]) == ("teams_refused", "413")


async def test_a_long_progress_card_leaves_no_files_behind(world: TeamsWorld) -> None:
    await world.service.deliver(world.service.activity(PERSONAL, LEE, text="배포"))
    to = replace(world.received[0].conversation, message=None)
    place = await world.adapter.post(ASK, to, key="k")
    for number in range(3):
        lines = tuple(f"{number} {line} " + "가" * 90 for line in range(500))
        await world.adapter.edit(replace(ASK, sections=(Lines(lines=lines),)), place)
    assert list(world.service.messages) == [place.message]


async def test_the_plan_card_of_a_deployment_fits(world: TeamsWorld) -> None:
    report = plan_report()
    await world.adapter.post(report, replace(CHANNEL, thread="1001"), key="k")
    card = world.card_of_only_message()
    assert set(actions_of(card)) >= {button.label for button in report.buttons}


async def test_what_people_wrote_never_becomes_a_link_or_a_mention(world: TeamsWorld) -> None:
    evil = "[누르세요](https://evil.test) <at>모두</at> **굵게**"
    report = Report(title=evil, summary=evil, sections=(Paragraph(text=evil),))
    await world.adapter.post(report, CHANNEL, key="k")
    (stored,) = world.service.messages.values()
    assert '"TextBlock"' not in json.dumps(stored.activity)
    assert not stored.activity.get("entities")


# --- files out ---------------------------------------------------------------------------------


async def test_a_file_is_offered_in_a_personal_chat_and_sent_when_agreed(world: TeamsWorld) -> None:
    consent = await _offered(world, b"x" * 700_000)
    await world.service.deliver(_agreed(world, consent, f"{world.service.origin}/uploads/u1"))
    assert bytes(world.service.uploads["u1"]) == b"x" * 700_000
    assert world.service.messages[consent.id].deleted
    assert world.service.counts["token_leaked"] == 0


async def test_a_file_is_not_sent_to_another_host(world: TeamsWorld) -> None:
    consent = await _offered(world, b"secret")
    await world.service.deliver(_agreed(world, consent, "https://evil.test/uploads/u1"))
    assert world.service.uploads == {}
    assert "허용되지 않은 위치" in " ".join(_all_words(world))


async def test_a_file_that_is_declined_is_not_sent_and_the_question_goes(world: TeamsWorld) -> None:
    consent = await _offered(world, b"secret")
    content = consent.activity["attachments"][0]["content"]
    value = {"type": "fileUpload", "action": "decline", "context": content["declineContext"]}
    declined = _agreed(world, consent, "") | {"value": value}
    answer = await world.service.deliver(declined)
    assert (answer.status, world.service.uploads) == (200, {})
    assert consent.deleted
    assert "OneDrive" not in " ".join(_all_words(world))


async def test_a_place_for_the_file_that_has_lapsed_is_said_and_the_file_can_be_taken_again(
    world: TeamsWorld,
) -> None:
    consent = await _offered(world, b"report")
    world.service.lapsed = {"u1"}
    await world.service.deliver(_agreed(world, consent, f"{world.service.origin}/uploads/u1"))
    assert "OneDrive에 저장하지 못했습니다" in " ".join(_all_words(world))
    assert not consent.deleted
    await world.service.deliver(_agreed(world, consent, f"{world.service.origin}/uploads/u2"))
    assert bytes(world.service.uploads["u2"]) == b"report"
    assert consent.deleted


async def test_an_offer_that_nobody_remembers_is_said_to_be_over(world: TeamsWorld) -> None:
    consent = await _offered(world, b"report")
    much_later = world.parts.clock.now() + timedelta(days=365)
    await world.parts.memory.forget("teams", before=much_later)
    await world.service.deliver(_agreed(world, consent, f"{world.service.origin}/uploads/u1"))
    assert "이미 끝난 파일 요청입니다" in " ".join(_all_words(world))
    assert world.service.uploads == {}


async def test_a_made_up_offer_gives_no_file(world: TeamsWorld) -> None:
    consent = await _offered(world, b"secret")
    consent.activity["attachments"][0]["content"]["acceptContext"] = {"offer": "guessed"}
    await world.service.deliver(_agreed(world, consent, f"{world.service.origin}/uploads/u1"))
    assert world.service.uploads == {}


async def test_a_file_into_a_channel_becomes_a_link(world: TeamsWorld) -> None:
    report = replace(ASK, buttons=(), files=(await _stored(world, b"1"),))
    await world.adapter.post(report, replace(CHANNEL, thread="1001"), key="k")
    assert "report.xlsx" in actions_of(world.card_of_only_message())


async def _stored(world: TeamsWorld, content: bytes) -> Attachment:
    async def chunks() -> AsyncIterator[bytes]:
        yield content

    kept = await world.parts.files.receive("report.xlsx", chunks())
    return Attachment(digest=kept.digest, name=kept.name, size=kept.size, media_type="x/y")


async def _offered(world: TeamsWorld, content: bytes) -> Any:
    await world.service.deliver(world.service.activity(PERSONAL, LEE, text="보고서 줘"))
    thread = world.received[0].conversation
    report = replace(ASK, buttons=(), files=(await _stored(world, content),))
    await world.adapter.post(report, replace(thread, message=None), key="k")
    await world.adapter.post(report, replace(thread, message=None), key="k")
    offers = [
        each
        for each in world.service.messages.values()
        if each.activity["attachments"][0]["contentType"].endswith("file.consent")
    ]
    (consent,) = offers
    return consent


def _agreed(world: TeamsWorld, consent: Any, upload_url: str) -> dict[str, Any]:
    content = consent.activity["attachments"][0]["content"]
    upload = {"uploadUrl": upload_url, "contentUrl": "https://x.sharepoint.com/r.xlsx"}
    upload |= {"name": "report.xlsx", "uniqueId": "u1", "fileType": "xlsx"}
    return world.service.activity(
        PERSONAL,
        LEE,
        type="invoke",
        name="fileConsent/invoke",
        replyToId=consent.id,
        value={
            "type": "fileUpload",
            "action": "accept",
            "context": content["acceptContext"],
            "uploadInfo": upload,
        },
    )


def _all_words(world: TeamsWorld) -> list[str]:
    stored = world.service.messages.values()
    return [word for each in stored for word in words_of(card_in(each.activity))]
