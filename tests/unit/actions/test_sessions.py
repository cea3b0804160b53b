"""The end of a login: only the very one that the survey has found, and named with whose it is."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from actions.sessions import KillSession
from agent.wire.checks import EndSession, ListSessions
from agent.wire.readings import Column, Grid, Reading, Row
from agent.wire.results import Result
from bot.core.domain.intent import Param
from bot.core.domain.plan import Plan, Risk
from bot.core.errors import UserError
from bot.core.ports import ActionRequest
from bot.core.texts import load_texts
from tests.fakes.planning import node_of, request_for, target_of

COLUMNS = ("pid", "user", "terminal", "source", "since", "idle", "ticks")
KO = load_texts("ko")


def logins(*rows: tuple[str | int | None, ...]) -> Reading:
    grid = Grid(
        name="sessions",
        columns=tuple(Column(name=name) for name in COLUMNS),
        rows=tuple(Row(cells=row) for row in rows),
    )
    return Reading(level="normal", grids=(grid,))


KIM = (3321, "kim", "pts/0", "10.20.*.*", "2026-04-01T05:00:00+00:00", 4000, 2589844)
LEE = (3400, "lee", "pts/1", None, "2026-04-01T05:00:00+00:00", 3, 2599999)


def asked(pid: Param | None, facts: Mapping[int, Reading], *, nodes: int = 1) -> ActionRequest:
    target = target_of([node_of(number) for number in range(1, nodes + 1)])
    found: dict[tuple[str, int], Result] = {
        (node_of(number).node_id, 0): reading for number, reading in facts.items()
    }
    params = {} if pid is None else {"pid": pid}
    return request_for(target, params=params, facts=found)


def planned(request: ActionRequest) -> Plan:
    plan = KillSession().plan(request)
    assert isinstance(plan, Plan)
    return plan


def test_the_plan_ends_the_session_that_was_seen_and_no_other() -> None:
    plan = planned(asked(3321, {1: logins(KIM, LEE)}))
    (step,) = plan.wire.steps()
    assert step.operation == EndSession(pid=3321, started=2589844)
    assert plan.risk is Risk.DANGER
    assert plan.wire.lock == "MOEF-BUDGET"


def test_the_plan_names_whose_session_it_is_and_shows_its_row_alone() -> None:
    plan = planned(asked(3321, {1: logins(KIM, LEE)}))
    said = KO.note(plan.outline[0])
    assert said == (
        "moef-budget-prod-was01에서 kim 계정의 접속 세션(PID 3321, pts/0, 접속한 곳 10.20.*.*)을 "
        "종료합니다."
    )
    ((node, exhibit),) = plan.exhibits
    assert node == "moef-budget-prod-was01"
    assert [row.cells for row in exhibit.grids[0].rows] == [KIM]


def test_what_is_not_known_of_a_session_is_a_dash() -> None:
    plan = planned(asked(3400, {1: logins(LEE)}))
    assert "접속한 곳 -" in KO.note(plan.outline[0])


def test_the_node_where_the_session_is_is_the_only_one_of_the_plan() -> None:
    plan = planned(asked(3400, {1: logins(KIM), 2: logins(LEE)}, nodes=2))
    assert plan.node_names == ("moef-budget-prod-was02",)


@pytest.mark.parametrize(
    ("pid", "facts", "nodes", "code"),
    [
        (3321, {}, 1, "session_not_here"),
        (3321, {1: logins(LEE)}, 1, "session_not_here"),
        (3321, {1: logins(KIM), 2: logins(KIM)}, 2, "session_ambiguous"),
        (None, {1: logins(KIM)}, 1, "pid_missing"),
        ("3321; reboot", {1: logins(KIM)}, 1, "pid_missing"),
        ("-1", {1: logins(KIM)}, 1, "pid_missing"),
        (1, {1: logins(KIM)}, 1, "pid_missing"),
        (True, {1: logins(KIM)}, 1, "pid_missing"),
    ],
)
def test_what_is_no_seen_session_is_refused(
    pid: Param | None, facts: Mapping[int, Reading], nodes: int, code: str
) -> None:
    with pytest.raises(UserError) as refused:
        KillSession().plan(asked(pid, facts, nodes=nodes))
    assert refused.value.code == code
    assert KO.explain(refused.value)[1]


def test_it_looks_at_who_is_logged_in_first() -> None:
    assert KillSession().survey(asked(3321, {})) == [ListSessions()]
    with pytest.raises(UserError):
        KillSession().survey(asked(None, {}))
