"""What the steps of a job say just now.

Owns: which steps are asked for it. How it is shown is the cards'.
"""

from __future__ import annotations

from bot.core.cards.output import Said
from bot.core.check_ports import OutputStore
from bot.core.domain.job import Job, StepState

_STEPS = 2
_READ = 4096  # bytes of the end


async def said_now(job: Job, outputs: OutputStore) -> tuple[Said, ...]:
    """Of the first few running steps that have said anything."""
    running = {record.step_id for record in job.steps if record.state is StepState.RUNNING}
    found: list[Said] = []
    for step in job.plan.wire.steps() if running else ():
        if step.step_id in running and len(found) < _STEPS:
            part = await outputs.part(job.job_id, step.step_id, most=_READ)
            found += [Said(step=step, part=part)] if part else []
    return tuple(found)
