"""Is the service well, and does the node answer at all.

Owns: await_health, probe_node and settle_traffic. Asks from where the agent stands.
"""

from __future__ import annotations

import asyncio

from agent.operations.context import OperationFailed, StepContext
from agent.operations.log import tail_since_mark
from agent.operations.net import http_status, port_open
from agent.transports.transport import TransportError
from agent.wire.operations import AwaitHealth, Done, Health, NodeProbe, ProbeNode, SettleTraffic

_PAUSE_S = 0.5


async def await_health(context: StepContext, operation: AwaitHealth) -> Health:
    """Ask until ``needed`` good answers came in a row.

    Raises:
        OperationFailed: ``not_healthy``, with the log's tail since the last mark.
    """
    target = context.target
    loop = asyncio.get_running_loop()
    deadline = loop.time() + operation.timeout_s
    good = asked = 0
    status: int | None = None
    while good < operation.needed:
        if asked:
            await asyncio.sleep(_PAUSE_S)
        if loop.time() >= deadline:
            health = Health(healthy=False, good=good, asked=asked, last_status=status)
            raise await _not_healthy(context, health)
        status = await http_status(target.host, target.service.port, operation.path)
        asked += 1
        good = good + 1 if status is not None and 200 <= status <= 299 else 0
        context.report(good, operation.needed)
    return Health(healthy=True, good=good, asked=asked, last_status=status)


async def _not_healthy(context: StepContext, health: Health) -> OperationFailed:
    return OperationFailed(
        "not_healthy",
        last_status="-" if health.last_status is None else str(health.last_status),
        good=str(health.good),
        asked=str(health.asked),
        lines=await tail_since_mark(context),
        result=health,
    )


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


async def settle(context: StepContext, operation: SettleTraffic) -> Done:
    """Wait, second by second, so that the progress moves."""
    for second in range(operation.seconds):
        context.report(second, operation.seconds)
        await asyncio.sleep(1)
    context.report(operation.seconds, operation.seconds)
    return Done()
