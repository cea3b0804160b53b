"""Health that comes, goes and stays away; connections that end; services that start and die."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from agent.operations import health, service, traffic
from agent.operations.context import OperationFailed, StepContext
from agent.transports.transport import Output, TransportError
from agent.wire import operations as wire
from agent.wire.plan import NodeTarget
from agent.wire.results import Health, LogMark, Settled
from tests.fakes.agent import FakeNode, LocalTransport, a_context, a_step, a_target


class Page:
    """A health page whose answers come from a list; the last one stays. ``idle`` connections to
    it are kept open until they end it themselves."""

    def __init__(self) -> None:
        self.statuses = [200]
        self.asked = asyncio.Event()
        self.port = 0
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            if await reader.readline():
                status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())
                self.asked.set()
            writer.close()


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    made = Page()
    await made.open()
    yield made
    await made.close()


def target_at(root: Path, page: Page) -> NodeTarget:
    target = a_target(root)
    return target.model_copy(
        update={"service": target.service.model_copy(update={"port": page.port})}
    )


def at(root: Path, page: Page, *, shell: bool = True) -> StepContext:
    home = root / "home"
    (home / "logs").mkdir(parents=True, exist_ok=True)
    (home / "logs/catalina.out").write_text("old\n")
    return a_context(
        target_at(root, page),
        FakeNode(transport=LocalTransport(shell=shell)),
        earlier={"m": LogMark(size=4)},
        steps=[a_step("m", wire.MarkLog())],
    )


def log_line(root: Path, line: str) -> None:
    with (root / "home/logs/catalina.out").open("a") as file:
        file.write(f"{line}\n")


# --- health ----------------------------------------------------------------------------------


async def test_health_that_comes_and_goes_is_called_flapping(tmp_path: Path, page: Page) -> None:
    page.statuses = [200, 503] * 500
    context = at(tmp_path, page)
    log_line(tmp_path, "connection pool exhausted")
    with pytest.raises(OperationFailed) as failed:
        await health.await_health(context, wire.AwaitHealth(path="/h", needed=2, timeout_s=3))
    assert failed.value.code == "health_flapping"
    assert (failed.value.values["good"], failed.value.values["needed"]) == ("1", "2")
    assert failed.value.lines == ("connection pool exhausted",)
    assert isinstance(failed.value.result, Health)
    assert not failed.value.result.healthy


async def test_health_that_comes_too_late_is_not_called_flapping(
    tmp_path: Path, page: Page
) -> None:
    page.statuses = [503, 503, 200]
    with pytest.raises(OperationFailed) as failed:
        await health.await_health(
            at(tmp_path, page), wire.AwaitHealth(path="/h", needed=20, timeout_s=3)
        )
    assert failed.value.code == "not_healthy"


# --- watching --------------------------------------------------------------------------------


async def test_a_node_that_stays_well_is_stable(tmp_path: Path, page: Page) -> None:
    page.statuses = [200, 500, 200]  # one hiccup
    seen: list[tuple[int, int]] = []
    context = replace(at(tmp_path, page), report=lambda done, total: seen.append((done, total)))
    found = await health.watch(context, wire.WatchNode(path="/h", seconds=3, misses=2))
    assert found.healthy
    assert found.asked >= 3
    assert seen[-1] == (3, 3)


async def test_a_node_that_goes_bad_is_not_stable(tmp_path: Path, page: Page) -> None:
    page.statuses = [200, 500]
    context = at(tmp_path, page)
    log_line(tmp_path, "connection pool exhausted")
    with pytest.raises(OperationFailed) as failed:
        await health.watch(context, wire.WatchNode(path="/h", seconds=60, misses=2))
    assert failed.value.code == "not_stable"
    assert failed.value.values["last_status"] == "500"
    assert failed.value.lines == ("connection pool exhausted",)


@pytest.mark.parametrize("line", ["SEVERE a", "java.lang.OutOfMemoryError", "예산 배치 중단"])
async def test_a_grave_line_after_the_start_turns_a_node_back_however_well_it_answers(
    line: str, tmp_path: Path, page: Page
) -> None:
    context = at(tmp_path, page)
    words = {"log_failures": ("예산 배치 중단",)}
    service = context.target.service.model_copy(update=words)
    context = replace(context, target=context.target.model_copy(update={"service": service}))
    watching = asyncio.create_task(
        health.watch(context, wire.WatchNode(path="/h", seconds=600, judges_log=True))
    )
    await page.asked.wait()
    log_line(tmp_path, f"{line}\n\tat kr.go.lab.Main")
    async with asyncio.timeout(240):
        with pytest.raises(OperationFailed) as failed:
            await watching
    assert failed.value.code == "log_errors_later"
    assert failed.value.values["count"] == "1"
    assert failed.value.lines[0] == line


async def test_a_mere_exception_after_the_start_is_counted_once_and_told(
    tmp_path: Path, page: Page
) -> None:
    context = at(tmp_path, page)
    log_line(tmp_path, "java.net.SocketTimeoutException: a user went away")  # before the watch
    found = await health.watch(context, wire.WatchNode(path="/h", seconds=2, judges_log=True))
    assert (found.healthy, found.troubles, found.lost) == (True, 1, "")
    assert context.output == ["java.net.SocketTimeoutException: a user went away"]


async def test_what_cures_is_told_of_a_grave_line_and_not_stopped_by_it(
    tmp_path: Path, page: Page
) -> None:
    context = at(tmp_path, page)
    log_line(tmp_path, "SEVERE the old version has always said this")
    found = await health.watch(context, wire.WatchNode(path="/h", seconds=1))
    assert (found.healthy, found.troubles) == (True, 1)


async def test_a_watch_says_when_the_log_was_taken_away_meanwhile(
    tmp_path: Path, page: Page
) -> None:
    context = replace(at(tmp_path, page), earlier={"m": LogMark(size=4, proof="0" * 64)})
    found = await health.watch(context, wire.WatchNode(path="/h", seconds=1, misses=3))
    assert (found.healthy, found.lost) == (True, "moved")


async def test_a_node_that_dies_in_the_last_second_is_not_stable(
    tmp_path: Path, page: Page
) -> None:
    page.statuses = [200, 200, 500]
    with pytest.raises(OperationFailed) as failed:
        await health.watch(at(tmp_path, page), wire.WatchNode(path="/h", seconds=2, misses=3))
    assert failed.value.code == "not_stable"


async def test_a_process_that_is_gone_is_told_at_once(tmp_path: Path, page: Page) -> None:
    """A supervisor may answer in its place; the process that was started is gone all the same."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import time; time.sleep(600)"
    )
    (tmp_path / "home/run").mkdir(parents=True)
    (tmp_path / "home/run/tomcat.pid").write_text(f"{process.pid}\n")
    watch = asyncio.create_task(
        health.watch(at(tmp_path, page), wire.WatchNode(path="/h", seconds=600, misses=3))
    )
    await page.asked.wait()
    process.kill()
    await process.wait()
    async with asyncio.timeout(30):
        with pytest.raises(OperationFailed) as failed:
            await watch
    assert failed.value.code == "not_stable"
    assert failed.value.values["pid"] == str(process.pid)


# --- traffic ---------------------------------------------------------------------------------


async def test_the_wait_ends_when_the_last_connection_has_ended(tmp_path: Path, page: Page) -> None:
    _, user = await asyncio.open_connection("127.0.0.1", page.port)
    settling = asyncio.create_task(
        traffic.settle(at(tmp_path, page), wire.SettleTraffic(seconds=60))
    )
    done, _ = await asyncio.wait({settling}, timeout=1.5)
    assert not done
    user.close()
    async with asyncio.timeout(20):
        found = await settling
    assert (found.still_open, found.waited_s < 20) == (0, True)


async def test_what_is_still_open_at_the_end_is_told(tmp_path: Path, page: Page) -> None:
    users = [await asyncio.open_connection("127.0.0.1", page.port) for _ in range(3)]
    found = await traffic.settle(at(tmp_path, page), wire.SettleTraffic(seconds=1))
    assert found == Settled(waited_s=1, still_open=3)
    for _, user in users:
        user.close()


async def test_the_least_wait_is_kept_even_when_nobody_is_there(tmp_path: Path, page: Page) -> None:
    operation = wire.SettleTraffic(seconds=5, at_least_s=2)
    found = await traffic.settle(at(tmp_path, page), operation)
    assert found.still_open == 0
    assert 2 <= found.waited_s < 5


async def test_where_nothing_can_be_counted_the_whole_time_is_waited(
    tmp_path: Path, page: Page
) -> None:
    context = at(tmp_path, page)
    target = context.target.model_copy(update={"transfer": "ftp", "host_key": None})
    found = await traffic.settle(a_context(target, FakeNode()), wire.SettleTraffic(seconds=1))
    assert found == Settled(waited_s=1, still_open=None)


async def test_a_node_whose_tables_are_hidden_is_not_counted(tmp_path: Path, page: Page) -> None:
    class Hidden(LocalTransport):
        async def read(self, path: str, *, offset: int = 0, limit: int) -> bytes:
            raise TransportError("permission_denied", path=path)

    context = a_context(target_at(tmp_path, page), FakeNode(transport=Hidden(shell=False)))
    found = await traffic.settle(context, wire.SettleTraffic(seconds=1))
    assert found.still_open is None


async def test_a_lost_line_is_no_quiet_service(tmp_path: Path, page: Page) -> None:
    class Lost(LocalTransport):
        async def read(self, path: str, *, offset: int = 0, limit: int) -> bytes:
            raise TransportError("connection_lost")

    context = a_context(target_at(tmp_path, page), FakeNode(transport=Lost(shell=False)))
    with pytest.raises(TransportError):
        await traffic.settle(context, wire.SettleTraffic(seconds=1))


# --- scripts ---------------------------------------------------------------------------------


def script(root: Path, name: str, body: str) -> None:
    path = root / "home/bin" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


class Impatient(LocalTransport):
    """Ends commands that take too long, as the real transport does: says so, kills nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.left: list[asyncio.subprocess.Process] = []

    async def run(
        self,
        arguments: Sequence[str],
        *,
        timeout_s: float,
        silence_s: float = 30.0,
        stdin: AsyncIterator[bytes] | None = None,
    ) -> Output:
        if "/bin/" not in arguments[0]:
            return await super().run(arguments, timeout_s=timeout_s)
        process = await asyncio.create_subprocess_exec(
            *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said = bytearray()
        assert process.stdout is not None
        try:
            async with asyncio.timeout(timeout_s):
                while piece := await process.stdout.read(1000):
                    said += piece
                await process.wait()
        except TimeoutError:
            self.left.append(process)
            text = Output(status=None, stdout=said.decode(), stderr="")
            raise TransportError("timeout", text) from None
        return Output(status=process.returncode, stdout=said.decode(), stderr="")

    async def clear(self) -> None:
        for process in self.left:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            await process.wait()


@pytest.fixture
async def impatient() -> AsyncIterator[Impatient]:
    made = Impatient()
    yield made
    await made.clear()


def with_scripts(root: Path, page: Page, transport: LocalTransport) -> StepContext:
    made = at(root, page)
    return a_context(
        made.target,
        FakeNode(transport=transport),
        earlier=dict(made.earlier),
        steps=[a_step("m", wire.MarkLog())],
    )


async def test_a_start_script_that_never_returns_is_judged_by_the_port(
    tmp_path: Path, page: Page, impatient: Impatient
) -> None:
    await page.close()
    script(tmp_path, "startup.sh", "echo starting in the foreground\nexec sleep 600")
    context = with_scripts(tmp_path, page, impatient)
    starting = asyncio.create_task(service.start(context, wire.StartService(timeout_s=6)))
    await asyncio.sleep(0.5)  # after the first look at the port
    await page.open()
    assert (await starting).note == "script_still_running"
    assert context.output == ["starting in the foreground"]


async def test_a_start_script_that_never_returns_and_opens_no_port_is_named(
    tmp_path: Path, page: Page, impatient: Impatient
) -> None:
    await page.close()
    script(tmp_path, "startup.sh", "echo waiting for the database\nexec sleep 600")
    context = with_scripts(tmp_path, page, impatient)
    log_line(tmp_path, "cannot reach DB")
    with pytest.raises(OperationFailed) as failed:
        await service.start(context, wire.StartService(timeout_s=4))
    assert failed.value.code == "script_timeout"
    assert failed.value.lines == ("waiting for the database", "cannot reach DB")


async def test_a_process_that_dies_before_its_port_answers_is_not_waited_for(
    tmp_path: Path, page: Page, impatient: Impatient
) -> None:
    await page.close()
    (tmp_path / "home/run").mkdir(parents=True)
    script(
        tmp_path,
        "startup.sh",
        f"sleep 3 >/dev/null 2>&1 &\necho $! > {tmp_path}/home/run/tomcat.pid\necho started",
    )
    context = with_scripts(tmp_path, page, impatient)
    log_line(tmp_path, "Address already in use")
    async with asyncio.timeout(60):
        with pytest.raises(OperationFailed) as failed:
            await service.start(context, wire.StartService(timeout_s=600))
    assert failed.value.code == "service_died"
    assert failed.value.lines == ("started", "Address already in use")


async def test_a_stop_that_does_not_stop_names_process_and_port(
    tmp_path: Path, page: Page, impatient: Impatient
) -> None:
    (tmp_path / "home/run").mkdir(parents=True)
    (tmp_path / "home/run/tomcat.pid").write_text(str(os.getpid()))
    script(tmp_path, "shutdown.sh", "echo asked it to stop")
    with pytest.raises(OperationFailed) as failed:
        await service.stop(with_scripts(tmp_path, page, impatient), wire.StopService(timeout_s=2))
    assert failed.value.code == "not_stopped"
    assert failed.value.values["pid"] == str(os.getpid())
    assert failed.value.values["port"] == str(page.port)
    assert failed.value.lines == ("asked it to stop",)


async def test_without_a_pid_file_the_listener_is_looked_up(
    tmp_path: Path, page: Page, impatient: Impatient
) -> None:
    row = f'LISTEN 0 100 *:{page.port} *:* users:(("java",pid=4711,fd=53))\n'
    impatient.answer = lambda arguments: (
        Output(status=0, stdout=row, stderr="") if arguments[0] == "ss" else None
    )
    found = await service.status(with_scripts(tmp_path, page, impatient), wire.ServiceStatus())
    assert (found.running, found.pid, found.port_open) == (True, 4711, True)
