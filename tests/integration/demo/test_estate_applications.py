"""The nodes' applications and their scripts, as an agent would use them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from tests.integration.demo.running import RunningEstate, ask, until_status

WAS1, WAS2 = "prod-was01", "prod-was02"


def deploy(estate: RunningEstate, node_id: str, package: str) -> None:
    with zipfile.ZipFile(estate.folder / "packages" / package) as archive:
        archive.extractall(estate.node(node_id).target.deploy_path)


async def restart(estate: RunningEstate, node_id: str) -> None:
    home = estate.node(node_id).target.service.home
    for script in ("shutdown.sh", "startup.sh"):
        done = await estate.run(node_id, f"{home}/bin/{script}")
        assert done.exit_status == 0, done.stderr


async def test_a_restart_gives_a_new_process_and_the_new_version(estate: RunningEstate) -> None:
    pid_file = Path(estate.node(WAS1).target.service.home, "run/tomcat.pid")
    old_pid = pid_file.read_text()
    deploy(estate, WAS1, "budget-1.1.0.zip")
    _, page = await ask(f"{estate.url(WAS1)}/")
    assert "1.1.0" in page
    _, version = await ask(f"{estate.url(WAS1)}/api/version")
    assert json.loads(version)["version"] == "1.0.0"
    await restart(estate, WAS1)
    assert json.loads(await until_status(f"{estate.url(WAS1)}/actuator/health", 200)) == {
        "status": "UP"
    }
    _, version = await ask(f"{estate.url(WAS1)}/api/version")
    assert json.loads(version) == {"version": "1.1.0", "node": "moef-budget-prod-was01"}
    assert pid_file.read_text() != old_pid


async def test_the_broken_package_comes_up_on_node_1_and_not_on_node_2(
    estate: RunningEstate,
) -> None:
    for node_id in (WAS1, WAS2):
        deploy(estate, node_id, "budget-1.2.0-broken.zip")
        await restart(estate, node_id)
    assert "UP" in await until_status(f"{estate.url(WAS1)}/actuator/health", 200)
    assert "DOWN" in await until_status(f"{estate.url(WAS2)}/actuator/health", 503)
    logs = {n: Path(estate.node(n).target.service.log_path).read_text() for n in (WAS1, WAS2)}
    assert "SEVERE" not in logs[WAS1]
    assert "pool size 80 exceeds the 50 connections granted" in logs[WAS2]
    assert "Caused by: java.sql.SQLNonTransientConnectionException" in logs[WAS2]
    assert "Server startup in [" in logs[WAS2]


async def test_a_second_start_changes_nothing(estate: RunningEstate) -> None:
    home = estate.node(WAS1).target.service.home
    pid = Path(home, "run/tomcat.pid").read_text()
    done = await estate.run(WAS1, f"{home}/bin/startup.sh")
    assert done.exit_status == 1
    assert f"still be running with PID {pid.strip()}" in str(done.stderr)
    assert Path(home, "run/tomcat.pid").read_text() == pid


async def test_two_starts_at_once_leave_one_application(estate: RunningEstate) -> None:
    home = estate.node(WAS1).target.service.home
    command = f"{home}/bin/shutdown.sh; {home}/bin/startup.sh & {home}/bin/startup.sh; wait"
    await estate.run(WAS1, command)
    await until_status(f"{estate.url(WAS1)}/actuator/health", 200)
    assert (await estate.run(WAS1, f"{home}/bin/shutdown.sh")).exit_status == 0
    assert await ask(f"{estate.url(WAS1)}/") == (0, "")


async def test_a_pid_file_left_behind_hinders_neither_script(estate: RunningEstate) -> None:
    home = estate.node(WAS1).target.service.home
    pid_file = Path(home, "run/tomcat.pid")
    # A real pid that belongs to something else, as after a reboot of the server.
    stale = f"{home}/bin/shutdown.sh && echo $$ > {pid_file} && {home}/bin/shutdown.sh"
    done = await estate.run(WAS1, stale)
    assert (done.exit_status, pid_file.exists()) == (0, False)
    assert "not running" in str(done.stdout)
    done = await estate.run(WAS1, f"echo $$ > {pid_file}; {home}/bin/startup.sh")
    assert done.exit_status == 0
    await until_status(f"{estate.url(WAS1)}/actuator/health", 200)


async def test_properties_and_what_lies_outside_are_not_served(estate: RunningEstate) -> None:
    for path in ("/WEB-INF/classes/budget.properties", "/..%2f..%2fconf/node.properties"):
        status, _ = await ask(f"{estate.url(WAS1)}{path}")
        assert status in {400, 404}
