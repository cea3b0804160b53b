"""What a look makes people want next is a button that says the command for it."""

from __future__ import annotations

from dataclasses import replace

from actions.sessions import ListLogins
from agent.wire.readings import Column, Grid, Reading, Remark, Row
from bot.core.cards import final_report
from bot.core.cards.offers import with_offers
from bot.core.domain.job import Job, JobState
from bot.core.texts import load_texts
from tests.fakes.read_jobs import plan_of, read_job

KO = load_texts("ko")


def sessions(*pids: int) -> Reading:
    columns = (Column(name="pid"), Column(name="user"), Column(name="terminal"))
    rows = tuple(Row(cells=(pid, "wasadmin", f"pts/{pid}")) for pid in pids)
    return Reading(level="normal", grids=(Grid(name="sessions", columns=columns, rows=rows),))


def offered(job: Job) -> list[str]:
    report = with_offers(final_report(job, texts=KO), job, KO)
    assert all(button.button == "choose" for button in report.buttons)
    return [button.value for button in report.buttons]


def test_each_of_the_first_sessions_can_be_ended() -> None:
    plan = plan_of(ListLogins(), 1)
    job = read_job(plan, [sessions(24817, 311, 312, 313)])
    assert offered(job) == [
        f"/sm kill_session {plan.node_names[0]} pid={pid}" for pid in (24817, 311, 312)
    ]


def test_without_a_baseline_one_can_be_recorded() -> None:
    bare = Reading(level="unknown", remarks=(Remark(code="baseline_missing", level="unknown"),))
    command = "config_integrity_check 기획재정부 예산시스템 운영 WAS 1 operation=check"
    plan = replace(plan_of(ListLogins(), 1), action="config_integrity_check", command=command)
    job = read_job(plan, [bare])
    assert offered(job) == [
        "/sm config_integrity_check 기획재정부 예산시스템 운영 WAS 1 operation=init"
    ]


def test_what_has_found_nothing_or_has_failed_offers_nothing() -> None:
    plan = plan_of(ListLogins(), 1)
    assert offered(read_job(plan, [sessions()])) == []
    assert offered(read_job(plan, [sessions(24817)], state=JobState.CANCELLED)) == []
