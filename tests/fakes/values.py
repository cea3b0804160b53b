"""Ready-made values for tests: a person, a plan, a job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from agent.wire.operations import AwaitHealth, Operation
from agent.wire.plan import NodeRun, NodeTarget, ServiceSpec, Step, WirePlan
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.decision import Stage
from bot.core.domain.job import Job, JobState
from bot.core.domain.people import Actor, Role
from bot.core.domain.plan import Note, Plan, Risk

NOW = datetime(2026, 5, 23, 1, 0, tzinfo=UTC)
INSTITUTION = "기획재정부"
FINGERPRINT = "SHA256:" + "A" * 43


def a_person(
    person_id: str, *, role: Role = Role.DEVELOPER, institutions: tuple[str, ...] = (INSTITUTION,)
) -> Actor:
    """A person who may see one ministry."""
    return Actor(
        person_id=person_id,
        name=f"사람{person_id}",
        role=role,
        institutions=frozenset(institutions),
    )


def a_target(node_id: str = "was01", *, port: int = 2201) -> NodeTarget:
    """A connected WAS node."""
    return NodeTarget(
        node_id=node_id,
        env="prod",
        host="127.0.0.1",
        port=port,
        user="wasadmin",
        host_key=FINGERPRINT,
        deploy_path="/app/budget/webapps/ROOT",
        backup_path="/app/budget/backup",
        service=ServiceSpec(
            name="tomcat",
            kind="scripts",
            home="/app/tomcat",
            port=8080,
            health_path="/actuator/health",
            log_path="/app/tomcat/logs/catalina.out",
        ),
    )


def a_step(node_id: str, number: int, operation: Operation, *, undo: bool = False) -> Step:
    """A step with a readable id: ``was01.3``, ``was01.u3``."""
    mark = "u" if undo else ""
    return Step(step_id=f"{node_id}.{mark}{number}", node_id=node_id, operation=operation)


def a_run(node_id: str, steps: list[Operation], undo: list[Operation] | None = None) -> NodeRun:
    """One node's steps and their undoing."""
    return NodeRun(
        node_id=node_id,
        steps=tuple(a_step(node_id, i, op) for i, op in enumerate(steps)),
        undo=tuple(a_step(node_id, i, op, undo=True) for i, op in enumerate(undo or [])),
    )


def a_wire_plan(*runs: NodeRun, lock: str | None = "MOEF-BUDGET", **changes: object) -> WirePlan:
    """A plan over the given runs, one batch each."""
    runs = runs or (a_run("was01", [AwaitHealth(path="/actuator/health")]),)
    values: dict[str, object] = {
        "job_id": "J260523-AAAAAA",
        "action": "deploy",
        "requested_by": "u032",
        "agent": "GOV-PC-01",
        "lock": lock,
        "targets": tuple(a_target(run.node_id, port=2200 + i) for i, run in enumerate(runs)),
        "batches": tuple((run,) for run in runs),
    }
    return WirePlan.model_validate(values | changes)


def a_plan(wire: WirePlan | None = None, *, risk: Risk = Risk.CHANGE) -> Plan:
    """A plan as policy and cards see it."""
    wire = wire or a_wire_plan()
    return Plan(
        action=wire.action,
        risk=risk,
        wire=wire,
        digest=wire.digest(),
        title=Note(key="working.survey", values=(("count", "1"),)),
        node_names=tuple(run.node_id for run in wire.runs()),
        environments=("prod",),
        institution=INSTITUTION,
        system="예산시스템",
    )


def a_job(
    *,
    state: JobState = JobState.PLANNED,
    plan: Plan | None = None,
    stages: tuple[Stage, ...] = (),
) -> Job:
    """A job of u032, asked for at NOW, lapsing half an hour later."""
    plan = plan or a_plan()
    return Job(
        job_id=plan.wire.job_id,
        state=state,
        plan=plan,
        requester_id="u032",
        requester_name="개발032",
        sr="SR-2026-0401",
        conversation=ConversationRef(adapter="web", channel="ops", thread="m1"),
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=30),
        stages=stages,
        rule="change-prod",
    )
