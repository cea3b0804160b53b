"""When it runs, as the plan card says it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from actions.deploy import Deploy
from bot.core.cards import Schedule, plan_card, read_stamp
from bot.core.domain.calendar import Freeze, Timing
from bot.core.domain.job import Job, JobState
from bot.core.domain.report import Facts, Report
from bot.core.texts import load_texts
from tests.fakes.planning import LEADER, NOW, deploy_request, job_of, pair

KO = load_texts("ko")
LATER = NOW + timedelta(hours=8)  # 22:00 of a Wednesday in Seoul
FREEZE = Freeze(
    freeze_id="F1",
    who="u011",
    why="연말 결산 password=hunter2",
    start=NOW,
    until=LATER,
    system_code="MOEF-BUDGET",
)


def job(state: JobState = JobState.AWAITING_APPROVAL, **more: object) -> Job:
    return job_of(Deploy().plan(deploy_request({"a.class": "changed"}, pair())), state, **more)


def card(timing: Timing, *, of: Job | None = None, who: str = "") -> Report:
    schedule = Schedule(timing=timing, who=who)
    return plan_card(of or job(), approvers=[LEADER], texts=KO, now=NOW, schedule=schedule)


def when(report: Report) -> str:
    facts = [row for each in report.sections if isinstance(each, Facts) for row in each.rows]
    return dict(facts).get("실행 시점", "")


def labels(report: Report) -> list[str]:
    return [button.label for button in report.buttons]


def test_any_time_is_at_once() -> None:
    shown = card(Timing(open=True))
    assert when(shown) == "승인 즉시"
    assert labels(shown) == ["승인", "반려", "요청 취소"]


def test_a_freeze_says_why_who_until_and_offers_its_end() -> None:
    shown = card(Timing(open=False, freeze=FREEZE, opens_at=LATER), who="파트장011")
    assert when(shown) == (
        "동결 중: 연말 결산 password=●●●, 담당 파트장011, 2026-04-01(수) 22:00까지. "
        "실행 가능: 2026-04-01(수) 22:00"
    )
    assert labels(shown) == ["승인 · 04-01 22:00 실행", "반려", "요청 취소"]
    value = shown.buttons[0].value
    assert read_stamp(value.rsplit(":", 1)[1]) == LATER
    assert value.startswith(f"{job().job_id}:{job().plan.digest}:")


def test_outside_a_window_says_when_it_opens() -> None:
    shown = card(Timing(open=False, opens_at=LATER))
    assert when(shown).startswith("2026-04-01(수) 22:00 (점검 시간대)")
    assert labels(shown)[0] == "승인 · 04-01 22:00 실행"


def test_inside_a_window_offers_both() -> None:
    again = LATER + timedelta(days=7)
    shown = card(Timing(open=True, closes_at=LATER, opens_at=again))
    assert "2026-04-01(수) 22:00까지" in when(shown)
    assert labels(shown)[:2] == ["승인", "승인 · 04-08 22:00 실행"]


def test_what_never_opens_can_only_be_rejected() -> None:
    shown = card(Timing(open=False, freeze=FREEZE))
    assert labels(shown) == ["반려", "요청 취소"]
    assert "1년 안에 없음" in when(shown)


def test_what_opens_later_than_can_be_agreed_says_so_and_offers_no_time() -> None:
    shown = card(Timing(open=False, freeze=FREEZE, opens_at=NOW + timedelta(days=15)))
    assert labels(shown) == ["반려", "요청 취소"]
    assert "14일 안의 시각만" in when(shown)


def test_an_agreed_time_is_shown_until_it_has_come() -> None:
    waiting = job(JobState.QUEUED, run_at=LATER)
    assert when(card(Timing(open=True), of=waiting)) == "2026-04-01(수) 22:00 실행 예약"
    turned = job(JobState.QUEUED, run_at=NOW)
    assert when(card(Timing(open=True), of=turned)) == ""


@pytest.mark.parametrize("text", ["", "x", "20261301T000000Z", "2026-05-23T22:00", "9" * 500])
def test_no_other_text_is_an_instant(text: str) -> None:
    assert read_stamp(text) is None
