"""One message becomes one job, one question, one answer, or nothing.

Owns: the way of a request from its words to a stored, decided plan. Everything here can be done
twice with the same effect: ids come from the event, posts and jobs carry keys. Knows no
messenger, no database and no agent by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

from bot.core.cards import plain_report, question_report, refusal_report
from bot.core.command_text import is_command
from bot.core.domain.audit import AuditKind
from bot.core.domain.conversation import Click, Command, ConversationRef, Mention
from bot.core.domain.decision import Deny, RequireApproval
from bot.core.domain.estate import Target, Vocabulary
from bot.core.domain.intent import NONE, Clarification, Intent, Utterance
from bot.core.domain.job import Job, JobState
from bot.core.domain.people import Actor
from bot.core.domain.plan import Plan, Risk
from bot.core.domain.report import Report, Tone
from bot.core.errors import GuardiaError, OperationError, UserError
from bot.core.policy import asked_of, decide
from bot.core.ports import Action, ActionRequest
from bot.engine.chronicle import Chronicle
from bot.engine.commands import Commands, Reader
from bot.engine.context import Surroundings
from bot.engine.corrections import OpenPlans, carried
from bot.engine.follow_up import NOTHING, FollowUp
from bot.engine.gathering import Asking, Gathering, stands_alone
from bot.engine.identities import Identities
from bot.engine.knowledge import Knowledge
from bot.engine.macros import Macros, Saying
from bot.engine.naming import SEOUL, event_key_of, job_id_of, thread_of
from bot.engine.outbound import Outbound
from bot.engine.questions import question_for
from bot.engine.repeats import require_new
from bot.engine.reply import Reply
from bot.engine.rights import require_right
from bot.engine.services import Services
from bot.engine.sourcing import Sourcing, source_detail
from bot.engine.survey import Surveyor
from bot.engine.tasks import Tasks
from bot.engine.trust import confirmation, is_proved, reads_only

_SR = re.compile(r"SR-[0-9]{4}-[0-9]{1,6}")  # whoever made the intent: it goes into plan and audit


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One addressed message with the person behind it."""

    key: str  # names the event over all messengers
    actor: Actor
    message: Mention | Command
    thread: ConversationRef  # where answers go
    reply: Reply
    proved: bool = True  # whether the sender is beyond doubt

    @property
    def at(self) -> datetime:
        return self.message.at

    @property
    def asker(self) -> str:
        """Whose question is open. What was only said in somebody's name never joins their own."""
        return self.actor.person_id if self.proved else f"{self.actor.person_id}?"


class Pipeline:
    """Understands, resolves, plans, decides, stores."""

    def __init__(self, services: Services, chronicle: Chronicle, outbound: Outbound) -> None:
        self._services = services
        self._texts = services.texts
        self._stores = services.stores
        self._chronicle = chronicle
        self._outbound = outbound
        self._plans = OpenPlans(services, chronicle, outbound)
        self._surroundings = Surroundings(services)
        self._surveyor = Surveyor(services, chronicle)
        self._tasks = Tasks(services, chronicle)
        self._knowledge = Knowledge(services)
        self._sourcing = Sourcing(services)
        self._gathering = Gathering(services, self._knowledge, self._sourcing)
        self._identities = Identities(services, chronicle)
        self._commands = Commands(services)
        self._macros = Macros(services, chronicle)

    async def handle(self, message: Mention | Command) -> FollowUp:
        """Take one addressed message, and say what it leads to."""
        key = event_key_of(message.conversation.adapter, message.event_id)
        thread = thread_of(message.conversation)
        actor = await self._services.directory.find(message.sender)
        told = await self._identities.answer(message, actor, key=key)
        if told is not None:
            await self._outbound.post(told, thread, key=f"{key}:identity")
        if told is not None or actor is None:
            return NOTHING
        reply = Reply(self._outbound, thread, key)
        proved = is_proved(message.sender, self._services.adapters)
        request = Request(
            key=key, actor=actor, message=message, thread=thread, reply=reply, proved=proved
        )
        try:
            return await self._follow(request)
        except GuardiaError as error:
            await self._refuse(request, error)
            return NOTHING

    async def apologise(self, event: Mention | Command | Click) -> None:
        """Say that a message could not be handled, after every retry: nothing was started."""
        key = event_key_of(event.conversation.adapter, event.event_id)
        report = refusal_report(OperationError("internal", reference=key), texts=self._texts)
        await self._outbound.post(report, thread_of(event.conversation), key=f"{key}:apology")

    # --- words to intent -------------------------------------------------------------------

    async def _follow(self, request: Request) -> FollowUp:
        if len(request.message.text) > self._services.settings.text_limit:
            raise UserError("text_too_long", limit=self._services.settings.text_limit)
        made = await self._made_before(request)
        if made is not None:
            await self._done_asking(request)
            return FollowUp(start=made.job_id)
        files = request.message.files if isinstance(request.message, Mention) else ()
        await self._chronicle.record(
            AuditKind.REQUEST,
            request.actor.person_id,
            subject=request.key,
            text=request.message.text,
            files=[f"{file.name} {file.digest}" for file in files],
            channel=request.thread.channel,
        )
        text = await self._words(request)
        if text is None:
            return NOTHING
        return await self._understand(request, text)

    async def _understand(self, request: Request, text: str) -> FollowUp:
        files = request.message.files if isinstance(request.message, Mention) else ()
        vocabulary = await self._services.inventory.vocabulary(request.actor)
        vocabulary = self._commands.with_scripts(vocabulary, text)
        pending = await self._pending(request)
        kept = files or (pending.files if pending else ())
        planned = await self._plans.waiting(request.thread, request.actor, now=request.at)
        parsed = await self._services.parser.parse(
            Utterance(
                text=text,
                now=request.at.astimezone(SEOUL),
                vocabulary=vocabulary,
                files=tuple(file.name for file in kept),
                pending=pending,
                planned=planned,
            )
        )
        parsed, kept = carried(parsed, kept, pending=pending, planned=planned)
        if isinstance(parsed, Clarification):
            if parsed.partial is not None and not self._may_take(request, parsed.partial):
                await self._ask_confirmation(request)
                return NOTHING
            if not is_command(text):
                parsed = await self._knowledge.offered(parsed, text, request.actor)
            partial = replace(parsed.partial or Intent(action=NONE), files=kept)
            await self._ask(request, replace(parsed, partial=partial))
            return NOTHING
        if parsed is None or parsed.action == NONE:
            await self._leave_alone(request, parsed)
            return NOTHING
        if not self._may_take(request, parsed):
            await self._ask_confirmation(request)
            return NOTHING
        meant = await self._surroundings.complete(parsed, request.thread, request.actor)
        return await self._act(request, replace(meant, files=kept), vocabulary)

    async def _words(self, request: Request) -> str | None:
        """What is to be understood; None: it was about kept commands, and is answered."""
        saying = Saying(
            text=_text_of(request.message),
            actor=request.actor,
            thread=request.thread,
            at=request.at,
            proved=request.proved,
        )
        told = await self._macros.answer(saying)
        if told is None:
            return await self._macros.command(saying) or saying.text
        await request.reply.say(told)
        return None

    async def _leave_alone(self, request: Request, intent: Intent | None) -> None:
        if intent is not None and intent.params.get("refused"):
            # An open question stays open: the text was no answer to it.
            await self._refuse(request, UserError("request_refused"), still_asking=True)
        if intent is not None and intent.params.get("cancelled"):
            await self._done_asking(request)
            await request.reply.say(plain_report(self._texts.say("ask.dropped")))

    async def _ask(self, request: Request, question: Clarification) -> None:
        await self._chronicle.record(
            AuditKind.QUESTION, request.actor.person_id, subject=request.key, text=question.question
        )
        await self._stores.dialogues.ask(
            request.thread,
            request.asker,
            question.partial or Intent(action=NONE),
            until=request.at + self._services.settings.dialogue_lapse,
        )
        await request.reply.say(question_report(question, texts=self._texts))

    async def _pending(self, request: Request) -> Intent | None:
        """The open question; an unproved answer to a proved one is understood as well."""
        for asker in dict.fromkeys((request.asker, request.actor.person_id)):
            pending = await self._stores.dialogues.pending(request.thread, asker, now=request.at)
            if pending is not None:
                return pending
        return None

    def _may_take(self, request: Request, intent: Intent) -> bool:
        """A change is not taken on the word of a service that does not prove who speaks."""
        action = self._services.action_of(intent.action)
        return request.proved or intent.action == NONE or reads_only(intent.action, action)

    async def _ask_confirmation(self, request: Request) -> None:
        who = request.actor.person_id
        await self._chronicle.record(
            AuditKind.QUESTION, who, subject=request.key, code="sender_unverified"
        )
        await request.reply.say(confirmation(_text_of(request.message), self._texts))

    async def _done_asking(self, request: Request) -> None:
        await self._stores.dialogues.drop(request.thread, request.asker)

    # --- intent to target ------------------------------------------------------------------

    async def _act(self, request: Request, intent: Intent, vocabulary: Vocabulary) -> FollowUp:
        missing = await self._sourcing.still_missing(intent, vocabulary)
        if missing:
            asking = replace(intent, missing=missing)
            await self._ask(request, question_for(asking, vocabulary, self._texts))
            return NOTHING
        if self._tasks.knows(intent.action):
            answer, woken = await self._tasks.answer(intent, request.actor, request.thread)
            await request.reply.say(answer)
            await self._done_asking(request)
            return FollowUp(wake=woken)
        if self._commands.knows(intent):
            reader = Reader(actor=request.actor, thread=request.thread, vocabulary=vocabulary)
            await request.reply.say(await self._commands.answer(intent, reader))
            await self._done_asking(request)
            return NOTHING
        action = self._services.action_of(intent.action)
        if action is None:
            raise UserError("not_yet", action=intent.action)
        if intent.sr is not None and not _SR.fullmatch(intent.sr):
            raise UserError("sr_malformed")
        target = await self._target(request, intent, action)
        if target is not None and "env" in action.needs and len(target.environments) > 1:
            # A read of all environments is a longer list; a change of all is an accident.
            asking = replace(intent, missing=("env",))
            await self._ask(request, question_for(asking, vocabulary, self._texts))
            return NOTHING
        try:
            job_id = await self._plan(request, intent, action, target)
        except UserError as error:
            question = self._sourcing.question_after(error, intent)
            if question is None:
                raise
            await self._ask(request, question)
            return NOTHING
        # Only now: cut off before, the same message must find its question still open.
        await self._done_asking(request)
        if job_id is not None:
            await self._plans.made(job_id, intent)
        return FollowUp(start=job_id)

    async def _target(self, request: Request, intent: Intent, action: Action) -> Target | None:
        if "system" not in action.needs or stands_alone(intent, action):
            return None
        target = await self._services.inventory.resolve(intent.selector, request.actor)
        about = await self._services.inventory.system_of(request.thread)
        # What is answered here is read by everybody here.
        if about is not None and about.institution != target.system.institution:
            raise UserError("other_institution", institution=about.institution)
        return target

    # --- target to plan --------------------------------------------------------------------

    async def _plan(
        self, request: Request, intent: Intent, action: Action, target: Target | None
    ) -> str | None:
        if target is not None:
            await require_right(
                self._services, request.actor, action, target, changes="files" in action.needs
            )
            if action.reaches_nodes:
                await self._surveyor.await_online(target)
        asking = Asking(
            job_id=job_id_of(request.key, request.at),
            actor=request.actor,
            text=_text_of(request.message),
            at=request.at,
            reply=request.reply,
        )
        asked = await self._gathering.request(asking, intent, action, target)
        operations = action.survey(asked)
        if target is not None and operations:
            # Nobody's servers are looked at for a change that this person cannot have.
            await require_right(self._services, request.actor, action, target, changes=True)
            looking = self._texts.say("working.survey", count=len(target.nodes))
            await request.reply.say(plain_report(looking, tone=Tone.RUNNING))
            facts = await self._surveyor.look(request.key, request.actor, target, operations)
            asked = replace(asked, facts=facts)
        outcome = action.plan(asked)
        if isinstance(outcome, Report):
            await request.reply.say(outcome)
            return None
        plan = await require_new(self._commands.named(outcome, intent), intent, self._stores)
        return await self._store(request, asked, plan)

    # --- plan to job -----------------------------------------------------------------------

    async def _store(self, request: Request, asked: ActionRequest, plan: Plan) -> str:
        rules = await self._services.directory.rules()
        decision = decide(asked_of(plan), request.actor, rules)
        if isinstance(decision, Deny):
            raise UserError(decision.code, action=plan.action)
        await self._chronicle.record(
            AuditKind.PLAN,
            request.actor.person_id,
            subject=plan.action,
            job_id=asked.job_id,
            digest=plan.digest,
            nodes=list(plan.node_names),
            files=[f"{file.path} {file.sha256}" for file in plan.files],
            rule=decision.rule,
            **source_detail(asked.artifact),
        )
        job = Job(
            job_id=asked.job_id,
            state=JobState.PLANNED,
            plan=plan,
            requester_id=request.actor.person_id,
            requester_name=request.actor.name,
            sr=asked.sr,
            conversation=request.thread,
            created_at=request.at,
            expires_at=self._services.clock.now() + self._services.settings.approval_lapse,
            stages=decision.stages if isinstance(decision, RequireApproval) else (),
            rule=decision.rule,
        )
        if not await self._stores.jobs.create(job):
            raise OperationError("job_conflict", job=job.job_id)
        await self._place(request, job)
        return job.job_id

    async def _made_before(self, request: Request) -> Job | None:
        """The job that this very message became when it was handled and then cut off."""
        job = await self._stores.jobs.load(job_id_of(request.key, request.at))
        mine = job is not None and (job.requester_id, job.conversation, job.created_at) == (
            request.actor.person_id,
            request.thread,
            request.at,
        )
        if job is None or not mine:
            return None
        if job.state is JobState.PLANNED:
            await self._place(request, job)
        return job

    async def _place(self, request: Request, job: Job) -> None:
        """Answer with the plan's title, where its card, or a read's report, will be."""
        place = await request.reply.say(plain_report(self._texts.note(job.plan.title)))
        if job.plan.risk is Risk.READ:
            await self._stores.jobs.attach(job.job_id, progress=place)
        else:
            await self._stores.jobs.attach(job.job_id, card=place)

    # --- refusals --------------------------------------------------------------------------

    async def _refuse(
        self, request: Request, error: GuardiaError, *, still_asking: bool = False
    ) -> None:
        await self._chronicle.record(
            AuditKind.REFUSAL,
            request.actor.person_id,
            subject=request.key,
            code=error.code,
            values=error.values,
        )
        if not still_asking:
            await self._done_asking(request)
        await request.reply.refuse(refusal_report(error, texts=self._texts))


def _text_of(message: Mention | Command) -> str:
    return message.text if isinstance(message, Mention) else f"/{message.name} {message.text}"
