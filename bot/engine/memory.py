"""What a room remembers, and the state of an incident told from it.

Owns: keeping talk redacted and for a while, the summary every so many messages, and the answer
to ``요약해줘``. The summary is extracted, never invented: who said what when, which jobs ran with
which result, what is still open. A model, where there is one, sees the summary and the last five
messages (the last fifty where the summary is made), and only adds words, which are shown as its
own: what ran is told from the job store alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
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
_LATEST = 5  # messages that a model may see beside the summary, for an answer
_MOST_LATEST = 50  # … and for the summary itself
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
    words: tuple[SummaryLine, ...] = ()  # a model's, at most one line

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
        latest: list[TalkMessage] = []
        while batch := await self._store.since(room, known.upto, _BATCH):
            lines = (*known.lines, *self._marked(batch))
            latest = [*latest, *batch][-_MOST_LATEST:]
            known = RoomSummary(
                room=room,
                upto=batch[-1].position,
                made_at=now,
                lines=_newest(lines, self._settings.most_lines),
            )
        # Kept before a model is asked: it may be slow, and its words are not missed.
        await self._store.keep(known)
        narrated = await self._narrated(known.lines, latest) if latest else ""
        if narrated:
            told = SummaryLine(at=now, name="", telling=Telling.NARRATED, text=narrated)
            lines = (*_without_words(known.lines), told)
            await self._store.keep(replace(known, lines=lines))
        await self.forget()

    async def forget(self) -> None:
        """Drop what is older than the site keeps talk."""
        await self._store.forget(self._services.clock.now() - self._settings.keep)

    async def tell(self, room: RoomRef, actor: Actor) -> AsyncIterator[Report]:
        """The state of the room as this person may see it; once more with a model's words, where
        one has some: nobody waits for those."""
        days, texts = self._settings.keep.days, self._services.texts
        state = await self._state(room, actor)
        if not state.lines and not state.jobs:
            yield plain_report(texts.say("memory.nothing", days=days))
            return
        yield state_report(state, days=days, texts=texts)
        narrated = await self._narrated((*state.lines, *state.words), state.latest)
        if narrated:
            now = self._services.clock.now()
            told = SummaryLine(at=now, name="", telling=Telling.NARRATED, text=narrated)
            yield state_report(replace(state, words=(told,)), days=days, texts=texts)

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
            lines=_without_words(lines)[-self._settings.most_lines :],
            jobs=tuple(jobs),
            latest=tuple(latest),
            words=tuple(line for line in lines if line.telling is Telling.NARRATED)[-1:],
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
    for words in state.words:
        marked = texts.say("memory.narrated", at=_clock(words.at))
        sections += [Notice(text=marked, tone=Tone.NEUTRAL), Paragraph(text=words.text)]
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


def _newest(lines: Sequence[SummaryLine], most: int) -> tuple[SummaryLine, ...]:
    """The newest lines, and a model's words whatever their age: the next ones rest on them."""
    words = [line for line in lines if line.telling is Telling.NARRATED][-1:]
    return (*words, *_without_words(lines)[-most:])


def _without_words(lines: Sequence[SummaryLine]) -> tuple[SummaryLine, ...]:
    return tuple(line for line in lines if line.telling is not Telling.NARRATED)


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
