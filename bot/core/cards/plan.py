"""The plan card: what is asked for, whole, before anybody says yes.

Owns: its sections and its buttons. What it shows is the plan that the digest covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.core.cards.readings import exhibit_sections
from bot.core.cards.timing import Schedule, approve_buttons, timing_words
from bot.core.cards.wording import (
    approval_words,
    clock,
    footer,
    listed,
    page_link,
    short,
    size_of,
)
from bot.core.domain.calendar import Timing
from bot.core.domain.decision import Verdict
from bot.core.domain.job import Job, JobState
from bot.core.domain.people import Actor
from bot.core.domain.plan import FileChange, Note, Plan
from bot.core.domain.report import (
    Button,
    ButtonStyle,
    Facts,
    Notice,
    Paragraph,
    Report,
    Section,
    Table,
    Tone,
)
from bot.core.policy import needs_code
from bot.core.texts import Texts

FILES_SHOWN = 200
_PEOPLE_SHOWN = 10
_IDENTIFIERS = 2  # job and digest come last
_TONES = {
    JobState.AWAITING_APPROVAL: Tone.ASK,
    JobState.QUEUED: Tone.RUNNING,
    JobState.RUNNING: Tone.RUNNING,
    JobState.SUCCEEDED: Tone.GOOD,
    JobState.FAILED: Tone.BAD,
    JobState.ROLLED_BACK: Tone.WARNING,
    JobState.ROLLBACK_FAILED: Tone.BAD,
    JobState.UNKNOWN: Tone.BAD,
    JobState.DENIED: Tone.WARNING,
}


_ANY_TIME = Schedule(timing=Timing(open=True))


def plan_card(
    job: Job,
    *,
    approvers: Sequence[Actor],
    texts: Texts,
    now: datetime,
    schedule: Schedule = _ANY_TIME,
    console_url: str | None = None,
) -> Report:
    """The card of a job's plan in the job's present state. ``schedule``: what the calendar of
    its system says of now; ``console_url``: where our own pages are reached."""
    title = texts.note(job.plan.title)
    return Report(
        title=texts.say(f"cards.plan.title.{_state(job)}", plan=title),
        summary=texts.say(
            f"cards.plan.summary.{'ask' if _waits(job) else 'told'}",
            plan=title,
            name=job.requester_name,
            job=job.job_id,
        ),
        tone=_TONES.get(job.state, Tone.NEUTRAL),
        sections=tuple(
            _sections(
                job,
                approvers,
                when=timing_words(job, schedule, texts=texts, now=now),
                texts=texts,
                now=now,
            )
        ),
        buttons=_buttons(job, schedule, texts, now=now),
        footer=footer(job, texts, now),
        link=page_link(job, texts, console_url),
    )


def _state(job: Job) -> str:
    """The state, or ``void`` for a job that was stopped without anybody having rejected it."""
    rejected = any(approval.verdict is Verdict.REJECT for approval in job.approvals)
    return "void" if job.state is JobState.DENIED and not rejected else job.state.value


def _waits(job: Job) -> bool:
    return job.state is JobState.AWAITING_APPROVAL


def _sections(
    job: Job, approvers: Sequence[Actor], *, when: str | None, texts: Texts, now: datetime
) -> list[Section]:
    plan = job.plan
    sections: list[Section] = [_decisions(job, texts)] if job.approvals else []
    if _waits(job) and not approvers:
        sections.append(Notice(text=texts.say("cards.plan.nobody"), tone=Tone.BAD))
    if _waits(job) and needs_code(plan):
        sections.append(Notice(text=texts.say("codes.needed")))
    facts = list(_facts(job, approvers, texts=texts, now=now))
    if when is not None:
        facts.insert(-_IDENTIFIERS, (texts.say("cards.fact.when"), when))
    sections.append(Facts(rows=tuple(facts)))
    sections += [Notice(text=texts.note(warning)) for warning in plan.warnings]
    if plan.files:
        sections += _files(plan, texts)
    sections += [
        _titled(name, [texts.note(told)], texts)
        for name, told in (("source", plan.source), ("mapping", plan.mapping))
        if told
    ]
    if plan.restart:
        sections.append(_titled("restart", [texts.note(plan.restart)], texts))
    if plan.exhibits:
        sections += [Paragraph(text=texts.say("cards.plan.exhibits"))]
        sections += exhibit_sections(plan, texts)
    if plan.outline:
        sections.append(_titled("outline", _numbered(plan.outline, texts), texts))
    if plan.undo:
        sections.append(_titled("undo", [texts.note(plan.undo)], texts))
    return sections


def _titled(name: str, lines: Sequence[str], texts: Texts) -> Paragraph:
    return Paragraph(text="\n".join([texts.say(f"cards.plan.{name}"), *lines]))


def _numbered(notes: Sequence[Note], texts: Texts) -> list[str]:
    return [f"{index}. {texts.note(note)}" for index, note in enumerate(notes, start=1)]


def _decisions(job: Job, texts: Texts) -> Facts:
    return Facts(
        title=texts.say("cards.plan.decisions"),
        rows=tuple(
            (
                texts.say("cards.plan.stage", stage=approval.stage + 1, stages=len(job.stages)),
                approval_words(approval, texts),
            )
            for approval in job.approvals
        ),
    )


def _facts(
    job: Job, approvers: Sequence[Actor], *, texts: Texts, now: datetime
) -> tuple[tuple[str, str], ...]:
    plan = job.plan
    rows = [
        ("requester", job.requester_name),
        *([("sr", job.sr)] if job.sr else []),
        ("targets", "\n".join(plan.node_names)),
        ("risk", _risk(plan, texts)),
    ]
    if _waits(job):
        rows += [
            ("approvers", _people(job, approvers, texts)),
            ("expires", _lapse(job, texts, now)),
        ]
    rows += [("job", job.job_id), ("digest", short(plan.digest))]
    return tuple(
        (texts.say(f"cards.fact.{name}", count=len(plan.node_names)), value) for name, value in rows
    )


def _risk(plan: Plan, texts: Texts) -> str:
    """What the risk of this plan means, where that is not what it means of most."""
    undo = plan.undo.key.removeprefix("undo.") if plan.undo else ""
    special = f"cards.risk.{plan.risk.value}_{undo}"
    return texts.say(special if texts.has(special) else f"cards.risk.{plan.risk.value}")


def _people(job: Job, approvers: Sequence[Actor], texts: Texts) -> str:
    named = [
        texts.say("cards.person", name=person.name, role=texts.say(f"role.{person.role.value}"))
        for person in approvers
    ]
    needed = sum(stage.quorum for stage in job.stages)
    people = listed(named, _PEOPLE_SHOWN, texts) or "-"
    return texts.say("cards.plan.needed", people=people, needed=needed) if needed > 1 else people


def _lapse(job: Job, texts: Texts, now: datetime) -> str:
    minutes = max(0, int((job.expires_at - now).total_seconds() + 59) // 60)
    return texts.say("cards.plan.lapse", time=clock(job.expires_at), minutes=minutes)


def _files(plan: Plan, texts: Texts) -> list[Section]:
    rows = tuple(
        (
            _place(file, texts),
            size_of(file.size),
            file.sha256,
            _novelty(file, texts),
            texts.say(f"cards.handling.{file.handling.value}"),
        )
        for file in plan.files[:FILES_SHOWN]
    )
    names = ("path", "size", "sha256", "novelty", "handling")
    table = Table(
        title=texts.say(
            "cards.plan.files",
            count=len(plan.files),
            size=size_of(sum(file.size for file in plan.files)),
        ),
        columns=tuple(texts.say(f"cards.column.{name}") for name in names),
        rows=rows,
        folded=len(rows) > 20,
    )
    left = len(plan.files) - len(rows)
    return [table, Paragraph(text=texts.say("cards.more_files", count=left))] if left else [table]


def _place(file: FileChange, texts: Texts) -> str:
    """Below the deploy path; and its name in what was dropped, if that is another."""
    if not file.source or file.source == file.path:
        return file.path
    return texts.say("cards.plan.place", path=file.path, source=file.source)


def _novelty(file: FileChange, texts: Texts) -> str:
    kinds = {novelty for _, novelty in file.novelty}
    if len(kinds) == 1:
        return texts.say(f"cards.novelty.{kinds.pop().value}")
    return "\n".join(
        f"{node}: {texts.say(f'cards.novelty.{novelty.value}')}" for node, novelty in file.novelty
    )


def _buttons(job: Job, schedule: Schedule, texts: Texts, *, now: datetime) -> tuple[Button, ...]:
    cancel = Button(button="cancel", value=job.job_id, label=texts.say("cards.button.withdraw"))
    if job.state is JobState.QUEUED:
        return (cancel,)
    if not _waits(job):
        return ()
    reject = Button(
        button="reject",
        value=f"{job.job_id}:{job.plan.digest}",
        label=texts.say("cards.button.reject"),
        style=ButtonStyle.DANGER,
    )
    return (*approve_buttons(job, schedule, texts, now=now), reject, cancel)
