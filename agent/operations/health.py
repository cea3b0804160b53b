"""Is the service well, does it stay so, and does the node answer at all.

Owns: await_health, watch_node and probe_node. Asks from where the agent stands.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from agent.operations.context import OperationFailed, StepContext
from agent.operations.late_log import ServingLog
from agent.operations.log import tail_since_mark
from agent.operations.net import http_status, port_open
from agent.operations.process import is_alive, living_pid
from agent.transports.transport import Transport, TransportError
from agent.wire.operations import AwaitHealth, ProbeNode, WatchNode
from agent.wire.results import Health, NodeProbe

_PAUSE_S = 0.5
_WATCH_EVERY_S = 1.0


@dataclass(slots=True)
class _Answers:
    """What the health page has answered so far."""

    asked: int = 0
    good: int = 0  # in a row, at the end
    bad: int = 0  # in a row, at the end
    most_good: int = 0  # in a row
    relapses: int = 0  # bad answers right after good ones
    status: int | None = None

    def add(self, status: int | None) -> None:
        self.asked += 1
        self.status = status
        if status is not None and 200 <= status <= 299:
            self.good, self.bad = self.good + 1, 0
            self.most_good = max(self.most_good, self.good)
        else:
            self.relapses += self.good > 0
            self.good, self.bad = 0, self.bad + 1

    def health(self, *, healthy: bool) -> Health:
        return Health(healthy=healthy, good=self.good, asked=self.asked, last_status=self.status)


async def await_health(context: StepContext, operation: AwaitHealth) -> Health:
    """Ask until ``needed`` good answers came in a row.

    Raises:
        OperationFailed: ``health_flapping``, good answers came, but bad ones after them;
            ``not_healthy``, anything else; with the log's tail since the last mark.
    """
    target = context.target
    loop = asyncio.get_running_loop()
    deadline = loop.time() + operation.timeout_s
    answers = _Answers()
    while answers.good < operation.needed:
        if answers.asked:
            await asyncio.sleep(_PAUSE_S)
        if loop.time() >= deadline:
            code = "health_flapping" if answers.relapses else "not_healthy"
            raise await _unwell(context, code, answers, needed=str(operation.needed))
        answers.add(await http_status(target.host, target.service.port, operation.path))
        context.report(answers.good, operation.needed)
    return answers.health(healthy=True)


async def _unwell(
    context: StepContext, code: str, answers: _Answers, **values: str
) -> OperationFailed:
    return OperationFailed(
        code,
        last_status="-" if answers.status is None else str(answers.status),
        good=str(answers.most_good),
        asked=str(answers.asked),
        lines=await tail_since_mark(context),
        result=answers.health(healthy=False),
        **values,
    )


async def watch(context: StepContext, operation: WatchNode) -> Health:
    """Ask every second, and end only on a good answer: a node that dies in the last second has
    not been stable. The log is read on meanwhile, from the mark before the restart, and judged
    where that is asked for.

    Raises:
        OperationFailed: ``not_stable``, with the log's tail: ``misses`` answers in a row were not
            good, or the process that ran at the beginning is gone; ``log_errors_later``, with the
            lines: the log says what means a failed start, not just an exception.
    """
    if context.target.transfer == "ftp":  # nothing but the page can be seen from there
        return await _watch(context, operation, None)
    async with context.server() as server:
        return await _watch(context, operation, server)


async def _watch(context: StepContext, operation: WatchNode, server: Transport | None) -> Health:
    target = context.target
    loop = asyncio.get_running_loop()
    began = loop.time()
    pid = None if server is None else await living_pid(server, target.service)
    log = None if server is None else ServingLog(server, context, judges=operation.judges_log)
    answers = _Answers()
    while True:
        elapsed = loop.time() - began
        context.report(min(int(elapsed), operation.seconds), operation.seconds)
        answers.add(await http_status(target.host, target.service.port, operation.path))
        if answers.bad >= operation.misses:
            raise await _unwell(context, "not_stable", answers, seconds=str(int(elapsed)))
        if server is not None and pid is not None and not await is_alive(server, pid):
            values = {"seconds": str(int(elapsed)), "pid": str(pid)}
            raise await _unwell(context, "not_stable", answers, **values)
        ends = elapsed >= operation.seconds and not answers.bad
        if log is not None:
            await log.look(last=ends)
        if ends:
            return _watched(answers, log)
        await asyncio.sleep(max(0.0, elapsed + _WATCH_EVERY_S - (loop.time() - began)))


def _watched(answers: _Answers, log: ServingLog | None) -> Health:
    health = answers.health(healthy=True)
    if log is None:
        return health
    return health.model_copy(update={"troubles": log.troubles, "lost": log.lost})


async def probe(context: StepContext, operation: ProbeNode) -> NodeProbe:
    """What answers and how fast. A dead node is an answer, not a failure.

    Raises:
        TransportError: ``host_key_changed`` or ``login_refused``: somebody has to know.
    """
    target = context.target
    health = target.service.health_path
    return NodeProbe(
        node_id=target.node_id,
        ssh_ms=await _ssh_ms(context),
        service_ms=await _service_ms(context),
        health_status=await http_status(target.host, target.service.port, health),
    )


async def _ssh_ms(context: StepContext) -> int | None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with context.server():
            return round((loop.time() - began) * 1000)
    except TransportError as error:
        if error.code != "unreachable":
            raise
        return None


async def _service_ms(context: StepContext) -> int | None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    is_open = await port_open(context.target.host, context.target.service.port)
    return round((loop.time() - began) * 1000) if is_open else None
