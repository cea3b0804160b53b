"""One click, one verdict.

Owns: what a press of a button means, who is refused with which reason, and that a verdict is
stored once, bound to the digest of the plan it was given for. Runs nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from bot.core.calendar import BOOKED_AT_MOST
from bot.core.cards import moment, plain_report, read_stamp, refusal_report
from bot.core.domain.audit import AuditKind
from bot.core.domain.conversation import Click
from bot.core.domain.decision import Approval, Verdict
from bot.core.domain.job import Job, JobState
from bot.core.domain.people import Actor
from bot.core.errors import GuardiaError, UserError
from bot.core.policy import may_decide, needs_code, open_stage
from bot.core.redaction import redact
from bot.engine.approval_seal import ApprovalSeal
from bot.engine.chronicle import Chronicle
from bot.engine.code_desk import CodeDesk
from bot.engine.follow_up import NOTHING, FollowUp
from bot.engine.identities import Identities
from bot.engine.naming import event_key_of, thread_of
from bot.engine.outbound import Outbound
from bot.engine.services import Services
from bot.engine.tasks import Tasks
from bot.engine.timetable import Timetable
from bot.engine.trust import is_proved

_VERDICTS = {
    "approve": Verdict.APPROVE,
    "approve_at": Verdict.APPROVE,
    "reject": Verdict.REJECT,
}
CANCEL = "cancel"
# After these the job looks again: a verdict may have been cut off before it was told of, and a
# card that offered what the calendar forbids by now is shown anew.
_LOOK_AGAIN = frozenset(
    {"already_spoken", "frozen", "window_closed", "run_at_past", "run_at_too_far"}
)
Follow = Callable[[FollowUp, str], Awaitable[None]]  # with a name by which twice is once


@dataclass(frozen=True, slots=True, kw_only=True)
class _Word:
    """What a pressed button says. ``code``: the one-time code that was entered with it."""

    verdict: Verdict
    digest: str
    run_at: datetime | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What came of a click. ``refused``: it does not count, and why."""

    follow_up: FollowUp
    refused: GuardiaError | None = None


class Approvals:
    """Judges clicks."""

    def __init__(self, services: Services, chronicle: Chronicle, outbound: Outbound) -> None:
        self._services = services
        self._chronicle = chronicle
        self._outbound = outbound
        self._tasks = Tasks(services, chronicle)
        self._timetable = Timetable(services)
        self._seal = ApprovalSeal(services.signer)
        self._identities = Identities(services, chronicle)
        self._desk = CodeDesk(services)

    async def press(self, click: Click) -> FollowUp:
        """Take one click, and say which job has to look at it."""
        answer = await self._answer(click, None)
        if answer.refused is not None:
            await self._tell(click, answer.refused)
        return answer.follow_up

    async def approve(self, click: Click, code: str, *, follow: Follow) -> None:
        """Take a yes from our own page, with the one-time code of who gives it. ``follow`` is told
        what it leads to. Whoever is refused is told on the page, not in the conversation.

        Raises:
            GuardiaError: it does not count, and why.
        """
        answer = await self._answer(click, code)
        key = event_key_of(click.conversation.adapter, click.event_id)
        await follow(answer.follow_up, f"code:{key}")
        if answer.refused is not None:
            raise answer.refused

    async def _answer(self, click: Click, code: str | None) -> _Answer:
        actor = await self._services.directory.find(click.sender)
        try:
            if actor is None:
                raise self._identities.unknown(click.sender)
            if not is_proved(click.sender, self._services.adapters):
                raise UserError("sender_unverified")
            return _Answer(follow_up=await self._judge(click, actor, code))
        except GuardiaError as error:
            await self._record_refusal(click, actor, error)
            again = error.code in _LOOK_AGAIN or await self._unsettled(error)
            follow_up = FollowUp(wake=error.values["job"]) if again else NOTHING
            return _Answer(follow_up=follow_up, refused=error)

    async def _unsettled(self, error: GuardiaError) -> bool:
        """Whether all have spoken and the job does not know it yet: a word with a code is woken
        for by nothing durable."""
        if error.code != "already_decided":
            return False
        job = await self._services.stores.jobs.load(error.values["job"])
        return job is not None and job.state is JobState.AWAITING_APPROVAL

    async def _judge(self, click: Click, actor: Actor, code: str | None) -> FollowUp:
        job_id, _, rest = click.value.partition(":")
        job = await self._services.stores.jobs.load(job_id)
        if job is None or not actor.may_see(job.plan.institution):
            raise UserError("job_unknown")
        if click.button == CANCEL:
            await self._cancel(click, job, actor)
        elif click.button in _VERDICTS:
            digest, _, time = rest.partition(":")
            run_at = read_stamp(time) if click.button == "approve_at" else None
            if (click.button == "approve_at") != (run_at is not None):
                raise UserError("button_unknown")
            verdict = _VERDICTS[click.button]
            word = _Word(verdict=verdict, digest=digest, run_at=run_at, code=code)
            await self._decide(job, actor, word)
        else:
            raise UserError("button_unknown")
        return FollowUp(wake=job.job_id)

    async def _cancel(self, click: Click, job: Job, actor: Actor) -> None:
        await self._tasks.cancel(job, actor)
        said = plain_report(self._services.texts.say("tasks.cancelling", job=job.job_id))
        key = event_key_of(click.conversation.adapter, click.event_id)
        if job.state is not JobState.AWAITING_APPROVAL:  # else the card says so at once
            await self._outbound.post(said, job.conversation, key=f"{key}:cancelling")

    async def _decide(self, job: Job, actor: Actor, word: _Word) -> None:
        now = self._services.clock.now()
        refused = may_decide(job, actor, word.digest, now)
        if refused is not None:
            raise UserError(refused, job=job.job_id, who=_decided_by(job))
        await self._require_open(job, word, now)
        coded = word.verdict is Verdict.APPROVE and needs_code(job.plan)
        if coded:  # last: a code that is used up in vain makes its person wait for the next
            await self._desk.take(job, actor, word.code)
        await self._chronicle.record(
            AuditKind.APPROVAL,
            actor.person_id,
            subject=word.verdict.value,
            job_id=job.job_id,
            digest=word.digest,
            role=actor.role.value,
            **({"run_at": word.run_at.isoformat()} if word.run_at else {}),
            **({"one_time_code": True} if coded else {}),
        )
        approval = Approval(
            job_id=job.job_id,
            person_id=actor.person_id,
            name=actor.name,
            role=actor.role,
            verdict=word.verdict,
            plan_digest=word.digest,
            stage=open_stage(job) or 0,
            at=now,
            run_at=word.run_at,
            one_time_code=coded,
        )
        stored = await self._services.stores.approvals.add_approval(self._seal.close(approval))
        if not stored:
            await self._overtaken(job, actor, word.verdict)

    async def _require_open(self, job: Job, word: _Word, now: datetime) -> None:
        """A yes counts only for a time at which the calendar lets it begin: now, or one to come.
        A yes for a time that has passed is none for now: it would start at once what somebody
        meant to start later.

        Raises:
            UserError: ``frozen`` or ``window_closed``; ``run_at_past``, ``run_at_too_far``.
        """
        if word.verdict is not Verdict.APPROVE:
            return
        at = now if word.run_at is None else word.run_at
        time = moment(at, self._services.texts)
        if at < now:
            raise UserError("run_at_past", job=job.job_id, time=time)
        if at > now + BOOKED_AT_MOST:
            days = BOOKED_AT_MOST.days
            raise UserError("run_at_too_far", job=job.job_id, time=time, days=days)
        closed = await self._timetable.refusal(job.plan, now=now, at=at)
        if closed is not None:
            raise closed

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

    async def _record_refusal(self, click: Click, actor: Actor | None, error: GuardiaError) -> None:
        who = actor.person_id if actor else f"{click.sender.adapter}:{click.sender.user_id}"
        await self._chronicle.record(
            AuditKind.REFUSAL,
            who,
            subject=redact(click.button[:40]),
            code=error.code,
            value=click.value[:100],
        )

    async def _tell(self, click: Click, error: GuardiaError) -> None:
        report = self._desk.invitation(error, click) or refusal_report(
            error, texts=self._services.texts, only_for=click.sender.user_id
        )
        key = event_key_of(click.conversation.adapter, click.event_id)
        await self._outbound.post(report, thread_of(click.conversation), key=f"{key}:refusal")


def _decided_by(job: Job) -> str:
    return ", ".join(approval.name for approval in job.approvals) or "-"
