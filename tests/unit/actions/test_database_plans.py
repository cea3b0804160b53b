"""Plans for databases and brokers: whom they ask, and which session may be ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from actions.database import BackupDb, CheckDbStatus
from actions.interfaces import EsbChannelMonitor, FetchMesQc, LinkTxTracker
from agent.wire.checks import DumpDatabase, EndBackend, ReadChannels, ReadDatabase, ReadTransactions
from agent.wire.profile import DatabaseSpec, NodeProfile, QueueSpec
from agent.wire.readings import Column, Grid, Reading, Row, Threshold
from bot.core.domain.estate import Node, Target
from bot.core.domain.intent import Param
from bot.core.domain.job import Job, JobState, StepRecord, StepState
from bot.core.domain.limits import Limits
from bot.core.domain.plan import Plan, Risk
from bot.core.errors import UserError
from bot.core.ports import ActionRequest
from bot.core.texts import load_texts
from tests.fakes.planning import NOW, job_of, node_of, request_for, target_of

TEXTS = [load_texts("ko"), load_texts("en")]
STARTED = "2026-04-01T04:00:00.123456+00:00"
COLUMNS = ("pid", "started", "user", "application", "waiting", "seconds", "query")


def database_node(number: int = 1, *, layer: str = "DB", folder: str | None = "/dump") -> Node:
    node = node_of(number, layer=layer)
    assert node.wire is not None
    profile = NodeProfile(
        database=DatabaseSpec(name="mes", dump_folder=folder), queue=QueueSpec(port=15672)
    )
    return replace(node, wire=node.wire.model_copy(update={"profile": profile}))


def request_of(
    *nodes: Node, seen: Sequence[Job] = (), limits: Limits | None = None, **params: Param
) -> ActionRequest:
    target = target_of(nodes or [database_node()])
    target = replace(target, limits=limits or target.limits)
    return replace(request_for(target, params=params), seen=tuple(seen), now=NOW)


def looked(target: Target, *pids: int, ago: timedelta, started: str | None = STARTED) -> Job:
    """A look at every database of the target that showed these sessions blocking others."""
    plan = CheckDbStatus().plan(request_for(target, params={}))
    grid = Grid(
        name="blocking",
        columns=tuple(Column(name=name) for name in COLUMNS),
        rows=tuple(
            Row(cells=(pid, started, "mes_app", "was", 1, 9, "update ?"), level="warning")
            for pid in pids
        ),
    )
    records = tuple(
        StepRecord(
            step_id=step.step_id,
            state=StepState.SUCCEEDED,
            result=Reading(level="warning", grids=(grid,)),
            started_at=NOW - ago,
        )
        for step in plan.wire.steps()
    )
    return job_of(plan, JobState.SUCCEEDED, steps=records)


def refusal(request: ActionRequest) -> UserError:
    with pytest.raises(UserError) as refused:
        CheckDbStatus().plan(request)
    for texts in TEXTS:
        summary, hint = texts.explain(refused.value)
        assert summary
        assert hint
    return refused.value


def kill(seen: Sequence[Job] = (), *nodes: Node, pid: Param = 3321) -> ActionRequest:
    return request_of(*nodes, seen=seen, operation="kill", pid=pid)


def here(*nodes: Node) -> Target:
    return target_of(nodes or [database_node()])


def test_a_look_asks_every_node_with_a_database_by_its_limits() -> None:
    limits = Limits(connections=Threshold(warning=50, critical=60))
    plan = CheckDbStatus().plan(request_of(node_of(1), database_node(2), limits=limits))
    assert (plan.risk, plan.wire.lock) == (Risk.READ, None)
    assert plan.node_names == ("moef-budget-prod-db02",)
    (step,) = plan.wire.steps()
    assert step.operation == ReadDatabase(connections=limits.connections)


def test_a_system_without_a_database_is_refused() -> None:
    assert refusal(request_of(node_of(1))).code == "no_database"


def test_a_database_node_that_is_not_connected_is_told_apart() -> None:
    lone = node_of(1, layer="DB", connected=False)
    assert refusal(request_of(lone)).code == "node_not_connected"


def test_an_operation_that_does_not_exist_is_refused() -> None:
    assert refusal(request_of(operation="drop")).code == "db_operation_unknown"


def test_the_end_names_the_very_session_that_was_seen() -> None:
    plan = CheckDbStatus().plan(kill([looked(here(), 3321, 77, ago=timedelta(minutes=4))]))
    assert plan.risk is Risk.DANGER
    assert plan.wire.lock == "MOEF-BUDGET"
    (step,) = plan.wire.steps()
    assert step.operation == EndBackend(pid=3321, started=datetime.fromisoformat(STARTED))
    ((node, shown),) = plan.exhibits
    assert node == "moef-budget-prod-db01"
    assert [row.cells[0] for grid in shown.grids for row in grid.rows] == [3321]
    for texts in TEXTS:
        for note in (plan.title, plan.undo, *plan.outline, *plan.warnings):
            assert note is not None
            assert texts.note(note)


def test_a_session_that_was_never_seen_is_not_ended() -> None:
    fresh = looked(here(), 77, ago=timedelta(minutes=1))
    assert refusal(kill()).code == "backend_not_seen"
    assert refusal(kill([fresh])).code == "backend_not_seen"


def test_a_session_seen_five_minutes_ago_is_looked_at_again_first() -> None:
    old = looked(here(), 3321, ago=timedelta(minutes=5))
    assert refusal(kill([old])).code == "backend_seen_long_ago"


def test_the_latest_look_at_a_number_counts() -> None:
    later = looked(here(), 3321, ago=timedelta(minutes=1), started="2026-04-01T04:30:00+00:00")
    plan = CheckDbStatus().plan(kill([later, looked(here(), 3321, ago=timedelta(minutes=3))]))
    (step,) = plan.wire.steps()
    assert isinstance(step.operation, EndBackend)
    assert step.operation.started.minute == 30


def test_a_session_whose_beginning_is_hidden_is_not_ended() -> None:
    hidden = looked(here(), 3321, ago=timedelta(minutes=1), started=None)
    assert refusal(kill([hidden])).code == "backend_start_hidden"


def test_a_number_seen_on_two_nodes_needs_the_node() -> None:
    nodes = (database_node(1), database_node(2))
    both = looked(here(*nodes), 3321, ago=timedelta(minutes=1))
    assert refusal(kill([both], *nodes)).code == "backend_ambiguous"


def test_a_look_at_another_node_does_not_count() -> None:
    other = looked(here(database_node(2)), 3321, ago=timedelta(minutes=1))
    assert refusal(kill([other], database_node(1))).code == "backend_not_seen"


def test_what_an_end_has_answered_is_no_look() -> None:
    ended = looked(here(), 3321, ago=timedelta(minutes=1))
    ended = replace(ended, plan=replace(ended.plan, risk=Risk.DANGER))
    assert refusal(kill([ended])).code == "backend_not_seen"


@pytest.mark.parametrize("pid", ["3321", "1; drop table x", 0, 1, -5, 4_194_305, True, 3.5, None])
def test_only_a_number_names_a_session(pid: Param) -> None:
    seen = [looked(here(), 3321, ago=timedelta(minutes=1))]
    assert refusal(kill(seen, pid=pid)).code == "backend_pid_missing"


def test_a_backup_is_made_node_after_node_where_a_folder_is_registered() -> None:
    plan = BackupDb().plan(
        request_of(database_node(1), database_node(2, folder=None), database_node(3))
    )
    assert (plan.risk, plan.wire.lock) == (Risk.CHANGE, "MOEF-BUDGET")
    assert [[run.node_id for run in batch] for batch in plan.wire.batches] == [
        ["moef-budget-prod-db01"],
        ["moef-budget-prod-db03"],
    ]
    assert {type(step.operation) for step in plan.wire.steps()} == {DumpDatabase}
    assert all(texts.note(note) for texts in TEXTS for note in plan.outline)


def test_a_backup_without_a_folder_is_refused() -> None:
    with pytest.raises(UserError) as refused:
        BackupDb().plan(request_of(database_node(1, folder=None)))
    assert refused.value.code == "no_dump_folder"


def test_stuck_transactions_and_queues_are_judged_by_the_limits() -> None:
    limits = Limits(stuck_minutes=3, queue=Threshold(warning=5, critical=6))
    asked = request_of(limits=limits)
    plans = (LinkTxTracker().plan(asked), EsbChannelMonitor().plan(asked))
    assert [step.operation for plan in plans for step in plan.wire.steps()] == [
        ReadTransactions(stuck_minutes=3),
        ReadChannels(depth=limits.queue),
    ]


def test_a_system_without_a_queue_is_refused() -> None:
    with pytest.raises(UserError) as refused:
        EsbChannelMonitor().plan(request_of(node_of(1)))
    assert refused.value.code == "no_queue"


@pytest.mark.parametrize("day", ["2026-02-30", "어제", "2026-04-01'; drop table x; --", "", 7])
def test_only_a_day_of_the_calendar_is_asked_for(day: Param) -> None:
    with pytest.raises(UserError) as refused:
        FetchMesQc().plan(request_of(date=day))
    assert refused.value.code == "date_malformed"


def test_a_day_goes_into_the_plan_as_a_day() -> None:
    plan = FetchMesQc().plan(request_of(date="2026-04-01"))
    assert isinstance(plan, Plan)
    (step,) = plan.wire.steps()
    assert step.operation.model_dump(mode="json")["date"] == "2026-04-01"
