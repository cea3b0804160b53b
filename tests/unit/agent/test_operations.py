"""Operations on a local file tree: what they change, what they refuse, what they leave alone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Sequence
from pathlib import Path

import pytest

from agent.operations import backup, balancer, health, log, preflight, service, staging
from agent.operations.context import OperationFailed, StepContext, Verified
from agent.transports.transport import Output, TransportError
from agent.wire import operations as wire
from agent.wire.plan import NodeTarget
from tests.fakes.agent import (
    JOB,
    ODD_NAMES,
    FakeBlobs,
    FakeNode,
    LocalTransport,
    a_context,
    a_step,
    a_target,
    digest,
    specs,
)

NEW = {name: f"new {name}".encode() for name in ODD_NAMES}
OK = Output(status=0, stdout="", stderr="")


@pytest.fixture
def target(tmp_path: Path) -> NodeTarget:
    return a_target(tmp_path)


@pytest.fixture
def node() -> FakeNode:
    return FakeNode()


@pytest.fixture
def context(target: NodeTarget, node: FakeNode) -> StepContext:
    return a_context(target, node, blobs=FakeBlobs(list(NEW.values()), piece=7))


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def fill(root: Path, bodies: dict[str, bytes]) -> None:
    for path, body in bodies.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(body)


def app(context: StepContext) -> Path:
    return Path(context.target.deploy_path)


# --- staging and replacing -------------------------------------------------------------------


async def test_odd_names_go_through_backup_replacement_and_restore(context: StepContext) -> None:
    old = {name: f"old {name}".encode() for name in ODD_NAMES[::2]} | {"kept.txt": b"kept"}
    fill(app(context), old)
    (app(context) / ODD_NAMES[0]).chmod(0o640)
    files = specs(NEW)
    made = await backup.back_up(context, wire.BackupFiles(backup_id=JOB, paths=tuple(NEW), keep=3))
    assert made.files == {name: digest(old[name]) if name in old else None for name in NEW}
    await staging.stage(context, wire.StageFiles(files=files))
    await staging.replace(context, wire.ReplaceFiles(files=files))
    assert contents(app(context)) == NEW | {"kept.txt": b"kept"}
    assert (app(context) / ODD_NAMES[0]).stat().st_mode & 0o777 == 0o640
    assert (app(context) / ODD_NAMES[1]).stat().st_mode & 0o777 == 0o644
    for _ in range(2):  # putting back is safe to repeat
        await backup.restore(context, wire.RestoreBackup(backup_id=JOB))
        assert contents(app(context)) == old
    assert not [path for path in Path.cwd().iterdir() if path.name in {"x", "y", "x.txt"}]


async def test_two_files_with_the_same_content_both_arrive(context: StepContext) -> None:
    same = {"one.txt": NEW["plain.txt"], "two.txt": NEW["plain.txt"]}
    await staging.stage(context, wire.StageFiles(files=specs(same)))
    await staging.replace(context, wire.ReplaceFiles(files=specs(same)))
    assert contents(app(context)) == same


async def test_staging_again_transfers_only_what_is_missing(
    context: StepContext, node: FakeNode
) -> None:
    operation = wire.StageFiles(files=specs(NEW))
    assert await staging.is_staged(context, operation) is Verified.NOT_DONE
    await staging.stage(context, operation)
    renamed = len(node.transport.files.renamed)
    await staging.stage(context, operation)
    assert len(node.transport.files.renamed) == renamed
    assert await staging.is_staged(context, operation) is Verified.DONE


async def test_staging_sweeps_up_after_jobs_that_were_cut_off(context: StepContext) -> None:
    left = {".guardia-J250101-AAAAAA/part": b"x", ".guardia-notes/a": b"x", "kept": b"x"}
    fill(app(context), left)
    await staging.stage(context, wire.StageFiles(files=()))
    assert sorted(contents(app(context))) == [".guardia-notes/a", "kept"]


async def test_a_file_that_arrives_otherwise_is_refused(target: NodeTarget, node: FakeNode) -> None:
    file = wire.FileSpec(path="a", sha256=digest(b"right"), size=5)
    blobs = FakeBlobs()
    blobs.bodies[file.sha256] = b"wrong"
    context = a_context(target, node, blobs=blobs)
    assert await code(staging.stage(context, wire.StageFiles(files=(file,)))) == "digest_mismatch"


async def test_a_missing_blob_is_named(target: NodeTarget, node: FakeNode) -> None:
    operation = wire.StageFiles(files=specs({"a": b"nowhere"}))
    assert await code(staging.stage(a_context(target, node), operation)) == "blob_missing"


@pytest.mark.parametrize("obstacle", ["folder", "link"])
async def test_nothing_is_moved_when_something_stands_in_the_way(
    context: StepContext, obstacle: str
) -> None:
    files = {"a.txt": NEW["plain.txt"], "b.txt": NEW["-rf"]}
    await staging.stage(context, wire.StageFiles(files=specs(files)))
    if obstacle == "folder":
        (app(context) / "b.txt").mkdir()
    else:
        (app(context) / "b.txt").symlink_to("elsewhere.txt")
        (app(context) / "elsewhere.txt").write_text("x")
    replacing = staging.replace(context, wire.ReplaceFiles(files=specs(files)))
    assert await code(replacing) == "kind_conflict"
    assert not (app(context) / "a.txt").exists()


async def test_replacing_what_was_never_staged_is_refused(context: StepContext) -> None:
    operation = wire.ReplaceFiles(files=specs({"a": b"x"}))
    assert await code(staging.replace(context, operation)) == "not_staged"


async def test_a_full_disk_is_told_as_such(context: StepContext, node: FakeNode) -> None:
    df = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/x 100 100 0 100% /\n"
    node.transport.full = True
    node.transport.answer = lambda arguments: (
        Output(status=0, stdout=df, stderr="") if arguments[0] == "df" else None
    )
    assert await code(staging.stage(context, wire.StageFiles(files=specs(NEW)))) == "disk_full"


# --- backups ---------------------------------------------------------------------------------


async def test_a_backup_made_twice_is_made_once(context: StepContext, node: FakeNode) -> None:
    fill(app(context), {"a.txt": b"old"})
    operation = wire.BackupFiles(backup_id=JOB, paths=("a.txt", "absent"))
    first = await backup.back_up(context, operation)
    fill(app(context), {"a.txt": b"changed since"})
    assert await backup.back_up(context, operation) == first
    assert await backup.is_backed_up(context, operation) is Verified.DONE


async def test_another_backup_of_that_name_is_not_overwritten(context: StepContext) -> None:
    fill(app(context), {"a.txt": b"old", "b.txt": b"old"})
    await backup.back_up(context, wire.BackupFiles(backup_id=JOB, paths=("a.txt",)))
    other = wire.BackupFiles(backup_id=JOB, paths=("b.txt",))
    assert await code(backup.back_up(context, other)) == "backup_conflict"


async def test_copies_without_a_manifest_are_no_backup(context: StepContext) -> None:
    fill(app(context), {"a.txt": b"new"})
    fill(Path(context.target.backup_path), {f"{JOB}/files/a.txt": b"half"})
    operation = wire.BackupFiles(backup_id=JOB, paths=("a.txt",))
    assert await backup.is_backed_up(context, operation) is Verified.NOT_DONE
    restoring = backup.restore(context, wire.RestoreBackup(backup_id=JOB))
    assert await code(restoring) == "backup_unreadable"
    assert contents(app(context)) == {"a.txt": b"new"}


@pytest.mark.parametrize("damage", ["changed", "missing", "no json", "climbing", "other node"])
async def test_a_damaged_backup_is_never_put_back(context: StepContext, damage: str) -> None:
    fill(app(context), {"a.txt": b"old", "b.txt": b"old b"})
    await backup.back_up(context, wire.BackupFiles(backup_id=JOB, paths=("a.txt", "b.txt")))
    fill(app(context), {"a.txt": b"new", "b.txt": b"new b"})
    folder = Path(context.target.backup_path) / JOB
    manifest = folder / "manifest.json"
    if damage == "changed":
        (folder / "files/b.txt").write_bytes(b"bits rot")
    elif damage == "missing":
        (folder / "files/b.txt").unlink()
    elif damage == "no json":
        manifest.write_text("{")
    elif damage == "climbing":
        manifest.write_text(manifest.read_text().replace('"b.txt"', '"../b.txt"'))
    else:
        manifest.write_text(manifest.read_text().replace("was-01", "was-02"))
    restoring = backup.restore(context, wire.RestoreBackup(backup_id=JOB))
    assert await code(restoring) == "backup_unreadable"
    assert contents(app(context)) == {"a.txt": b"new", "b.txt": b"new b"}


async def test_only_our_own_old_backups_are_thrown_away(context: StepContext) -> None:
    root = Path(context.target.backup_path)
    fill(app(context), {"a.txt": b"old"})
    ours = [f"J26010{day}-AAAAAA" for day in range(1, 6)]
    for age, name in enumerate(ours):
        fill(root, {f"{name}/manifest.json": b"{}", f"{name}/files/a": b"x"})
        os.utime(root / name / "manifest.json", (1000 + age, 1000 + age))
    fill(root, {"J260101-NOTDONE/files/a": b"x", "nightly/manifest.json": b"{}"})
    outside = root.parent / "outside"
    fill(outside, {"precious": b"x"})
    (root / ours[0] / "files/link").symlink_to(outside)
    await backup.back_up(context, wire.BackupFiles(backup_id=JOB, paths=("a.txt",), keep=3))
    assert sorted(path.name for path in root.iterdir()) == sorted(
        [JOB, *ours[-2:], "J260101-NOTDONE", "nightly"]
    )
    assert contents(outside) == {"precious": b"x"}


# --- preflight -------------------------------------------------------------------------------


async def test_preflight_measures_space_even_before_the_first_backup(context: StepContext) -> None:
    assert (await preflight.preflight(context, wire.Preflight(bytes_needed=1))).free_bytes > 0


async def test_preflight_refuses_what_does_not_fit(context: StepContext) -> None:
    assert await code(preflight.preflight(context, wire.Preflight(bytes_needed=1 << 60))) == (
        "disk_full"
    )


async def test_preflight_names_what_is_not_there(tmp_path: Path, node: FakeNode) -> None:
    target = a_target(tmp_path, deploy_path=str(tmp_path / "gone"))
    context = a_context(target, node)
    assert await code(preflight.preflight(context, wire.Preflight(bytes_needed=1))) == (
        "path_missing"
    )


async def test_preflight_names_what_is_not_writable(context: StepContext, node: FakeNode) -> None:
    node.transport.answer = lambda arguments: (
        Output(status=1, stdout="", stderr="") if arguments[0] == "test" else None
    )
    assert await code(preflight.preflight(context, wire.Preflight(bytes_needed=1))) == (
        "permission_denied"
    )


# --- the balancer ----------------------------------------------------------------------------

UPSTREAM = "upstream was {\n    server 127.0.0.1:1; # 하나\n    server 127.0.0.1:2;\n}\n"


def nginx(context: StepContext, node: FakeNode, *, failing: str = "") -> Path:
    file = Path(context.target.deploy_path).parent / "nginx/upstream.conf"
    fill(file.parent, {"upstream.conf": UPSTREAM.encode("cp949")})

    def answer(arguments: Sequence[str]) -> Output | None:
        if not arguments[0].endswith("sbin/nginx"):
            return None
        failed = failing in arguments
        return Output(status=int(failed), stdout="", stderr="nginx: says no\n" if failed else "")

    node.transport.answer = answer
    return file


async def test_a_member_goes_down_and_comes_back(context: StepContext, node: FakeNode) -> None:
    file = nginx(context, node)
    down = await balancer.drain(context, wire.DrainMember(member="127.0.0.1:1", state="down"))
    assert down.note == ""
    assert file.read_bytes().decode("cp949") == UPSTREAM.replace(":1;", ":1 down;")
    assert [command[1:] for command in node.transport.ran] == [["-t"], ["-s", "reload"]]
    again = await balancer.drain(context, wire.DrainMember(member="127.0.0.1:1", state="down"))
    assert again.note == "already_down"
    await balancer.drain(context, wire.DrainMember(member="127.0.0.1:1", state="up"))
    assert file.read_bytes().decode("cp949") == UPSTREAM


@pytest.mark.parametrize(
    ("failing", "expected"), [("-t", "syntax_check_failed"), ("-s", "reload_failed")]
)
async def test_the_old_file_comes_back_when_nginx_says_no(
    context: StepContext, node: FakeNode, failing: str, expected: str
) -> None:
    file = nginx(context, node, failing=failing)
    with pytest.raises(OperationFailed) as failed:
        await balancer.drain(context, wire.DrainMember(member="127.0.0.1:1", state="down"))
    assert (failed.value.code, failed.value.lines) == (expected, ("nginx: says no",))
    assert contents(file.parent) == {"upstream.conf": UPSTREAM.encode("cp949")}


async def test_the_last_member_stays(context: StepContext, node: FakeNode) -> None:
    nginx(context, node)
    await balancer.drain(context, wire.DrainMember(member="127.0.0.1:1", state="down"))
    other = wire.DrainMember(member="127.0.0.1:2", state="down")
    assert await code(balancer.drain(context, other)) == "last_member"


# --- service, health, log --------------------------------------------------------------------


class HttpService:
    """A service whose answers come from a list; the last one stays."""

    def __init__(self) -> None:
        self.statuses = [200]
        self.server: asyncio.Server | None = None
        self.port = 0

    async def open(self) -> None:
        self.server = await asyncio.start_server(self._answer, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self.server is not None:
            self.server.close()
            await self.server.wait_closed()
            self.server = None

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readline():
            status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\nhi".encode())
        writer.close()


@pytest.fixture
async def web() -> AsyncIterator[HttpService]:
    service_ = HttpService()
    await service_.open()
    yield service_
    await service_.close()


def at(target: NodeTarget, web: HttpService, node: FakeNode) -> StepContext:
    spec = target.service.model_copy(update={"port": web.port})
    return a_context(target.model_copy(update={"service": spec}), node)


async def test_health_needs_good_answers_in_a_row(
    target: NodeTarget, node: FakeNode, web: HttpService
) -> None:
    web.statuses = [503, 200, 302, 200, 200]
    found = await health.await_health(
        at(target, web, node), wire.AwaitHealth(path="/h", needed=2, timeout_s=20)
    )
    assert (found.healthy, found.good, found.asked) == (True, 2, 5)


async def test_an_unhealthy_service_brings_the_log_along(
    target: NodeTarget, node: FakeNode, web: HttpService, tmp_path: Path
) -> None:
    web.statuses = [500]
    fill(tmp_path / "home/logs", {"catalina.out": b"before\nBeanCreationException\n"})
    context = a_context(
        at(target, web, node).target,
        node,
        earlier={"m": wire.LogMark(size=7)},
        steps=[a_step("m", wire.MarkLog())],
    )
    with pytest.raises(OperationFailed) as failed:
        await health.await_health(context, wire.AwaitHealth(path="/h", needed=2, timeout_s=1))
    assert failed.value.code == "not_healthy"
    assert failed.value.values["last_status"] == "500"
    assert failed.value.lines == ("BeanCreationException",)


async def test_a_probe_of_a_dead_node_is_an_answer(target: NodeTarget, node: FakeNode) -> None:
    node.error = TransportError("unreachable")
    found = await health.probe(a_context(target, node), wire.ProbeNode())
    assert (found.ssh_ms, found.service_ms, found.health_status) == (None, None, None)


async def test_a_probe_of_a_living_node_measures(
    target: NodeTarget, node: FakeNode, web: HttpService
) -> None:
    found = await health.probe(at(target, web, node), wire.ProbeNode())
    assert found.ssh_ms is not None
    assert found.service_ms is not None
    assert found.health_status == 200


async def test_a_changed_host_key_is_no_dead_node(target: NodeTarget, node: FakeNode) -> None:
    node.error = TransportError("host_key_changed")
    with pytest.raises(TransportError):
        await health.probe(a_context(target, node), wire.ProbeNode())


async def test_stop_and_start_are_judged_by_the_port(
    target: NodeTarget, node: FakeNode, web: HttpService
) -> None:
    tasks: list[asyncio.Task[None]] = []

    def answer(arguments: Sequence[str]) -> Output | None:
        action = web.close() if arguments[0].endswith("shutdown.sh") else web.open()
        tasks.append(asyncio.get_running_loop().create_task(action))
        return OK

    node.transport.answer = answer
    context = at(target, web, node)
    assert (await service.start(context, wire.StartService())).note == "already_running"
    assert (await service.stop(context, wire.StopService(timeout_s=20))).note == ""
    assert not (await service.status(context, wire.ServiceStatus())).port_open
    assert (await service.stop(context, wire.StopService(timeout_s=20))).note == "already_stopped"
    assert (await service.start(context, wire.StartService(timeout_s=20))).note == ""
    assert await service.is_started(context, wire.StartService()) is Verified.DONE


async def test_a_failing_start_script_shows_its_lines(target: NodeTarget, node: FakeNode) -> None:
    node.transport.answer = lambda arguments: Output(status=1, stdout="", stderr="no JAVA_HOME\n")
    with pytest.raises(OperationFailed) as failed:
        await service.start(a_context(target, node), wire.StartService(timeout_s=5))
    assert (failed.value.code, failed.value.lines) == ("script_failed", ("no JAVA_HOME",))


async def test_a_start_that_opens_no_port_is_not_started(
    target: NodeTarget, node: FakeNode
) -> None:
    node.transport.answer = lambda arguments: OK
    starting = service.start(a_context(target, node), wire.StartService(timeout_s=1))
    assert await code(starting) == "not_started"


async def test_a_shutdown_script_that_hangs_is_told_as_such(
    target: NodeTarget,
) -> None:
    class Hanging(LocalTransport):
        async def run(
            self, arguments: Sequence[str], *, timeout_s: float, silence_s: float = 30.0
        ) -> Output:
            raise TransportError("timeout", Output(status=None, stdout="waiting\n", stderr=""))

    context = a_context(target, FakeNode(transport=Hanging()))
    with pytest.raises(OperationFailed) as failed:
        await service.stop(context, wire.StopService(timeout_s=1))
    assert (failed.value.code, failed.value.lines) == ("script_timeout", ("waiting",))


async def test_systemd_units_are_arguments(target: NodeTarget, node: FakeNode) -> None:
    spec = target.service.model_copy(update={"kind": "systemd"})
    node.transport.answer = lambda arguments: OK
    context = a_context(target.model_copy(update={"service": spec}), node)
    await service.stop(context, wire.StopService(timeout_s=1))
    assert node.transport.ran == [["systemctl", "stop", "--", "tomcat"]]


async def test_status_names_a_living_process(
    target: NodeTarget, node: FakeNode, tmp_path: Path
) -> None:
    fill(tmp_path / "home/run", {"tomcat.pid": f"{os.getpid()}\n".encode()})
    found = await service.status(a_context(target, node), wire.ServiceStatus())
    assert (found.running, found.pid, found.port_open) == (True, os.getpid(), False)


@pytest.mark.parametrize(
    ("mark", "body", "started", "lines"),
    [
        (0, b"INFO Server startup in 3 ms\n", True, ()),
        (5, b"INFO all is well now\n", False, ()),
        (500, b"SEVERE after rotation\n", False, ("SEVERE after rotation",)),
        (0, "ClassNotFound 한글\n".encode("cp949"), False, ("ClassNotFound 한글",)),
        (0, b"x SEVEREly fine\nPERSEVERE\n", False, ()),
    ],
)
async def test_scan(
    target: NodeTarget,
    node: FakeNode,
    tmp_path: Path,
    mark: int,
    body: bytes,
    started: bool,
    lines: tuple[str, ...],
) -> None:
    fill(tmp_path / "home/logs", {"catalina.out": body})
    context = a_context(
        target.model_copy(update={"charset": "cp949"}),
        node,
        earlier={"m": wire.LogMark(size=mark)},
    )
    found = await findings(context)
    assert (found.started, found.suspicious) == (started, lines)


async def findings(context: StepContext) -> wire.LogFindings:
    """What a scan found, whether it took it for a failed start or not."""
    try:
        return await log.scan(context, wire.ScanLog(since="m"))
    except OperationFailed as failed:
        if not isinstance(failed.result, wire.LogFindings):
            raise
        return failed.result


async def test_a_scan_without_its_mark_is_refused(target: NodeTarget, node: FakeNode) -> None:
    assert await code(log.scan(a_context(target, node), wire.ScanLog(since="m"))) == "mark_missing"


async def code(awaitable: Awaitable[object]) -> str:
    with pytest.raises(OperationFailed) as failed:
        await awaitable
    return failed.value.code
