"""What holds for every card, whatever it tells."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import agent
from actions.deploy import Deploy
from bot.core.cards import final_report, plan_card, progress_card, refusal_report
from bot.core.cards.nodes import Fate, stories
from bot.core.cards.wording import outcome_words, took
from bot.core.domain.decision import Verdict
from bot.core.domain.job import TERMINAL, JobState, StepRecord, StepState
from bot.core.domain.plan import Novelty, Plan
from bot.core.domain.report import Checklist, Table
from bot.core.errors import OperationError
from bot.core.texts import load_texts
from tests.fakes.planning import (
    LEADER,
    NOW,
    approval_of,
    artifact_of,
    deploy_request,
    job_of,
    pair,
    present,
    ran,
    request_for,
)
from tests.fakes.report_text import as_text

KO, EN = load_texts("ko"), load_texts("en")
ENDED = sorted(TERMINAL)


def deploy(paths: int = 1) -> Plan:
    two = pair()
    names = [f"classes/F{index}.class" for index in range(paths)]
    request = request_for(
        two,
        artifact=artifact_of(names),
        facts=present(dict.fromkeys(names, "changed"), two.nodes),
    )
    return Deploy().plan(request)


@pytest.mark.parametrize("texts", [KO, EN], ids=["ko", "en"])
@pytest.mark.parametrize("state", list(JobState))
def test_every_state_has_a_plan_card_and_a_progress_card(state: JobState, texts: object) -> None:
    job = job_of(deploy(), state)
    assert plan_card(job, approvers=[LEADER], texts=texts, now=NOW).title
    assert progress_card(job, texts=texts, now=NOW).summary


@pytest.mark.parametrize("texts", [KO, EN], ids=["ko", "en"])
@pytest.mark.parametrize("state", ENDED)
def test_every_end_has_a_report_that_stands_alone(state: JobState, texts: object) -> None:
    report = final_report(job_of(deploy(), state), texts=texts)
    assert "예산시스템" in report.summary
    assert not report.buttons


@pytest.mark.parametrize(
    "state", [state for state in JobState if state not in {"awaiting_approval", "queued"}]
)
def test_only_a_waiting_request_has_buttons(state: JobState) -> None:
    job = job_of(deploy(), state)
    assert plan_card(job, approvers=[LEADER], texts=KO, now=NOW).buttons == ()


def test_a_job_that_waits_for_its_turn_can_be_taken_back() -> None:
    job = job_of(deploy(), JobState.QUEUED)
    (button,) = plan_card(job, approvers=[LEADER], texts=KO, now=NOW).buttons
    assert (button.button, button.value) == ("cancel", job.job_id)


def test_the_buttons_of_a_request_carry_the_digest_they_approve() -> None:
    plan = deploy()
    card = plan_card(job_of(plan), approvers=[LEADER], texts=KO, now=NOW)
    values = {button.button: button.value for button in card.buttons}
    bound = f"{plan.wire.job_id}:{plan.digest}"
    assert values == {"approve": bound, "reject": bound, "cancel": plan.wire.job_id}


def test_names_every_node_and_shows_every_digest_whole() -> None:
    plan = deploy()
    said = as_text(plan_card(job_of(plan), approvers=[LEADER], texts=KO, now=NOW))
    assert all(node in said for node in plan.node_names)
    assert all(file.sha256 in said for file in plan.files)


def test_says_that_nobody_can_approve() -> None:
    said = as_text(plan_card(job_of(deploy()), approvers=[], texts=KO, now=NOW))
    assert KO.say("cards.plan.nobody") in said


def test_counts_the_files_it_does_not_list() -> None:
    card = plan_card(job_of(deploy(paths=205)), approvers=[LEADER], texts=KO, now=NOW)
    tables = [section for section in card.sections if isinstance(section, Table)]
    assert len(tables[0].rows) == 200
    assert "외 5개" in as_text(card)


def test_shows_the_novelty_of_each_node_where_they_differ() -> None:
    plan = deploy()
    first, second = plan.node_names
    mixed = replace(plan.files[0], novelty=((first, Novelty.NEW), (second, Novelty.CHANGED)))
    job = job_of(replace(plan, files=(mixed,)))
    said = as_text(plan_card(job, approvers=[LEADER], texts=KO, now=NOW))
    assert f"{first}: 신규 / {second}: 변경" in said


def test_a_lapsed_request_never_shows_negative_minutes() -> None:
    late = NOW + timedelta(hours=3)
    said = as_text(plan_card(job_of(deploy()), approvers=[LEADER], texts=KO, now=late))
    assert "0분 남음" in said


def test_a_stopped_job_is_not_called_rejected() -> None:
    plan = deploy()
    stopped = plan_card(job_of(plan, JobState.DENIED), approvers=[], texts=KO, now=NOW)
    rejection = approval_of(plan, verdict=Verdict.REJECT)
    job = job_of(plan, JobState.DENIED, approvals=(rejection,))
    rejected = plan_card(job, approvers=[], texts=KO, now=NOW)
    assert stopped.title.startswith("실행 안 함")
    assert rejected.title.startswith("반려됨")


def test_offers_no_cancelling_once_it_goes_back_or_was_asked_to() -> None:
    plan = deploy()
    job = job_of(plan, JobState.RUNNING)
    assert progress_card(job, texts=KO, now=NOW).buttons
    asked = replace(job, cancel_requested_by="u012")
    assert not progress_card(asked, texts=KO, now=NOW).buttons


def test_claims_health_only_where_it_was_proved_after_the_last_change() -> None:
    plan = deploy()
    run = plan.wire.runs()[0]
    until_replace = [step.step_id for step in run.steps][:8]
    story = stories(job_of(plan, JobState.UNKNOWN, steps=ran(until_replace)))[0]
    assert story.fate is Fate.BROKEN
    assert not story.proved


def test_a_refused_step_leaves_its_node_untouched() -> None:
    plan = deploy()
    drain = next(step for step in plan.wire.steps() if step.operation.kind == "drain_member")
    refused = StepRecord(step_id=drain.step_id, state=StepState.REFUSED, code="stale_token")
    first = stories(job_of(plan, JobState.FAILED, steps=(refused,)))[0]
    assert first.fate is Fate.UNTOUCHED
    assert first.trouble[1] == refused


def test_an_unknown_code_is_still_said() -> None:
    record = StepRecord(
        step_id="x", state=StepState.FAILED, code="brand_new", values=(("path", "/a"),)
    )
    assert outcome_words(record, KO) == "알 수 없는 오류 (코드 brand_new) (경로 /a)"


def test_masks_secrets_and_addresses_of_log_lines() -> None:
    plan = deploy()
    step = plan.wire.runs()[0].steps[9]
    line = "connect 10.1.2.3 password=hunter2"
    bad = StepRecord(
        step_id=step.step_id, state=StepState.FAILED, code="not_healthy", lines=(line,)
    )
    said = as_text(final_report(job_of(plan, JobState.ROLLBACK_FAILED, steps=(bad,)), texts=KO))
    assert "hunter2" not in said
    assert "10.1.2.3" not in said


def test_shows_at_most_the_last_lines_of_a_long_log() -> None:
    plan = deploy()
    step = plan.wire.runs()[0].steps[9]
    lines = tuple(f"line {number}" for number in range(500))
    bad = StepRecord(step_id=step.step_id, state=StepState.FAILED, code="not_healthy", lines=lines)
    said = as_text(final_report(job_of(plan, JobState.ROLLBACK_FAILED, steps=(bad,)), texts=KO))
    assert "line 499" in said
    assert "line 100\n" not in said


def test_a_file_name_stays_text() -> None:
    name = "<img src=x onerror=alert(1)>{0.__class__}.html"
    plan = Deploy().plan(deploy_request({name: "new"}, pair()))
    said = as_text(plan_card(job_of(plan), approvers=[LEADER], texts=KO, now=NOW))
    assert name in said


def test_an_operation_error_says_its_job() -> None:
    report = refusal_report(
        OperationError("survey_incomplete", node="was01"), texts=KO, job_id="J260401-AB12CD"
    )
    assert report.footer == "작업 J260401-AB12CD"
    assert "was01" in report.summary


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [(0, "0.0초"), (1200, "1.2초"), (59_600, "1분 0초"), (65_000, "1분 5초")],
)
def test_says_durations(milliseconds: int, words: str) -> None:
    assert took(milliseconds, KO) == words


def test_every_code_of_the_agent_has_its_sentence() -> None:
    source = "\n".join(
        path.read_text("utf-8") for path in Path(agent.__file__ or "").parent.rglob("*.py")
    )
    raised = set(
        re.findall(r"(?:OperationFailed|TransportError|_failed)\(\s*\"([a-z_]+)\"", source)
    )
    raised |= set(re.findall(r"\bcode=\"([a-z_]+)\"", source))
    chosen = re.findall(r"\bcode = (\"[a-z_]+\" if .+ else \"[a-z_]+\")", source)
    raised |= {code for choice in chosen for code in re.findall(r"\"([a-z_]+)\"", choice)}
    assert "not_healthy" in raised
    missing = {
        code
        for code in raised
        if not KO.has(f"steps.code.{code}") and not KO.has(f"reading.remark.{code}")
    }
    assert missing == set()


def test_there_is_no_line_for_an_sr_that_nobody_gave() -> None:
    job = job_of(deploy(), JobState.SUCCEEDED)
    for report in (
        plan_card(replace(job, sr=None), approvers=[LEADER], texts=KO, now=NOW),
        final_report(replace(job, sr=None), texts=KO),
    ):
        assert "SR:" not in as_text(report)
    assert "SR: " in as_text(final_report(replace(job, sr="SR-2026-0401"), texts=KO))


def test_a_job_that_has_ended_waits_for_no_step() -> None:
    job = job_of(deploy(), JobState.CANCELLED)
    states = [
        row.state
        for part in progress_card(job, texts=KO, now=NOW).sections
        if isinstance(part, Checklist)
        for row in part.rows
    ]
    assert set(states) == {StepState.SKIPPED.value}
