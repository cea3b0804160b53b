"""How far a half-run plan must go back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.wire.operations import (
    AwaitHealth,
    BackupFiles,
    DiscardStaging,
    DrainMember,
    Operation,
    Preflight,
    ReplaceFiles,
    RestoreBackup,
    StageFiles,
    StartService,
    StopService,
)
from bot.core.domain.job import StepRecord, StepState
from bot.core.recovery import littered, touched, undo_steps
from tests.fakes.values import a_run, a_wire_plan

DOWN = DrainMember(member="127.0.0.1:8081", state="down")
UP = DrainMember(member="127.0.0.1:8081", state="up")
HEALTH = AwaitHealth(path="/actuator/health")
FORWARD: list[Operation] = [
    Preflight(bytes_needed=1),
    StageFiles(files=()),
    DOWN,
    BackupFiles(backup_id="b1", paths=()),
    StopService(),
    ReplaceFiles(files=()),
    StartService(),
    HEALTH,
    UP,
]
UNDO: list[Operation] = [
    DOWN,
    StopService(),
    RestoreBackup(backup_id="b1"),
    StartService(),
    HEALTH,
    UP,
    DiscardStaging(),
]
RUN = a_run("was01", FORWARD, UNDO)
PLAN = a_wire_plan(RUN, a_run("was02", FORWARD, UNDO))


def failed_at(node: str, kind: str) -> dict[str, StepRecord]:
    """Everything before that step has succeeded, that step has failed."""
    records = {}
    for run in PLAN.runs():
        for step in run.steps:
            broken = run.node_id == node and step.operation.kind == kind
            state = StepState.FAILED if broken else StepState.SUCCEEDED
            records[step.step_id] = StepRecord(step_id=step.step_id, state=state)
            if broken:
                return records
    raise AssertionError(kind)


@pytest.mark.parametrize("kind", ["preflight", "stage_files"])
def test_nothing_is_undone_where_nothing_that_runs_was_touched(kind: str) -> None:
    assert touched(PLAN, failed_at("was01", kind)) == ()


@pytest.mark.parametrize(
    ("kind", "undone"),
    [
        ("drain_member", ["drain_member", "discard_staging"]),
        ("backup_files", ["drain_member", "discard_staging"]),
        (
            "stop_service",
            [
                "drain_member",
                "stop_service",
                "start_service",
                "await_health",
                "drain_member",
                "discard_staging",
            ],
        ),
        (
            "replace_files",
            [
                "drain_member",
                "stop_service",
                "restore_backup",
                "start_service",
                "await_health",
                "drain_member",
            ],
        ),
        (
            "await_health",
            [
                "drain_member",
                "stop_service",
                "restore_backup",
                "start_service",
                "await_health",
                "drain_member",
            ],
        ),
    ],
)
def test_a_node_goes_back_as_far_as_it_came(kind: str, undone: list[str]) -> None:
    steps = undo_steps(RUN, failed_at("was01", kind))
    assert [step.operation.kind for step in steps] == undone


@pytest.mark.parametrize("kind", [operation.kind for operation in FORWARD[2:]])
def test_what_was_drained_always_comes_back_last(kind: str) -> None:
    steps = [step.operation for step in undo_steps(RUN, failed_at("was01", kind))]
    assert [operation for operation in steps if operation != DiscardStaging()][-1] == UP


def test_staged_files_are_cleared_where_nothing_else_was_touched() -> None:
    assert littered(PLAN, failed_at("was01", "preflight")) == ()
    assert [run.node_id for run in littered(PLAN, failed_at("was01", "stage_files"))] == ["was01"]
    assert littered(PLAN, failed_at("was02", "preflight")) == ()
    steps = undo_steps(RUN, failed_at("was01", "stage_files"))
    assert [step.operation.kind for step in steps] == ["discard_staging"]


def test_nodes_that_were_already_updated_go_back_after_the_one_that_failed() -> None:
    runs = touched(PLAN, failed_at("was02", "await_health"))
    assert [run.node_id for run in runs] == ["was02", "was01"]


def test_a_step_that_was_only_begun_counts_as_having_happened() -> None:
    begun = {"was01.5": StepRecord(step_id="was01.5", state=StepState.RUNNING)}
    kinds = [step.operation.kind for step in undo_steps(RUN, begun)]
    assert "restore_backup" in kinds


@pytest.mark.parametrize("code", ["syntax_check_failed", "reload_failed", "last_member"])
def test_a_balancer_that_serves_by_its_old_file_has_not_touched_the_node(code: str) -> None:
    records = failed_at("was01", "drain_member")
    refused = {
        step_id: replace(record, code=code) if record.state is StepState.FAILED else record
        for step_id, record in records.items()
    }
    assert touched(PLAN, refused) == ()
    assert [run.node_id for run in littered(PLAN, refused)] == ["was01"]
    assert [run.node_id for run in touched(PLAN, records)] == ["was01"]
