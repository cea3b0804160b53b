"""What was there before a job, for the reports that name versions.

Owns: reading it. Knows nothing of what a report says.
"""

from __future__ import annotations

from bot.core.domain.job import Job
from bot.core.ports import DeploymentStore, JobStore
from bot.core.versions import Past


async def past_of(job: Job, *, jobs: JobStore, deployments: DeploymentStore) -> Past:
    """The deployments of the job's system, and the one that it takes back.

    Raises:
        OperationError: the store cannot be read.
    """
    scope = job.plan.wire.lock
    if scope is None or not (job.plan.files or job.plan.deployment):
        return Past()
    undone = await jobs.load(job.plan.deployment) if job.plan.deployment else None
    return Past(deployments=await deployments.deployments(scope), undone=undone)
