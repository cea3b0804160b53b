"""Jobs in the middle and at the end of their runs, with what their steps answered.

Owns: realistic step records for cards and pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from actions.deploy import Deploy
from agent.wire.operations import BackupFiles, Preflight, ScanLog, SettleTraffic
from agent.wire.plan import Step
from agent.wire.results import Digests, Health, LogFindings, Result, Settled, Space
from bot.core.domain.estate import Rollout
from bot.core.domain.job import Deployment, Job, JobState, StepRecord, StepState
from bot.core.domain.plan import Novelty, Plan
from bot.core.recovery import undo_steps
from tests.fakes.planning import (
    NOW,
    behind,
    deploy_request,
    deployment_of,
    job_of,
    node_of,
    pair,
    sha,
    target_of,
)

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
STARTED = (
    "01-Apr-2026 14:03:58.402 INFO [main] org.apache.catalina.startup.Catalina.start "
    "Server startup in [9120] milliseconds"
)
_SECONDS = {
    "preflight": 0.4,
    "backup": 1.1,
    "stage": 2.3,
    "drain": 0.6,
    "settle": 3.0,
    "mark-log": 0.2,
    "stop": 2.8,
    "replace": 0.5,
    "start": 9.1,
    "health": 3.4,
    "scan-log": 0.3,
    "join": 0.6,
    "probe": 0.2,
    "restore": 1.4,
}


def pair_plan() -> Plan:
    """Two servers behind one balancer, one after the other."""
    return Deploy().plan(deploy_request(FILES, pair()))


def fleet_plan(count: int = 40, *, batch: int = 8) -> Plan:
    """Many servers, one first and the others in batches."""
    web = node_of(1, layer="WEB")
    nodes = [behind(node_of(number), web) for number in range(1, count + 1)]
    target = replace(target_of(nodes, helpers=[web]), rollout=Rollout(canary=1, batch=batch))
    return Deploy().plan(deploy_request(FILES, target))


def went_well(plan: Plan, steps: Sequence[Step], *, at: datetime = NOW) -> tuple[StepRecord, ...]:
    """Records of steps that succeeded, with what such steps answer."""
    return tuple(
        StepRecord(
            step_id=step.step_id,
            state=StepState.SUCCEEDED,
            result=_answer(plan, step),
            lines=(STARTED,) if isinstance(step.operation, ScanLog) else (),
            elapsed_ms=round(1000 * _SECONDS.get(_name(step), 1.2)),
            started_at=at + timedelta(seconds=index),
        )
        for index, step in enumerate(steps)
    )


def went_wrong(step: Step, code: str = "not_healthy", **more: object) -> StepRecord:
    """One step that failed, as an application that does not come up."""
    known = StepRecord(
        step_id=step.step_id,
        state=StepState.FAILED,
        code=code,
        values=(("asked", "90"), ("good", "0"), ("last_status", "503")),
        lines=LOG,
        result=Health(healthy=False, good=0, asked=90, last_status=503),
        elapsed_ms=45_300,
        started_at=NOW,
    )
    return replace(known, **more)


def steps_until(plan: Plan, node: int, name: str = "") -> list[Step]:
    """The steps of one node before the one of that name; without a name all."""
    steps = list(plan.wire.runs()[node].steps)
    names = [_name(step) for step in steps]
    return steps[: names.index(name)] if name else steps


def step_at(plan: Plan, node: int, name: str) -> Step:
    return next(step for step in plan.wire.runs()[node].steps if _name(step) == name)


def put_back(plan: Plan, node: int, records: Sequence[StepRecord]) -> tuple[StepRecord, ...]:
    """Undoing of one node that went well."""
    known: Mapping[str, StepRecord] = {record.step_id: record for record in records}
    return went_well(plan, undo_steps(plan.wire.runs()[node], known))


def running(step: Step, *, since: datetime) -> StepRecord:
    return StepRecord(step_id=step.step_id, state=StepState.RUNNING, started_at=since)


def earlier(plan: Plan) -> Deployment:
    """What stood there before."""
    nodes = [node_of(number) for number in range(1, len(plan.wire.runs()) + 1)]
    return deployment_of("J260325-AAAAAA", nodes, sr="SR-2026-0312")


def succeeded_job() -> Job:
    plan = pair_plan()
    records = [record for node in (0, 1) for record in went_well(plan, steps_until(plan, node))]
    return job_of(plan, JobState.SUCCEEDED, steps=tuple(records))


def running_job(now: datetime = NOW) -> Job:
    """The first node done, the second starting."""
    plan = pair_plan()
    records = (
        *went_well(plan, steps_until(plan, 0)),
        *went_well(plan, steps_until(plan, 1, "start")),
        running(step_at(plan, 1, "start"), since=now - timedelta(seconds=4)),
    )
    began = now - timedelta(seconds=52)
    return job_of(plan, JobState.RUNNING, steps=records, started_at=began, ended_at=None)


def rolled_back_job() -> Job:
    """The second node did not come up; both are back on the version before."""
    plan = pair_plan()
    records = [
        *went_well(plan, steps_until(plan, 0)),
        *went_well(plan, steps_until(plan, 1, "health")),
        went_wrong(step_at(plan, 1, "health")),
    ]
    records += [*put_back(plan, 1, records), *put_back(plan, 0, records)]
    return job_of(plan, JobState.ROLLED_BACK, steps=tuple(records))


def rollback_failed_job() -> Job:
    """As before, but the second node's backup cannot be read."""
    plan = pair_plan()
    records = [
        *went_well(plan, steps_until(plan, 0)),
        *went_well(plan, steps_until(plan, 1, "health")),
        went_wrong(step_at(plan, 1, "health")),
    ]
    back = put_back(plan, 1, records)
    at = next(i for i, record in enumerate(back) if record.step_id.endswith("-restore"))
    bad = replace(back[at], state=StepState.FAILED, code="backup_unreadable", result=None)
    steps = (*records, *back[:at], bad)
    return job_of(plan, JobState.ROLLBACK_FAILED, steps=steps)


def fleet_running_job(now: datetime = NOW) -> Job:
    """Forty servers: the first batches done, eight at work side by side."""
    plan = fleet_plan()
    names = ("stop", "start", "start", "health", "start", "stop", "health", "replace")
    records = [record for node in range(9) for record in went_well(plan, steps_until(plan, node))]
    for node, name in enumerate(names, start=9):
        records += went_well(plan, steps_until(plan, node, name))
        records.append(running(step_at(plan, node, name), since=now - timedelta(seconds=node)))
    began = now - timedelta(seconds=130)
    return job_of(plan, JobState.RUNNING, steps=tuple(records), started_at=began, ended_at=None)


def fleet_rolled_back_job() -> Job:
    """Forty servers: one of the second batch did not come up, and all that changed went back."""
    plan = fleet_plan()
    records: list[StepRecord] = []
    for node in range(9):
        if node == 6:
            records += went_well(plan, steps_until(plan, node, "health"))
            records.append(went_wrong(step_at(plan, node, "health")))
        else:
            records += went_well(plan, steps_until(plan, node))
    for node in range(9):
        records += put_back(plan, node, records)
    return job_of(plan, JobState.ROLLED_BACK, steps=tuple(records))


def noticed_job() -> Job:
    """All went well, and the steps saw things that somebody should know."""
    job = succeeded_job()
    first = job.plan.wire.runs()[0]
    kinds = {step.step_id: step.operation.kind for step in first.steps}
    seen: dict[str, Result] = {
        "preflight": Space(
            free_bytes=12 << 30, legacy=("kex=diffie-hellman-group1-sha1",), clock_ahead_s=612
        ),
        "settle_traffic": Settled(waited_s=5, still_open=3),
    }
    steps = tuple(
        replace(record, result=seen.get(kinds.get(record.step_id, ""), record.result))
        for record in job.steps
    )
    return replace(job, steps=steps)


def _name(step: Step) -> str:
    return step.step_id.split(".")[-1].split("-", 1)[1]


def _answer(plan: Plan, step: Step) -> Result | None:
    match step.operation:
        case Preflight():
            return Space(free_bytes=12 << 30, clock_ahead_s=0)
        case BackupFiles():
            new = {
                file.path
                for file in plan.files
                if dict(file.novelty).get(step.node_id) is Novelty.NEW
            }
            paths = step.operation.paths
            return Digests(files={p: None if p in new else sha(f"before {p}") for p in paths})
        case SettleTraffic():
            return Settled(waited_s=3, still_open=0)
        case ScanLog():
            return LogFindings(started=True, suspicious=())
        case _:
            return None
