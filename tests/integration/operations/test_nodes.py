"""Looks at nodes on real parts: health, layers, resources, disks; well, bad, and out of reach."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.operations import filesystems, node_check, resources, sessions
from agent.operations.context import OperationFailed
from agent.transports.transport import TransportError
from agent.wire import checks
from agent.wire.profile import NodeProfile
from agent.wire.readings import Reading, Threshold
from bot.core.domain.job import JobState
from tests.integration.deploy.site import Site
from tests.integration.operations.at_node import Recorded, context_of, looked
from tests.lab import Fleet, Lab, LabNode, SshdOptions, application
from tests.lab.ports import free_port

CASES = Path(__file__).parents[2] / "cases" / "operations"
HALF = Threshold(warning=80, critical=95)
HOSTILE = tomllib.loads((CASES / "paths.toml").read_text("utf-8"))["paths"]
EASY = Threshold(warning=100, critical=100)
NOTHING = Threshold(warning=0, critical=0)


@pytest.fixture(scope="module")
def fleet(module_lab: Lab) -> Fleet:
    return module_lab.nodes(2)


@pytest.fixture
def node(fleet: Fleet) -> LabNode:
    return fleet.nodes[0]


def facts(reading: Reading) -> dict[str, object]:
    return {fact.name: fact.value for fact in reading.facts}


async def checked(node: LabNode, **changes: object) -> Reading:
    return await node_check.check_node(context_of(node.access(**changes)), checks.CheckNode())


# --- check_node ----------------------------------------------------------------------------------


async def test_a_node_that_is_well_says_how_fast_everything_answers(node: LabNode) -> None:
    reading = await checked(node, profile=NodeProfile(ping=True))
    found = facts(reading)
    assert reading.level == "normal"
    assert found["process"] == "running"
    assert found["health_page"] == 200
    assert all(isinstance(found[name], int | float) for name in ("ping", "login", "port"))


async def test_a_node_is_pinged_only_where_the_site_has_said_so(node: LabNode) -> None:
    assert "ping" not in facts(await checked(node))


async def test_a_bastion_without_ping_leaves_the_fact_unknown(
    node: LabNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    reading = await checked(node, profile=NodeProfile(ping=True))
    assert facts(reading)["ping"] is None
    assert [remark.code for remark in reading.remarks] == ["ping_unavailable"]
    assert reading.level == "normal"


async def test_a_closed_service_port_is_critical_and_the_login_is_told_all_the_same(
    node: LabNode,
) -> None:
    spec = node.service.spec.model_copy(update={"port": free_port(node.sshd.host)})
    reading = await checked(node, service=spec)
    assert reading.level == "critical"
    assert facts(reading)["port"] == "closed"
    assert isinstance(facts(reading)["login"], int)
    assert facts(reading)["process"] == "running"  # it listens at another port
    assert [remark.code for remark in reading.remarks] == ["port_closed"]


async def test_a_stopped_service_is_told_apart_from_a_closed_port(node: LabNode) -> None:
    node.service.script("shutdown.sh")
    try:
        reading = await checked(node)
    finally:
        node.service.start()
    assert facts(reading)["process"] == "not_found"


async def test_a_dead_node_is_an_answer(node: LabNode) -> None:
    away = {"host": "127.0.1.250", "profile": NodeProfile(ping=False)}
    reading = await checked(node, **away)
    assert reading.level == "critical"
    assert facts(reading) == {"port": "closed", "login": "no_answer"}
    assert [remark.code for remark in reading.remarks] == ["nothing_answers"]


async def test_a_node_that_answers_ping_alone_is_told_apart(node: LabNode) -> None:
    reading = await checked(node, host="127.0.1.250", profile=NodeProfile(ping=True))
    assert [remark.code for remark in reading.remarks] == ["only_ping_answers"]


async def test_another_host_key_is_critical_and_the_service_is_told_all_the_same(
    node: LabNode,
) -> None:
    reading = await checked(node, host_key="SHA256:" + "A" * 43)
    assert reading.level == "critical"
    assert facts(reading)["health_page"] == 200
    assert [remark.code for remark in reading.remarks] == ["login_host_key_changed"]


async def test_a_refused_login_is_a_warning_while_the_service_serves(
    node: LabNode, fleet: Fleet
) -> None:
    other = fleet.nodes[1].sshd.key_login
    context = context_of(node.access(login=other))
    reading = await node_check.check_node(context, checks.CheckNode())
    assert reading.level == "warning"
    assert facts(reading)["login"] == "refused"


async def test_a_health_page_that_fails_is_critical(node: LabNode) -> None:
    node.service.deploy(application("1.0.0", mode="unhealthy"))
    node.service.script("shutdown.sh")
    node.service.script("startup.sh")
    try:
        async with asyncio.timeout(120):
            while "health_page" not in facts(reading := await checked(node)):
                await asyncio.sleep(0.1)
        assert (reading.level, facts(reading)["health_page"]) == ("critical", 503)
    finally:
        node.service.deploy(application("1.0.0"))
        node.service.script("shutdown.sh")
        node.service.start()


# --- check_layer, and the conclusion --------------------------------------------------------------


@pytest.fixture
async def site(fleet: Fleet, tmp_path: Path) -> AsyncIterator[Site]:
    async with Site(fleet=fleet, folder=tmp_path).open() as opened:
        yield opened


async def test_a_layer_is_asked_at_its_own_port(fleet: Fleet) -> None:
    for one in fleet.all_nodes:
        context = context_of(one.access())
        reading = await node_check.check_layer(context, checks.CheckLayer(path="/health"))
        assert (reading.level, facts(reading)["health_page"]) == ("normal", 200)


async def test_the_layer_at_fault_is_named(fleet: Fleet, site: Site) -> None:
    job, well = await looked(site, "check_internal_was_status")
    assert job.state is JobState.SUCCEEDED
    assert "웹서버와 WAS가 모두 정상입니다." in well
    first = fleet.nodes[0]
    first.service.script("shutdown.sh")
    try:
        _, ill = await looked(site, "check_internal_was_status", thread="2")
        assert "웹서버 정상 · WAS 일부 이상: was01." in ill
    finally:
        first.service.start()


async def test_a_dead_web_server_is_named_while_the_was_live(fleet: Fleet, site: Site) -> None:
    fleet.nginx.stop()
    try:
        _, report = await looked(site, "check_internal_was_status")
    finally:
        fleet.nginx.start()
    assert "WAS 정상 · 웹서버 이상: web01." in report


async def test_a_broken_way_between_the_layers_is_named(fleet: Fleet, site: Site) -> None:
    nowhere = f"127.0.1.1:{free_port('127.0.1.1')}"
    members = [one.member for one in fleet.nodes]
    before = fleet.nginx.upstream
    broken = before.replace(members[0], nowhere).replace(members[1], nowhere)
    try:
        await _balanced(fleet, broken)
        _, report = await looked(site, "check_internal_was_status")
    finally:
        await _balanced(fleet, before)
    assert "앞단 연결 이상: 웹서버(web01)와 WAS가 각각 살아 있으나" in report
    assert "WAS 경유 응답\nweb01\nWEB\n주의" in report
    assert "web01 · 서버 자신은 살아 있으나 뒤쪽의 응답을 받지 못했습니다(HTTP 502)." in report


async def _balanced(fleet: Fleet, upstream: str) -> None:
    """Restart the balancer over these members."""
    fleet.nginx.stop()
    fleet.nginx.upstream_file.write_text(upstream)
    fleet.nginx.start()


# --- resources, disks -----------------------------------------------------------------------------


async def test_resources_come_from_proc(node: LabNode) -> None:
    book = Recorded()
    operation = checks.ReadResources(cpu=EASY, memory=EASY, disk=EASY)
    reading = await resources.read_resources(context_of(node.access(), book), operation)
    found = facts(reading)
    assert {"cpu", "memory", "swap", "load", "disk", "processors"} <= set(found)
    assert all(isinstance(found[name], float) for name in ("cpu", "memory", "load", "disk"))
    assert book.ran == []  # all of it over SFTP


async def test_the_limits_of_the_plan_decide_the_level(node: LabNode) -> None:
    operation = checks.ReadResources(cpu=NOTHING, memory=EASY, disk=EASY)
    reading = await resources.read_resources(context_of(node.access()), operation)
    cpu = reading.fact("cpu")
    assert cpu is not None
    assert (reading.level, cpu.level) == ("critical", "critical")


async def test_a_server_that_shows_no_proc_by_sftp_is_read_with_cat(node: LabNode) -> None:
    book = Recorded(hidden=("/proc/",))
    operation = checks.ReadResources(cpu=EASY, memory=EASY, disk=EASY)
    reading = await resources.read_resources(context_of(node.access(), book), operation)
    assert isinstance(facts(reading)["memory"], float)
    assert book.ran.count(["cat", "--", "/proc/stat"]) == 2


async def test_an_account_that_only_transfers_files_sees_the_resources_too(
    module_lab: Lab, node: LabNode
) -> None:
    sshd = module_lab.sshd("files-only", options=SshdOptions(sftp_only=True))
    access = node.access(
        port=sshd.port, host=sshd.host, host_key=sshd.host_key, login=sshd.key_login
    )
    operation = checks.ReadResources(cpu=EASY, memory=EASY, disk=EASY)
    reading = await resources.read_resources(context_of(access), operation)
    assert isinstance(facts(reading)["cpu"], float)


async def test_nothing_of_proc_to_be_read_is_a_failure_in_words(
    module_lab: Lab, node: LabNode
) -> None:
    sshd = module_lab.sshd("files-alone", options=SshdOptions(sftp_only=True))
    access = node.access(
        port=sshd.port, host=sshd.host, host_key=sshd.host_key, login=sshd.key_login
    )
    book = Recorded(hidden=("/proc/",))
    operation = checks.ReadResources(cpu=EASY, memory=EASY, disk=EASY)
    with pytest.raises(OperationFailed) as failed:
        await resources.read_resources(context_of(access, book), operation)
    assert failed.value.code == "proc_unreadable"


@pytest.mark.parametrize("kind", ["resources", "disks", "sessions"])
async def test_a_server_that_cannot_be_reached_is_no_reading(node: LabNode, kind: str) -> None:
    context = context_of(node.access(host="127.0.1.250"))
    looks = {
        "resources": lambda: resources.read_resources(
            context, checks.ReadResources(cpu=EASY, memory=EASY, disk=EASY)
        ),
        "disks": lambda: filesystems.read_disks(context, checks.ReadDisks(used=EASY)),
        "sessions": lambda: sessions.list_sessions(context, checks.ListSessions()),
    }
    with pytest.raises(TransportError) as failed:
        await looks[kind]()
    assert failed.value.code == "unreachable"


async def test_a_server_with_ftp_only_says_that_nothing_can_be_looked_at(
    module_lab: Lab,
) -> None:
    ftp = module_lab.ftp_node()
    operation = checks.ReadResources(cpu=EASY, memory=EASY, disk=EASY)
    with pytest.raises(OperationFailed) as failed:
        await resources.read_resources(context_of(ftp.access()), operation)
    assert failed.value.code == "not_by_ftp"
    health = await node_check.check_node(context_of(ftp.access()), checks.CheckNode())
    assert isinstance(facts(health)["login"], int)


async def test_disks_are_those_of_the_profile_and_of_deployments(node: LabNode) -> None:
    book = Recorded()
    access = node.access(profile=NodeProfile(disks=("/", "/nowhere")))
    reading = await filesystems.read_disks(context_of(access, book), checks.ReadDisks(used=HALF))
    grid = reading.grid("disks")
    assert grid is not None
    rows = {row.cells[0]: row for row in grid.rows}
    shown = {path for paths in rows for path in str(paths).split(", ")}
    assert {"/", "/nowhere"} <= shown
    with_the_root = node.deploy_path.stat().st_dev == Path("/").stat().st_dev
    assert (str(node.deploy_path) in shown) is not with_the_root
    assert rows["/nowhere"].level == "unknown"
    assert [remark.code for remark in reading.remarks] == ["disk_unread"]
    assert book.ran == [["df", "-Pk", "--", "/nowhere"]]  # only where SFTP does not tell


async def test_without_statvfs_df_says_the_same(node: LabNode) -> None:
    by_sftp = await filesystems.read_disks(context_of(node.access()), checks.ReadDisks(used=HALF))
    book = Recorded(measured=False)
    by_df = await filesystems.read_disks(
        context_of(node.access(), book), checks.ReadDisks(used=HALF)
    )
    one, other = by_sftp.grid("disks"), by_df.grid("disks")
    assert one is not None
    assert other is not None
    assert [row.cells[4] for row in one.rows] == [row.cells[4] for row in other.rows]
    assert book.ran[0] == ["df", "-Pk", "--", str(node.deploy_path)]


async def test_a_full_disk_is_critical(module_lab: Lab, node: LabNode) -> None:
    disk = module_lab.disk(size=1 << 20)
    disk.fill(leave=4096)
    access = node.access(profile=NodeProfile(disks=(str(disk.path),)))
    operation = checks.ReadDisks(paths=(str(disk.path),), used=HALF)
    reading = await filesystems.read_disks(context_of(access), operation)
    assert reading.level == "critical"
    assert facts(reading)["fullest"] == str(disk.path)


@pytest.mark.parametrize("path", HOSTILE)
async def test_a_path_that_is_none_of_the_nodes_is_never_looked_at(
    node: LabNode, path: str
) -> None:
    book = Recorded()
    operation = checks.ReadDisks.model_construct(paths=(path,), used=HALF)
    with pytest.raises(OperationFailed) as failed:
        await filesystems.read_disks(context_of(node.access(), book), operation)
    assert failed.value.code == "not_in_profile"
    assert book.ran == []


# --- as people read it ----------------------------------------------------------------------------


async def test_a_person_reads_of_health_resources_and_disks(site: Site) -> None:
    _, health = await looked(site, "check_infra_health")
    assert "2대 모두 정상입니다." in health
    assert "실행 중" in health
    job, use = await looked(site, "monitor_resources", thread="2")
    assert job.state is JobState.SUCCEEDED
    assert "CPU" in use
    assert "메모리" in use
    path = str(site.fleet.nodes[0].backup_path)
    _, disk = await looked(site, "check_disk_space", thread="3", params={"path": path}, nodes=(1,))
    assert path in disk
    assert "남음" in disk


async def test_a_path_that_is_not_registered_is_refused_in_words(site: Site) -> None:
    answer = await site.refused(action="check_disk_space", params={"path": "/etc"}, by="operator")
    assert "등록되지 않은 경로라 조회하지 않았습니다: /etc" in answer.summary


async def test_one_dead_node_does_not_keep_the_others_from_answering(
    site: Site, fleet: Fleet
) -> None:
    fleet.nodes[1].sshd.stop()
    fleet.nodes[1].service.script("shutdown.sh")
    try:
        job, report = await looked(site, "check_infra_health")
    finally:
        fleet.nodes[1].sshd.start()
        fleet.nodes[1].service.start()
    assert job.state is JobState.SUCCEEDED
    assert "1대 정상, 1대 이상: was02(심각)" in report
    assert "서버가 응답하지 않습니다." in report
