"""What is going on, and stopping it: the verbs that concern the bot's own jobs.

Owns: ``list_tasks`` and ``cancel_task`` by chat, and the right to cancel.
"""

from __future__ import annotations

from bot.core.cards import plain_report
from bot.core.domain.audit import AuditKind
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.intent import Intent
from bot.core.domain.job import Job, JobState
from bot.core.domain.people import Actor, Role
from bot.core.domain.report import Report, Table
from bot.core.errors import UserError
from bot.engine.chronicle import Chronicle
from bot.engine.naming import SEOUL
from bot.engine.services import Services

_VERBS = frozenset({"list_tasks", "cancel_task"})


class Tasks:
    """Jobs that have not ended, as one person may see them."""

    def __init__(self, services: Services, chronicle: Chronicle) -> None:
        self._services = services
        self._chronicle = chronicle

    def knows(self, action: str) -> bool:
        """Whether this verb is answered here."""
        return action in _VERBS

    async def answer(
        self, intent: Intent, actor: Actor, thread: ConversationRef
    ) -> tuple[Report, str | None]:
        """The answer to one of the verbs, and the job that has to be woken for it, if any.

        Raises:
            UserError: there is nothing to cancel here, or this person may not.
        """
        jobs = [
            job
            for job in await self._services.stores.history.active_jobs()
            if actor.may_see(job.plan.institution)
        ]
        if intent.action == "list_tasks":
            return self._list(jobs), None
        job = self._meant(jobs, intent, thread)
        await self.cancel(job, actor)
        report = plain_report(self._services.texts.say("tasks.cancelling", job=job.job_id))
        return report, job.job_id

    def _list(self, jobs: list[Job]) -> Report:
        texts = self._services.texts
        if not jobs:
            return plain_report(texts.say("tasks.none"))
        rows = tuple(
            (
                job.job_id,
                texts.note(job.plan.title),
                self._state(job),
                job.requester_name,
                f"{job.created_at.astimezone(SEOUL):%m-%d %H:%M}",
            )
            for job in jobs
        )
        columns = tuple(
            texts.say(f"tasks.{name}") for name in ("job", "what", "state", "who", "since")
        )
        title = texts.say("tasks.title", count=len(jobs))
        return Report(title=title, summary=title, sections=(Table(columns=columns, rows=rows),))

    def _state(self, job: Job) -> str:
        texts = self._services.texts
        state = texts.say(f"state.{job.state.value}")
        if job.state is not JobState.QUEUED or job.run_at is None:
            return state
        if job.run_at <= self._services.clock.now():
            return state
        return f"{state} ({job.run_at.astimezone(SEOUL):%m-%d %H:%M})"

    @staticmethod
    def _meant(jobs: list[Job], intent: Intent, thread: ConversationRef) -> Job:
        """The named job; else the only one of this thread."""
        named = str(intent.params.get("task", ""))
        if named:
            fitting = [job for job in jobs if job.job_id == named]
        else:
            fitting = [job for job in jobs if job.conversation == thread]
        if len(fitting) != 1:
            raise UserError("task_unknown", task=named or "-")
        return fitting[0]

    async def cancel(self, job: Job, actor: Actor) -> None:
        """Ask a job to stop before its next step.

        Raises:
            UserError: it has ended (``job_ended``), or this person may not (``may_not_cancel``).
        """
        owns = job.requester_id == actor.person_id
        if not owns and actor.role not in (Role.PART_LEADER, Role.PM):
            raise UserError("may_not_cancel", job=job.job_id)
        await self._chronicle.record(
            AuditKind.DECISION, actor.person_id, subject="cancel", job_id=job.job_id
        )
        if not await self._services.stores.approvals.request_cancel(job.job_id, actor.person_id):
            raise UserError("job_ended", job=job.job_id)
