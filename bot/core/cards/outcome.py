"""The final report: what came of a job, and what to do next.

Owns: the report of every terminal state. What it claims rests on step records, never on hope: a
node counts as restored only when the health check after its restore succeeded.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime

from agent.wire.operations import ReplaceFiles, RestoreBackup
from agent.wire.results import LogFindings
from bot.core.cards.answers import has_bad_readings
from bot.core.cards.fleet import LARGE, checks_health, fate_counts, node_sections, version_rows
from bot.core.cards.layers import layer_sections, layer_summary
from bot.core.cards.nodes import Fate, NodeStory, stories
from bot.core.cards.observations import observation_sections, started_section
from bot.core.cards.readings import changed_sections, reading_sections, reading_summary
from bot.core.cards.recovery import manual_sections, unlock_sections
from bot.core.cards.service_states import asks_states, status_sections, status_summary
from bot.core.cards.wording import (
    approval_words,
    between,
    code_words,
    footer,
    listed,
    outcome_words,
    page_link,
    records_of,
    step_label,
)
from bot.core.domain.job import Job, JobState, StepState
from bot.core.domain.plan import Risk
from bot.core.domain.report import (
    Facts,
    Lines,
    Notice,
    Paragraph,
    Report,
    Section,
    Tone,
)
from bot.core.redaction import redact
from bot.core.texts import Texts
from bot.core.versions import Past

_LINES_SHOWN = 20
_LINE_MAX = 400  # characters
_TROUBLES_SHOWN = 5  # nodes; the others are named
_TARGETS_SHOWN = 4
_TROUBLE = re.compile(r"\b(SEVERE|ERROR|FATAL|Caused by)\b|Exception")
_TONES = {
    JobState.SUCCEEDED: Tone.GOOD,
    JobState.FAILED: Tone.BAD,
    JobState.ROLLED_BACK: Tone.WARNING,
    JobState.ROLLBACK_FAILED: Tone.BAD,
    JobState.UNKNOWN: Tone.BAD,
}


def final_report(
    job: Job,
    *,
    texts: Texts,
    past: Past | None = None,
    console_url: str | None = None,
    whole: bool = False,
) -> Report:
    """The report of a job in a terminal state.

    Args:
        job: the job with its step records.
        texts: the reader's language.
        past: what names the versions before it.
        console_url: where our own pages are reached, for the link to the job's page.
        whole: nothing is left out, however many nodes need hands; for a page, not for a chat.
    """
    made = (
        _reading(job, texts, whole=whole)
        if job.plan.risk is Risk.READ
        else _change(job, texts, past=past or Past(), whole=whole)
    )
    return replace(made, link=page_link(job, texts, console_url))


def _reading(job: Job, texts: Texts, *, whole: bool) -> Report:
    summary, tone = _looked(job, texts)
    if job.state is JobState.CANCELLED:
        summary, tone = texts.say("cards.final.summary.cancelled_read"), Tone.NEUTRAL
    title = texts.say("cards.final.title.read", plan=texts.note(job.plan.title))
    return Report(
        title=title,
        summary=texts.say("cards.final.alone", title=title, said=summary),
        tone=tone,
        sections=(
            Notice(text=summary, tone=tone),
            *(Notice(text=texts.note(warning)) for warning in job.plan.warnings),
            *_found(job, texts, whole=whole),
        ),
        footer=footer(job, texts, _ended(job)),
    )


def _looked(job: Job, texts: Texts) -> tuple[str, Tone]:
    if asks_states(job):
        return status_summary(job, texts)
    return layer_summary(job, texts) if job.plan.layers else reading_summary(job, texts)


def _found(job: Job, texts: Texts, *, whole: bool) -> list[Section]:
    if job.plan.layers:
        return layer_sections(job, texts)
    if asks_states(job):
        return status_sections(job, texts)
    return reading_sections(job, texts, whole=whole)


def _change(job: Job, texts: Texts, *, past: Past, whole: bool) -> Report:
    title = texts.say(_variant(job, "title", texts), plan=texts.note(job.plan.title))
    summary = _summary(job, texts)
    tone = _TONES.get(job.state, Tone.NEUTRAL)
    if tone is Tone.GOOD and has_bad_readings(job):
        tone = Tone.WARNING
    sections: list[Section] = [Notice(text=summary, tone=tone)]
    if job.state not in {JobState.DENIED, JobState.EXPIRED}:
        sections += _trouble(job, texts, whole=whole)
    sections += manual_sections(job, texts, whole=whole)
    found = changed_sections(job, texts, whole=whole)
    told = found and job.state is JobState.SUCCEEDED and not checks_health(job)
    if not told and any(story.fate is not Fate.UNTOUCHED for story in stories(job)):
        sections += node_sections(job, texts, past)
    sections += found
    sections += observation_sections(job, texts)
    if job.state is JobState.SUCCEEDED:
        sections += started_section(job, texts)
    sections.append(Facts(rows=_facts(job, texts, past)))
    following = _next(job, texts)
    if following:
        sections.append(Paragraph(text=following))
    sections += unlock_sections(job, texts)
    return Report(
        title=title,
        summary=texts.say("cards.final.alone", title=title, said=summary + _cause(job, texts)),
        tone=tone,
        sections=tuple(sections),
        footer=footer(job, texts, _ended(job)),
    )


def _ended(job: Job) -> datetime:
    return job.ended_at or job.created_at


def _variant(job: Job, part: str, texts: Texts) -> str:
    """The key of a state's sentence, or of its variant for the way this plan is undone."""
    undo = job.plan.undo.key.removeprefix("undo.") if job.plan.undo else ""
    special = f"cards.final.{part}.{job.state.value}_{undo}"
    return special if texts.has(special) else f"cards.final.{part}.{job.state.value}"


def _summary(job: Job, texts: Texts) -> str:
    known = stories(job)
    plan = texts.note(job.plan.title)
    doubtful = {Fate.UNKNOWN, Fate.BROKEN, Fate.NOT_RESTORED}
    names = {
        "plan": plan,
        "count": len(job.plan.node_names),
        "elapsed": between(job.started_at, job.ended_at, texts),
        "doubtful": _named(known, doubtful, texts) or plan,
        "broken": _named(known, {Fate.NOT_RESTORED, Fate.BROKEN}, texts) or plan,
        "failed": _named_failed(known, texts) or plan,
    }
    key = _variant(job, "summary", texts)
    if key.endswith(".succeeded") and not checks_health(job):
        key = "cards.final.summary.succeeded_unasked"  # nobody has asked a health page
    if job.state in {JobState.FAILED, JobState.CANCELLED} and not _touched(known):
        key = f"cards.final.summary.{job.state.value}_untouched"
    if job.state is JobState.ROLLED_BACK and not _all_proved(known) and _restores(job):
        key = "cards.final.summary.rolled_back_unproved"
    said = texts.say(key, **names)
    return f"{fate_counts(job, texts)}. {said}" if _is_mixed(known) else said


def _is_mixed(known: tuple[NodeStory, ...]) -> bool:
    """A fleet of which one sentence does not say how many nodes are how."""
    return len(known) > LARGE and len({story.fate for story in known}) > 1


def _all_proved(known: tuple[NodeStory, ...]) -> bool:
    return all(story.proved for story in known if story.fate is not Fate.UNTOUCHED)


def _restores(job: Job) -> bool:
    """Whether going back means the version before (and not only being in service again)."""
    return job.plan.backup_id is not None


def _touched(known: tuple[NodeStory, ...]) -> bool:
    return any(story.fate is not Fate.UNTOUCHED for story in known)


def _named(known: tuple[NodeStory, ...], fates: set[Fate], texts: Texts) -> str:
    return listed([story.run.node_id for story in known if story.fate in fates], 10, texts)


def _named_failed(known: tuple[NodeStory, ...], texts: Texts) -> str:
    return listed([story.run.node_id for story in known if story.trouble[0]], 10, texts)


def _cause(job: Job, texts: Texts) -> str:
    """Why it failed, for whoever reads nothing but the summary. Empty: it did not."""
    for story in stories(job):
        step, record = story.trouble
        if step is not None and record is not None and job.state is not JobState.CANCELLED:
            where, what = step_label(step, texts), code_words(record.code, texts)
            node = story.run.node_id
            return " " + texts.say("cards.final.cause", node=node, step=where, what=what)
    return ""


def _trouble(job: Job, texts: Texts, *, whole: bool) -> list[Section]:
    """What went wrong, where, in words, with the lines that matter."""
    troubled = [
        story
        for story in stories(job)
        if story.trouble[0] or story.undo_trouble[0] or _lines(story)
    ]
    shown = troubled if whole else troubled[:_TROUBLES_SHOWN]
    sections = [section for story in shown for section in _told(story, texts)]
    left = [story.run.node_id for story in troubled[len(shown) :]]
    if left:
        named = listed(left, _TARGETS_SHOWN, texts)
        said = texts.say("cards.final.more_trouble", count=len(left), nodes=named)
        sections.append(Notice(text=said, tone=Tone.BAD))
    return sections


def _told(story: NodeStory, texts: Texts) -> list[Section]:
    sections: list[Section] = []
    for step, record in (story.trouble, story.undo_trouble):
        if step is None or record is None:
            continue
        said = texts.say(
            "cards.final.trouble",
            node=story.run.node_id,
            step=step_label(step, texts),
            what=outcome_words(record, texts, node=step.node_id),
        )
        asked_to = record.code == "cancelled"
        sections.append(Notice(text=said, tone=Tone.NEUTRAL if asked_to else Tone.BAD))
    lines = _lines(story)
    if lines:
        heading = texts.say("cards.final.log", node=story.run.node_id)
        sections.append(Lines(title=heading, lines=lines))
    return sections


def _lines(story: NodeStory) -> tuple[str, ...]:
    """Log lines of the step that failed, and what the log check found, each once."""
    found: dict[str, None] = {}
    for record in (*story.known, *story.undo_known):
        if record.state not in {StepState.FAILED, StepState.UNKNOWN}:
            continue
        found.update(dict.fromkeys(record.lines))
        if isinstance(record.result, LogFindings):
            found.update(dict.fromkeys(record.result.suspicious))
    lines = _from_trouble(list(found))
    return tuple(redact(line)[:_LINE_MAX] for line in lines[-_LINES_SHOWN:])


def _from_trouble(lines: list[str]) -> list[str]:
    """Without what the log said before things went wrong, if it says where that was."""
    first = next((i for i, line in enumerate(lines) if _TROUBLE.search(line)), 0)
    return lines[first:]


def _facts(job: Job, texts: Texts, past: Past) -> tuple[tuple[str, str], ...]:
    rows = [("requester", job.requester_name)]
    if job.approvals:
        said = "\n".join(approval_words(approval, texts) for approval in job.approvals)
        rows.append(("decided", said))
    rows += [("sr", job.sr)] if job.sr else []
    rows.append(("targets", _targets(job, texts)))
    if job.state not in {JobState.DENIED, JobState.EXPIRED}:
        rows += version_rows(job, texts, past)
    if job.plan.source is not None:
        rows.append(("source", texts.note(job.plan.source)))
    checked = _checksums(job, texts)
    rows += [("checksums", checked)] if checked else []
    if job.plan.deployment:
        rows.append(("deployment", job.plan.deployment))
    if job.started_at:
        rows.append(("elapsed", between(job.started_at, job.ended_at, texts)))
    rows.append(("job", job.job_id))
    return tuple(
        (texts.say(f"cards.fact.{name}", count=len(job.plan.node_names)), value)
        for name, value in rows
    )


def _targets(job: Job, texts: Texts) -> str:
    names = job.plan.node_names
    return "\n".join(names) if len(names) <= LARGE else listed(names, _TARGETS_SHOWN, texts)


def _checksums(job: Job, texts: Texts) -> str:
    """What was compared in place: replaced files, or backups put back. Empty: nothing was."""
    records = records_of(job)
    done = [
        step.operation
        for step in job.plan.wire.steps()
        if step.step_id in records and records[step.step_id].state is StepState.SUCCEEDED
    ]
    restored = sum(isinstance(operation, RestoreBackup) for operation in done)
    if restored:
        return texts.say("cards.final.restored_checksums", count=restored)
    replaced = sum(
        len(operation.files) for operation in done if isinstance(operation, ReplaceFiles)
    )
    return texts.say("cards.final.checksums", count=replaced) if replaced else ""


def _next(job: Job, texts: Texts) -> str:
    if job.state is JobState.SUCCEEDED and job.plan.backup_id is None:
        return ""
    key = _variant(job, "next", texts)
    return texts.say(key, job=job.job_id) if texts.has(key) else ""
