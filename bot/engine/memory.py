"""What a room remembers, and the state of an incident told from it.

Owns: keeping talk redacted and for a while, the summary every so many messages, and the answer
to ``요약해줘``. The summary is extracted, never invented: who said what when, which jobs ran with
which result, what is still open. A model, where there is one, sees the summary and the last five
messages, and only adds words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.advice_ports import Adviser, Narrator, RoomJobs, RoomMemoryStore
from bot.core.cards import plain_report
from bot.core.domain.conversation import Chat, Command, Mention
from bot.core.domain.job import TERMINAL, Job
from bot.core.domain.memory import RoomRef, RoomSummary, SummaryLine, TalkMessage, Telling
from bot.core.domain.people import Actor
from bot.core.domain.report import Notice, Paragraph, Report, Section, Table, Tone
from bot.core.redaction import redact
from bot.core.texts import Texts
from bot.engine.naming import SEOUL, event_key_of
from bot.engine.services import Services

_BATCH = 200  # messages read at a time
_LATEST = 5  # messages that a model may see beside the summary
_NARRATED_CHARACTERS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySettings:
    """How much is kept, and how long."""

    every: int = 50  # messages between two summaries
    keep: timedelta = timedelta(days=30)
    text_limit: int = 2000  # characters kept of one message
    most_lines: int = 60  # of one summary; the newest stay


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomState:
    """Everything that the answer to ``요약해줘`` is made of."""

    lines: tuple[SummaryLine, ...]
    jobs: tuple[Job, ...]
    latest: tuple[TalkMessage, ...]
    narrated: str = ""

    @property
    def open_jobs(self) -> tuple[Job, ...]:
        return tuple(job for job in self.jobs if job.state not in TERMINAL)

    @property
    def open_symptoms(self) -> tuple[SummaryLine, ...]:
        """The last word on every topic that nobody has called solved since."""
        still: dict[str, SummaryLine] = {}
        for line in self.lines:
            if line.telling is Telling.SYMPTOM:
                still[line.topic] = line
            elif line.telling is Telling.RESOLVED:
                still.clear()
        return tuple(still.values())


class RoomMemory:
    """The memory of all rooms."""

    def __init__(
        self,
        services: Services,
        *,
        adviser: Adviser,
        store: RoomMemoryStore,
        jobs: RoomJobs,
        settings: MemorySettings | None = None,
        narrator: Narrator | None = None,
    ) -> None:
        self._services = services
        self._adviser = adviser
        self._store = store
        self._jobs = jobs
        self._settings = settings or MemorySettings()
        self._narrator = narrator

    async def hear(self, event: Chat | Mention | Command) -> TalkMessage:
        """Keep one message, redacted and cut; a second time is the same as once."""
        actor = await self._services.directory.find(event.sender)
        return await self._store.hear(
            TalkMessage(
                key=event_key_of(event.conversation.adapter, event.event_id),
                room=RoomRef(
                    adapter=event.conversation.adapter, channel=event.conversation.channel
                ),
                author=actor.person_id if actor else event.sender.user_id,
                name=actor.name if actor else self._services.texts.say("memory.somebody"),
                text=redact(event.text)[: self._settings.text_limit],
                at=event.at,
                thread=event.conversation.thread,
            )
        )

    async def recent(self, room: RoomRef, position: int) -> tuple[TalkMessage, ...]:
        """That message and the few before it, oldest first."""
        found = await self._store.since(room, max(0, position - 3), 3)
        return tuple(message for message in found if message.position <= position)

    async def due(self, room: RoomRef, position: int) -> bool:
        """Whether enough has been said since the last summary."""
        summary = await self._store.summary(room)
        return position - (summary.upto if summary else 0) >= self._settings.every

    async def summarise(self, room: RoomRef) -> None:
        """Bring the stored summary up to the present, and drop what is too old."""
        now = self._services.clock.now()
        summary = await self._store.summary(room)
        known = summary or RoomSummary(room=room, upto=0, made_at=now)
        while batch := await self._store.since(room, known.upto, _BATCH):
            lines = (*known.lines, *self._marked(batch))
            known = RoomSummary(
                room=room,
                upto=batch[-1].position,
                made_at=now,
                lines=lines[-self._settings.most_lines :],
            )
        await self._store.keep(known)
        await self.forget()

    async def forget(self) -> None:
        """Drop what is older than the site keeps talk."""
        await self._store.forget(self._services.clock.now() - self._settings.keep)

    async def tell(self, room: RoomRef, actor: Actor) -> Report:
        """The state of the room as this person may see it."""
        state = await self._state(room, actor)
        days = self._settings.keep.days
        if not state.lines and not state.jobs:
            return plain_report(self._services.texts.say("memory.nothing", days=days))
        return state_report(state, days=days, texts=self._services.texts)

    async def _state(self, room: RoomRef, actor: Actor) -> RoomState:
        since = self._services.clock.now() - self._settings.keep
        summary = await self._store.summary(room)
        lines = [line for line in summary.lines if line.at >= since] if summary else []
        latest: list[TalkMessage] = []
        position = summary.upto if summary else 0
        while batch := await self._store.since(room, position, _BATCH):
            lines += self._marked(batch)
            latest = [*latest, *batch][-_LATEST:]
            position = batch[-1].position
        if len(latest) < _LATEST:  # the summary has just been made
            latest = list(await self._store.since(room, position - _LATEST, _LATEST))
        jobs = [
            job for job in await self._jobs.jobs(room, since) if actor.may_see(job.plan.institution)
        ]
        return RoomState(
            lines=tuple(lines[-self._settings.most_lines :]),
            jobs=tuple(jobs),
            latest=tuple(latest),
            narrated=await self._narrated(lines, latest),
        )

    async def _narrated(self, lines: Sequence[SummaryLine], latest: Sequence[TalkMessage]) -> str:
        if self._narrator is None:
            return ""
        said = await self._narrator.narrate(
            [f"{_clock(line.at)} {line.name}: {line.text}" for line in lines],
            [f"{_clock(message.at)} {message.name}: {message.text}" for message in latest],
        )
        return redact(said or "")[:_NARRATED_CHARACTERS].strip()

    def _marked(self, messages: Sequence[TalkMessage]) -> list[SummaryLine]:
        found = []
        for message in messages:
            mark = self._adviser.mark(message.text)
            if mark is not None:
                line = SummaryLine(
                    at=message.at,
                    name=message.name,
                    telling=mark.telling,
                    text=mark.line,
                    topic=mark.topic,
                )
                found.append(line)
        return found


def state_report(state: RoomState, *, days: int, texts: Texts) -> Report:
    """Who said what when, what ran, what is open."""
    still = [
        texts.say(
            "memory.open_topic",
            topic=texts.say(f"advice.topic.{line.topic}"),
            at=_clock(line.at),
            who=line.name,
        )
        for line in state.open_symptoms
    ] + [
        texts.say(
            "memory.open_job",
            job=job.job_id,
            state=texts.say(f"state.{job.state.value}"),
            title=texts.note(job.plan.title),
        )
        for job in state.open_jobs
    ]
    symptoms = sum(line.telling is Telling.SYMPTOM for line in state.lines)
    summary = texts.say("memory.summary", symptoms=symptoms, jobs=len(state.jobs), open=len(still))
    sections: list[Section] = [Paragraph(text=summary)]
    if state.narrated:
        sections += [
            Paragraph(text=state.narrated),
            Notice(text=texts.say("memory.narrated"), tone=Tone.NEUTRAL),
        ]
    sections += [_told(state.lines, texts)] if state.lines else []
    sections += [_ran(state.jobs, texts)] if state.jobs else []
    if still:
        column = (texts.say("memory.what"),)
        rows = tuple((line,) for line in still)
        sections.append(Table(columns=column, rows=rows, title=texts.say("memory.open")))
    return Report(
        title=texts.say("memory.title"),
        summary=summary,
        sections=tuple(sections),
        footer=texts.say("memory.footer", days=days),
    )


def _told(lines: Sequence[SummaryLine], texts: Texts) -> Table:
    return Table(
        title=texts.say("memory.told"),
        columns=tuple(texts.say(f"memory.{name}") for name in ("at", "who", "kind", "what")),
        rows=tuple(
            (
                _clock(line.at),
                line.name,
                texts.say(f"memory.telling.{line.telling.value}"),
                line.text,
            )
            for line in lines
        ),
    )


def _ran(jobs: Sequence[Job], texts: Texts) -> Table:
    return Table(
        title=texts.say("memory.ran"),
        columns=tuple(
            texts.say(f"memory.{name}") for name in ("at", "job", "what", "state", "who")
        ),
        rows=tuple(
            (
                _clock(job.created_at),
                job.job_id,
                texts.note(job.plan.title),
                texts.say(f"state.{job.state.value}"),
                job.requester_name,
            )
            for job in jobs
        ),
    )


def _clock(at: datetime) -> str:
    return f"{at.astimezone(SEOUL):%m-%d %H:%M}"
