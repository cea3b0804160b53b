"""The same change, asked for while it waits for approval already.

Owns: when two plans come to the same, and saying where the first one waits. Knows no action.
"""

from __future__ import annotations

from agent.wire.plan import WirePlan
from bot.core.domain.intent import Intent
from bot.core.domain.job import Job, JobState
from bot.core.domain.plan import Plan
from bot.core.errors import UserError
from bot.engine.services import Stores


async def require_new(plan: Plan, intent: Intent, stores: Stores) -> Plan:
    """The plan. One that rests on what was found on the servers (these files, that session) holds
    once: its twin would find nothing left to do. A correction takes another's place, and its card
    says whose.

    Raises:
        UserError: ``already_waiting``, naming the job that waits and who has asked for it.
    """
    if not plan.exhibits or intent.corrects:
        return plan
    for job in await stores.history.active_jobs():
        other = job.job_id != plan.wire.job_id and job.plan.node_names == plan.node_names
        if other and _waits(job) and _essence(job.plan.wire) == _essence(plan.wire):
            raise UserError("already_waiting", job=job.job_id, who=job.requester_name)
    return plan


def _waits(job: Job) -> bool:
    return job.state is JobState.AWAITING_APPROVAL and job.cancel_requested_by is None


def _essence(wire: WirePlan) -> str:
    """What is done to which servers, without the job's own number and who asks."""
    said = wire.model_dump_json(exclude={"job_id", "requested_by"})
    return said.replace(wire.job_id, "")
