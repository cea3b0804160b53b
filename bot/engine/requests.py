"""A request for approval from its posting to its end.

Owns: the plan card and what becomes of a job that waits: approved, rejected, cancelled, lapsed.
Called by the durable workflow, step by step; every step can be done twice.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import structlog

from bot.core.cards import plan_card
from bot.core.domain.decision import Verdict
from bot.core.domain.job import Job, JobState
from bot.core.domain.plan import Risk
from bot.core.domain.report import Paragraph, Report
from bot.core.errors import OperationError
from bot.core.lifecycle import has_ended
from bot.core.policy import eligible, needs_code, open_stage
from bot.engine.approval_seal import ApprovalSeal
from bot.engine.chronicle import Chronicle
from bot.engine.code_desk import CodeDesk
from bot.engine.outbound import Outbound
from bot.engine.services import Services
from bot.engine.timetable import Timetable

log = structlog.get_logger(__name__)

_UNRUN = frozenset({JobState.DENIED, JobState.EXPIRED, JobState.CANCELLED})


class ApprovalRequests:
    """Opens, settles and lapses requests."""

    def __init__(self, services: Services, chronicle: Chronicle, outbound: Outbound) -> None:
        self._services = services
        self._jobs = services.stores.jobs
        self._chronicle = chronicle
        self._outbound = outbound
        self._seal = ApprovalSeal(services.signer)
        self._timetable = Timetable(services)
        self._desk = CodeDesk(services)

    async def open(self, job_id: str) -> JobState:
        """A planned job either waits for approval from now on or is queued."""
        job = await self.load(job_id)
        if job.state is JobState.PLANNED:
            to = JobState.AWAITING_APPROVAL if job.stages else JobState.QUEUED
            job = await self.move(job, to)
        if job.state is JobState.AWAITING_APPROVAL:
            # Taken back before anybody could agree; or begun anew, and spoken of meanwhile.
            return await self._settle(job_id, insist=True)
        await self.show(job)
        return job.state

    async def settle(self, job_id: str) -> JobState:
        """After a click: what the verdicts given so far come to."""
        return await self._settle(job_id, insist=False)

    async def _settle(self, job_id: str, *, insist: bool) -> JobState:
        job = await self.load(job_id)
        if job.state is JobState.AWAITING_APPROVAL:
            to = self._verdict(job)
            if to is not None:
                job = await self.move(job, to, run_at=job.run_at and job.run_at.isoformat())
            await self._show(job, insist=insist and to is None)
        await self._tell_end(job)
        return job.state

    async def _tell_end(self, job: Job) -> None:
        """One line in the thread when a request ends unrun: an edited card wakes nobody up."""
        if job.state not in _UNRUN:
            return
        report = await self.end_note(job)
        try:
            await self._outbound.post(report, job.conversation, key=f"{job.job_id}:settled")
        except OperationError as error:
            log.warning("note_failed", code=error.code, job=job.job_id)

    async def end_note(self, job: Job) -> Report:
        """That a job has ended without having run, and by whom."""
        texts = self._services.texts
        said = texts.say(f"settled.{job.state.value}", job=job.job_id, who=await self._who(job))
        hint = texts.say(f"settled.{job.state.value}_next")
        return Report(
            title=said,
            summary=said,
            sections=(Paragraph(text=hint),),
            footer=texts.say("cards.footer_job", job=job.job_id),
        )

    async def _who(self, job: Job) -> str:
        """Who ended it."""
        if job.state is JobState.DENIED:
            no = [one.name for one in job.approvals if one.verdict is Verdict.REJECT]
            return ", ".join(no) or "-"
        person = await self._services.directory.person(job.cancel_requested_by or "")
        return person.name if person else job.requester_name

    def _verdict(self, job: Job) -> JobState | None:
        job = replace(job, approvals=self._seal.genuine(job.approvals))
        if any(approval.verdict is Verdict.REJECT for approval in job.approvals):
            return JobState.DENIED
        if job.cancel_requested_by is not None:
            return JobState.CANCELLED
        return JobState.QUEUED if open_stage(job) is None else None

    async def lapse(self, job_id: str) -> JobState:
        """The time is over. A verdict that came in meanwhile counts."""
        state = await self.settle(job_id)
        if state is JobState.AWAITING_APPROVAL:
            job = await self.move(await self.load(job_id), JobState.EXPIRED)
            await self.show(job)
            await self._tell_end(job)
            return job.state
        return state

    async def remaining_s(self, job_id: str) -> float:
        """Seconds until the request lapses, not negative."""
        job = await self.load(job_id)
        return max(0.0, (job.expires_at - self._now()).total_seconds())

    async def load(self, job_id: str) -> Job:
        """The job.

        Raises:
            OperationError: there is none (``job_missing``).
        """
        job = await self._jobs.load(job_id)
        if job is None:
            raise OperationError("job_missing", job=job_id)
        return job

    async def move(self, job: Job, to: JobState, **detail: object) -> Job:
        """Audit, then advance."""
        if job.state is not to and not has_ended(job.state):
            known = {name: value for name, value in detail.items() if value is not None}
            await self._chronicle.state(job, to, **known)
            await self._jobs.advance(job.job_id, to, at=self._now())
        return await self.load(job.job_id)

    async def show(self, job: Job) -> None:
        """Bring the posted plan card up to date. Reads have none.

        A messenger that is down keeps no job from going on: the next edit says it again.
        """
        await self._show(job, insist=False)

    async def _show(self, job: Job, *, insist: bool) -> None:
        """``insist``: the error goes up, as nobody could decide without the card."""
        if job.plan.risk is Risk.READ or job.card is None:
            return
        people = await self._services.directory.people()
        now = self._now()
        card = plan_card(
            job,
            approvers=eligible(job, people),
            schedule=await self._timetable.schedule(job.plan, now=now),
            texts=self._services.texts,
            now=now,
            console_url=self._services.settings.console_url,
        )
        card = self._desk.opening(card, job, job.card) if needs_code(job.plan) else card
        # Whoever is not asked any more is told by the job's other messages.
        echo = job.state is not JobState.AWAITING_APPROVAL
        try:
            await self._outbound.edit(card, job.card, echo=echo)
        except OperationError as error:
            if insist:
                raise
            log.warning("card_failed", code=error.code, job=job.job_id)

    def _now(self) -> datetime:
        return self._services.clock.now()
