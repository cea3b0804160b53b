"""An approved job that does not begin at once: its agreed time, and its turn.

Owns: how long it waits, what its thread is told of it, and that a cancel ends it at once. Called
by the durable workflow, step by step; every step can be done twice.
"""

from __future__ import annotations

from datetime import datetime

import structlog

from bot.core.cards import moment, plain_report
from bot.core.domain.audit import AuditKind
from bot.core.domain.job import Job, JobState
from bot.core.errors import OperationError
from bot.engine.chronicle import Chronicle
from bot.engine.outbound import Outbound
from bot.engine.requests import ApprovalRequests
from bot.engine.services import Services

log = structlog.get_logger(__name__)

_AT_WORK = frozenset({JobState.QUEUED, JobState.RUNNING})
WITHDRAWN = "withdrawn"


class Waiting:
    """Jobs between their approval and their run."""

    def __init__(
        self,
        services: Services,
        chronicle: Chronicle,
        outbound: Outbound,
        requests: ApprovalRequests,
    ) -> None:
        self._services = services
        self._chronicle = chronicle
        self._outbound = outbound
        self._requests = requests

    async def remaining_s(self, job_id: str) -> float:
        """Seconds until the job may begin, not negative."""
        job = await self._requests.load(job_id)
        if job.run_at is None:
            return 0.0
        return max(0.0, (job.run_at - self._now()).total_seconds())

    async def tell_time(self, job_id: str) -> None:
        """Say when it will run."""
        job = await self._requests.load(job_id)
        if job.run_at is None:
            return
        await self._chronicle.record(
            AuditKind.DECISION,
            "bot",
            subject="run_at",
            job_id=job_id,
            run_at=job.run_at.isoformat(),
        )
        texts = self._services.texts
        said = texts.say("waiting.time", job=job_id, time=moment(job.run_at, texts))
        await self._tell(job, said, key=f"{job_id}:run_at")

    async def tell_turn(self, job_id: str) -> None:
        """Say behind which jobs it runs, if there are any."""
        job = await self._requests.load(job_id)
        ahead = [other for other in await self._rivals(job) if _goes_before(other, job)]
        if not ahead:
            return
        texts = self._services.texts
        first = ahead[0]
        said = texts.say(
            "waiting.turn" if len(ahead) == 1 else "waiting.turn_more",
            job=job_id,
            other=first.job_id,
            title=texts.note(first.plan.title),
            more=len(ahead) - 1,
        )
        await self._tell(job, said, key=f"{job_id}:turn")

    async def _rivals(self, job: Job) -> list[Job]:
        """Other jobs that have or wait for the same lock, the running one first."""
        now = self._now()
        rivals = [
            other
            for other in await self._services.stores.history.active_jobs()
            if other.job_id != job.job_id
            and other.plan.wire.lock == job.plan.wire.lock
            and other.state in _AT_WORK
            and not (other.run_at is not None and other.run_at > now)
        ]
        return sorted(
            rivals, key=lambda other: (other.state is not JobState.RUNNING, _since(other))
        )

    async def withdraw(self, job_id: str) -> str:
        """After a wake: a job that waits and is not wanted any more ends here and now.

        Returns the job's state, or ``WITHDRAWN`` for one that was cancelled before it began. Only
        from QUEUED: should the run begin at this moment, it sees the cancel itself.
        """
        job = await self._requests.load(job_id)
        if job.state is JobState.QUEUED and job.cancel_requested_by is not None:
            await self._chronicle.state(job, JobState.CANCELLED)
            await self._services.stores.jobs.advance(
                job_id, JobState.CANCELLED, at=self._now(), was=JobState.QUEUED
            )
            job = await self._requests.load(job_id)
            await self._requests.show(job)
        if job.state is JobState.CANCELLED and job.started_at is None:
            return WITHDRAWN
        return job.state.value

    async def _tell(self, job: Job, said: str, *, key: str) -> None:
        try:
            await self._outbound.post(plain_report(said), job.conversation, key=key)
        except OperationError as error:
            # A messenger that is down holds up no approved job.
            log.warning("note_failed", code=error.code, job=job.job_id)

    def _now(self) -> datetime:
        return self._services.clock.now()


def _goes_before(other: Job, job: Job) -> bool:
    return other.state is JobState.RUNNING or _since(other) < _since(job)


def _since(job: Job) -> tuple[datetime, str]:
    """Since when it could have begun; of two jobs one is always before the other."""
    moments = [job.created_at, *(approval.at for approval in job.approvals)]
    return max([*moments, job.run_at] if job.run_at else moments), job.job_id
