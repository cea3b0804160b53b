"""One node updated behind its balancer, and put back, on the estate that the demo serves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.executor import Executor
from agent.guard import GuardPolicy
from agent.ledger import Ledger
from agent.transports.ssh import connect
from agent.wire.messages import StepOutcome
from agent.wire.operations import (
    AwaitHealth,
    BackupFiles,
    DrainMember,
    FingerprintFiles,
    MarkLog,
    Operation,
    Preflight,
    ProbeNode,
    ReplaceFiles,
    RestoreBackup,
    ScanLog,
    SettleTraffic,
    StageFiles,
    StartService,
    StopService,
)
from agent.wire.plan import NodeAccess, NodeRun, Step, WirePlan
from agent.wire.results import LogFindings
from bot.app.demo.packages import application_files
from tests.fakes.agent import AGENT, JOB, NOW, FakeBlobs, Site, a_plan, specs, step_order
from tests.integration.demo.running import RunningEstate, ask, running_estate

BALANCER = "prod-web01"
SETTLED = AwaitHealth(path="/actuator/health", needed=2, timeout_s=30)


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[RunningEstate]:
    with running_estate(tmp_path / "demo") as running:
        yield running


class Update:
    """The plan that updates one node, and an agent that runs it."""

    def __init__(self, estate: RunningEstate, folder: Path, node: str, files: dict[str, bytes]):
        self.site = Site()
        self.accesses = (estate.node(node), estate.node(BALANCER))
        self.plan = _plan(self.accesses, files)
        self.executor = Executor(
            agent=AGENT,
            seal_key=self.site.seal,
            bot_key=self.site.bot.verify_key,
            ledger=Ledger(folder / "ledger.sqlite"),
            blobs=FakeBlobs(list(files.values())),
            policy=GuardPolicy(),
            connect=connect,
            now=lambda: NOW,
        )

    async def run(self, *step_ids: str) -> dict[str, StepOutcome]:
        await self.executor.deliver(self.site.order(self.plan, None, *self.accesses))
        return {
            step_id: await self.executor.run(step_order(self.plan, step_id), lambda progress: None)
            for step_id in step_ids
        }


def _plan(accesses: tuple[NodeAccess, NodeAccess], files: dict[str, bytes]) -> WirePlan:
    target, balancer = (access.target for access in accesses)
    member = f"{target.host}:{target.service.port}"
    wanted = specs(files)
    at_balancer = {"drain": "down", "join": "up"}
    operations: dict[str, Operation] = {
        "probe": ProbeNode(),
        "look": FingerprintFiles(paths=tuple(files)),
        "preflight": Preflight(bytes_needed=1 << 20),
        "drain": DrainMember(member=member, state="down"),
        "settle": SettleTraffic(seconds=1),
        "backup": BackupFiles(backup_id=JOB, paths=tuple(files)),
        "stage": StageFiles(files=wanted),
        "mark": MarkLog(),
        "stop": StopService(timeout_s=120),
        "replace": ReplaceFiles(files=wanted),
        "start": StartService(timeout_s=120),
        "health": SETTLED.model_copy(update={"path": target.service.health_path}),
        "scan": ScanLog(since="mark"),
        "join": DrainMember(member=member, state="up"),
        "undo-stop": StopService(timeout_s=120),
        "undo-restore": RestoreBackup(backup_id=JOB),
        "undo-start": StartService(timeout_s=120),
        "undo-health": SETTLED.model_copy(update={"path": target.service.health_path}),
    }
    steps = tuple(
        Step(
            step_id=name,
            node_id=balancer.node_id if name in at_balancer else target.node_id,
            operation=operation,
            timeout_s=240,
        )
        for name, operation in operations.items()
    )
    run = NodeRun(node_id=target.node_id, steps=steps)
    return a_plan(target, (), targets=(target, balancer), batches=((run,),))


FORWARD = [
    "probe",
    "look",
    "preflight",
    "drain",
    "settle",
    "backup",
    "stage",
    "mark",
    "stop",
    "replace",
    "start",
    "health",
    "scan",
    "join",
]
UNDO = ["undo-stop", "undo-restore", "undo-start", "undo-health"]


def codes(outcomes: dict[str, StepOutcome]) -> dict[str, tuple[str, str]]:
    return {step_id: (outcome.state, outcome.code) for step_id, outcome in outcomes.items()}


async def test_a_node_is_updated_while_the_other_serves(
    estate: RunningEstate, tmp_path: Path
) -> None:
    update = Update(estate, tmp_path, "prod-was01", application_files("1.1.0"))
    outcomes = await update.run(*FORWARD)
    assert codes(outcomes) == dict.fromkeys(FORWARD, ("succeeded", "ok")), outcomes
    assert isinstance(outcomes["scan"].result, LogFindings)
    assert outcomes["scan"].result.started
    status, _ = await ask(estate.url(BALANCER))
    assert status == 200
    deployed = Path(estate.node("prod-was01").target.deploy_path)
    assert any(b"1.1.0" in path.read_bytes() for path in deployed.rglob("*") if path.is_file())


async def test_a_node_that_does_not_come_up_is_put_back(
    estate: RunningEstate, tmp_path: Path
) -> None:
    broken = application_files("1.2.0", pool_size=80)  # more than this node's database grants
    deployed = Path(estate.node("prod-was02").target.deploy_path)
    before = {path: path.read_bytes() for path in deployed.rglob("*") if path.is_file()}
    update = Update(estate, tmp_path, "prod-was02", broken)
    outcomes = await update.run(*FORWARD[: FORWARD.index("start") + 1])
    if outcomes["start"].state == "succeeded":
        outcomes = await update.run("health")
    failed = list(outcomes.values())[-1]
    assert failed.state == "failed"
    assert failed.code in {"not_healthy", "not_started", "script_failed"}
    assert any("pool size 80 exceeds the 50" in line for line in failed.lines)
    undone = await update.run(*UNDO)
    assert codes(undone) == dict.fromkeys(UNDO, ("succeeded", "ok")), undone
    after = {path: path.read_bytes() for path in deployed.rglob("*") if path.is_file()}
    assert after == before
