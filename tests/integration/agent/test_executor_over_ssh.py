"""The executor with real operations on a real OpenSSH server."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.executor import Executor
from agent.guard import GuardPolicy
from agent.ledger import Ledger
from agent.transports.ssh import connect
from agent.wire.messages import StepOutcome
from agent.wire.operations import (
    BackupFiles,
    FingerprintFiles,
    Operation,
    Preflight,
    ProbeNode,
    ReplaceFiles,
    RestoreBackup,
    ServiceStatus,
    StageFiles,
)
from agent.wire.plan import NodeTarget, WirePlan
from agent.wire.results import Digests, Space
from tests.fakes.agent import (
    AGENT,
    JOB,
    NOW,
    ODD_NAMES,
    FakeBlobs,
    Site,
    a_plan,
    a_step,
    digest,
    specs,
    step_order,
)
from tests.integration.agent.conftest import Sshd

OLD = {name: f"old {name}".encode() for name in ODD_NAMES[:6]}
NEW = {name: f"new {name}".encode() * 50_000 for name in ODD_NAMES}
FILES = specs(NEW)
OPERATIONS: dict[str, Operation] = {
    "probe": ProbeNode(),
    "preflight": Preflight(bytes_needed=1000),
    "backup": BackupFiles(backup_id=JOB, paths=tuple(NEW)),
    "stage": StageFiles(files=FILES),
    "replace": ReplaceFiles(files=FILES),
    "look": FingerprintFiles(paths=tuple(NEW)),
    "restore": RestoreBackup(backup_id=JOB),
    "status": ServiceStatus(),
}


class Estate(Site):
    """One agent in front of one sshd."""

    def __init__(self, sshd: Sshd, root: Path, **changes: object) -> None:
        super().__init__()
        self.root = root
        self.node_access = sshd.access(root, **changes)
        self.app = Path(self.target.deploy_path)
        for path, body in OLD.items():
            (self.app / path).parent.mkdir(parents=True, exist_ok=True)
            (self.app / path).write_bytes(body)
        self.ledger = Ledger(root / "ledger.sqlite")
        steps = [a_step(name, operation) for name, operation in OPERATIONS.items()]
        self.plan: WirePlan = a_plan(self.target, steps)
        self.executor = self.restart()

    @property
    def target(self) -> NodeTarget:
        return self.node_access.target

    def restart(self) -> Executor:
        """A new process on the same ledger."""
        self.executor = Executor(
            agent=AGENT,
            seal_key=self.seal,
            bot_key=self.bot.verify_key,
            ledger=self.ledger,
            blobs=FakeBlobs(list(NEW.values())),
            policy=GuardPolicy(allowed_hosts=("127.0.0.0/8",)),
            connect=connect,
            now=lambda: NOW,
        )
        return self.executor

    async def run(self, *step_ids: str) -> list[StepOutcome]:
        order = self.order(self.plan, None, self.node_access)
        await self.executor.deliver(order)
        return [
            await self.executor.run(step_order(self.plan, step_id), lambda progress: None)
            for step_id in step_ids
        ]

    def contents(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.app)): path.read_bytes()
            for path in self.app.rglob("*")
            if path.is_file() and ".guardia-" not in str(path)
        }


@pytest.fixture
def estate(sshd: Sshd, tmp_path: Path) -> Estate:
    return Estate(sshd, tmp_path)


async def test_a_deployment_and_its_undoing(estate: Estate) -> None:
    outcomes = await estate.run("probe", "preflight", "backup", "stage", "replace", "look")
    assert [(outcome.state, outcome.code) for outcome in outcomes] == [("succeeded", "ok")] * 6
    assert isinstance(outcomes[1].result, Space)
    assert estate.contents() == NEW
    assert outcomes[-1].result == Digests(files={name: digest(NEW[name]) for name in NEW})
    (undone,) = await estate.run("restore")
    assert undone.state == "succeeded", undone
    assert estate.contents() == OLD
    assert not (estate.app / f".guardia-{JOB}").exists()
    assert not [path for path in Path.home().iterdir() if path.name in {"x", "x.txt", "y"}]


async def test_a_repeated_order_is_answered_without_a_connection(
    estate: Estate, sshd: Sshd
) -> None:
    first = await estate.run("stage")
    logins = sshd.log.read_text().count("Accepted publickey")
    estate.restart()
    assert await estate.run("stage") == first
    assert sshd.log.read_text().count("Accepted publickey") == logins


@pytest.mark.parametrize(
    ("moved", "cleared", "found"),
    [
        (0, False, ("succeeded", "ok", False, 2)),
        (4, False, ("failed", "interrupted", False, 1)),
        (len(FILES), False, ("succeeded", "ok", False, 2)),  # again, for what was left to clear
        (len(FILES), True, ("succeeded", "ok", True, 1)),
    ],
    ids=["all old", "mixed", "all new", "all new and cleared up"],
)
async def test_after_a_crash_the_server_is_read_before_anything_is_done(
    estate: Estate, moved: int, cleared: bool, found: tuple[str, str, bool, int]
) -> None:
    await estate.run("backup", "stage")
    estate.ledger.begin(JOB, "replace", plan_digest=estate.plan.digest(), at=NOW)
    staged = {path.name[:64]: path for path in (estate.app / f".guardia-{JOB}").iterdir()}
    for file in FILES[:moved]:
        (estate.app / file.path).parent.mkdir(parents=True, exist_ok=True)
        staged[file.sha256].replace(estate.app / file.path)
    if cleared:
        (estate.app / f".guardia-{JOB}").rmdir()
    before = estate.contents()
    estate.restart()
    (outcome,) = await estate.run("replace")
    assert (outcome.state, outcome.code, outcome.verified, outcome.attempt) == found
    assert estate.contents() == (NEW if outcome.state == "succeeded" else before)
    (undone,) = await estate.run("restore")
    assert undone.state == "succeeded"
    assert estate.contents() == OLD


async def test_a_changed_host_key_fails_the_step_and_shows_both_keys(
    sshd: Sshd, tmp_path: Path
) -> None:
    pinned = "SHA256:" + "A" * 43
    (outcome,) = await Estate(sshd, tmp_path, host_key=pinned).run("stage")
    assert (outcome.state, outcome.code) == ("failed", "host_key_changed")
    assert outcome.values["expected"] == pinned
    assert outcome.values["seen"] in sshd.host_keys
    assert "Accepted" not in sshd.log.read_text()


async def test_a_deploy_path_below_a_file_is_named(sshd: Sshd, tmp_path: Path) -> None:
    estate = Estate(sshd, tmp_path)
    (estate.app / "a").write_text("a file where a folder is needed")
    (outcome,) = await estate.run("backup")
    assert (outcome.state, outcome.code) == ("failed", "kind_conflict")
    assert outcome.values["path"] == "a"


async def test_a_backup_path_below_a_file_cannot_be_written(sshd: Sshd, tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("x")
    estate = Estate(sshd, tmp_path, backup_path=str(tmp_path / "occupied/backup"))
    backup, preflight = await estate.run("backup", "preflight")
    assert (backup.state, backup.code) == ("failed", "write_failed")
    assert (preflight.state, preflight.code) == ("failed", "path_missing")


async def test_a_dead_server_is_a_probe_result_and_a_failed_change(
    sshd: Sshd, tmp_path: Path
) -> None:
    estate = Estate(sshd, tmp_path, port=1)
    probe, stage = await estate.run("probe", "stage")
    assert probe.state == "succeeded"
    assert (stage.state, stage.code) == ("failed", "unreachable")


async def test_a_stopped_service_is_told_as_such(estate: Estate) -> None:
    (outcome,) = await estate.run("status")
    assert outcome.state == "succeeded"
    assert outcome.result is not None
    assert outcome.result.model_dump() == {
        "kind": "service_state",
        "running": False,
        "pid": None,
        "port_open": False,
    }
