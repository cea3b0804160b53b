"""The nodes' SSH and SFTP, over real connections."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import asyncssh
import pytest

from agent.operations.tree import free_bytes, writable
from agent.transports.ssh import connect
from tests.integration.demo.running import PATIENCE_S, RunningEstate, running_estate

WAS1 = "prod-was01"
WEB = "prod-web01"


async def test_runs_commands_with_their_status_and_both_outputs(estate: RunningEstate) -> None:
    async with estate.connect(WAS1) as connection:
        done = await connection.run("pwd; echo wrong >&2; exit 7")
        assert (done.exit_status, done.stderr) == (7, "wrong\n")
        assert done.stdout == f"{estate.folder}/nodes/moef-budget-prod-was01\n"
        told = await connection.run("cat", input="한글\n")
        assert (told.exit_status, told.stdout) == (0, "한글\n")
        killed = await connection.run("kill -9 $$")
        assert killed.exit_signal is not None
        assert killed.exit_signal[0] == "KILL"
        several = await asyncio.gather(*(connection.run(f"echo {n}") for n in range(8)))
        assert [one.stdout for one in several] == [f"{n}\n" for n in range(8)]
        bulk = await connection.run("head -c 3000000 /dev/zero", encoding=None)
        assert len(bulk.stdout or b"") == 3_000_000


async def test_environment_is_the_nodes_own(estate: RunningEstate) -> None:
    done = await estate.run(WAS1, "env")
    names = {line.partition("=")[0] for line in str(done.stdout).splitlines()}
    assert names <= {"PATH", "HOME", "LANG", "LOGNAME", "PWD", "OLDPWD", "SHLVL", "_"}


async def test_gives_no_shell_without_a_command(estate: RunningEstate) -> None:
    async with estate.connect(WAS1) as connection:
        done = await connection.run()
        assert done.exit_status == 1


async def test_lets_nobody_in_with_another_password_user_or_method(estate: RunningEstate) -> None:
    target = estate.node(WAS1).target
    for user, password in ((target.user, "wrong"), ("root", "wrong")):
        with pytest.raises(asyncssh.PermissionDenied):
            await asyncssh.connect(
                target.host,
                target.port,
                username=user,
                password=password,
                known_hosts=None,
                client_keys=None,
                config=None,
                agent_path=None,
            )
    done = await estate.run(WEB, "echo in by key")
    assert done.stdout == "in by key\n"


async def test_a_client_that_hangs_up_takes_its_command_along(estate: RunningEstate) -> None:
    async with estate.connect(WAS1) as connection:
        process = await connection.create_process("echo $$; sleep 600")
        pid = int(await process.stdout.readline())
        connection.abort()
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while lives(pid) and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.05)
    assert not lives(pid)


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_moves_files_and_keeps_to_the_nodes_folder(
    estate: RunningEstate, tmp_path: Path
) -> None:
    deploy = estate.node(WAS1).target.deploy_path
    async with estate.connect(WAS1) as connection, connection.start_sftp_client() as sftp:
        await sftp.makedirs(f"{deploy}/a/b", exist_ok=True)
        async with sftp.open(f"{deploy}/a/b/x.new", "wb") as file:
            await file.write(b"x" * 200_000)
        await sftp.posix_rename(f"{deploy}/a/b/x.new", f"{deploy}/a/b/x")
        assert Path(deploy, "a/b/x").read_bytes() == b"x" * 200_000
        assert await sftp.exists(f"/proc/{os.getpid()}")
        outside = tmp_path / "outside.txt"
        outside.write_text("no")
        with pytest.raises(asyncssh.SFTPPermissionDenied):
            await sftp.open(str(outside))
        with pytest.raises(asyncssh.SFTPPermissionDenied):
            await sftp.open(f"{deploy}/../../../../../../../outside.txt", "w")


async def test_a_restarted_estate_keeps_host_keys_ports_and_what_was_deployed(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "demo"
    with running_estate(folder) as before:
        page = Path(before.node(WAS1).target.deploy_path, "index.html")
        page.write_text("deployed since")
        await before.run(WEB, "echo '# kept' >> app/nginx/conf/upstream.conf")
        assert before.stop() == 0
        assert not (folder / "estate.json").exists()
    with running_estate(folder) as after:
        assert after.access == before.access
        assert page.read_text() == "deployed since"
        assert "# kept" in (await after.run(WEB, "cat app/nginx/conf/upstream.conf")).stdout
        async with after.connect(WAS1) as connection:
            key = connection.get_server_host_key()
            assert key is not None
            assert key.get_fingerprint() == before.node(WAS1).target.host_key


async def test_an_estate_that_was_killed_comes_back_around_its_running_applications(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "demo"
    with running_estate(folder) as before:
        pid = Path(before.node(WAS1).target.service.home, "run/tomcat.pid").read_text()
        before.process.kill()
        before.process.wait(60)
    with running_estate(folder) as after:
        assert after.access == before.access
        assert Path(after.node(WAS1).target.service.home, "run/tomcat.pid").read_text() == pid


async def test_the_agents_own_transport_works_at_every_node(estate: RunningEstate) -> None:
    for access in estate.access.values():
        target = access.target
        async with connect(access) as server:
            done = await server.run(["echo", "it's $HOME"], timeout_s=30)
            assert (done.status, done.stdout) == (0, "it's $HOME\n")
            pid_file = f"{target.service.home}/run/{target.service.name}.pid"
            pid = (await server.read(pid_file, limit=32)).strip()
            assert await server.files.stat(f"/proc/{pid.decode()}") is not None
            assert await server.files.stat(target.backup_path) is not None
            assert await writable(server, target.deploy_path)
            assert await free_bytes(server, target.deploy_path) > 0
