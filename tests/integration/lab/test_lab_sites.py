"""The lab's services, balancer, FTP, Git, load and disk; and that nothing of it stays behind."""

from __future__ import annotations

import ftplib
import io
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.lab import Lab, Service, TcpCut, application, processes, war
from tests.lab.scripted import get


def test_four_nodes_answer_behind_their_balancer(module_lab: Lab) -> None:
    fleet = module_lab.nodes(4)
    nginx = fleet.nginx
    answers = [get(nginx.host, nginx.port, "/version") for _ in range(4)]
    assert sorted(answers) == [(200, f"1.0.0 was{n:02d}\n".encode()) for n in range(1, 5)]
    assert all(fleet.nodes[0].digests() == node.digests() for node in fleet.nodes)
    fleet.nodes[0].service.script("shutdown.sh")
    assert {get(nginx.host, nginx.port, "/")[0] for _ in range(8)} == {200}


def test_deployed_properties_decide_how_a_service_behaves(module_lab: Lab) -> None:
    service = module_lab.service("modes")

    def redeploy(mode: str) -> None:
        service.script("shutdown.sh")
        service.deploy(application("2.0.0", mode=mode))
        service.script("startup.sh")

    redeploy("no-start")
    processes.await_true(lambda: service.pid is None, "its end")
    assert "SEVERE" in service.log.read_text()
    assert service.version == ""
    redeploy("flapping")
    processes.await_listening(service.host, service.port, None, service.log)
    assert [service.get("/health")[0] for _ in range(4)] == [200, 503, 200, 503]
    assert service.version == "2.0.0"
    redeploy("dies-when-told")
    processes.await_listening(service.host, service.port, None, service.log)
    service.die()
    processes.await_true(lambda: service.pid is None, "its death")
    assert "OutOfMemoryError" in service.log.read_text()


def test_tomcat_runs_the_archive_and_tells_why_one_does_not_start(module_lab: Lab) -> None:
    tomcat = module_lab.tomcat()
    assert tomcat.version == "1.0.0"
    tomcat.script("shutdown.sh")
    module_lab.ground.write(tomcat.webapps / "ROOT.war", war("2.0.0", mode="context-fails"))
    tomcat.start()
    assert tomcat.version == ""
    assert "java.lang.ClassNotFoundException: kr.go.lab.Missing" in tomcat.log.read_text()


@pytest.mark.parametrize("jailed", [True, False])
def test_ftp_server_takes_renames_gives_back_and_deletes(module_lab: Lab, jailed: bool) -> None:
    server = module_lab.vsftpd(f"ftp-{jailed}", jailed=jailed)
    with ftplib.FTP() as client:
        client.connect(server.host, server.port, timeout=30)
        client.login(server.user, server.password)
        folder = f"{server.visible_root}/htdocs"
        client.mkd(folder)
        client.storbinary(f"STOR {folder}/x.tmp", io.BytesIO(b"body"))
        client.rename(f"{folder}/x.tmp", f"{folder}/x")
        assert (server.root / "htdocs" / "x").read_bytes() == b"body"
        read: list[bytes] = []
        client.retrbinary(f"RETR {folder}/x", read.append)
        assert b"".join(read) == b"body"
        client.delete(f"{folder}/x")
        client.rmd(folder)


def test_git_repository_has_the_same_commits_every_time(module_lab: Lab) -> None:
    made = []
    for name in ("git-1", "git-2"):
        repository = module_lab.git_repository(name)
        repository.commit({"a.jsp": b"1", "한글.jsp": b"2"}, "first")
        made.append(repository.commit({"a.jsp": None}, "SR", branch="sr", tag="SR-2026-0402"))
    assert made[0] == made[1]
    shown = subprocess.run(
        ["git", "ls-remote", repository.url], check=True, capture_output=True, text=True
    )
    assert f"{made[1]}\trefs/tags/SR-2026-0402^{{}}" in shown.stdout.splitlines()


def test_load_counts_what_was_lost(module_lab: Lab) -> None:
    service = module_lab.service("loaded")
    line = module_lab.add(TcpCut(service.host, service.port))
    results = []
    for path in ("", "missing"):
        line.restore()
        with module_lab.load(f"http://{line.host}:{line.port}/{path}") as load:
            processes.await_true(lambda: line.passed["down"] > 5000, "answers")
        assert load.result is not None
        results.append(load.result)
    good, bad = results
    assert good.requests > 0
    assert good.lost == 0
    assert bad.non_2xx == bad.requests > 0


def test_disk_can_be_full(module_lab: Lab) -> None:
    disk = module_lab.disk(size=1 << 20)
    filler = disk.fill(leave=8192)
    assert disk.free == 8192
    status, said = module_lab.ground.run(["cp", filler, f"{filler}.copy"], cwd=disk.path)
    assert (status, "No space left on device" in said) == (1, True)


def test_folder_of_a_node_can_become_a_small_disk_with_what_it_held(module_lab: Lab) -> None:
    node = module_lab.nodes(1, web=False, prefix="small").nodes[0]
    before = node.digests()
    module_lab.disk(f"{node.node_id}/webapps", size=1 << 20)
    assert node.digests() == before != {}
    assert node.service.get("/")[0] == 200


def test_ftp_only_node_is_what_its_target_says(module_lab: Lab) -> None:
    node = module_lab.ftp_node()
    target = node.target()
    assert (target.transfer, target.host_key) == ("ftp", None)
    with ftplib.FTP() as client:
        client.connect(target.host, target.port, timeout=30)
        client.login(target.user, node.ftp.password)
        client.storbinary(f"STOR {target.deploy_path}/new.html", io.BytesIO(b"new"))
        assert client.nlst(target.backup_path) == []
    assert node.service.get("/new.html") == (200, b"new")


def test_lab_of_a_killed_owner_is_cleared_by_the_next() -> None:
    program = (
        "import os; from tests.lab import Lab; lab = Lab().__enter__(); part = lab.service();"
        "print(lab.root, part.host, part.port, flush=True); os.kill(os.getpid(), 9)"
    )
    owner = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    root, host, port = owner.stdout.split()
    with Lab():  # this one clears it, or one that another test has opened meanwhile
        processes.await_true(lambda: not Path(root).exists(), "the end of its folder")
        processes.await_true(lambda: not processes.listens(host, int(port)), "the service's end")


def test_nothing_stays_behind_whatever_happened() -> None:
    lab = Lab()
    with suppress(ZeroDivisionError), lab:
        service, script = _leave_much_behind(lab)
        raise ZeroDivisionError
    assert script.wait(120) == -9
    assert not processes.listens(service.host, service.port)
    assert not lab.root.exists()
    assert str(lab.root) not in Path("/proc/mounts").read_text("utf-8")


def _leave_much_behind(lab: Lab) -> tuple[Service, subprocess.Popen[bytes]]:
    service = lab.service()
    service.script("shutdown.sh")
    service.deploy(application("2.0.0", mode="script-hangs"))
    script = lab.account.spawn(
        [service.home / "bin" / "startup.sh"], cwd=lab.root, environment=lab.ground.mark
    )
    processes.await_listening(service.host, service.port, None, service.log)
    if lab.account.switch:
        lab.disk()
    return service, script
