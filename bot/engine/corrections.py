"""Plans that still wait and may be corrected: "아니 2번", "그거 말고 운영으로", "was02도".

Owns: remembering what a waiting plan was made from, and telling its card that a newer request
takes its place. A correction is a request of its own: it is planned, decided and approved anew.
The older job goes on waiting until a person cancels it, and one that runs is never touched.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import structlog

from bot.core.cards import plan_card
from bot.core.domain.audit import AuditKind
from bot.core.domain.conversation import ConversationRef, ReceivedFile
from bot.core.domain.estate import Environment
from bot.core.domain.intent import Clarification, Intent
from bot.core.domain.job import Job, JobState
from bot.core.domain.people import Actor
from bot.core.domain.report import Button, Notice, Paragraph, Report, Tone
from bot.core.errors import OperationError
from bot.core.policy import eligible
from bot.engine.approvals import CANCEL
from bot.engine.chronicle import Chronicle
from bot.engine.outbound import Outbound
from bot.engine.services import Services

log = structlog.get_logger(__name__)

Parsed = Intent | Clarification | None
_WAITING = frozenset({JobState.PLANNED, JobState.AWAITING_APPROVAL})


class OpenPlans:
    """What each person has planned in each thread; the newest only, nobody else's ever."""

    def __init__(self, services: Services, chronicle: Chronicle, outbound: Outbound) -> None:
        self._services = services
        self._chronicle = chronicle
        self._outbound = outbound

    async def waiting(
        self, thread: ConversationRef, actor: Actor, *, now: datetime
    ) -> Intent | None:
        """What this person's plan in this thread was made from, while it waits for approval."""
        dialogues = self._services.stores.dialogues
        kept = await dialogues.pending(_place(thread), actor.person_id, now=now)
        job = await self._waiting(kept.corrects) if kept else None
        return kept if job is not None and job.requester_id == actor.person_id else None

    async def made(self, job_id: str, intent: Intent) -> None:
        """A job was made from this intent: keep that while it waits; the one whose place it takes
        is told so."""
        job = await self._waiting(job_id)
        if job is None or not job.stages:
            return
        if intent.corrects and intent.corrects != job_id:
            await self._replaced(intent.corrects, job)
        await self._services.stores.dialogues.ask(
            _place(job.conversation),
            job.requester_id,
            replace(_as_planned(intent, job), corrects=job_id),
            until=job.expires_at,
        )

    async def _waiting(self, job_id: str) -> Job | None:
        job = await self._services.stores.jobs.load(job_id)
        if job is None or job.state not in _WAITING or job.cancel_requested_by is not None:
            return None
        return job

    async def _replaced(self, old_id: str, new: Job) -> None:
        old = await self._waiting(old_id)
        if old is None or old.requester_id != new.requester_id:
            return
        await self._chronicle.record(
            AuditKind.PLAN,
            new.requester_id,
            subject="takes_the_place_of",
            job_id=new.job_id,
            replaces=old.job_id,
        )
        texts = self._services.texts
        said = texts.say("correction.replaced", old=old.job_id, new=new.job_id)
        offer = Report(
            title=said,
            summary=said,
            tone=Tone.ASK,
            sections=(Paragraph(text=texts.say("correction.still_waits", old=old.job_id)),),
            buttons=(
                Button(
                    button=CANCEL,
                    value=old.job_id,
                    label=texts.say("correction.cancel_old", old=old.job_id),
                ),
            ),
            footer=texts.say("cards.footer_job", job=old.job_id),
        )
        try:
            await self._outbound.post(offer, new.conversation, key=f"{new.job_id}:replaces")
            await self._tell_card(old, said)
        except OperationError as error:  # both jobs are there all the same, and can be listed
            log.warning("correction_untold", code=error.code, job=old.job_id)

    async def _tell_card(self, old: Job, said: str) -> None:
        now = await self._waiting(old.job_id)  # a verdict may have come in meanwhile
        if now is None or now.card is None:
            return
        people = await self._services.directory.people()
        card = plan_card(
            now,
            approvers=eligible(now, people),
            texts=self._services.texts,
            now=self._services.clock.now(),
        )
        notice = Notice(text=said, tone=Tone.WARNING)
        await self._outbound.edit(replace(card, sections=(notice, *card.sections)), now.card)


def carried(
    parsed: Parsed,
    files: tuple[ReceivedFile, ...],
    *,
    pending: Intent | None,
    planned: Intent | None,
) -> tuple[Parsed, tuple[ReceivedFile, ...]]:
    """The parser's answer and its files; a question asked about a correction stays one."""
    intent = parsed.partial if isinstance(parsed, Clarification) else parsed
    if intent is None:
        return parsed, files
    if pending is not None and pending.corrects and intent.action == pending.action:
        intent = replace(intent, corrects=pending.corrects)
        parsed = _with(parsed, intent)
    elif planned is not None and intent.corrects:
        files = files or planned.files
    return parsed, files


def _with(parsed: Parsed, intent: Intent) -> Parsed:
    return replace(parsed, partial=intent) if isinstance(parsed, Clarification) else intent


def _as_planned(intent: Intent, job: Job) -> Intent:
    """With the environment of the plan where the words left it to the estate."""
    environments = job.plan.environments
    if intent.selector.env is not None or len(environments) != 1:
        return intent
    env = Environment(environments[0])
    return replace(intent, selector=replace(intent.selector, env=env))


def _place(thread: ConversationRef) -> ConversationRef:
    """Where a plan is kept beside the open questions: in a thread that no messenger has."""
    return replace(thread, thread=f"{thread.thread}#plan", message=None)
