"""One click, one verdict.

Owns: what a press of a button means, who is refused with which reason, and that a verdict is
stored once, bound to the digest of the plan it was given for. Runs nothing.
"""

from __future__ import annotations

from bot.core.cards import plain_report, refusal_report
from bot.core.domain.audit import AuditKind
from bot.core.domain.conversation import Click
from bot.core.domain.decision import Approval, Verdict
from bot.core.domain.job import Job, JobState
from bot.core.domain.people import Actor
from bot.core.errors import GuardiaError, UserError
from bot.core.policy import may_decide, open_stage
from bot.core.redaction import redact
from bot.engine.chronicle import Chronicle
from bot.engine.follow_up import NOTHING, FollowUp
from bot.engine.naming import event_key_of, thread_of
from bot.engine.outbound import Outbound
from bot.engine.services import Services
from bot.engine.tasks import Tasks

_VERDICTS = {"approve": Verdict.APPROVE, "reject": Verdict.REJECT}
CANCEL = "cancel"


class Approvals:
    """Judges clicks."""

    def __init__(self, services: Services, chronicle: Chronicle, outbound: Outbound) -> None:
        self._services = services
        self._chronicle = chronicle
        self._outbound = outbound
        self._tasks = Tasks(services, chronicle)

    async def press(self, click: Click) -> FollowUp:
        """Take one click, and say which job has to look at it."""
        actor = await self._services.directory.find(click.sender)
        try:
            if actor is None:
                raise UserError("person_unknown", adapter=click.sender.adapter)
            return await self._judge(click, actor)
        except GuardiaError as error:
            await self._refuse(click, actor, error)
            # Who has spoken may have been cut off before the job was told: it looks again.
            spoken = error.code == "already_spoken"
            return FollowUp(wake=error.values["job"]) if spoken else NOTHING

    async def _judge(self, click: Click, actor: Actor) -> FollowUp:
        job_id, _, digest = click.value.partition(":")
        job = await self._services.stores.jobs.load(job_id)
        if job is None or not actor.may_see(job.plan.institution):
            raise UserError("job_unknown")
        if click.button == CANCEL:
            await self._cancel(click, job, actor)
        elif click.button in _VERDICTS:
            await self._decide(job, actor, _VERDICTS[click.button], digest)
        else:
            raise UserError("button_unknown")
        return FollowUp(wake=job.job_id)

    async def _cancel(self, click: Click, job: Job, actor: Actor) -> None:
        await self._tasks.cancel(job, actor)
        said = plain_report(self._services.texts.say("tasks.cancelling", job=job.job_id))
        key = event_key_of(click.conversation.adapter, click.event_id)
        if job.state is not JobState.AWAITING_APPROVAL:  # else the card says so at once
            await self._outbound.post(said, job.conversation, key=f"{key}:cancelling")

    async def _decide(self, job: Job, actor: Actor, verdict: Verdict, digest: str) -> None:
        now = self._services.clock.now()
        refused = may_decide(job, actor, digest, now)
        if refused is not None:
            raise UserError(refused, job=job.job_id, who=_decided_by(job))
        await self._chronicle.record(
            AuditKind.APPROVAL,
            actor.person_id,
            subject=verdict.value,
            job_id=job.job_id,
            digest=digest,
            role=actor.role.value,
        )
        stored = await self._services.stores.approvals.add_approval(
            Approval(
                job_id=job.job_id,
                person_id=actor.person_id,
                name=actor.name,
                role=actor.role,
                verdict=verdict,
                plan_digest=digest,
                stage=open_stage(job) or 0,
                at=now,
            )
        )
        if not stored:
            await self._overtaken(job, actor, verdict)

    async def _overtaken(self, job: Job, actor: Actor, verdict: Verdict) -> None:
        """Somebody was faster: the word that has just been audited does not count."""
        await self._chronicle.record(
            AuditKind.APPROVAL,
            actor.person_id,
            subject=f"{verdict.value}_not_counted",
            job_id=job.job_id,
            code="already_decided",
        )
        now = await self._services.stores.jobs.load(job.job_id) or job
        spoken = actor.person_id in {approval.person_id for approval in now.approvals}
        code = "already_spoken" if spoken else "already_decided"
        raise UserError(code, job=job.job_id, who=_decided_by(now))

    async def _refuse(self, click: Click, actor: Actor | None, error: GuardiaError) -> None:
        who = actor.person_id if actor else f"{click.sender.adapter}:{click.sender.user_id}"
        await self._chronicle.record(
            AuditKind.REFUSAL,
            who,
            subject=redact(click.button[:40]),
            code=error.code,
            value=click.value[:100],
        )
        report = refusal_report(error, texts=self._services.texts, only_for=click.sender.user_id)
        key = event_key_of(click.conversation.adapter, click.event_id)
        await self._outbound.post(report, thread_of(click.conversation), key=f"{key}:refusal")


def _decided_by(job: Job) -> str:
    return ", ".join(approval.name for approval in job.approvals) or "-"
