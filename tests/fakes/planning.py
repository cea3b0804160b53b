"""An estate in memory, requests on it, and jobs made of plans, for tests of verbs and cards."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from agent.wire.plan import BalancerSpec, NodeTarget, ServiceSpec
from agent.wire.results import Digests, Result, ServiceState
from bot.core.domain.artifact import Artifact, ArtifactEntry
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.decision import Approval, Stage, Verdict
from bot.core.domain.estate import (
    BalancerMember,
    Environment,
    Layer,
    Node,
    NodeEntry,
    Rollout,
    SystemEntry,
    Target,
)
from bot.core.domain.intent import Param
from bot.core.domain.job import Deployment, Job, JobState, StepRecord, StepState
from bot.core.domain.people import Actor, Role
from bot.core.domain.plan import Plan
from bot.core.ports import ActionRequest

NOW = datetime(2026, 4, 1, 5, 0, tzinfo=UTC)  # 14:00 in Seoul
JOB = "J260401-AB12CD"
SYSTEM = SystemEntry(institution="기획재정부", name="예산시스템", code="MOEF-BUDGET")
DEVELOPER = Actor(
    person_id="u012",
    name="개발012",
    role=Role.DEVELOPER,
    institutions=frozenset({"기획재정부"}),
)
LEADER = Actor(person_id="u011", name="파트장011", role=Role.PART_LEADER, all_institutions=True)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def node_of(
    number: int,
    *,
    layer: str = "WAS",
    env: str = "prod",
    connected: bool = True,
    transfer: str = "sftp",
    legacy: Sequence[str] = (),
    watch_s: int = 0,
) -> Node:
    """One server, named as the estate names them."""
    name = f"moef-budget-{env}-{layer.lower()}{number:02}"
    host = f"10.100.1.{20 + number if layer == 'WAS' else 10 + number}"
    port = 8080 if layer == "WAS" else 80
    wire = NodeTarget(
        node_id=name,
        env=Environment(env).value,
        host=host,
        port=22 if transfer == "sftp" else 21,
        transfer="sftp" if transfer == "sftp" else "ftp",
        legacy=tuple(legacy),
        user=f"{layer.lower()}admin",
        host_key="SHA256:" + "A" * 43 if transfer == "sftp" else None,
        deploy_path="/app/budget/webapps/ROOT",
        backup_path="/app/budget/backup",
        service=ServiceSpec(
            name="tomcat" if layer == "WAS" else "nginx",
            kind="scripts",
            home="/app/tomcat",
            port=port,
            health_path="/actuator/health",
            log_path="/app/tomcat/logs/catalina.out",
            watch_s=watch_s,
        ),
        balancer=BalancerSpec(home="/app/nginx", upstream_file="/app/nginx/conf/upstream.conf")
        if layer == "WEB"
        else None,
    )
    return Node(
        entry=NodeEntry(
            node_id=name,
            institution=SYSTEM.institution,
            system=SYSTEM.name,
            env=Environment(env),
            layer=Layer(layer),
            number=number,
        ),
        os="RHEL 8.8",
        transfer=transfer,
        os_user=wire.user,
        host=host,
        ssh_port=22,
        deploy_path=wire.deploy_path,
        service=wire.service.name,
        service_port=port,
        agent="GOV-PC-01",
        wire=wire if connected else None,
    )


def behind(node: Node, *helpers: Node, device: str = "") -> Node:
    """The node, standing behind these balancers, and behind an L4 device where one is named."""
    member = f"{node.host}:{node.service_port}"
    places = [BalancerMember(web_node_id=web.node_id, member=member) for web in helpers]
    places += [BalancerMember(device=device, member=member)] if device else []
    return replace(node, balancers=tuple(places))


def target_of(
    nodes: Sequence[Node],
    *,
    helpers: Sequence[Node] = (),
    siblings: int | None = None,
    rollout: Rollout | None = None,
) -> Target:
    return Target(
        system=SYSTEM,
        nodes=tuple(nodes),
        helpers=tuple(helpers),
        siblings=len(nodes) if siblings is None else siblings,
        agent="GOV-PC-01",
        rollout=rollout or Rollout(),
    )


def pair(*, web: int = 1) -> Target:
    """Two application servers behind ``web`` balancers."""
    webs = [node_of(number, layer="WEB") for number in range(1, web + 1)]
    return target_of([behind(node_of(number), *webs) for number in (1, 2)], helpers=webs)


def artifact_of(paths: Sequence[str]) -> Artifact:
    entries = tuple(
        ArtifactEntry(path=path, sha256=sha(path), size=100 + index)
        for index, path in enumerate(paths)
    )
    return Artifact(digest=sha("".join(paths)), name="patch.zip", size=1000, entries=entries)


def present(
    paths: Mapping[str, str],
    nodes: Sequence[Node],
    conflicts: Mapping[str, Literal["folder", "link", "other"]] | None = None,
) -> dict[tuple[str, int], Result]:
    """What lies on every node now: per path ``new``, ``changed`` or ``same``; and what is no
    plain file."""
    now = {"new": None, "changed": sha("another"), "same": ""}
    digests = {path: sha(path) if state == "same" else now[state] for path, state in paths.items()}
    found = Digests(files=dict(digests), conflicts=dict(conflicts or {}))
    return {(node.node_id, 0): found for node in nodes}


def states(nodes: Sequence[Node], *, running: bool) -> dict[tuple[str, int], Result]:
    return {(node.node_id, 0): ServiceState(running=running, port_open=running) for node in nodes}


def request_for(
    target: Target | None,
    *,
    params: Mapping[str, Param] | None = None,
    artifact: Artifact | None = None,
    facts: Mapping[tuple[str, int], Result] | None = None,
    history: Sequence[Deployment] = (),
    sr: str | None = "SR-2026-0401",
    actor: Actor = DEVELOPER,
    job_id: str = JOB,
) -> ActionRequest:
    return ActionRequest(
        job_id=job_id,
        actor=actor,
        target=target,
        params=dict(params or {}),
        sr=sr,
        artifact=artifact,
        facts=dict(facts or {}),
        history=tuple(history),
        now=NOW,
    )


def deploy_request(paths: Mapping[str, str], target: Target, **more: object) -> ActionRequest:
    """A deployment of these paths, every node in the same state."""
    artifact = artifact_of(sorted(paths))
    request = request_for(target, artifact=artifact, facts=present(paths, target.nodes))
    return replace(request, **more)


def deployment_of(
    job_id: str, nodes: Sequence[Node], *, paths: Sequence[str] = ("a.class",), **more: object
) -> Deployment:
    deployment = Deployment(
        job_id=job_id,
        backup_id=job_id,
        system_code=SYSTEM.code,
        node_ids=tuple(node.node_id for node in nodes),
        sr="SR-2026-0401",
        ended_at=NOW - timedelta(hours=1),
        paths=tuple(paths),
        restarted=True,
        undone=False,
    )
    return replace(deployment, **more)


def approval_of(plan: Plan, *, verdict: Verdict = Verdict.APPROVE) -> Approval:
    return Approval(
        job_id=plan.wire.job_id,
        person_id=LEADER.person_id,
        name=LEADER.name,
        role=LEADER.role,
        verdict=verdict,
        plan_digest=plan.digest,
        stage=0,
        at=NOW + timedelta(minutes=3),
    )


def job_of(plan: Plan, state: JobState = JobState.AWAITING_APPROVAL, **more: object) -> Job:
    """A job of this plan; approved, where its state says so."""
    decided = state not in {JobState.AWAITING_APPROVAL, JobState.EXPIRED, JobState.PLANNED}
    ran = decided and state not in {JobState.QUEUED, JobState.DENIED}
    job = Job(
        job_id=plan.wire.job_id,
        state=state,
        plan=plan,
        requester_id=DEVELOPER.person_id,
        requester_name=DEVELOPER.name,
        sr=plan.wire.sr,
        conversation=ConversationRef(adapter="web", channel="moef", thread="1"),
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=30),
        stages=(Stage(roles=(Role.PART_LEADER, Role.PM)),),
        approvals=(approval_of(plan),) if decided else (),
        started_at=NOW + timedelta(minutes=3) if ran else None,
        ended_at=NOW + timedelta(minutes=4, seconds=5) if ran else None,
    )
    return replace(job, **more)


def ran(steps: Sequence[str], **more: object) -> tuple[StepRecord, ...]:
    """Records of steps that succeeded, 1.2 seconds each."""
    done = StepRecord(step_id="x", state=StepState.SUCCEEDED, elapsed_ms=1200)
    return tuple(replace(done, step_id=step, **more) for step in steps)
