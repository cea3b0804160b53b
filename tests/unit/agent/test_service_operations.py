"""The balancer, a service, its health and its log, on a local file tree and a local port."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from agent.operations import balancer, health, log, service
from agent.operations.context import OperationFailed, StepContext, Verified
from agent.transports.transport import Output, TransportError
from agent.wire import operations as wire
from agent.wire.plan import NodeTarget
from agent.wire.results import LogFindings, LogMark
from tests.fakes.agent import FakeNode, LocalTransport, a_context, a_step
from tests.unit.agent.local_node import code, contents, fill, node, target

__all__ = ["node", "target"]

OK = Output(status=0, stdout="", stderr="")


@pytest.fixture
def context(target: NodeTarget, node: FakeNode) -> StepContext:
    return a_context(target, node)


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
        earlier={"m": LogMark(size=7)},
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
        earlier={"m": LogMark(size=mark)},
    )
    found = await findings(context)
    assert (found.started, found.suspicious) == (started, lines)


async def findings(context: StepContext) -> LogFindings:
    """What a scan found, whether it took it for a failed start or not."""
    try:
        return await log.scan(context, wire.ScanLog(since="m"))
    except OperationFailed as failed:
        if not isinstance(failed.result, LogFindings):
            raise
        return failed.result


async def test_a_scan_without_its_mark_is_refused(target: NodeTarget, node: FakeNode) -> None:
    assert await code(log.scan(a_context(target, node), wire.ScanLog(since="m"))) == "mark_missing"
