"""Operations against a real OpenSSH server: what only real files, tables and processes show."""

from __future__ import annotations

import asyncio
import gzip
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from agent.operations import backup, log, service, staging, traffic
from agent.operations.context import OperationFailed, StepContext
from agent.transports.ssh import connect
from agent.wire import operations as wire
from agent.wire.plan import NodeAccess
from agent.wire.results import LogFindings
from tests.fakes.agent import JOB, FakeBlobs, FakeNode, a_context, a_step, digest, specs
from tests.integration.agent.conftest import Sshd
from tests.lab.ports import free_port

ODD = ("a b.jsp", 'it\'s "q".txt', "-rf", "$(touch x)", "한글.properties", "WEB-INF/lib/a.jar")
SERVER = """
import signal, socket, sys, time
signal.signal(signal.SIGHUP, signal.SIG_IGN)
listener = socket.socket(); listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(sys.argv[1]))); listener.listen()
print("listening", flush=True)
while True:
    listener.accept()[0].close()
"""


@pytest.fixture
def port() -> int:
    return free_port()


def context_of(access: NodeAccess, *, port: int = 1, blobs: FakeBlobs | None = None) -> StepContext:
    spec = access.target.service.model_copy(update={"port": port})
    target = access.target.model_copy(update={"service": spec})
    made = a_context(target, FakeNode(), steps=[a_step("m", wire.MarkLog())], blobs=blobs)
    return replace(made, server=partial(connect, access))


@pytest.fixture
async def listener() -> AsyncIterator[asyncio.Server]:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    yield server
    server.close()


async def test_hundreds_of_connections_are_counted_over_sftp(
    sshd: Sshd, tmp_path: Path, listener: asyncio.Server
) -> None:
    at = listener.sockets[0].getsockname()[1]
    context = context_of(sshd.access(tmp_path), port=at)
    users = [await asyncio.open_connection("127.0.0.1", at) for _ in range(300)]
    found = await traffic.settle(context, wire.SettleTraffic(seconds=1))
    assert found.still_open == 300
    for _, user in users:
        user.close()
    async with asyncio.timeout(200):
        found = await traffic.settle(context, wire.SettleTraffic(seconds=300))
    assert found.still_open == 0


@pytest.mark.parametrize("packed", [False, True], ids=["as it is", "packed"])
async def test_a_rotated_log_in_euc_kr_is_read_on(
    sshd: Sshd, tmp_path: Path, *, packed: bool
) -> None:
    path = tmp_path / "home/logs/catalina.out"
    path.parent.mkdir(parents=True)
    path.write_bytes("SEVERE 지난 기동\n".encode("euc-kr"))
    context = context_of(sshd.access(tmp_path))
    marked = await log.mark(context, wire.MarkLog())
    assert (marked.size, marked.inode) == (path.stat().st_size, path.stat().st_ino)
    with path.open("ab") as file:
        file.write("SEVERE 회전 전\n".encode("euc-kr"))
    rotated = path.rename(path.with_name("catalina.out.2026-04-01"))
    if packed:
        rotated.with_name(f"{rotated.name}.gz").write_bytes(gzip.compress(rotated.read_bytes()))
        rotated.unlink()
    path.write_bytes("INFO 기동\nSEVERE 회전 후\n".encode("euc-kr") * 5)
    with pytest.raises(OperationFailed) as failed:
        await log.scan(replace(context, earlier={"m": marked}), wire.ScanLog(since="m"))
    assert isinstance(failed.value.result, LogFindings)
    assert failed.value.result.suspicious == ("SEVERE 회전 전", *["SEVERE 회전 후"] * 5)
    assert failed.value.result.lost == ""


async def test_an_exploded_folder_of_odd_names_is_kept_cleared_and_put_back(
    sshd: Sshd, tmp_path: Path
) -> None:
    war = {"shop.war": b"new"}
    context = context_of(sshd.access(tmp_path), blobs=FakeBlobs(list(war.values())))
    app = Path(context.target.deploy_path)
    old = {"shop.war": b"old"} | {f"shop/{name}": name.encode() for name in ODD}
    old |= {f"shop/WEB-INF/classes/c{number}/A.class": b"x" * 2000 for number in range(200)}
    for path, body in old.items():
        (app / path).parent.mkdir(parents=True, exist_ok=True)
        (app / path).write_bytes(body)
    (app / "shop/empty").mkdir(mode=0o700)
    (app / "shop/-rf").chmod(0o755)
    keep = wire.BackupFiles(backup_id=JOB, paths=("shop.war",), folders=("shop",))
    await backup.back_up(context, keep)
    await staging.stage(context, wire.StageFiles(files=specs(war)))
    await staging.replace(context, wire.ReplaceFiles(files=specs(war), cleared=("shop",)))
    assert [path.name for path in app.iterdir()] == ["shop.war"]
    assert digest((app / "shop.war").read_bytes()) == digest(b"new")
    (app / "shop").mkdir()
    (app / "shop/half.jsp").write_text("unpacked")
    await backup.restore(context, wire.RestoreBackup(backup_id=JOB))
    found = {
        str(path.relative_to(app)): path.read_bytes() for path in app.rglob("*") if path.is_file()
    }
    assert found == old
    assert (app / "shop/-rf").stat().st_mode & 0o777 == 0o755
    assert (app / "shop/empty").stat().st_mode & 0o777 == 0o700


def script(root: Path, name: str, body: str) -> None:
    path = root / "home/bin" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


async def test_a_server_in_the_foreground_outlives_its_start_and_is_named_when_it_stays(
    sshd: Sshd, tmp_path: Path, port: int
) -> None:
    (tmp_path / "server.py").write_text(SERVER)
    pid_file = tmp_path / "home/run/tomcat.pid"
    pid_file.parent.mkdir(parents=True)
    script(
        tmp_path,
        "startup.sh",
        f"echo $$ > {pid_file}\nexec {sys.executable} {tmp_path}/server.py {port}",
    )
    script(tmp_path, "shutdown.sh", "echo 'asked it to stop'")
    context = context_of(sshd.access(tmp_path), port=port)
    try:
        started = await service.start(context, wire.StartService(timeout_s=20))
        assert started.note == "script_still_running"
        assert context.output == ["listening"]
        pid = int(pid_file.read_text())
        state = await service.status(context, wire.ServiceStatus())
        assert (state.running, state.pid, state.port_open) == (True, pid, True)
        if shutil.which("ss"):
            pid_file.unlink()
            state = await service.status(context, wire.ServiceStatus())
            assert state.pid == pid
        with pytest.raises(OperationFailed) as failed:
            await service.stop(context, wire.StopService(timeout_s=6))
        assert failed.value.code == "not_stopped"
        assert failed.value.values["port"] == str(port)
        assert failed.value.lines == ("asked it to stop",)
    finally:
        with suppress(ProcessLookupError, NameError):
            os.kill(pid, signal.SIGKILL)


async def test_a_service_that_dies_on_its_way_up_is_told_with_its_log(
    sshd: Sshd, tmp_path: Path, port: int
) -> None:
    (tmp_path / "home/run").mkdir(parents=True)
    (tmp_path / "home/logs").mkdir(parents=True)
    log_file = tmp_path / "home/logs/catalina.out"
    log_file.write_text("yesterday\n")
    script(
        tmp_path,
        "startup.sh",
        f"( sleep 3; echo 'java.net.BindException: in use' ) >> {log_file} 2>&1 &\n"
        f"echo $! > {tmp_path}/home/run/tomcat.pid\necho 'Tomcat started.'",
    )
    context = context_of(sshd.access(tmp_path), port=port)
    marked = await log.mark(context, wire.MarkLog())
    context = replace(context, earlier={"m": marked})
    async with asyncio.timeout(250):
        with pytest.raises(OperationFailed) as failed:
            await service.start(context, wire.StartService(timeout_s=600))
    assert failed.value.code == "service_died"
    assert failed.value.lines == ("Tomcat started.", "java.net.BindException: in use")
