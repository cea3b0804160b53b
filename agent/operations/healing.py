"""A full disk is looked at, cleared of approved old logs, and looked at again.

Owns: heal_disk. How often it may clear something is the agent's own decision, kept on its disk:
who asks every minute, or restarts the agent, changes nothing about that.
"""

from __future__ import annotations

from datetime import timedelta

from agent.operations.clearing import clear, reading_of, refuse_incomplete, used_percent
from agent.operations.context import OperationFailed, StepContext, Verified
from agent.wire.checks import HealDisk
from agent.wire.readings import Fact, Level, Reading, Remark

HEALS = 2
WITHIN = timedelta(hours=1)


async def heal_disk(context: StepContext, operation: HealDisk) -> Reading:
    """Nothing is cleared where the disk is not fuller than the threshold by now.

    Raises:
        OperationFailed: ``nothing_clearable``, ``space_unknown``; ``heal_capped``, two heals of
            this node within the hour; otherwise as ``clear_stale``.
    """
    if not context.target.profile.clearable:
        raise OperationFailed("nothing_clearable")
    async with context.server() as server:
        before = await used_percent(server, context)
        if before is None:
            raise OperationFailed("space_unknown")
        if before < operation.used:
            return _healed(reading_of((), before=before, after=before), operation, after=before)
        if operation.files and not await context.allow("heal", HEALS, WITHIN):
            raise OperationFailed("heal_capped", count=str(HEALS), used=f"{before:g}")
        cleared = await clear(context, server, operation.files)
        after = await used_percent(server, context)
    reading = _healed(reading_of(cleared, before=before, after=after), operation, after=after)
    refuse_incomplete(cleared, reading)
    return reading


async def is_healed(context: StepContext, operation: HealDisk) -> Verified:
    """Running it again looks first, and what is cleared already is not cleared twice; the same
    step is one heal, however often it is begun."""
    return Verified.NOT_DONE


def _healed(reading: Reading, operation: HealDisk, *, after: float | None) -> Reading:
    full = after is None or after >= operation.used
    level: Level = "critical" if full else reading.level
    untouched = not reading.grids and not full
    remarks = list(reading.remarks)
    if untouched:
        remarks.append(Remark(code="heal_not_needed", values={"limit": str(operation.used)}))
    if full:
        values = {"limit": str(operation.used)}
        remarks.insert(0, Remark(code="heal_still_full", values=values, level="critical"))
    limit = Fact(name="heal_threshold", value=operation.used, unit="percent")
    facts = tuple(
        fact.model_copy(update={"level": level}) if fact.name == "clear_used_after" else fact
        for fact in reading.facts
    )
    return reading.model_copy(
        update={"level": level, "facts": (limit, *facts), "remarks": tuple(remarks)}
    )
