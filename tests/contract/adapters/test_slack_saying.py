"""The Slack adapter says what it is given, once and within Slack's limits, over the real client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.core.domain.report import Attachment, Lines, Report, Tone
from bot.core.errors import OperationError
from tests.fakes.block_kit import words_of
from tests.fakes.engine import FakeClock
from tests.fakes.sample_reports import decided_plan_report, final_report, plan_report
from tests.fakes.slack_desk import DEV, LEADER, PLACE, Desk, mention, open_desk
from tests.fakes.slack_service import SlackService


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


async def test_the_same_key_posts_once_also_in_another_life(desk: Desk) -> None:
    first = await desk.adapter.post(plan_report(), PLACE, key="k1")
    again = await desk.made().post(plan_report(), PLACE, key="k1")
    other = await desk.adapter.post(plan_report(), PLACE, key="k2")
    assert first == again != other
    assert len(desk.said()) == 2


async def test_an_edit_replaces_words_and_buttons(desk: Desk) -> None:
    card = await desk.adapter.post(plan_report(), PLACE, key="k")
    await desk.adapter.edit(decided_plan_report(), card)
    [message] = desk.said()
    assert message.revision == 2
    assert "승인 · 03:02:41" in words_of(message.blocks)
    assert "actions" not in {block["type"] for block in message.blocks}


async def test_an_edit_of_what_is_gone_says_so(desk: Desk) -> None:
    with pytest.raises(OperationError) as refused:
        await desk.adapter.edit(plan_report(), replace(PLACE, message="1.000001"))
    assert refused.value.code == "message_missing"


async def test_a_refusal_is_for_one_persons_eyes(desk: Desk) -> None:
    report = Report(title="승인할 수 없습니다", summary="본인 요청입니다.", only_for=LEADER)
    said, payload = mention(desk)
    await desk.service.deliver(payload)
    await desk.adapter.post(report, replace(PLACE, thread=said.ts), key="r1")
    # Nobody has answered there yet: Slack would show it to nobody.
    assert (desk.said()[-1].only_for, desk.said()[-1].thread_ts) == (LEADER, "")
    await desk.adapter.post(plan_report(), replace(PLACE, thread=said.ts), key="card")
    await desk.adapter.post(report, replace(PLACE, thread=said.ts), key="r2")
    assert (desk.said()[-1].only_for, desk.said()[-1].thread_ts) == (LEADER, said.ts)


async def test_a_reports_files_and_what_did_not_fit_lie_in_its_thread_once(desk: Desk) -> None:
    stored = await desk.files.receive("chart.png", pieces(b"png"))
    chart = Attachment(digest=stored.digest, name="추이.png", size=3, media_type="image/png")
    log = Lines(lines=tuple(f"{n} 줄" * 20 for n in range(900)), title="catalina.out")
    report = replace(final_report(), files=(chart,), sections=(log,))
    place = await desk.adapter.post(report, PLACE, key="k")
    await desk.adapter.post(report, PLACE, key="k")
    await desk.adapter.edit(replace(report, title="다시"), place)
    files = [file for file in desk.service.files.values() if file.channel]
    assert [file.name for file in files] == ["추이.png", "02-catalina-out.txt"]
    assert {file.thread_ts for file in files} == {place.message}
    assert files[0].data == b"png"
    assert "899 줄" in files[1].data.decode()


async def test_a_file_that_slack_will_not_have_costs_nobody_the_report(desk: Desk) -> None:
    desk.service.scopes = "chat:write"
    report = replace(final_report(), sections=(Lines(lines=("줄" * 90,) * 900),))
    place = await desk.adapter.post(report, PLACE, key="k")
    await desk.adapter.post(report, PLACE, key="k")
    card, told = desk.said()
    assert card.ts == place.message
    assert ("올리지 못했습니다" in told.text, told.thread_ts) == (True, card.ts)


async def test_what_is_still_running_is_not_worth_a_file(desk: Desk) -> None:
    log = Lines(lines=tuple(f"{n} 줄" * 20 for n in range(900)))
    report = Report(title="진행 중", summary="s", tone=Tone.RUNNING, sections=(log,))
    place = await desk.adapter.post(report, PLACE, key="k")
    assert desk.service.files == {}
    await desk.adapter.edit(replace(report, tone=Tone.GOOD), place)
    assert len(desk.service.files) == 1


async def test_a_short_wait_for_speed_is_the_clients_a_longer_one_the_queues(desk: Desk) -> None:
    desk.service.limit_rate(1, retry_after_s=1)
    await desk.adapter.post(plan_report(), PLACE, key="short")
    desk.service.limit_rate(2, retry_after_s=1)
    assert await refused_wait(desk, "again") == 1
    desk.service.limit_rate(1, retry_after_s=40)
    assert await refused_wait(desk, "long") == 40


async def test_a_time_to_come_again_may_be_a_date(desk: Desk) -> None:
    """Slack names seconds; what stands between may not (RFC 9110, 10.2.3)."""
    dates = {"Date": "Sun, 22 Nov 2026 03:00:00 GMT"}
    desk.service.refuse_until("Sun, 22 Nov 2026 03:00:45 GMT", **dates)
    assert await refused_wait(desk, "date") == 45
    desk.service.refuse_until("soon")
    assert await refused_wait(desk, "nonsense") == 30


async def refused_wait(desk: Desk, key: str) -> float:
    with pytest.raises(OperationError) as refused:
        await desk.adapter.post(plan_report(), PLACE, key=key)
    assert refused.value.code == "chat_unavailable"
    return float(refused.value.values["retry_after_s"])


async def test_slacks_own_limit_of_a_channel_is_waited_out() -> None:
    clock = FakeClock()
    async with SlackService(burst=2, now=lambda: clock.now().timestamp()) as service:
        desk = Desk(service, clock)
        for number in range(4):
            await desk.adapter.post(final_report(), PLACE, key=f"k{number}")
        assert len(desk.said()) == 4


@pytest.mark.parametrize(
    ("channel", "reason"), [("C0NONE", "channel_not_found"), ("C0OTHER", "not_in_channel")]
)
async def test_what_no_waiting_mends_is_said_as_such(desk: Desk, channel: str, reason: str) -> None:
    desk.service.join("C0OTHER", DEV)
    with pytest.raises(OperationError) as refused:
        await desk.adapter.post(plan_report(), replace(PLACE, channel=channel), key="k")
    assert (refused.value.code, refused.value.values["reason"]) == ("slack_refused", reason)


async def test_an_outage_is_worth_another_try(desk: Desk) -> None:
    desk.service.fail(1)
    with pytest.raises(OperationError) as refused:
        await desk.adapter.post(plan_report(), PLACE, key="k")
    assert refused.value.code == "chat_unavailable"
    await desk.adapter.post(plan_report(), PLACE, key="k")
    assert len(desk.said()) == 1


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    yield data
