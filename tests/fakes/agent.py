"""A server without SSH, a plan without a bot: what the agent's own tests stand on.

Owns: a Transport on the local file system, blobs in memory, and signed orders for a made-up
site. The commands run for real, as argument lists, without a shell.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nacl.public import PrivateKey
from nacl.signing import SigningKey

from agent.operations.context import StepContext
from agent.transports.output import clean
from agent.transports.transport import Entry, OnOutput, Output, Transport, TransportError
from agent.wire.messages import PlanOrder, StepOrder
from agent.wire.operations import FileSpec, Operation
from agent.wire.plan import (
    ApprovalRecord,
    BalancerSpec,
    Grant,
    NodeAccess,
    NodeRun,
    NodeTarget,
    PasswordLogin,
    ServiceSpec,
    Step,
    WirePlan,
)
from agent.wire.results import Result
from agent.wire.seal import seal_access, sign_grant

NOW = datetime(2026, 4, 1, 9, 0, tzinfo=UTC)
JOB = "J260401-ABCDEF"
NODE = "was-01"
AGENT = "agent-1"
ODD_NAMES = (
    "plain.txt",
    "with space.txt",
    'it\'s "quoted".txt',
    "-rf",
    "$(touch x).txt",
    "`touch y`;#.txt",
    "back\\slash.txt",
    "한글 파일.txt",
    "WEB-INF/classes/*.class",
    "a/-n/b c/&&.jsp",
)


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def specs(bodies: dict[str, bytes]) -> tuple[FileSpec, ...]:
    return tuple(
        FileSpec(path=path, sha256=digest(body), size=len(body)) for path, body in bodies.items()
    )


class FakeBlobs:
    """Blobs in memory; ``piece`` bounds what one read gives."""

    def __init__(self, bodies: Sequence[bytes] = (), *, piece: int = 1 << 20) -> None:
        self.bodies = {digest(body): body for body in bodies}
        self.piece = piece

    async def read(self, job_id: str, sha256: str, offset: int, length: int) -> bytes | None:
        body = self.bodies.get(sha256)
        return None if body is None else body[offset : offset + min(length, self.piece)]


class LocalFiles:
    """Files on this machine. ``renames`` counts down to ``cut``: then the line goes dead."""

    def __init__(self) -> None:
        self.cut: int | None = None
        self.renamed: list[str] = []

    async def stat(self, path: str) -> Entry | None:
        try:
            found = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        bits = found.st_mode
        folder, link = stat.S_ISDIR(bits), stat.S_ISLNK(bits)
        return Entry(
            kind="folder" if folder else "link" if link else "file",
            size=found.st_size,
            mode=stat.S_IMODE(bits),
            mtime=found.st_mtime,
            real=str(Path(path).resolve()) if folder or link else None,
            uid=found.st_uid,
            gid=found.st_gid,
        )

    async def rename(self, old: str, new: str, *, mode: int | None = None) -> None:
        if self.cut is not None and len(self.renamed) >= self.cut:
            raise TransportError("connection_lost")
        if mode is not None:
            Path(old).chmod(mode)
        Path(old).replace(new)
        self.renamed.append(new)

    async def make_folder(self, path: str, *, mode: int = 0o755) -> None:
        try:
            Path(path).mkdir(mode=mode, parents=True, exist_ok=True)
        except OSError as error:
            raise TransportError("write_failed", path=path) from error

    async def remove(self, path: str) -> None:
        entry = await self.stat(path)
        if entry is not None:
            Path(path).rmdir() if entry.kind == "folder" else Path(path).unlink()

    async def names(self, path: str) -> tuple[str, ...]:
        return (
            tuple(sorted(entry.name for entry in Path(path).iterdir()))
            if Path(path).is_dir()
            else ()
        )

    async def entries(self, path: str) -> dict[str, Entry]:
        found = {name: await self.stat(f"{path}/{name}") for name in await self.names(path)}
        return {name: replace(entry, real=None) for name, entry in found.items() if entry}


Answer = Callable[[Sequence[str]], Output | None]


class LocalTransport:
    """A Transport on this machine. ``answer`` may stand in for a command.

    ``shell=False``: like FTP, nothing can be run. ``cut_after`` bytes have been written, the line
    goes dead, once.
    """

    def __init__(self, *, shell: bool = True) -> None:
        self.files = LocalFiles()
        self.shell = shell
        self.legacy: tuple[str, ...] = ()
        self.cut_after: int | None = None
        self.written = 0
        self.ran: list[list[str]] = []
        self.answer: Answer = lambda arguments: None
        self.full = False  # the disk

    async def run(
        self,
        arguments: Sequence[str],
        *,
        timeout_s: float,
        silence_s: float = 30.0,
        stdin: AsyncIterator[bytes] | None = None,
        on_output: OnOutput | None = None,
        disposable: bool = False,
    ) -> Output:
        if not self.shell:
            raise TransportError("no_shell", command=arguments[0])
        self.ran.append(list(arguments))
        made_up = self.answer(arguments)
        if made_up is not None:
            if on_output is not None:
                await on_output(made_up.stdout + made_up.stderr)
            return made_up
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            fed = b"".join([piece async for piece in self._counted(stdin)]) if stdin else b""
        except BaseException:
            process.kill()
            await process.wait()
            raise
        if self.full and fed.strip(b"\0"):
            process.kill()
            await process.wait()
            return Output(status=2, stdout="", stderr="No space left on device")
        stdout, stderr = await process.communicate(fed)
        if on_output is not None:
            await on_output(clean(stdout + stderr, "utf-8"))
        return Output(
            status=process.returncode,
            stdout=clean(stdout, "utf-8"),
            stderr=clean(stderr, "utf-8"),
        )

    async def _counted(self, source: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for piece in source:
            self.written += len(piece)
            if self.cut_after is not None and self.written > self.cut_after:
                self.cut_after = None
                raise TransportError("connection_lost")
            yield piece

    async def put(self, source: AsyncIterator[bytes], path: str, *, mode: int = 0o600) -> None:
        if self.full:
            raise TransportError("write_failed", path=path)
        pieces = [piece async for piece in self._counted(source)]
        try:
            Path(path).write_bytes(b"".join(pieces))
        except OSError as error:
            raise TransportError("write_failed", path=path) from error
        Path(path).chmod(mode)

    async def read(self, path: str, *, offset: int = 0, limit: int) -> bytes:
        try:
            return Path(path).read_bytes()[offset : offset + limit]
        except (FileNotFoundError, NotADirectoryError) as error:
            raise TransportError("not_found", path=path) from error


@dataclass(kw_only=True)
class FakeNode:
    """A node whose transport is local. ``error`` keeps everybody out."""

    transport: LocalTransport = field(default_factory=LocalTransport)
    error: TransportError | None = None
    logins: int = 0
    inside: int = 0
    most_inside: int = 0

    @asynccontextmanager
    async def connect(self, access: NodeAccess | None = None) -> AsyncIterator[Transport]:
        self.logins += 1
        if self.error is not None:
            raise self.error
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        try:
            yield self.transport
        finally:
            self.inside -= 1


def a_target(root: Path, **changes: object) -> NodeTarget:
    """A node below ``root``; its service port is closed unless it is given."""
    (root / "app").mkdir(parents=True, exist_ok=True)
    values: dict[str, object] = {
        "node_id": NODE,
        "env": "prod",
        "host": "127.0.0.1",
        "port": 22,
        "user": "deploy",
        "host_key": "SHA256:" + "A" * 43,
        "deploy_path": str(root / "app"),
        "backup_path": str(root / "backup"),
        "service": ServiceSpec(
            name="tomcat",
            kind="scripts",
            home=str(root / "home"),
            port=1,
            health_path="/actuator/health",
            log_path=str(root / "home/logs/catalina.out"),
        ),
        "balancer": BalancerSpec(
            home=str(root / "nginx"), upstream_file=str(root / "nginx/upstream.conf")
        ),
    }
    return NodeTarget.model_validate({**values, **changes})


def a_context(
    target: NodeTarget,
    node: FakeNode,
    *,
    blobs: FakeBlobs | None = None,
    earlier: dict[str, Result] | None = None,
    steps: Sequence[Step] = (),
) -> StepContext:
    return StepContext(
        job_id=JOB,
        step_id="s1",
        plan=a_plan(target, steps),
        target=target,
        server=node.connect,
        blobs=blobs or FakeBlobs(),
        earlier=earlier or {},
        report=lambda done, total: None,
    )


def a_plan(target: NodeTarget, steps: Sequence[Step], **changes: object) -> WirePlan:
    values: dict[str, object] = {
        "job_id": JOB,
        "action": "deploy",
        "requested_by": "dev-1",
        "agent": AGENT,
        "lock": "SYS-1:prod",
        "targets": (target,),
        "batches": ((NodeRun(node_id=target.node_id, steps=tuple(steps)),),),
    }
    return WirePlan.model_validate({**values, **changes})


def a_step(step_id: str, operation: Operation, *, timeout_s: int = 30) -> Step:
    return Step(step_id=step_id, node_id=NODE, operation=operation, timeout_s=timeout_s)


@dataclass(kw_only=True)
class Site:
    """Both ends' keys, and orders that are in order unless a test bends them."""

    bot: SigningKey = field(default_factory=SigningKey.generate)
    seal: PrivateKey = field(default_factory=PrivateKey.generate)

    def access(self, target: NodeTarget) -> NodeAccess:
        return NodeAccess(target=target, login=PasswordLogin(password="pw"))

    def grant(self, plan: WirePlan, **changes: object) -> Grant:
        values: dict[str, object] = {
            "job_id": plan.job_id,
            "plan_digest": plan.digest(),
            "agent": plan.agent,
            "requested_by": plan.requested_by,
            "basis": "approval",
            "approvals": (ApprovalRecord(person_id="lead-1", role="sm_lead", at=NOW),),
            "fencing_token": 7,
            "issued_at": NOW,
            "expires_at": NOW + timedelta(hours=1),
        }
        return Grant.model_validate({**values, **changes})

    def order(self, plan: WirePlan, grant: Grant | None = None, *accesses: NodeAccess) -> PlanOrder:
        known = accesses or tuple(self.access(target) for target in plan.targets)
        return PlanOrder(
            plan=plan,
            grant=sign_grant(grant or self.grant(plan), self.bot),
            access=tuple(seal_access(access, self.seal.public_key) for access in known),
        )


def step_order(plan: WirePlan, step_id: str) -> StepOrder:
    return StepOrder(job_id=plan.job_id, plan_digest=plan.digest(), step_id=step_id)
