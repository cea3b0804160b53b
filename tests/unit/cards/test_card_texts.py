"""The cards as people read them, word by word.

The expected texts are in tests/cases/cards. After a wanted change of words, run this module with
WRITE_CARDS=1 in the environment and read what has changed as a tired operator would.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from actions.catalog import action_of
from actions.deploy import Deploy
from actions.rollback import Rollback
from actions.service import ManageService
from agent.wire.plan import Step
from agent.wire.results import Health, NodeProbe, ServiceState
from bot.core.cards import (
    denial_report,
    final_report,
    plan_card,
    progress_card,
    question_report,
    refusal_report,
)
from bot.core.domain.intent import Choice, Clarification
from bot.core.domain.job import Job, JobState, StepRecord, StepState
from bot.core.domain.plan import Plan
from bot.core.domain.report import Report
from bot.core.errors import UserError
from bot.core.recovery import undo_steps
from bot.core.texts import load_texts
from bot.core.versions import Past
from tests.fakes.planning import (
    LEADER,
    NOW,
    deploy_request,
    deployment_of,
    job_of,
    pair,
    ran,
    request_for,
)
from tests.fakes.read_jobs import (
    asking_with_exhibits,
    difference,
    disks_of_two,
    few_resources,
    health_of_three,
    one_busy,
    sessions_of_one,
    sixty_resources,
    stale_files,
)
from tests.fakes.report_text import as_text
from tests.fakes.told_jobs import (
    earlier,
    fleet_rolled_back_job,
    fleet_running_job,
    noticed_job,
    rollback_failed_job,
    rolled_back_job,
    steps_until,
    succeeded_job,
    went_well,
)

CASES = Path(__file__).parents[2] / "cases" / "cards"
KO = load_texts("ko")
FILES = {
    "WEB-INF/classes/kr/go/moef/Budget.class": "changed",
    "css/main.css": "changed",
    "html/notice.html": "new",
    "js/app.js": "same",
}
LOG = (
    "01-Apr-2026 14:03:41.120 SEVERE [main] org.apache.catalina.core.StandardContext.startInternal",
    "java.lang.ClassNotFoundException: kr.go.moef.Budget",
    "  jdbc:oracle:thin:@10.100.1.31:1521:BUDGET password=hunter2",
)


def deploy() -> Plan:
    return Deploy().plan(deploy_request(FILES, pair()))


def steps_of(plan: Plan, node: int, until: str = "") -> list[str]:
    """Step ids of one node run, up to but without the step whose name is given."""
    ids = [step.step_id for step in plan.wire.runs()[node].steps]
    names = [step_id.split("-", 1)[1] for step_id in ids]
    return ids[: names.index(until)] if until else ids


def step_named(plan: Plan, node: int, name: str) -> Step:
    return next(step for step in plan.wire.runs()[node].steps if step.step_id.endswith(f"-{name}"))


def unhealthy(plan: Plan, node: int) -> tuple[StepRecord, ...]:
    """A node whose application does not come up."""
    bad = StepRecord(
        step_id=step_named(plan, node, "health").step_id,
        state=StepState.FAILED,
        code="not_healthy",
        values=(("asked", "240"), ("good", "0"), ("last_status", "503")),
        lines=LOG,
        result=Health(healthy=False, good=0, asked=240, last_status=503),
        elapsed_ms=120_400,
    )
    return (*ran(steps_of(plan, node, "health")), bad)


def undone(plan: Plan, node: int, records: tuple[StepRecord, ...]) -> tuple[StepRecord, ...]:
    run = plan.wire.runs()[node]
    known = {record.step_id: record for record in records}
    return ran([step.step_id for step in undo_steps(run, known)])


def broken(plan: Plan) -> tuple[StepRecord, ...]:
    """Node 1 went well, node 2 did not."""
    return (*ran(steps_of(plan, 0)), *unhealthy(plan, 1))


def finished(plan: Plan, state: JobState, records: tuple[StepRecord, ...]) -> Report:
    return final_report(job_of(plan, state, steps=records), texts=KO)


def asking() -> Report:
    return plan_card(job_of(deploy()), approvers=[LEADER], texts=KO, now=NOW)


def decided() -> Report:
    return plan_card(job_of(deploy(), JobState.RUNNING), approvers=[], texts=KO, now=NOW)


def in_progress() -> Report:
    plan = deploy()
    started = NOW + timedelta(minutes=3, seconds=20)
    name = step_named(plan, 1, "stop").step_id
    running = StepRecord(step_id=name, state=StepState.RUNNING, started_at=started)
    records = (*ran(steps_of(plan, 0)), *ran(steps_of(plan, 1, "stop")), running)
    job = job_of(plan, JobState.RUNNING, steps=records, ended_at=None)
    return progress_card(job, texts=KO, now=started + timedelta(seconds=2.5))


def going_back() -> Report:
    plan = deploy()
    records = broken(plan)
    back = undone(plan, 1, records)[:4]
    job = job_of(plan, JobState.RUNNING, steps=(*records, *back), ended_at=None)
    return progress_card(job, texts=KO, now=NOW + timedelta(minutes=6))


def ended(job: Job, language: str = "ko") -> Report:
    """The final report, with what stood there before."""
    past = Past(deployments=(earlier(job.plan),))
    return final_report(
        job, texts=load_texts(language), past=past, console_url="https://bot.example"
    )


def succeeded() -> Report:
    return ended(succeeded_job())


def succeeded_en() -> Report:
    return ended(succeeded_job(), "en")


def noticed() -> Report:
    return ended(noticed_job())


def rolled_back() -> Report:
    return ended(rolled_back_job())


def rollback_failed() -> Report:
    return ended(rollback_failed_job())


def rollback_failed_en() -> Report:
    return ended(rollback_failed_job(), "en")


def fleet_rolled_back() -> Report:
    return ended(fleet_rolled_back_job())


def fleet_running() -> Report:
    return progress_card(fleet_running_job(NOW), texts=KO, now=NOW)


def unknown() -> Report:
    plan = deploy()
    silent = StepRecord(
        step_id=step_named(plan, 1, "replace").step_id,
        state=StepState.UNKNOWN,
        code="agent_silent",
    )
    records = (
        *went_well(plan, steps_until(plan, 0)),
        *went_well(plan, steps_until(plan, 1, "replace")),
        silent,
    )
    return finished(plan, JobState.UNKNOWN, records)


def failed_untouched() -> Report:
    plan = deploy()
    full = StepRecord(
        step_id=step_named(plan, 0, "stage").step_id,
        state=StepState.FAILED,
        code="disk_full",
        values=(("path", "/app/budget"), ("free", "1048576")),
    )
    return finished(plan, JobState.FAILED, (*ran(steps_of(plan, 0, "stage")), full))


def rollback_stopped() -> Report:
    two = pair()
    plan = Rollback().plan(request_for(two, history=[deployment_of("J260401-AAAAAA", two.nodes)]))
    records = (*ran(steps_of(plan, 0)), *unhealthy(plan, 1))
    back = (*undone(plan, 1, records), *undone(plan, 0, records))
    return finished(plan, JobState.ROLLED_BACK, (*records, *back))


def rollback_asked() -> Report:
    two = pair()
    plan = Rollback().plan(request_for(two, history=[deployment_of("J260401-AAAAAA", two.nodes)]))
    return plan_card(job_of(plan), approvers=[LEADER], texts=KO, now=NOW)


def health() -> Report:
    return final_report(health_of_three(), texts=KO)


def resources_of_one() -> Report:
    return final_report(one_busy(), texts=KO)


def resources_of_three() -> Report:
    return final_report(few_resources(), texts=KO)


def resources_of_sixty() -> Report:
    return final_report(sixty_resources(), texts=KO)


def resources_of_sixty_en() -> Report:
    return final_report(sixty_resources(), texts=load_texts("en"))


def resources_so_far() -> Report:
    job = sixty_resources(answered=45, state=JobState.RUNNING)
    return progress_card(replace(job, ended_at=None), texts=KO, now=NOW + timedelta(minutes=4))


def disks() -> Report:
    return final_report(disks_of_two(), texts=KO)


def sessions() -> Report:
    return final_report(sessions_of_one(), texts=KO)


def exhibits() -> Report:
    job = asking_with_exhibits({0: stale_files(70), 1: difference()})
    return plan_card(job, approvers=[LEADER], texts=KO, now=NOW)


def status() -> Report:
    plan = ManageService().plan(request_for(pair(), params={"operation": "status"}))
    records = []
    for run, running in zip(plan.wire.runs(), (True, False), strict=True):
        state = ServiceState(running=running, pid=4321 if running else None, port_open=running)
        probe = NodeProbe(
            node_id=run.node_id,
            ssh_ms=12,
            service_ms=3 if running else None,
            health_status=200 if running else None,
        )
        for step, result in zip(run.steps, (state, probe), strict=True):
            records.append(replace(ran([step.step_id])[0], result=result))
    return final_report(_read(job_of(plan, JobState.SUCCEEDED, steps=tuple(records))), texts=KO)


def _read(job: Job) -> Job:
    return replace(job, approvals=(), stages=())


def question() -> Report:
    choices = (Choice(label="운영", value="운영"), Choice(label="개발", value="개발"))
    return question_report(Clarification(question="어느 환경입니까?", choices=choices), texts=KO)


def refused() -> Report:
    error = UserError("nothing_changed", count=3)
    return refusal_report(error, texts=KO, only_for="u012")


def denied() -> Report:
    return denial_report("no_right", texts=KO, job_id="J260401-AB12CD")


def info() -> Report:
    action = action_of("server_info")
    assert action is not None
    made = action.plan(request_for(pair()))
    assert isinstance(made, Report)
    return made


def helped() -> Report:
    action = action_of("help")
    assert action is not None
    made = action.plan(request_for(None))
    assert isinstance(made, Report)
    return made


CARDS: list[Callable[[], Report]] = [
    asking,
    decided,
    in_progress,
    going_back,
    fleet_running,
    succeeded,
    succeeded_en,
    noticed,
    rolled_back,
    fleet_rolled_back,
    rollback_failed,
    rollback_failed_en,
    unknown,
    failed_untouched,
    rollback_asked,
    rollback_stopped,
    health,
    resources_of_one,
    resources_of_three,
    resources_of_sixty,
    resources_of_sixty_en,
    resources_so_far,
    disks,
    sessions,
    exhibits,
    status,
    question,
    refused,
    denied,
    info,
    helped,
]


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.__name__)
def test_reads_as_written(card: Callable[[], Report]) -> None:
    path = CASES / f"{card.__name__}.txt"
    said = as_text(card())
    if os.environ.get("WRITE_CARDS"):
        path.write_text(said, "utf-8")
    assert said == path.read_text("utf-8")
