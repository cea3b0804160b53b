"""A workbook of readings: what stands in it, and that nothing in it can ever be a formula."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from openpyxl import Workbook, load_workbook

from actions.logs import CollectTargetLogs
from agent.wire.readings import Column, Excerpt, Fact, Grid, Reading, Remark, Row
from bot.core.domain.job import Job, JobState, StepRecord, StepState
from bot.core.domain.plan import Plan
from bot.core.texts import load_texts
from bot.engine.workbook import workbook_of
from tests.fakes.planning import NOW, job_of, node_of, request_for, target_of

TEXTS = load_texts("ko")
FORMULAS = [
    '=HYPERLINK("http://x","y")',
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(A1)",
    "=cmd|'/C calc'!A0",
    " =1+1",
    "\n=1+1",
    "\xa0=1+1",
    "\u3000=1+1",
    "%1",
    "|cmd",
    "\u22122+3",
    "﹢1",
    "_x003D_1+1",
]


def a_reading(*lines: str, messages: tuple[str, ...] = ("ERROR #",), more: int = 0) -> Reading:
    return Reading(
        level="warning",
        facts=(
            Fact(name="log_name", value="catalina"),
            Fact(name="log_found", value=3, unit="count"),
        ),
        grids=(
            Grid(
                name="log_per_hour",
                columns=(
                    Column(name="log_hour", unit="instant"),
                    Column(name="log_found", unit="count"),
                ),
                rows=(
                    Row(cells=("2026-04-01T14:00:00+09:00", 2), level="warning"),
                    Row(cells=("2026-04-01T13:00:00+09:00", 1)),
                ),
            ),
            Grid(
                name="log_per_message",
                columns=(Column(name="log_found", unit="count"), Column(name="log_message")),
                rows=tuple(Row(cells=(1, text)) for text in messages),
                more=more,
            ),
        ),
        excerpts=(Excerpt(name="log_lines", lines=lines, more=7),) if lines else (),
        remarks=(Remark(code="log_zone_assumed"),),
    )


def a_job(*readings: Reading | None) -> Job:
    """A node a reading; None: it did not answer."""
    target = target_of([node_of(number) for number in range(1, len(readings) + 1)])
    plan = CollectTargetLogs().plan(request_for(target, params={"format": "xlsx"}))
    assert isinstance(plan, Plan)
    steps = tuple(
        StepRecord(
            step_id=run.steps[0].step_id,
            state=StepState.SUCCEEDED if reading else StepState.FAILED,
            code="ok" if reading else "unreachable",
            result=reading,
        )
        for run, reading in zip(plan.wire.runs(), readings, strict=True)
    )
    ended = NOW + timedelta(minutes=1)
    job = job_of(plan, state=JobState.SUCCEEDED)
    return replace(job, steps=steps, ended_at=ended)


def opened(job: Job) -> Workbook:
    return load_workbook(io.BytesIO(workbook_of(job, TEXTS)))


def rows(book: Workbook, name: str) -> list[tuple[object, ...]]:
    return [tuple(cell.value for cell in row) for row in book[name].iter_rows()]


def test_has_a_summary_a_sheet_a_table_and_the_lines_of_each_node() -> None:
    book = opened(a_job(a_reading("first", "second"), a_reading(), None))
    assert book.sheetnames == [
        "요약",
        "시간대별 건수",
        "메시지별 건수",
        "prod-was01 catalina",
    ]
    summary = rows(book, "요약")
    told = {row[0]: row[1] for row in summary if row and row[0]}
    assert told["요청"] == "기획재정부 예산시스템 운영 WAS 3대 로그 조회"
    assert told["작업 번호"] == "J260401-AB12CD"
    assert told["조회 시각"] == datetime(2026, 4, 1, 14, 1)  # noqa: DTZ001  as Excel has it
    assert told["moef-budget-prod-was03"] == "확인 실패"
    assert told["moef-budget-prod-was01"] == "주의"
    assert summary[8] == ("노드", "상태", "로그", "해당 줄", "참고")
    assert summary[9][:4] == ("moef-budget-prod-was03", "확인 실패", None, None)
    assert "서버에 접속할 수 없습니다" in str(summary[9][4])
    assert summary[10][:4] == ("moef-budget-prod-was01", "주의", "catalina", 3)
    assert "한국 시간으로 읽었습니다" in str(summary[10][4])
    assert rows(book, "prod-was01 catalina") == [
        ("번호", "내용"),
        (1, "first"),
        (2, "second"),
        (None, "이 밖에 7건이 더 있습니다."),
    ]


def test_counts_are_numbers_and_hours_are_times_oldest_first() -> None:
    page = opened(a_job(a_reading()))["시간대별 건수"]
    cells = [[cell.value for cell in row] for row in page.iter_rows(min_row=2)]
    assert [row[0] for row in cells] == ["moef-budget-prod-was01"] * 2
    assert [row[3:] for row in cells] == [
        [datetime(2026, 4, 1, 13), 1],  # noqa: DTZ001  as Excel has it
        [datetime(2026, 4, 1, 14), 2],  # noqa: DTZ001  as Excel has it
    ]
    assert page["D2"].number_format == "yyyy-mm-dd hh:mm:ss"
    assert page.freeze_panes == "A2"
    assert page.column_dimensions["A"].width >= len("moef-budget-prod-was01")


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_looks_like_a_formula_is_text(text: str) -> None:
    job = a_job(a_reading(text, messages=(text,)))
    book = opened(replace(job, requester_name=text))
    found = [
        cell
        for page in book
        for row in page.iter_rows()
        for cell in row
        if isinstance(cell.value, str) and cell.value.strip() == text.strip()
    ]
    assert len(found) == 3
    assert all(cell.data_type == "s" for cell in found)
    assert all(cell.quotePrefix for cell in found)
    raw = zipfile.ZipFile(io.BytesIO(workbook_of(job, TEXTS)))
    assert not any(b"<f>" in raw.read(name) for name in raw.namelist())


def test_rows_without_a_cell_and_moments_beyond_all_time_are_written_all_the_same() -> None:
    moments = Grid(
        name="log_per_hour",
        columns=(Column(name="log_hour", unit="instant"),),
        rows=(Row(cells=()), Row(cells=("9999-12-31T23:59:59+00:00",))),
    )
    page = opened(a_job(Reading(level="normal", grids=(moments,))))["시간대별 건수"]
    assert page.max_row == 3


def test_what_a_workbook_cannot_hold_is_left_out() -> None:
    line = "a\x00b\x1b[31mc\ud800d\u202ee\ufffff\nnext" + "x" * 5000
    book = opened(a_job(a_reading(line.replace("\ud800", ""))))
    said = str(rows(book, "prod-was01 catalina")[1][1])
    assert said.startswith("ab[31mcdef next")
    assert len(said) == 2000


def test_secrets_and_addresses_are_masked() -> None:
    book = opened(a_job(a_reading("login 10.20.30.40 password=hunter2")))
    said = str(rows(book, "prod-was01 catalina")[1][1])
    assert "10.20.30.40" not in said
    assert "hunter2" not in said


def test_sheets_have_names_that_excel_takes() -> None:
    readings = [a_reading("x") for _ in range(3)]
    odd = Fact(name="log_name", value="a/b:c[d]*?'long name of a log that is too long'")
    readings = [reading.model_copy(update={"facts": (odd,)}) for reading in readings]
    names = opened(a_job(*readings)).sheetnames
    assert len(set(names)) == len(names)
    assert all(len(name) <= 31 and not set(name) & set("[]:*?/\\'") for name in names)


def test_is_bounded() -> None:
    many = tuple(f"message {number}" for number in range(60))
    job = a_job(*[a_reading(messages=many, more=3)] * 2)
    book = load_workbook(io.BytesIO(workbook_of(job, TEXTS, rows_most=100)))
    page = book["메시지별 건수"]
    assert page.max_row == 102
    assert page["A102"].value == "이 밖에 22건이 더 있습니다."


def test_the_same_job_has_the_same_file() -> None:
    job = a_job(a_reading("x"))
    assert workbook_of(job, TEXTS) == workbook_of(job, TEXTS)
