"""Jobs, plans and verdicts that tests fill stores with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from agent.wire.operations import AwaitHealth, FileSpec, ReplaceFiles, StopService
from agent.wire.plan import NodeRun, NodeTarget, ServiceSpec, Step, WirePlan
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.decision import Approval, Stage, Verdict
from bot.core.domain.job import Deployment, Job, JobState
from bot.core.domain.people import Role
from bot.core.domain.plan import FileChange, Handling, Note, Novelty, Plan, Risk

NOW = datetime(2026, 4, 1, 9, 30, 15, 123456, tzinfo=UTC)
THREAD = ConversationRef(adapter="web", channel="ops", thread="m1")
JOB = "J260401-ABC123"


def node_target(node_id: str = "moef-budget-prod-was01") -> NodeTarget:
    return NodeTarget(
        node_id=node_id,
        env="prod",
        host="127.0.0.1",
        port=2201,
        user="wasadmin",
        host_key="SHA256:" + "A" * 43,
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


def sample_plan(job_id: str = JOB) -> Plan:
    target = node_target()
    file = FileSpec(path="WEB-INF/classes/가나다.class", sha256="a" * 64, size=12)
    steps = (
        Step(step_id="was01.stop", node_id=target.node_id, operation=StopService()),
        Step(
            step_id="was01.replace", node_id=target.node_id, operation=ReplaceFiles(files=(file,))
        ),
        Step(
            step_id="was01.health",
            node_id=target.node_id,
            operation=AwaitHealth(path="/actuator/health"),
        ),
    )
    wire = WirePlan(
        job_id=job_id,
        action="deploy",
        requested_by="u032",
        sr="SR-2026-0401",
        agent="GOV-PC-01",
        lock="MOEF-BUDGET",
        targets=(target,),
        batches=((NodeRun(node_id=target.node_id, steps=steps),),),
    )
    return Plan(
        action="deploy",
        risk=Risk.CHANGE,
        wire=wire,
        digest=wire.digest(),
        title=Note(key="plan.deploy.title", values=(("system", "예산시스템"),)),
        node_names=(target.node_id,),
        environments=("prod",),
        institution="기획재정부",
        system="예산시스템",
        files=(
            FileChange(
                path=file.path,
                sha256=file.sha256,
                size=file.size,
                handling=Handling.DYNAMIC,
                novelty=((target.node_id, Novelty.CHANGED),),
            ),
        ),
        backup_id=job_id,
    )


def sample_job(job_id: str = JOB, *, state: JobState = JobState.RECEIVED) -> Job:
    plan = sample_plan(job_id)
    return Job(
        job_id=job_id,
        state=state,
        plan=plan,
        requester_id="u032",
        requester_name="개발032",
        sr="SR-2026-0401",
        conversation=THREAD,
        created_at=NOW,
        expires_at=NOW + timedelta(hours=4),
        stages=(Stage(roles=(Role.PART_LEADER, Role.PM), quorum=1),),
        rule="developer-deploy-prod",
    )


def sample_approval(person_id: str = "u031", *, job_id: str = JOB) -> Approval:
    return Approval(
        job_id=job_id,
        person_id=person_id,
        name="파트장031",
        role=Role.PART_LEADER,
        verdict=Verdict.APPROVE,
        plan_digest=sample_plan(job_id).digest,
        stage=0,
        at=NOW + timedelta(minutes=3),
    )


def sample_deployment(job_id: str = JOB, *, minutes: int = 0) -> Deployment:
    return Deployment(
        job_id=job_id,
        backup_id=job_id,
        system_code="MOEF-BUDGET",
        node_ids=("moef-budget-prod-was01", "moef-budget-prod-was02"),
        sr="SR-2026-0401",
        ended_at=NOW + timedelta(minutes=minutes),
        paths=("index.html",),
        restarted=True,
        undone=False,
    )
