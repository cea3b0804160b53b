"""The progress card: node by node, step by step, edited in place.

Owns: which steps are shown with which state. Reads the job's step records only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.wire.plan import NodeRun, Step
from bot.core.cards.answers import has_readings
from bot.core.cards.readings import running_sections
from bot.core.cards.wording import (
    between,
    footer,
    outcome_words,
    page_link,
    records_of,
    step_label,
)
from bot.core.domain.job import TERMINAL, Job, JobState, StepRecord, StepState
from bot.core.domain.plan import Risk
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
from bot.core.recovery import undo_steps
from bot.core.texts import Texts

_NODES_IN_FULL = 2  # beyond, a node is one line, and only the one to look at shows its steps
_NODES_IN_LINES = 12  # beyond, nodes that are done or waiting are a number
_ACTIVE_SHOWN = 8
_BAD_SHOWN = 6
_SILENT = {StepState.PENDING, StepState.RUNNING, StepState.SUCCEEDED, StepState.SKIPPED}
_BAD = {StepState.FAILED, StepState.REFUSED, StepState.UNKNOWN}

Records = Mapping[str, StepRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """What every part of the card looks at."""

    records: Records
    texts: Texts
    now: datetime


def progress_card(
    job: Job, *, texts: Texts, now: datetime, console_url: str | None = None
) -> Report:
    """How far the job is. However many nodes: never longer than a phone's screen or two."""
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
        buttons=() if undoing else cancel_buttons(job, texts),
        footer=footer(job, texts, now),
        link=page_link(job, texts, console_url),
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
    if job.plan.risk is Risk.READ and has_readings(job):
        sections += running_sections(job, texts)
    view = _View(records=records, texts=texts, now=now)
    if all(len(run.steps) == 1 for run in runs) or len(runs) > _NODES_IN_FULL:
        return [*sections, *_fleet(runs, view)]
    shown = _told_off(job, records) if job.state in TERMINAL else records
    for number, run in enumerate(runs, start=1):
        sections += _node(run, shown, texts=texts, now=now, place=f"{number}/{len(runs)}")
    return sections


def _told_off(job: Job, records: Records) -> Records:
    """Of a job that has ended: what has not been done is not waited for any more."""
    steps = [step for run in job.plan.wire.runs() for step in (*run.steps, *run.undo)]
    known = {name: one for name, one in records.items() if one.state is not StepState.PENDING}
    spared = {
        step.step_id: StepRecord(step_id=step.step_id, state=StepState.SKIPPED) for step in steps
    }
    return {**spared, **known}


def _fleet(runs: Sequence[NodeRun], view: _View) -> list[Section]:
    """One line a node, or, of a large fleet, of those that are at work or in trouble."""
    states = {run.node_id: _node_state(run, view.records) for run in runs}
    rows = (
        [_node_row(run, view) for run in runs]
        if len(runs) <= _NODES_IN_LINES
        else _summed_up(runs, states, view)
    )
    sections: list[Section] = [Checklist(rows=tuple(rows))]
    chosen = _to_look_at(runs, states)
    if chosen is not None and len(chosen.steps) > 1:
        place = f"{runs.index(chosen) + 1}/{len(runs)}"
        sections += _node(chosen, view.records, texts=view.texts, now=view.now, place=place)
    return sections


def _summed_up(
    runs: Sequence[NodeRun], states: Mapping[str, StepState], view: _View
) -> list[ChecklistRow]:
    texts = view.texts
    bad = [run for run in runs if states[run.node_id] in _BAD]
    active = [run for run in runs if states[run.node_id] is StepState.RUNNING]
    rows = [_node_row(run, view) for run in bad[:_BAD_SHOWN]]
    rows += _more("more_bad", StepState.FAILED, len(bad) - _BAD_SHOWN, texts)
    rows += [_node_row(run, view) for run in active[:_ACTIVE_SHOWN]]
    rows += _more("more_active", StepState.RUNNING, len(active) - _ACTIVE_SHOWN, texts)
    done = sum(state is StepState.SUCCEEDED for state in states.values())
    undone = sum(state is StepState.SKIPPED for state in states.values())
    waiting = len(runs) - len(bad) - len(active) - done - undone
    rows += _more("undone", StepState.SKIPPED, undone, texts)
    rows += _more("done", StepState.SUCCEEDED, done, texts)
    rows += _more("waiting", StepState.PENDING, waiting, texts)
    return rows


def _more(name: str, state: StepState, count: int, texts: Texts) -> list[ChecklistRow]:
    if count <= 0:
        return []
    label = texts.say(f"cards.progress.{name}", count=count)
    return [ChecklistRow(state=state.value, label=label)]


def _to_look_at(runs: Sequence[NodeRun], states: Mapping[str, StepState]) -> NodeRun | None:
    """The first node in trouble, or the only one at work."""
    bad = [run for run in runs if states[run.node_id] in _BAD]
    active = [run for run in runs if states[run.node_id] is StepState.RUNNING]
    if bad:
        return bad[0]
    return active[0] if len(active) == 1 else None


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


def _node_row(run: NodeRun, view: _View) -> ChecklistRow:
    """A node in one line: how it is, at which step, and how long it has been at it."""
    texts, records = view.texts, view.records
    bad = next((each for each in _known(run, records) if each.state in _BAD), None)
    at, label = _running(run, records), run.node_id
    if at is None and _is_undone(run, records):
        label = texts.say("cards.progress.undone_node", node=label)
    elif at is not None and at in run.undo:
        label = texts.say("cards.progress.undoing_at", node=label, step=step_label(at, texts))
    elif at is not None and len(run.steps) > 1:
        number, total = run.steps.index(at) + 1, len(run.steps)
        step = step_label(at, texts)
        label = texts.say(
            "cards.progress.at_step", node=label, step=step, number=number, total=total
        )
    return ChecklistRow(
        state=_node_state(run, records).value,
        label=label,
        detail=outcome_words(bad, texts, node=run.node_id) if bad else "",
        elapsed_ms=sum(_elapsed(each, view.now) or 0 for each in _known(run, records)) or None,
    )


def _known(run: NodeRun, records: Records) -> list[StepRecord]:
    steps = (*run.steps, *run.undo)
    return [records[step.step_id] for step in steps if step.step_id in records]


def _running(run: NodeRun, records: Records) -> Step | None:
    steps = (*run.undo, *run.steps)
    return next((step for step in steps if _state(step, records) is StepState.RUNNING), None)


def _is_undone(run: NodeRun, records: Records) -> bool:
    return _begun(run.undo, records) and all(
        _state(step, records) is StepState.SUCCEEDED for step in undo_steps(run, records)
    )


def _node_state(run: NodeRun, records: Records) -> StepState:
    """Of the whole node; skipped stands for one that has been put back."""
    if _is_undone(run, records):
        return StepState.SKIPPED
    undoing = _begun(run.undo, records)
    states = [_state(step, records) for step in (run.undo if undoing else run.steps)]
    for state in (StepState.UNKNOWN, StepState.FAILED, StepState.REFUSED, StepState.RUNNING):
        if state in states:
            return state
    if set(states) <= {StepState.SUCCEEDED, StepState.SKIPPED} and StepState.SUCCEEDED in states:
        return StepState.SUCCEEDED
    return StepState.RUNNING if undoing or StepState.SUCCEEDED in states else states[0]


def _state(step: Step, records: Records) -> StepState:
    record = records.get(step.step_id)
    return record.state if record else StepState.PENDING


def _begun(steps: Sequence[Step], records: Records) -> bool:
    idle = {StepState.PENDING, StepState.SKIPPED}
    return any(_state(step, records) not in idle for step in steps)


def cancel_buttons(job: Job, texts: Texts) -> tuple[Button, ...]:
    """The button that stops the job and takes it back, while there is something to stop."""
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
