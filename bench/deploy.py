"""How long 2,000 files of 10 KB take to a server, each verified, and against what others do.

Usage: python bench/deploy.py [files] [bytes]
Starts one OpenSSH server of the lab, and in turns stages and replaces through the agent's own
operations, ``rsync -a --checksum`` over ssh, and ``sftp`` with ``put -r``. All go to the same
server as the same user, into empty folders. Prints the medians, the ratios, and the share of
time per step. sftp verifies nothing; rsync checks what it has sent on the way, and reads back
nothing either.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from agent.operations import backup, fingerprints, preflight, staging
from agent.operations.context import StepContext
from agent.transports.kept import KeptConnections
from agent.transports.reach import connect
from agent.transports.transport import Connect
from agent.wire import operations as wire
from agent.wire.plan import NodeAccess
from tests.fakes.agent import JOB, FakeBlobs, a_plan, a_target
from tests.lab.lab import Lab
from tests.lab.sshd import Sshd

ROUNDS = 6


class Rival:
    """One server, one set of files, and three ways there."""

    def __init__(self, lab: Lab, sshd: Sshd, bodies: dict[str, bytes]) -> None:
        self.lab = lab
        self.sshd = sshd
        self.bodies = bodies
        self.source = lab.account.make_folder(lab.root / "source")
        for path, body in bodies.items():
            (self.source / path).parent.mkdir(parents=True, exist_ok=True)
            (self.source / path).write_bytes(body)
        lab.account.own(self.source)
        self.turn = 0

    def fresh(self, name: str) -> Path:
        self.turn += 1
        return self.lab.account.make_folder(self.lab.root / f"{name}-{self.turn}")

    def ssh(self) -> list[str]:
        known = self.sshd.folder / "known_hosts"
        return ["-i", str(self.sshd.key_file), "-o", f"UserKnownHostsFile={known}",
                "-o", "IdentitiesOnly=yes", "-F", "none"]  # fmt: skip

    def rsync(self) -> float:
        to = f"{self.sshd.user}@{self.sshd.host}:{self.fresh('rsync')}/"
        over = " ".join(["ssh", "-p", str(self.sshd.port), *self.ssh()])
        return timed(["rsync", "-a", "--checksum", "-e", over, f"{self.source}/", to])

    def sftp(self) -> float:
        to = self.fresh("sftp")
        batch = f"lcd {self.source}\ncd {to}\nput -r .\n"
        host = f"{self.sshd.user}@{self.sshd.host}"
        arguments = ["sftp", "-q", "-b", "-", "-P", str(self.sshd.port), *self.ssh(), host]
        return timed(arguments, typed=batch)

    async def agent(self) -> dict[str, float]:
        """Seconds per step of a first deployment and of one over it."""
        root = self.fresh("agent")
        self.lab.account.make_folder(root / "app")
        target = a_target(root, host=self.sshd.host, port=self.sshd.port, user=self.sshd.user,
                          host_key=self.sshd.host_key, balancer=None)  # fmt: skip
        self.lab.account.own(root)
        files = tuple(
            wire.FileSpec(path=path, sha256=hashlib.sha256(body).hexdigest(), size=len(body))
            for path, body in self.bodies.items()
        )
        servers = KeptConnections(connect)  # as the agent does: one login for all steps
        access = NodeAccess(target=target, login=self.sshd.key_login)
        context = self._context(access, servers.connect)
        paths = tuple(self.bodies)
        steps = {
            "preflight": preflight.preflight(context, wire.Preflight(bytes_needed=1)),
            "fingerprint": fingerprints.fingerprint_files(
                context, wire.FingerprintFiles(paths=paths)
            ),
            "stage": staging.stage(context, wire.StageFiles(files=files)),
            "replace": staging.replace(context, wire.ReplaceFiles(files=files)),
            "backup": backup.back_up(context, wire.BackupFiles(backup_id=JOB, paths=paths)),
            "restore": backup.restore(context, wire.RestoreBackup(backup_id=JOB)),
        }
        spent = {}
        for name, step in steps.items():
            began = time.perf_counter()
            await step
            spent[name] = time.perf_counter() - began
        await servers.close()
        for path, body in self.bodies.items():
            assert (root / "app" / path).read_bytes() == body, path
        return spent

    def _context(self, access: NodeAccess, to: Connect) -> StepContext:
        return StepContext(
            job_id=JOB,
            step_id="s1",
            plan=a_plan(access.target, ()),
            target=access.target,
            server=lambda: to(access),
            blobs=FakeBlobs(list(self.bodies.values())),
            earlier={},
            report=lambda done, total: None,
        )


def timed(arguments: list[str], *, typed: str = "") -> float:
    began = time.perf_counter()
    subprocess.run(arguments, input=typed.encode(), check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    count, size = (int(word) for word in (*sys.argv[1:], *("2000", "10240")[len(sys.argv) - 1 :]))
    chance = random.Random(1)
    bodies = {f"d{n % 40}/file-{n}.class": chance.randbytes(size) for n in range(count)}
    with Lab() as lab:
        rival = Rival(lab, lab.sshd(), bodies)
        ours: list[dict[str, float]] = []
        rsync: list[float] = []
        sftp: list[float] = []
        ways = [
            lambda: ours.append(asyncio.run(rival.agent())),
            lambda: rsync.append(rival.rsync()),
            lambda: sftp.append(rival.sftp()),
        ]
        for turn in range(ROUNDS):
            for way in ways[turn % 3 :] + ways[: turn % 3]:  # nobody is always the first
                way()
    show(count, size, ours=ours, others={"rsync -a --checksum": rsync, "sftp put -r": sftp})


def show(
    count: int, size: int, *, ours: list[dict[str, float]], others: dict[str, list[float]]
) -> None:
    deploy = [spent["stage"] + spent["replace"] for spent in ours]
    mine = statistics.median(deploy)
    print(f"{count} files of {size} bytes, median of {len(ours)} rounds in turns")
    print(f"  stage + replace, verified   {mine:7.2f} s  ({spread(deploy)})")
    for name, times in others.items():
        other = statistics.median(times)
        print(f"  {name:<26}  {other:7.2f} s  ({spread(times)})  ours is {mine / other:.2f} of it")
    total = sum(statistics.median(spent[name] for spent in ours) for name in ours[0])
    for name in ours[0]:
        one = statistics.median(spent[name] for spent in ours)
        print(f"  {name:<12} {one:7.2f} s  {one / total:5.0%} of all steps")


def spread(times: list[float]) -> str:
    return f"{min(times):.2f} to {max(times):.2f}"


if __name__ == "__main__":
    main()
