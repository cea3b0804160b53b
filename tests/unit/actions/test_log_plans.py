"""Plans about logs: which lines are looked for, and which very files are cleared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from actions.clearing import BackupAndClear, SelfHealingDefense
from actions.logs import CollectTargetLogs
from agent.wire.checks import ClearStale, HealDisk, ListStale, SearchLog, StaleFile, StaleLogs
from agent.wire.profile import LogSpec, NodeProfile
from bot.core.domain.estate import Node
from bot.core.domain.intent import Param
from bot.core.domain.plan import Plan, Risk
from bot.core.domain.report import Report, Tone
from bot.core.errors import UserError
from bot.core.ports import ActionRequest
from bot.core.texts import load_texts
from tests.fakes.planning import NOW, node_of, request_for, target_of

TEXTS = load_texts("ko")
LOGS = "/app/tomcat/logs"
PROFILE = NodeProfile(
    clearable=(LOGS,),
    logs=(
        LogSpec(name="access", path=f"{LOGS}/access.log"),
        LogSpec(name="catalina", path=f"{LOGS}/catalina.out"),
    ),
)


def node(number: int, profile: NodeProfile = PROFILE, **more: object) -> Node:
    made = node_of(number, **more)  # type: ignore[arg-type]  # the test's own stand-in, or made of data
    wire = made.wire.model_copy(update={"profile": profile}) if made.wire else None
    return replace(made, wire=wire)


def file(path: str, size: int = 1000, treatment: str = "compress") -> StaleFile:
    return StaleFile.model_validate(
        {"folder": LOGS, "path": path, "size": size, "mtime": 1_700_000_000, "treatment": treatment}
    )


def stale(*files: StaleFile, used: float | None = 95, **more: object) -> StaleLogs:
    return StaleLogs.model_validate({"files": files, "used_percent": used, **more})


def asking(
    params: Mapping[str, Param] | None = None, *found: StaleLogs, nodes: int = 2
) -> ActionRequest:
    target = target_of([node(number) for number in range(1, nodes + 1)])
    facts = {(one.node_id, 0): answer for one, answer in zip(target.nodes, found, strict=False)}
    return request_for(target, params=params, facts=facts)


def operations(plan: Plan) -> list[list[object]]:
    return [[step.operation for step in run.steps] for run in plan.wire.runs()]


# --- collect_target_logs ---------------------------------------------------------------------


def test_looks_at_the_last_hour_of_every_registered_log() -> None:
    plan = CollectTargetLogs().plan(asking())
    (first, second), other = operations(plan)
    assert isinstance(first, SearchLog)
    assert isinstance(second, SearchLog)
    assert (first.log, second.log) == (None, "access")  # catalina is the service's own
    assert (first.until, first.until - first.since) == (NOW, timedelta(hours=1))
    assert (first.lines, first.context, first.pattern) == (100, 0, None)
    assert other == [first, second]
    assert (plan.risk, plan.wire.lock, plan.workbook) == (Risk.READ, None, False)
    assert "최근 1시간의 로그" in TEXTS.note(plan.outline[0])


def test_looks_for_a_pattern_as_it_was_said() -> None:
    pattern = "$(reboot) [a-z]+ 'x'"
    plan = CollectTargetLogs().plan(
        asking({"pattern": pattern, "days": 2, "hours": 3, "lines": 7, "format": "xlsx"})
    )
    first = operations(plan)[0][0]
    assert isinstance(first, SearchLog)
    assert (first.pattern, first.lines, first.context) == (pattern, 7, 2)
    assert first.until - first.since == timedelta(days=2, hours=3)
    assert plan.workbook
    assert f"“{pattern}”" in TEXTS.note(plan.outline[0])


@pytest.mark.parametrize("pattern", ["a\u200bb", "가\u202e나", "x" * 201, ""])
def test_refuses_a_pattern_that_nobody_could_read(pattern: str) -> None:
    with pytest.raises(UserError) as refused:
        CollectTargetLogs().plan(asking(params={"pattern": pattern}))
    assert refused.value.code == "log_pattern_hidden"


def test_a_workbook_takes_more_lines() -> None:
    first = operations(CollectTargetLogs().plan(asking({"format": "xlsx"})))[0][0]
    assert isinstance(first, SearchLog)
    assert first.lines == 5000


def test_refuses_a_format_that_there_is_none_of() -> None:
    with pytest.raises(UserError) as refused:
        CollectTargetLogs().plan(asking({"format": "hwp"}))
    assert refused.value.code == "format_unknown"
    assert "hwp" in TEXTS.explain(refused.value)[0]


# --- backup_and_clear ------------------------------------------------------------------------


def test_names_the_very_files_and_shows_them() -> None:
    kept, gone = file("app.log.1", 3000), file("old.log", 5000, "delete")
    request = asking(None, stale(gone, kept), stale(kept, open_files=("held.log",), more=4))
    plan = BackupAndClear(TEXTS).plan(request)
    assert isinstance(plan, Plan)
    assert operations(plan) == [[ClearStale(files=(gone, kept))], [ClearStale(files=(kept,))]]
    assert [name for name, _ in plan.exhibits] == list(plan.node_names)
    shown = plan.exhibits[0][1].grids[0].rows
    assert [row.cells[:3] for row in shown] == [
        ("logs/old.log", "stale_delete", 5000),
        ("logs/app.log.1", "stale_compress", 3000),
    ]
    assert plan.wire.lock == "MOEF-BUDGET"
    assert plan.digest == plan.wire.digest()
    words = "\n".join(TEXTS.note(told) for told in (*plan.outline, *plan.warnings))
    assert "90일 이상 지난 로그 1개(4.9 KB)를 삭제합니다." in words
    assert "30일 이상 지난 로그 2개(5.9 KB)를 압축하고" in words
    assert "held.log" in words
    assert "4개 더 있습니다" in words
    assert plan.undo is not None
    assert "되돌릴 수 없습니다" in TEXTS.note(plan.undo)


def test_gives_large_logs_the_time_that_they_need() -> None:
    plan = BackupAndClear(TEXTS).plan(asking(None, stale(file("a.log", 10 << 30)), nodes=1))
    assert isinstance(plan, Plan)
    assert plan.wire.runs()[0].steps[0].timeout_s == 300 + 2048


def test_leaves_nodes_out_that_have_nothing_to_clear() -> None:
    plan = BackupAndClear(TEXTS).plan(asking(None, stale(), stale(file("a.log"))))
    assert isinstance(plan, Plan)
    assert plan.node_names == ("moef-budget-prod-was02",)
    assert [warning.key for warning in plan.warnings] == ["warnings.stale_spared"]


def test_says_that_there_is_nothing_to_clear() -> None:
    answer = BackupAndClear(TEXTS).plan(asking(None, stale(open_files=("held.log",)), stale()))
    assert isinstance(answer, Report)
    assert answer.tone is Tone.GOOD
    assert "30일 이상 지난 로그가 없어" in answer.summary


@pytest.mark.parametrize("compress", [90, 100])
def test_refuses_to_delete_before_it_compresses(compress: int) -> None:
    with pytest.raises(UserError) as refused:
        BackupAndClear(TEXTS).survey(asking({"compress_days": compress}))
    assert refused.value.code == "days_in_order"


def test_asks_for_old_logs_by_the_days_that_were_said() -> None:
    asked = BackupAndClear(TEXTS).survey(asking({"compress_days": 7, "delete_days": 14}))
    assert asked == [ListStale(compress_days=7, delete_days=14)]


def test_refuses_nodes_without_a_clearable_folder_or_a_shell() -> None:
    bare = request_for(target_of([node(1, NodeProfile())]))
    with pytest.raises(UserError) as refused:
        BackupAndClear(TEXTS).survey(bare)
    assert refused.value.code == "nothing_clearable"
    with pytest.raises(UserError) as by_ftp:
        SelfHealingDefense(TEXTS).survey(request_for(target_of([node(1, transfer="ftp")])))
    assert by_ftp.value.code == "ftp_only"


def test_a_plan_of_many_files_fits_the_wire() -> None:
    many = [file(f"{'x' * 480}{number}.log") for number in range(2000)]
    plan = BackupAndClear(TEXTS).plan(asking(None, *[stale(*many)] * 10, nodes=10))
    assert isinstance(plan, Plan)
    assert len(plan.wire.model_dump_json()) < 3 << 20
    assert "warnings.stale_more" in [warning.key for warning in plan.warnings]


# --- self_healing_defense --------------------------------------------------------------------


def test_heals_only_nodes_whose_disk_is_full() -> None:
    old = file("a.log")
    plan = SelfHealingDefense(TEXTS).plan(asking(None, stale(old, used=91.5), stale(old, used=40)))
    assert isinstance(plan, Plan)
    assert operations(plan) == [[HealDisk(used=90, files=(old,))]]
    assert plan.risk is Risk.CHANGE
    assert plan.wire.lock == "MOEF-BUDGET"
    words = "\n".join(TEXTS.note(told) for told in plan.outline)
    assert "moef-budget-prod-was01 91.5%" in words
    assert "한 시간에 두 번까지만" in words


def test_says_that_no_disk_is_full() -> None:
    answer = SelfHealingDefense(TEXTS).plan(
        asking({"threshold": 97}, stale(file("a.log")), stale())
    )
    assert isinstance(answer, Report)
    assert answer.tone is Tone.GOOD
    assert "기준(97%)보다 낮아" in answer.summary


def test_says_that_a_full_disk_cannot_be_helped() -> None:
    answer = SelfHealingDefense(TEXTS).plan(asking(None, stale(), stale()))
    assert isinstance(answer, Report)
    assert answer.tone is Tone.BAD
    assert "정리할 오래된 로그가 없습니다" in answer.summary
