"""What holds for every reading, whatever a check has looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from actions.health import CheckInfraHealth
from actions.resources import MonitorResources
from actions.service import ManageService
from agent.wire.readings import (
    Column,
    Excerpt,
    Fact,
    Grid,
    Point,
    Reading,
    Remark,
    Row,
    Series,
)
from agent.wire.results import Done
from bot.core.cards import final_report, job_log, plan_card, progress_card
from bot.core.cards.values import fact_words, remark_words, value_words
from bot.core.domain.job import Job, JobState, StepState
from bot.core.domain.plan import Risk
from bot.core.domain.report import Lines, Report, Table, Tone
from bot.core.texts import Texts, load_texts
from tests.fakes.planning import LEADER, NOW, job_of, pair, ran, request_for
from tests.fakes.read_jobs import (
    asking_with_exhibits,
    healthy,
    plan_of,
    read_job,
    resources,
    sixty_resources,
    stale_files,
)
from tests.fakes.report_text import as_text

KO, EN = load_texts("ko"), load_texts("en")


def looked(*answers: Reading | str | None, state: JobState = JobState.SUCCEEDED) -> Report:
    """The report of a look at as many nodes as there are answers."""
    job = read_job(plan_of(MonitorResources(), len(answers)), answers, state=state)
    return final_report(job, texts=KO)


# --- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instant", "said"),
    [
        ("9999-12-31T23:59:59.999999+00:00", "9999-12-31 23:59"),  # PostgreSQL's ``infinity``
        ("0001-01-01T00:00:00+14:00", "1-01-01 00:00"),
    ],
)
def test_the_ends_of_all_time_are_told_as_they_are(instant: str, said: str) -> None:
    assert value_words(instant, "instant", KO).lstrip("0") == said


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (97, "percent", "97%"),
        (97.04, "percent", "97%"),
        (12.34, "percent", "12.3%"),
        (0, "bytes", "0 B"),
        (16 << 30, "bytes", "16.0 GB"),
        (3 << 40, "bytes", "3.0 TB"),
        (12, "milliseconds", "12 ms"),
        (12_400, "milliseconds", "12초"),
        (40, "seconds", "40초"),
        (3900, "seconds", "1시간 5분"),
        (200_000, "seconds", "2일 7시간"),
        (-3, "days", "-3일"),
        (1_234_567, "count", "1,234,567"),
        (4321, "", "4321"),
        ("2026-04-01T05:00:00+00:00", "instant", "2026-04-01 14:00"),
        ("2026-04-01T05:00:00", "instant", "2026-04-01T05:00:00"),
        ("never", "instant", "never"),
        ("brand_new", "word", "brand_new"),
        (None, "percent", "-"),
    ],
)
def test_writes_a_value_of_each_unit(value, unit, said) -> None:
    assert value_words(value, unit, KO) == said


def test_a_value_from_a_server_is_masked_and_bounded() -> None:
    assert "hunter2" not in value_words("password=hunter2", "", KO)
    assert "10.1.2.3" not in value_words("10.1.2.3", "", KO)
    assert len(value_words("x" * 5000, "", KO)) == 300


def test_a_level_stands_behind_its_value_unless_all_is_well() -> None:
    fact = Fact(name="cpu", value=97, unit="percent", level="critical")
    assert fact_words(fact, KO) == "97% (심각)"
    assert fact_words(fact, EN) == "97% (critical)"
    assert fact_words(fact.model_copy(update={"level": "normal"}), KO) == "97%"


def test_a_remark_without_a_sentence_shows_its_code_and_values() -> None:
    remark = Remark(code="brand_new", values={"path": "/app", "why": "password=hunter2"})
    assert remark_words(remark, KO).startswith("brand_new path=/app why=password=")
    assert "hunter2" not in remark_words(remark, KO)


def test_a_remark_that_lacks_a_value_of_its_sentence_is_still_said() -> None:
    texts = Texts({"reading.remark.full": "{path} is full"}, "en")
    assert remark_words(Remark(code="full", values={"path": "/app"}), texts) == "/app is full"
    assert remark_words(Remark(code="full"), texts) == "full"


def test_names_and_values_that_look_like_placeholders_stay_text() -> None:
    odd = Fact(name="odd", value="{count} {0.__class__}", level="warning")
    said = as_text(looked(Reading(level="warning", facts=(odd,))))
    assert "{count} {0.__class__} (주의)" in said


# --- the count -----------------------------------------------------------------------------------


def test_counts_first_and_names_the_bad_ones() -> None:
    report = final_report(sixty_resources(), texts=KO)
    assert "57대 정상, 2대 이상: moef-budget-prod-was07(심각)" in report.summary
    assert "1대 확인 실패: moef-budget-prod-was41" in report.summary
    assert report.tone is Tone.BAD


def test_what_cannot_be_judged_is_counted_apart() -> None:
    unknown = Reading(level="unknown", facts=(Fact(name="cpu", value=None, level="unknown"),))
    report = looked(resources(10, 10, 10), unknown)
    assert "1대 정상, 1대 판단 불가: moef-budget-prod-was02" in report.summary
    assert report.tone is Tone.WARNING


def test_all_well_is_said_in_one_sentence() -> None:
    report = looked(resources(10, 10, 10), resources(10, 10, 10))
    assert report.summary.endswith("2대 모두 정상입니다.")
    assert report.tone is Tone.GOOD


def test_a_node_that_answered_only_in_part_is_not_called_well() -> None:
    plan = ManageService().plan(request_for(pair(), params={"operation": "status"}))
    steps = [step.step_id for run in plan.wire.runs() for step in run.steps]
    well = Reading(level="normal", facts=(Fact(name="port", value="open", unit="word"),))
    records = list(ran(steps, result=well))
    records[1] = replace(records[1], state=StepState.FAILED, code="timeout", result=None)
    job = job_of(replace(plan, action="monitor_resources"), JobState.SUCCEEDED)
    operations = {step.operation.kind for step in plan.wire.steps()}
    assert operations == {"service_status", "probe_node"}
    shown = final_report(_apart(job, records), texts=KO)
    assert "1대 정상, 1대 확인 실패: moef-budget-prod-was01" in shown.summary
    assert "실패: 제한 시간 안에 끝나지 않았습니다" in as_text(shown)


def _apart(job: Job, records) -> Job:
    """As if its operations answered with readings, two of them at each node."""
    look = plan_of(MonitorResources(), 1).wire.steps()[0].operation
    runs = tuple(
        run.model_copy(
            update={
                "steps": tuple(step.model_copy(update={"operation": look}) for step in run.steps)
            }
        )
        for run in job.plan.wire.runs()
    )
    wire = job.plan.wire.model_copy(update={"batches": (runs,)})
    return replace(job, plan=replace(job.plan, wire=wire), steps=tuple(records))


def test_a_cancelled_look_shows_what_was_found_and_what_was_not_asked() -> None:
    report = looked(resources(99, 10, 10), None, state=JobState.CANCELLED)
    said = as_text(report)
    assert "조회를 취소했습니다." in report.summary
    assert "CPU: 99% (심각)" in said
    assert "moef-budget-prod-was02 · 확인하지 못함" in said


def test_a_look_without_any_answer_says_why_of_each() -> None:
    said = as_text(looked("unreachable", "login_refused"))
    assert "2대 확인 실패" in said
    assert "서버에 접속할 수 없습니다" in said
    assert "인증 정보가 거부되었습니다" in said


# --- the nodes -----------------------------------------------------------------------------------


def test_the_worst_come_first_and_the_rest_is_folded() -> None:
    report = final_report(sixty_resources(), texts=KO)
    bad, rest = (section for section in report.sections if isinstance(section, Table))
    assert [row[1] for row in bad.rows] == ["심각", "확인 실패", "주의"]
    assert not bad.folded
    assert rest.folded
    assert len(rest.rows) == 57


def test_a_fact_that_is_bad_somewhere_has_a_column_among_many_nodes() -> None:
    answers = [resources(10, 10, 10) for _ in range(8)]
    odd = Fact(name="zombies", value=40, unit="count", level="critical")
    answers[3] = Reading(level="critical", facts=(*answers[3].facts, odd))
    table = next(each for each in looked(*answers).sections if isinstance(each, Table))
    assert any("40 (심각)" in cell for cell in table.rows[0])
    assert len(table.columns) <= 7


def test_tables_of_many_nodes_show_only_what_is_bad_in_them() -> None:
    columns = (Column(name="path"), Column(name="used_percent", unit="percent"))
    rows = (Row(cells=("/app", 97), level="critical"), Row(cells=("/", 3)))
    bad = Reading(level="critical", grids=(Grid(name="disks", columns=columns, rows=rows),))
    well = Reading(level="normal", grids=(Grid(name="disks", columns=columns, rows=rows[1:]),))
    said = as_text(looked(bad, *[well] * 7))
    assert "/app | 심각 | 97%" in said
    assert "/ | 3%" not in said
    assert "/ | 정상 | 3%" not in said


def test_a_long_table_is_cut_and_says_how_much_is_left() -> None:
    columns = (Column(name="path"),)
    rows = tuple(Row(cells=(f"/f{number}",)) for number in range(100))
    grid = Grid(name="files", columns=columns, rows=rows, more=25)
    table = next(
        each
        for each in looked(Reading(level="normal", grids=(grid,))).sections
        if isinstance(each, Table)
    )
    assert len(table.rows) == 60
    assert "60건, 외 65건" in table.title
    assert table.folded


def test_what_is_bad_in_a_long_table_is_not_folded_away() -> None:
    columns = (Column(name="path"),)
    rows = [Row(cells=(f"/f{number}",)) for number in range(50)]
    rows[40] = Row(cells=("/bad",), level="warning")
    grid = Grid(name="files", columns=columns, rows=tuple(rows))
    report = looked(Reading(level="warning", grids=(grid,)))
    bad, rest = (section for section in report.sections if isinstance(section, Table))
    assert bad.rows == (("/bad", "주의"),)
    assert not bad.folded
    assert rest.folded


def test_an_empty_table_is_said_to_be_empty() -> None:
    grid = Grid(name="failed_transactions", columns=(Column(name="id"),))
    said = as_text(looked(Reading(level="normal", grids=(grid,))))
    assert ": 없음" in said


def test_lines_are_masked_cut_and_counted() -> None:
    lines = (*(f"line {number}" for number in range(200)), "db password=hunter2")
    reading = Reading(level="normal", excerpts=(Excerpt(name="log_lines", lines=lines, more=1000),))
    report = looked(reading)
    shown = next(section for section in report.sections if isinstance(section, Lines))
    assert "password=" in shown.lines[-1]
    assert "hunter2" not in shown.lines[-1]
    assert shown.lines[0] == "… 외 1,141줄"


def test_a_series_is_a_folded_table_of_its_latest_values() -> None:
    points = tuple(
        Point(at=datetime(2026, 4, 1, hour, tzinfo=UTC), value=hour) for hour in range(12)
    )
    series = Series(name="errors", unit="count", points=points)
    report = looked(Reading(level="normal", series=(series,)))
    table = next(section for section in report.sections if isinstance(section, Table))
    assert table.rows[0] == ("2026-04-01 09:00", "0")
    assert table.folded


def test_on_a_page_nothing_is_left_out() -> None:
    rows = tuple(Row(cells=(f"/f{number}",)) for number in range(300))
    grid = Grid(name="files", columns=(Column(name="path"),), rows=rows)
    job = read_job(plan_of(MonitorResources(), 1), [Reading(level="normal", grids=(grid,))])
    report = final_report(job, texts=KO, whole=True)
    table = next(section for section in report.sections if isinstance(section, Table))
    assert len(table.rows) == 300


def test_a_row_shorter_than_its_heads_does_not_shift_them() -> None:
    columns = (Column(name="path"), Column(name="size", unit="bytes"))
    grid = Grid(name="files", columns=columns, rows=(Row(cells=("/a",), level="warning"),))
    report = looked(Reading(level="warning", grids=(grid,)))
    table = next(section for section in report.sections if isinstance(section, Table))
    assert all(len(row) == len(table.columns) for row in table.rows)


# --- beside plans and changes --------------------------------------------------------------------


def test_what_a_plan_rests_on_is_shown_before_the_steps_and_counted() -> None:
    job = asking_with_exhibits({0: stale_files(70), 1: stale_files(2)})
    said = as_text(plan_card(job, approvers=[LEADER], texts=KO, now=NOW))
    assert said.index("■ 이 계획의 대상") < said.index("■ 진행 순서")
    assert "60건, 외 10건" in said
    assert "catalina.2026-01-10.log" in said


def test_exhibits_of_very_many_nodes_are_counted() -> None:
    plan = plan_of(CheckInfraHealth(), 15)
    shown = tuple((run.node_id, stale_files(1)) for run in plan.wire.runs())
    job = job_of(replace(plan, exhibits=shown))
    said = as_text(plan_card(job, approvers=[LEADER], texts=KO, now=NOW))
    assert "외 5대의 내용은 목록에서 생략했습니다" in said


def test_what_a_change_has_found_stands_in_its_report() -> None:
    plan = ManageService().plan(request_for(pair(), params={"operation": "restart"}))
    records = list(ran([step.step_id for run in plan.wire.runs() for step in run.steps]))
    last = plan.wire.runs()[0].steps[-1].step_id
    full = Reading(
        level="warning",
        facts=(Fact(name="disk", value=91, unit="percent", level="warning"),),
    )
    found = [replace(one, result=full) if one.step_id == last else one for one in records]
    report = final_report(job_of(plan, JobState.SUCCEEDED, steps=tuple(found)), texts=KO)
    assert "1대 이상: moef-budget-prod-was01(주의)" in as_text(report)
    assert "91% (주의)" in as_text(report)


def test_a_change_without_readings_reads_as_before() -> None:
    plan = ManageService().plan(request_for(pair(), params={"operation": "restart"}))
    steps = [step.step_id for run in plan.wire.runs() for step in run.steps]
    job = job_of(plan, JobState.SUCCEEDED, steps=ran(steps, result=Done()))
    assert "이상:" not in as_text(final_report(job, texts=KO))


# --- as they come --------------------------------------------------------------------------------


def test_counts_the_levels_as_they_come_and_shows_the_bad_ones_so_far() -> None:
    job = replace(sixty_resources(answered=24, state=JobState.RUNNING), ended_at=None)
    said = as_text(progress_card(job, texts=KO, now=NOW))
    assert "60대 중 24대 확인 · 정상 22 · 주의 1 · 심각 1" in said
    assert "moef-budget-prod-was07 · 심각 · CPU 98%" in said


def test_a_look_at_one_node_counts_nothing() -> None:
    plan = plan_of(CheckInfraHealth(), 1)
    job = replace(read_job(plan, [healthy(1, 1)], state=JobState.RUNNING), ended_at=None)
    assert "대 확인 ·" not in as_text(progress_card(job, texts=KO, now=NOW))


# --- whole, as lines -----------------------------------------------------------------------------


def test_the_file_of_a_job_has_every_line_of_its_readings_masked() -> None:
    columns = (Column(name="path"), Column(name="size", unit="bytes"))
    grid = Grid(name="files", columns=columns, rows=(Row(cells=("/a", 2048)),) * 3, more=7)
    reading = Reading(
        level="warning",
        facts=(Fact(name="disk", value=91, unit="percent", level="warning"),),
        grids=(grid,),
        excerpts=(Excerpt(name="log_lines", lines=("db password=hunter2",)),),
        remarks=(Remark(code="brand_new"),),
    )
    job = read_job(plan_of(MonitorResources(), 1), [reading])
    said = job_log(job, KO)
    assert "91% (주의)" in said
    assert said.count("/a  2.0 KB") == 3
    assert "… 외 7줄" in said
    assert "brand_new" in said
    assert "hunter2" not in said


# --- what must not be said twice, or at all ------------------------------------------------------


def test_the_reason_of_one_node_stands_in_the_summary_and_nowhere_again() -> None:
    remark = Remark(code="brand_new", level="critical")
    said = as_text(looked(Reading(level="critical", remarks=(remark, remark))))
    notice = said.split("\n\n", 2)[2]
    assert notice.count("brand_new") == 1


def test_what_could_not_be_told_is_no_reason() -> None:
    unknown = Fact(name="cpu", value=None, unit="percent", level="unknown")
    report = looked(Reading(level="unknown", facts=(unknown,)))
    assert report.summary.endswith("moef-budget-prod-was01: 판단 불가")


def test_a_change_that_asks_no_health_page_claims_no_health() -> None:
    plan = plan_of(MonitorResources(), 2)
    changing = replace(plan, risk=Risk.CHANGE)
    steps = [step.step_id for step in plan.wire.steps()]
    records = ran(steps, result=resources(10, 10, 86))
    report = final_report(job_of(changing, JobState.SUCCEEDED, steps=records), texts=KO)
    said = as_text(report)
    assert "2대 모두 끝났습니다" in report.summary
    assert "정상입니다" not in said
    assert KO.say("cards.final.not_proved") not in said
    assert "2대 이상: moef-budget-prod-was01(주의)" in said
    assert report.tone is Tone.WARNING


def test_what_is_remarked_of_every_node_is_said_once() -> None:
    bare = Reading(
        level="unknown",
        facts=(Fact(name="watched_count", value=3, unit="count"),),
        remarks=(Remark(code="baseline_missing", level="unknown"),),
    )
    said = as_text(looked(bare, bare))
    assert said.count("아직 기준선이 없어") == 1
    fine = Reading(level="normal", facts=bare.facts)
    assert as_text(looked(bare, fine)).count("아직 기준선이 없어") == 1
