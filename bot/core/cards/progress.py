"""The progress card: node by node, step by step, edited in place.

Owns: which steps are shown with which state. Reads the job's step records only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from agent.wire.plan import NodeRun, Step
from bot.core.cards.wording import between, footer, outcome_words, records_of, step_label
from bot.core.domain.job import TERMINAL, Job, JobState, StepRecord, StepState
from bot.core.domain.report import (
    Button,
    ButtonStyle,
    Checklist,
    ChecklistRow,
    Notice,
    Paragraph,
    Report,
    Section,
    Tone,
)
from bot.core.texts import Texts

_NODES_IN_FULL = 12  # beyond, a node is one line
_SILENT = {StepState.PENDING, StepState.RUNNING, StepState.SUCCEEDED, StepState.SKIPPED}
_BAD = {StepState.FAILED, StepState.REFUSED, StepState.UNKNOWN}

Records = Mapping[str, StepRecord]


def progress_card(job: Job, *, texts: Texts, now: datetime) -> Report:
    """How far the job is."""
    records = records_of(job)
    end = job.ended_at or now
    undoing = any(_begun(run.undo, records) for run in job.plan.wire.runs())
    title = texts.note(job.plan.title)
    main = [step for run in job.plan.wire.runs() for step in run.steps]
    done = sum(_state(step, records) is StepState.SUCCEEDED for step in main)
    return Report(
        title=texts.say(f"cards.progress.title.{_phase(job, undoing)}", plan=title),
        summary=texts.say(
            "cards.progress.summary",
            plan=title,
            done=done,
            total=len(main),
            elapsed=between(job.started_at or job.created_at, end, texts),
        ),
        tone=_tone(job, undoing),
        sections=tuple(_sections(job, records, texts=texts, now=now)),
        buttons=() if undoing else _buttons(job, texts),
        footer=footer(job, texts, now),
    )


def _phase(job: Job, undoing: bool) -> str:
    if job.state in TERMINAL:
        return job.state.value
    if job.state is not JobState.RUNNING:
        return JobState.QUEUED.value
    if not undoing:
        return JobState.RUNNING.value
    return "undoing_cancelled" if job.cancel_requested_by else "undoing"


def _tone(job: Job, undoing: bool) -> Tone:
    if job.state is JobState.SUCCEEDED:
        return Tone.GOOD
    if job.state in {JobState.FAILED, JobState.ROLLBACK_FAILED, JobState.UNKNOWN}:
        return Tone.BAD
    if job.state in TERMINAL or undoing:
        return Tone.WARNING
    return Tone.RUNNING


def _sections(job: Job, records: Records, *, texts: Texts, now: datetime) -> list[Section]:
    runs = job.plan.wire.runs()
    sections: list[Section] = []
    if job.cancel_requested_by and job.state not in TERMINAL:
        sections.append(Notice(text=texts.say("cards.progress.cancelling")))
    if job.state is JobState.QUEUED:
        sections.append(Paragraph(text=texts.say("cards.progress.queued")))
    if len(runs) > _NODES_IN_FULL or all(len(run.steps) == 1 for run in runs):
        rows = tuple(_node_row(run, records, texts) for run in runs)
        return [*sections, Checklist(rows=rows)]
    for number, run in enumerate(runs, start=1):
        sections += _node(run, records, texts=texts, now=now, place=f"{number}/{len(runs)}")
    return sections


def _node(
    run: NodeRun, records: Records, *, texts: Texts, now: datetime, place: str
) -> list[Section]:
    undone = _begun(run.undo, records)
    stopped = undone or any(_state(step, records) in _BAD for step in run.steps)
    rows = tuple(_row(step, records, texts=texts, now=now, stopped=stopped) for step in run.steps)
    sections: list[Section] = [
        Checklist(rows=rows, title=texts.say("cards.progress.node", node=run.node_id, place=place))
    ]
    if undone:
        back = tuple(_row(step, records, texts=texts, now=now, stopped=False) for step in run.undo)
        title = texts.say("cards.progress.undo", node=run.node_id)
        sections.append(Checklist(rows=back, title=title))
    return sections


def _row(
    step: Step, records: Records, *, texts: Texts, now: datetime, stopped: bool
) -> ChecklistRow:
    record = records.get(step.step_id)
    state = _state(step, records)
    if state is StepState.PENDING and stopped:
        state = StepState.SKIPPED
    detail = (
        ""
        if record is None or state in _SILENT
        else outcome_words(record, texts, node=step.node_id)
    )
    return ChecklistRow(
        state=state.value,
        label=step_label(step, texts),
        detail=detail,
        elapsed_ms=_elapsed(record, now),
    )


def _elapsed(record: StepRecord | None, now: datetime) -> int | None:
    if record is None or record.state in {StepState.PENDING, StepState.SKIPPED}:
        return None
    if record.state is not StepState.RUNNING:
        return record.elapsed_ms
    if record.started_at is None:
        return None
    return max(0, round((now - record.started_at).total_seconds() * 1000))


def _node_row(run: NodeRun, records: Records, texts: Texts) -> ChecklistRow:
    known = [record for step in run.steps if (record := records.get(step.step_id))]
    bad = next((record for record in known if record.state in _BAD), None)
    return ChecklistRow(
        state=_node_state(run, records).value,
        label=run.node_id,
        detail=outcome_words(bad, texts, node=run.node_id) if bad else "",
        elapsed_ms=sum(record.elapsed_ms for record in known) if known else None,
    )


def _node_state(run: NodeRun, records: Records) -> StepState:
    states = [_state(step, records) for step in run.steps]
    for state in (StepState.UNKNOWN, StepState.FAILED, StepState.REFUSED, StepState.RUNNING):
        if state in states:
            return state
    if set(states) <= {StepState.SUCCEEDED, StepState.SKIPPED} and StepState.SUCCEEDED in states:
        return StepState.SUCCEEDED
    return StepState.RUNNING if StepState.SUCCEEDED in states else states[0]


def _state(step: Step, records: Records) -> StepState:
    record = records.get(step.step_id)
    return record.state if record else StepState.PENDING


def _begun(steps: Sequence[Step], records: Records) -> bool:
    idle = {StepState.PENDING, StepState.SKIPPED}
    return any(_state(step, records) not in idle for step in steps)


def _buttons(job: Job, texts: Texts) -> tuple[Button, ...]:
    if job.state not in {JobState.QUEUED, JobState.RUNNING} or job.cancel_requested_by:
        return ()
    return (
        Button(
            button="cancel",
            value=job.job_id,
            label=texts.say("cards.button.cancel"),
            style=ButtonStyle.DANGER,
            confirm=texts.say("cards.button.cancel_confirm"),
        ),
    )
