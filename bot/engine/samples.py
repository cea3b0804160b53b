"""Numbers of readings, kept for charts.

Owns: which facts are kept, under which instant, and for how long.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from agent.wire.readings import Reading
from bot.core.check_ports import SampleStore
from bot.core.domain.job import Job, StepRecord
from bot.core.domain.plan import Risk
from bot.core.errors import OperationError

log = structlog.get_logger(__name__)

SAMPLED = ("cpu", "memory", "disk", "load")
KEEP = timedelta(days=30)


async def keep_samples(job: Job, store: SampleStore, *, now: datetime) -> None:
    """Keep what the look has found, and drop what is old. Twice is once: a number is kept under
    the instant at which its step began. A job is never held up by its samples."""
    if job.plan.risk is not Risk.READ:
        return
    found = [(record, values) for record in job.steps if (values := _values(record))]
    if not found:
        return
    try:
        for record, values in found:
            step = job.plan.wire.step(record.step_id)
            at = record.started_at or job.started_at
            if step is not None and at is not None:
                await store.add(step.node_id, at, values)
        await store.forget(now - KEEP)
    except OperationError as error:
        log.warning("samples_not_kept", code=error.code, job=job.job_id)


def _values(record: StepRecord) -> dict[str, float]:
    if not isinstance(record.result, Reading):
        return {}
    return {
        fact.name: float(fact.value)
        for fact in record.result.facts
        if fact.name in SAMPLED and isinstance(fact.value, int | float)
    }
