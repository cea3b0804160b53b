"""kill -9 of the agent in the middle of a deployment: what the next one finds is never trusted
blindly, never repeated blindly, and can always be put back."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from pathlib import Path

import pytest

from agent.executor import Executor
from agent.guard import GuardPolicy
from agent.ledger import Ledger
from agent.transports.ssh import connect
from agent.wire.messages import StepOutcome
from agent.wire.operations import BackupFiles, ReplaceFiles, RestoreBackup, StageFiles
from tests.fakes.agent import AGENT, JOB, NOW, FakeBlobs, Site, a_plan, a_step, specs, step_order
from tests.integration.agent.conftest import Sshd

OLD = {f"d{number % 7}/file {number}": b"old %d" % number for number in range(60)}
NEW = {path: body.replace(b"old", b"new") for path, body in OLD.items()} | {"added": b"new"}
STEPS = (
    a_step("backup", BackupFiles(backup_id=JOB, paths=tuple(NEW)), timeout_s=120),
    a_step("stage", StageFiles(files=specs(NEW)), timeout_s=120),
    a_step("replace", ReplaceFiles(files=specs(NEW)), timeout_s=120),
    a_step("restore", RestoreBackup(backup_id=JOB), timeout_s=120),
)


class Deployment:
    """One deployment, run by one agent process after the other."""

    def __init__(self, sshd: Sshd, root: Path) -> None:
        self.root = root
        self.site = Site()
        self.access = sshd.access(root)
        self.app = Path(self.access.target.deploy_path)
        self.plan = a_plan(self.access.target, STEPS)
        for path, body in OLD.items():
            (self.app / path).parent.mkdir(parents=True, exist_ok=True)
            (self.app / path).write_bytes(body)

    async def _run(self, step_ids: tuple[str, ...]) -> list[StepOutcome]:
        ledger = Ledger(self.root / "ledger.sqlite")
        executor = Executor(
            agent=AGENT,
            seal_key=self.site.seal,
            bot_key=self.site.bot.verify_key,
            ledger=ledger,
            blobs=FakeBlobs(list(NEW.values())),
            policy=GuardPolicy(),
            connect=connect,
            now=lambda: NOW,
        )
        await executor.deliver(self.site.order(self.plan, None, self.access))
        outcomes = [
            await executor.run(step_order(self.plan, step_id), lambda progress: None)
            for step_id in step_ids
        ]
        ledger.close()
        return outcomes

    def run(self, *step_ids: str) -> list[StepOutcome]:
        return asyncio.run(self._run(step_ids))

    def run_and_kill(self, step_id: str, *, after_s: float) -> None:
        """Run the step in a process of its own, and kill that from outside."""
        child = os.fork()
        if child == 0:
            try:
                self.run(step_id)
            finally:
                os._exit(0)
        time.sleep(after_s)  # the very point: a moment that nobody chose
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    def contents(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.app)): path.read_bytes()
            for path in self.app.rglob("*")
            if path.is_file() and ".guardia-" not in str(path)
        }


@pytest.mark.kill
@pytest.mark.parametrize("round_", range(4))
def test_a_killed_deployment_ends_old_or_new(sshd: Sshd, tmp_path: Path, round_: int) -> None:
    deployment = Deployment(sshd, tmp_path)
    chance = random.Random(round_)
    victim = ("backup", "stage", "replace", "replace")[round_ % 4]
    for step in STEPS[:3]:
        if step.step_id == victim:
            deployment.run_and_kill(step.step_id, after_s=chance.uniform(0.1, 1.2))
        (outcome,) = deployment.run(step.step_id)
        if outcome.state != "succeeded":
            break
    if outcome.state == "succeeded":
        assert deployment.contents() == NEW
    else:
        assert (step.step_id, outcome.code) == ("replace", "interrupted"), outcome
    deployment.run_and_kill("restore", after_s=chance.uniform(0.1, 1.2))
    (restored,) = deployment.run("restore")
    assert restored.state == "succeeded", restored
    assert deployment.contents() == OLD
    assert not (deployment.app / f".guardia-{JOB}").exists()
