"""What the texts below ``/proc`` say, of kernels from 2.4 to now. Pure.

Owns: the reading of stat, meminfo, loadavg and a process's stat. Where a text does not say
something, the answer is None: nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

TICKS_PER_S = 100  # USER_HZ, the unit of /proc on every Linux that servers run on
_CPU = re.compile(r"^cpu((?: +\d+){4,})$", re.M)
_ONE_CPU = re.compile(r"^cpu\d+ ", re.M)
_BOOTED = re.compile(r"^btime (\d+)$", re.M)
_MEMORY = re.compile(r"^([A-Za-z_]+(?:\([a-z_]+\))?): +(\d+) kB$", re.M)
_LOAD = re.compile(r"^(\d+\.\d+) (\d+\.\d+) (\d+\.\d+) ")
_IDLE, _WAITING, _GUEST = 3, 4, 8  # places in the cpu line; guests are counted as user already
_STARTED, _STATE, _PARENT = 19, 0, 1  # places after the command's closing bracket


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuTimes:
    """Ticks since boot, over all processors."""

    busy: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process. ``started``: ticks since boot, which a later process of the number has not."""

    command: str
    state: str
    parent: int
    started: int


def cpu_times(stat: str) -> CpuTimes | None:
    """The first line of ``/proc/stat``: four numbers in kernel 2.4, up to ten now."""
    found = _CPU.search(stat)
    if found is None:
        return None
    numbers = [int(number) for number in found[1].split()][:_GUEST]
    idle = sum(numbers[_IDLE : _WAITING + 1])
    return CpuTimes(busy=sum(numbers) - idle, total=sum(numbers))


def busy_percent(before: CpuTimes | None, after: CpuTimes | None) -> float | None:
    """How busy the processors were between the two; None: no time has passed, or it ran back
    (iowait may, on many kernels)."""
    if before is None or after is None or after.total <= before.total:
        return None
    share = 100 * (after.busy - before.busy) / (after.total - before.total)
    return round(min(max(share, 0.0), 100.0), 1)


def processors(stat: str) -> int | None:
    """How many processors are on."""
    return len(_ONE_CPU.findall(stat)) or None


def booted_at(stat: str) -> int | None:
    """Seconds since 1970, by the server's own clock."""
    found = _BOOTED.search(stat)
    return int(found[1]) if found else None


def load(loadavg: str) -> tuple[float, float, float] | None:
    """Over 1, 5 and 15 minutes."""
    found = _LOAD.match(loadavg)
    return (float(found[1]), float(found[2]), float(found[3])) if found else None


def memory(meminfo: str) -> Mapping[str, int]:
    """Kilobytes by name. The table that kernel 2.4 puts before them is no part of it."""
    return {name: int(size) for name, size in _MEMORY.findall(meminfo)}


def memory_percent(kilobytes: Mapping[str, int]) -> float | None:
    """What is used and not to be had back at once.

    Kernels before 3.14 do not say MemAvailable: there, it is what is free, buffers, and the page
    cache without shared memory, which only swapping frees.
    """
    total = kilobytes.get("MemTotal", 0)
    if not total or "MemFree" not in kilobytes:
        return None
    available = kilobytes.get("MemAvailable", _available(kilobytes))
    return round(100 * (total - min(available, total)) / total, 1)


def _available(kilobytes: Mapping[str, int]) -> int:
    cache = kilobytes.get("Cached", 0) - kilobytes.get("Shmem", 0)
    parts = ("MemFree", "Buffers", "SReclaimable")
    return max(cache, 0) + sum(kilobytes.get(name, 0) for name in parts)


def swap_percent(kilobytes: Mapping[str, int]) -> float | None:
    """How much of the swap space is used; None: there is none, or nobody says."""
    total = kilobytes.get("SwapTotal", 0)
    if not total or "SwapFree" not in kilobytes:
        return None
    return round(100 * (total - kilobytes["SwapFree"]) / total, 1)


def process(stat: str) -> Process | None:
    """``/proc/<pid>/stat``. The command is in brackets, and may have brackets and spaces itself."""
    opened, closed = stat.find("("), stat.rfind(")")
    fields = stat[closed + 1 :].split()
    if not 0 < opened < closed or len(fields) <= _STARTED:
        return None
    parent, started = fields[_PARENT], fields[_STARTED]
    if not (parent.isdecimal() and started.isdecimal()):
        return None
    return Process(
        command=stat[opened + 1 : closed],
        state=fields[_STATE],
        parent=int(parent),
        started=int(started),
    )
