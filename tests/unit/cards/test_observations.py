"""What a job noticed beside its work, in its final report."""

from __future__ import annotations

import pytest

from actions.deploy import Deploy
from agent.wire.results import Health, LogFindings, Result
from bot.core.cards import final_report
from bot.core.domain.job import JobState
from bot.core.texts import load_texts
from tests.fakes.engine import words_of
from tests.fakes.planning import deploy_request, job_of, node_of, ran, target_of

KO = load_texts("ko")
WELL = {"healthy": True, "good": 3, "asked": 20, "last_status": 200}


def said(kind: str, result: Result) -> str:
    """The report of a deployment that went well, and of which that step found this."""
    plan = Deploy().plan(
        deploy_request({"a.class": "changed"}, target_of([node_of(1, watch_s=20), node_of(2)]))
    )
    steps = [
        record
        for step in plan.wire.runs()[0].steps
        for record in ran(
            [step.step_id], **({"result": result} if step.operation.kind == kind else {})
        )
    ]
    return words_of(final_report(job_of(plan, JobState.SUCCEEDED, steps=tuple(steps)), texts=KO))


def test_errors_after_the_start_are_told_with_their_node_and_number() -> None:
    words = said("watch_node", Health(troubles=7, **WELL))
    assert "오류나 예외가 기록된 노드: moef-budget-prod-was01 (7건)" in words


@pytest.mark.parametrize(
    ("kind", "result", "why"),
    [
        ("scan_log", LogFindings(started=True, suspicious=(), lost="moved"), "회전·압축"),
        ("watch_node", Health(lost="too_long", **WELL), "16 MB"),
    ],
)
def test_a_log_that_could_not_be_read_to_its_end_is_told_with_the_reason(
    kind: str, result: Result, why: str
) -> None:
    words = said(kind, result)
    assert "로그를 끝까지 확인하지 못한 노드: moef-budget-prod-was01" in words
    assert why in words


def test_a_log_that_says_nothing_is_not_mentioned() -> None:
    words = said("watch_node", Health(**WELL))
    assert "기록된 노드" not in words
    assert "확인하지 못한 노드" not in words
