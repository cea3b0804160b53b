"""Stopping and starting a node's service, and telling whether it runs.

Owns: the argument lists of scripts and systemd units. A script that has ended proves nothing;
the service's port does. What a script said is kept whether it succeeded or not.
"""

from __future__ import annotations

import asyncio
import posixpath

from agent.operations.context import OperationFailed, StepContext, Verified
from agent.operations.log import tail_since_mark
from agent.operations.net import POLL_S, port_open, wait_for_port
from agent.operations.process import is_alive, is_running, listener_pid, living_pid
from agent.transports.transport import Output, Transport, TransportError
from agent.wire.operations import ServiceStatus, StartService, StopService
from agent.wire.plan import ServiceSpec
from agent.wire.results import Done, ServiceState

_SCRIPTS = {"start": "bin/startup.sh", "stop": "bin/shutdown.sh"}
_LINES = 100
_LATE_START_S = 20.0  # for a start that was under way when the agent was cut off
_ALIVE_EVERY_S = 1.0


def _arguments(service: ServiceSpec, verb: str) -> list[str]:
    if service.kind == "systemd":
        return ["systemctl", verb, "--", service.name]
    if service.commands is not None:
        return [service.commands.start if verb == "start" else service.commands.stop]
    return [posixpath.join(service.home, _SCRIPTS[verb])]


async def stop(context: StepContext, operation: StopService) -> Done:
    """Stop the service and wait until its port is closed. A stopped service is fine.

    The script runs even when the port is closed: a service that never opened it may still live.

    Raises:
        OperationFailed: ``script_timeout``, ``script_failed``, ``not_stopped``, each with the
            process that is still there, where it can be told; ``still_running``, as the site's
            own program says of a service whose port is closed.
    """
    service, host = context.target.service, context.target.host
    clock = _Countdown(operation.timeout_s)
    was_open = await port_open(host, service.port)
    async with context.server() as server:
        output = await _run_script(context, server, "stop", timeout_s=clock.left())
        if output.status is None:
            raise _failed("script_timeout", service, output, pid=await _pid(server, service))
        if not await wait_for_port(host, service.port, opened=False, timeout_s=clock.left()):
            code = "script_failed" if output.status else "not_stopped"
            raise _failed(code, service, output, pid=await _pid(server, service))
        if not await _has_ended(server, service, clock):
            raise _failed("still_running", service, output)
    return Done(note="" if was_open else "already_stopped")


async def _has_ended(server: Transport, service: ServiceSpec, clock: _Countdown) -> bool:
    """As the site's own program says, where there is one: a service may have closed its port and
    be writing still."""
    if service.commands is None:
        return True
    while await is_running(server, service):
        if clock.over():
            return False
        await asyncio.sleep(_ALIVE_EVERY_S)
    return True


async def is_stopped(context: StepContext, operation: StopService) -> Verified:
    """Stopping again is safe."""
    service = context.target.service
    if await port_open(context.target.host, service.port):
        return Verified.NOT_DONE
    async with context.server() as server:
        alive = await is_running(server, service)
    return Verified.NOT_DONE if alive else Verified.DONE


async def start(context: StepContext, operation: StartService) -> Done:
    """Start the service and wait until its port answers.

    A script that does not return gets half of the time; then only the port counts. A process
    that was there and is gone before its port answered is not waited for any longer.

    Raises:
        OperationFailed: ``script_failed``, ``script_timeout`` (it never returned, and the port
            does not answer), ``not_started``, ``service_died``, with the log's tail.
    """
    service, host = context.target.service, context.target.host
    clock = _Countdown(operation.timeout_s)
    if await port_open(host, service.port):
        return Done(note="already_running")
    async with context.server() as server:
        output = await _run_script(context, server, "start", timeout_s=clock.left() / 2)
        if output.status:
            raise _failed("script_failed", service, output)
        code = await _wait_until_open(context, server, clock)
    if code is None:
        return Done(note="script_still_running" if output.status is None else "")
    if output.status is None and code == "not_started":
        code = "script_timeout"
    raise _failed(code, service, output, log=await tail_since_mark(context))


async def _wait_until_open(
    context: StepContext, server: Transport, clock: _Countdown
) -> str | None:
    """None: the port answers; otherwise the code that says why it does not."""
    service, host = context.target.service, context.target.host
    seen = await living_pid(server, service)
    while not await wait_for_port(
        host, service.port, opened=True, timeout_s=min(_ALIVE_EVERY_S, clock.left())
    ):
        if clock.over():
            return "not_started"
        # A start script's own pid may be replaced by that of what it started.
        now = await living_pid(server, service)
        if seen is not None and now is None and not await is_alive(server, seen):
            return None if await port_open(host, service.port) else "service_died"
        seen = now or seen
        await asyncio.sleep(POLL_S)
    return None


async def is_started(context: StepContext, operation: StartService) -> Verified:
    """A process without its port may be a start under way: a second one would collide with it."""
    target = context.target
    wait_s = min(float(operation.timeout_s), _LATE_START_S)
    if await port_open(target.host, target.service.port):
        return Verified.DONE
    async with context.server() as server:
        if not await is_running(server, target.service):
            return Verified.NOT_DONE
    opened = await wait_for_port(target.host, target.service.port, opened=True, timeout_s=wait_s)
    return Verified.DONE if opened else Verified.PARTIAL


async def status(context: StepContext, operation: ServiceStatus) -> ServiceState:
    """Port and, where it can be told, the process; where the site has a program for it, what
    that says of a service without its port."""
    service = context.target.service
    is_open = await port_open(context.target.host, service.port)
    async with context.server() as server:
        pid = await _pid(server, service) if is_open else await living_pid(server, service)
        running = is_open or pid is not None or await is_running(server, service)
    return ServiceState(running=running, pid=pid, port_open=is_open)


class _Countdown:
    def __init__(self, seconds: float) -> None:
        self._end = asyncio.get_running_loop().time() + seconds

    def left(self) -> float:
        return max(self._end - asyncio.get_running_loop().time(), 1.0)

    def over(self) -> bool:
        return asyncio.get_running_loop().time() >= self._end


async def _run_script(
    context: StepContext, server: Transport, verb: str, *, timeout_s: float
) -> Output:
    """The output; its status is None when the script did not return in time."""
    arguments = _arguments(context.target.service, verb)
    try:
        output = await server.run(arguments, timeout_s=timeout_s, silence_s=timeout_s)
    except TransportError as error:
        if error.code not in {"timeout", "silence"}:
            raise
        said = error.output
        output = Output(
            status=None, stdout=said.stdout if said else "", stderr=said.stderr if said else ""
        )
    context.output.extend(output.lines())
    return output


async def _pid(server: Transport, service: ServiceSpec) -> int | None:
    known = await living_pid(server, service)
    return known if known is not None else await listener_pid(server, service.port)


def _failed(
    code: str,
    service: ServiceSpec,
    output: Output,
    *,
    pid: int | None = None,
    log: tuple[str, ...] = (),
) -> OperationFailed:
    return OperationFailed(
        code,
        service=service.name,
        port=str(service.port),
        exit_status="-" if output.status is None else str(output.status),
        lines=(*output.lines()[-_LINES:], *log),
        result=None,
        **({} if pid is None else {"pid": str(pid)}),
    )
