"""Stopping and starting a node's service, and telling whether it runs.

Owns: the argument lists of scripts and systemd units. A script that has ended proves nothing;
the service's port does.
"""

from __future__ import annotations

import asyncio
import posixpath

from agent.operations.context import OperationFailed, StepContext, Verified
from agent.operations.net import port_open, wait_for_port
from agent.transports.transport import Output, Transport, TransportError
from agent.wire.operations import Done, ServiceState, ServiceStatus, StartService, StopService
from agent.wire.plan import ServiceSpec

_SCRIPTS = {"start": "bin/startup.sh", "stop": "bin/shutdown.sh"}
_LINES = 20
_LATE_START_S = 20.0  # for a start that was under way when the agent was cut off


def _arguments(service: ServiceSpec, verb: str) -> list[str]:
    if service.kind == "systemd":
        return ["systemctl", verb, "--", service.name]
    return [posixpath.join(service.home, _SCRIPTS[verb])]


async def stop(context: StepContext, operation: StopService) -> Done:
    """Stop the service and wait until its port is closed. A stopped service is fine.

    The script runs even when the port is closed: a service that never opened it may still live.

    Raises:
        OperationFailed: ``script_timeout``, ``script_failed``, ``not_stopped``.
    """
    service, host = context.target.service, context.target.host
    clock = _Countdown(operation.timeout_s)
    was_open = await port_open(host, service.port)
    async with context.server() as server:
        output = await _run_script(server, _arguments(service, "stop"), timeout_s=clock.left())
    if output.status is None:
        raise OperationFailed("script_timeout", service=service.name, lines=_tail(output))
    if not await wait_for_port(host, service.port, opened=False, timeout_s=clock.left()):
        code = "script_failed" if output.status else "not_stopped"
        raise _failed(code, service, output)
    return Done(note="" if was_open else "already_stopped")


async def is_stopped(context: StepContext, operation: StopService) -> Verified:
    """Stopping again is safe."""
    service = context.target.service
    is_open = await port_open(context.target.host, service.port)
    return Verified.NOT_DONE if is_open or await _pid_at(context) else Verified.DONE


async def start(context: StepContext, operation: StartService) -> Done:
    """Start the service and wait until its port answers.

    A script that does not return gets half of the time; then only the port counts.

    Raises:
        OperationFailed: ``script_failed``, ``not_started``.
    """
    service, host = context.target.service, context.target.host
    clock = _Countdown(operation.timeout_s)
    if await port_open(host, service.port):
        return Done(note="already_running")
    async with context.server() as server:
        output = await _run_script(server, _arguments(service, "start"), timeout_s=clock.left() / 2)
    if output.status:
        raise _failed("script_failed", service, output)
    if not await wait_for_port(host, service.port, opened=True, timeout_s=clock.left()):
        raise _failed("not_started", service, output)
    return Done()


async def is_started(context: StepContext, operation: StartService) -> Verified:
    """A process without its port may be a start under way: a second one would collide with it."""
    target = context.target
    wait_s = min(float(operation.timeout_s), _LATE_START_S)
    if await port_open(target.host, target.service.port):
        return Verified.DONE
    if await _pid_at(context) is None:
        return Verified.NOT_DONE
    opened = await wait_for_port(target.host, target.service.port, opened=True, timeout_s=wait_s)
    return Verified.DONE if opened else Verified.PARTIAL


async def status(context: StepContext, operation: ServiceStatus) -> ServiceState:
    """Port and, where a pid file can be read and its process lives, the process."""
    is_open = await port_open(context.target.host, context.target.service.port)
    pid = await _pid_at(context)
    return ServiceState(running=is_open or pid is not None, pid=pid, port_open=is_open)


class _Countdown:
    def __init__(self, seconds: float) -> None:
        self._end = asyncio.get_running_loop().time() + seconds

    def left(self) -> float:
        return max(self._end - asyncio.get_running_loop().time(), 1.0)


async def _run_script(server: Transport, arguments: list[str], *, timeout_s: float) -> Output:
    """The output; its status is None when the script did not return in time."""
    try:
        return await server.run(arguments, timeout_s=timeout_s, silence_s=timeout_s)
    except TransportError as error:
        if error.code not in {"timeout", "silence"}:
            raise
        said = error.output
        return Output(
            status=None, stdout=said.stdout if said else "", stderr=said.stderr if said else ""
        )


async def _pid_at(context: StepContext) -> int | None:
    service = context.target.service
    if service.kind == "systemd":
        return None
    async with context.server() as server:
        for name in (f"{service.name}.pid", "tomcat.pid"):
            pid = await _read_pid(server, posixpath.join(service.home, "run", name))
            if pid is not None and await server.files.stat(f"/proc/{pid}") is not None:
                return pid
    return None


async def _read_pid(server: Transport, path: str) -> int | None:
    try:
        text = (await server.read(path, limit=32)).decode("ascii", errors="replace").strip()
    except TransportError as error:
        if error.code not in {"not_found", "permission_denied"}:
            raise
        return None
    return int(text) if text.isdigit() and text.isascii() else None


def _failed(code: str, service: ServiceSpec, output: Output) -> OperationFailed:
    return OperationFailed(
        code,
        service=service.name,
        port=str(service.port),
        status="-" if output.status is None else str(output.status),
        lines=_tail(output),
    )


def _tail(output: Output) -> tuple[str, ...]:
    return output.lines()[-_LINES:]
