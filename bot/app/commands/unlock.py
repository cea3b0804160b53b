"""``guardia unlock``: give a system free that a job keeps for a person to look at.

Owns: that only the job that was looked at loses its lock, with a reason, on the record.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.app.settings import GuardiaSettings
from bot.app.wiring import open_audit, open_database
from bot.core.domain.audit import AuditEvent, AuditKind
from bot.core.domain.job import JobState
from bot.core.errors import UserError
from bot.core.lifecycle import has_ended
from bot.core.ports import Clock
from bot.core.redaction import redact
from cmdb.jobs import SqlJobStore
from cmdb.locks import SqlLockStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlock:
    """What is asked for. ``abandoned``: also where the job still counts as running, because no
    bot will ever take it up again; it ends as unknown."""

    system: str
    job_id: str
    why: str
    abandoned: bool = False


async def unlock_system(settings: GuardiaSettings, clock: Clock, asked: Unlock) -> str:
    """Free the system.

    Raises:
        UserError: nobody holds it (``lock_free``), another job does (``lock_other_job``), the
            job is still at work (``lock_in_use``), or no reason is given (``lock_why``).
    """
    if not asked.why.strip():
        raise UserError("lock_why")
    async with open_database(settings) as engine, open_audit(settings, engine) as audit:
        locks, jobs = SqlLockStore(engine), SqlJobStore(engine)
        holder = await locks.holder(asked.system)
        if holder is None:
            raise UserError("lock_free", scope=asked.system)
        if holder != asked.job_id:
            raise UserError("lock_other_job", scope=asked.system, holder=holder)
        job = await jobs.load(holder)
        at_work = job is not None and not has_ended(job.state)
        if at_work and not asked.abandoned:
            raise UserError("lock_in_use", scope=asked.system, holder=holder)
        await audit.append(
            AuditEvent(
                kind=AuditKind.ADMIN,
                at=clock.now(),
                actor="cli",
                job_id=holder,
                subject="unlock",
                detail={"system": asked.system, "why": redact(asked.why), "at_work": at_work},
            )
        )
        if job is not None and job.state is JobState.RUNNING:
            await jobs.advance(holder, JobState.UNKNOWN, at=clock.now(), was=JobState.RUNNING)
        lease = await locks.acquire(asked.system, holder, at=clock.now())
        if lease is not None:
            await locks.release(lease)
    return f"{asked.system}: released from {holder}"
