"""How busy a node is: processors, memory, swap, load, and its fullest filesystem.

Owns: read_resources. Everything comes from ``/proc``, twice for the processors, so that neither
``top`` nor its many forms of output are needed.
"""

from __future__ import annotations

import asyncio

from agent.operations import proc
from agent.operations.context import OperationFailed, StepContext
from agent.operations.filesystems import capacities, fullest, known_paths
from agent.operations.proc_files import read_text, require_own_view
from agent.transports.transport import Transport
from agent.wire.checks import ReadResources
from agent.wire.readings import Fact, Reading, worst


async def read_resources(context: StepContext, operation: ReadResources) -> Reading:
    """Facts cpu, memory, disk (percent, with levels), swap, load, processors.

    Raises:
        OperationFailed: ``not_by_ftp``; ``proc_unreadable``, nothing below /proc can be read.
    """
    require_own_view(context)
    async with context.server() as server:
        cpu = await _processors(server, operation)
        memory = await _memory(server, operation)
        load = await _load(server)
        disk = await _disk(context, server, operation)
    facts = (*cpu, *memory, *load)
    if all(fact.value is None for fact in facts):
        raise OperationFailed("proc_unreadable")
    return Reading(level=worst(*(fact.level for fact in (*facts, *disk))), facts=(*facts, *disk))


async def _processors(server: Transport, operation: ReadResources) -> tuple[Fact, ...]:
    before = await read_text(server, "/proc/stat")
    if before is None:
        return (Fact(name="cpu", value=None, unit="percent", level="unknown"),)
    await asyncio.sleep(operation.seconds)
    after = await read_text(server, "/proc/stat")
    busy = proc.busy_percent(proc.cpu_times(before), proc.cpu_times(after or ""))
    return (
        Fact(name="cpu", value=busy, unit="percent", level=operation.cpu.level_of(busy)),
        Fact(name="processors", value=proc.processors(before), unit="count"),
    )


async def _memory(server: Transport, operation: ReadResources) -> tuple[Fact, ...]:
    kilobytes = proc.memory(await read_text(server, "/proc/meminfo") or "")
    used = proc.memory_percent(kilobytes)
    total = kilobytes.get("MemTotal")
    return (
        Fact(name="memory", value=used, unit="percent", level=operation.memory.level_of(used)),
        Fact(name="memory_size", value=total * 1024 if total else None, unit="bytes"),
        Fact(name="swap", value=proc.swap_percent(kilobytes), unit="percent"),
    )


async def _load(server: Transport) -> tuple[Fact, ...]:
    """Of the last minute. It has no limit of its own: it counts what waits, not what is used."""
    told = proc.load(await read_text(server, "/proc/loadavg") or "")
    return (Fact(name="load", value=told[0] if told else None),)


async def _disk(
    context: StepContext, server: Transport, operation: ReadResources
) -> tuple[Fact, ...]:
    most = fullest(await capacities(server, known_paths(context.target)))
    if most is None:
        return (Fact(name="disk", value=None, unit="percent", level="unknown"),)
    path, percent = most
    return (
        Fact(name="disk", value=percent, unit="percent", level=operation.disk.level_of(percent)),
        Fact(name="fullest", value=path),
    )
