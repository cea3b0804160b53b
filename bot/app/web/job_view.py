"""A job as its page shows it: values that a template only has to place.

Owns: what is on the page, in which words. Pure: no request, no store, no clock. Shows node ids,
never an address; what came from a server is masked before it gets here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agent.wire.plan import NodeRun, Step
from bot.app.web.outputs import output_of
from bot.app.web.step_output import Parts, SaidView, said_view
from bot.core.cards import final_report, moment, plan_card, progress_card
from bot.core.cards.fleet import fate_words, version_words
from bot.core.cards.nodes import NodeStory, stories
from bot.core.cards.wording import between, clock, outcome_words, short, step_label, took
from bot.core.domain.job import TERMINAL, Job, JobState, StepRecord, StepState
from bot.core.domain.people import Actor
from bot.core.domain.plan import Risk
from bot.core.domain.report import Facts, Notice, Report, Section
from bot.core.recovery import undo_steps
from bot.core.texts import Texts
from bot.core.versions import Past, VersionChange, files_before, version_changes

_OPEN_NODES = 2  # so few are shown open; of more, only those in trouble
_OPEN_MOST = 6
# Of more nodes, those in trouble and those at work come first, and output is a page away: forty
# nodes with all that is kept of them would be megabytes a second.
_IN_FULL = 6
_FIRST = ("broken", "active")
_FILES_SHOWN = 500
_BAD = frozenset({StepState.FAILED, StepState.REFUSED, StepState.UNKNOWN})
_IDLE = frozenset({StepState.PENDING, StepState.SKIPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One step: its state, what it is, what came of it, and everything that is kept of it."""

    step_id: str
    state: str
    label: str
    detail: str
    elapsed: str
    began: str
    output: tuple[str, ...]
    said: SaidView | None  # while it runs, or ran


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """One node: ``files`` are path, digest before and after."""

    node_id: str
    phase: str  # idle, active, done or broken
    place: str
    said: str
    elapsed: str
    version: str
    names: str
    steps: tuple[StepView, ...]
    undo: tuple[StepView, ...]
    files: tuple[tuple[str, str, str], ...]
    more_files: int
    shown_open: bool
    brief: bool  # output and files are on a page of the node's own


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """The whole page. ``live``: the job has not ended, and the page asks for more."""

    job_id: str
    state: str
    title: str
    tone: str
    summary: str
    facts: tuple[tuple[str, str], ...]
    outcome: tuple[Section, ...]
    plan: tuple[Section, ...]
    nodes: tuple[NodeView, ...]
    done: int
    total: int
    live: bool
    node: str  # the one node that the page is about; empty: all of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the page is made of besides the job."""

    past: Past
    people: Sequence[Actor] = ()
    now: datetime
    node: str = ""  # show this one only, with everything
    outputs: Parts = field(default_factory=dict)  # what steps have said, by their ids


def job_view(job: Job, known: Known, texts: Texts) -> JobView:
    """The page of a job as of now."""
    live = job.state not in TERMINAL
    plan = plan_card(job, approvers=known.people, texts=texts, now=known.now)
    heading = _heading(job, plan, known, texts)
    records = {record.step_id: record for record in job.steps}
    main = [step for run in job.plan.wire.runs() for step in run.steps]
    return JobView(
        job_id=job.job_id,
        state=job.state.value,
        title=heading.title,
        tone=heading.tone.value,
        summary=heading.summary,
        facts=_facts(job, known, texts),
        outcome=() if live else _outcome(heading, texts),
        plan=plan.sections,
        nodes=_nodes(job, known, records, texts),
        done=sum(_state(step, records) is StepState.SUCCEEDED for step in main),
        total=len(main),
        live=live,
        node=known.node,
    )


def _heading(job: Job, plan: Report, known: Known, texts: Texts) -> Report:
    if job.state in TERMINAL:
        return final_report(job, texts=texts, past=known.past, whole=True)
    if job.state in {JobState.QUEUED, JobState.RUNNING}:
        return progress_card(job, texts=texts, now=known.now)
    return plan


def _outcome(report: Report, texts: Texts) -> tuple[Section, ...]:
    """Without what the page's head says already."""
    first = report.sections[:1]
    job = texts.say("cards.fact.job")
    rest = tuple(
        section
        for section in report.sections[1:]
        if not (isinstance(section, Facts) and job in dict(section.rows))
    )
    return (*(each for each in first if isinstance(each, Notice)), *rest)


def _facts(job: Job, known: Known, texts: Texts) -> tuple[tuple[str, str], ...]:
    begun = job.started_at
    rows = [
        ("requester", job.requester_name),
        ("sr", job.sr or "-"),
        ("asked", _moment(job.created_at)),
        ("started", _moment(begun)),
        ("ended", _moment(job.ended_at)),
        ("elapsed", between(begun, job.ended_at or known.now, texts)),
    ]
    if job.run_at is not None and begun is None:
        rows.insert(3, ("run_at", moment(job.run_at, texts)))
    return tuple(
        (texts.say(f"console.fact.{name}"), value) for name, value in rows if value not in {"", "-"}
    )


def _moment(at: datetime | None) -> str:
    return f"{clock(at)}" if at else ""


def _nodes(
    job: Job, known: Known, records: Mapping[str, StepRecord], texts: Texts
) -> tuple[NodeView, ...]:
    runs = job.plan.wire.runs()
    changes = version_changes(job, known.past)
    few = len(runs) <= _OPEN_NODES or bool(known.node)
    brief = len(runs) > _IN_FULL and not known.node
    views: list[NodeView] = []
    opened = 0
    for number, (run, story) in enumerate(zip(runs, stories(job), strict=True), start=1):
        if known.node not in {"", run.node_id}:
            continue
        phase = _phase(run, records)
        wanted = few or phase == "broken"
        shown_open = wanted and opened < _OPEN_MOST
        opened += shown_open
        files, more = ((), 0) if brief else _files(job, run.node_id)
        views.append(
            NodeView(
                node_id=run.node_id,
                phase=phase,
                place=f"{number}/{len(runs)}" if len(runs) > 1 else "",
                said=_said(job, story, records, texts),
                elapsed=_worked(run, records, known.now, texts),
                version=_version(job, story, changes.get(run.node_id), texts),
                names=_names(changes.get(run.node_id), texts),
                steps=tuple(_step(step, records, known, texts, brief=brief) for step in run.steps),
                undo=tuple(
                    _step(step, records, known, texts, brief=brief)
                    for step in _undoing(run, records)
                ),
                files=files,
                more_files=more,
                shown_open=shown_open,
                brief=brief,
            )
        )
    if len(views) > _IN_FULL:
        views.sort(key=lambda view: _FIRST.index(view.phase) if view.phase in _FIRST else 2)
    return tuple(views)


def _said(job: Job, story: NodeStory, records: Mapping[str, StepRecord], texts: Texts) -> str:
    """What the node is at; afterwards, what became of it."""
    if job.state not in TERMINAL:
        steps = (*story.run.undo, *story.run.steps)
        at = next((s for s in steps if _state(s, records) is StepState.RUNNING), None)
        return step_label(at, texts) if at else ""
    begun = any(_state(step, records) not in _IDLE for step in story.run.steps)
    return fate_words(job, story.fate, texts) if begun and job.plan.risk is not Risk.READ else ""


def _undoing(run: NodeRun, records: Mapping[str, StepRecord]) -> tuple[Step, ...]:
    """The undo steps that apply, once undoing has begun."""
    begun = any(_state(step, records) not in _IDLE for step in run.undo)
    return undo_steps(run, records) if begun else ()


def _phase(run: NodeRun, records: Mapping[str, StepRecord]) -> str:
    states = [_state(step, records) for step in (*run.steps, *run.undo)]
    if any(state in _BAD for state in states):
        return "broken"
    if StepState.RUNNING in states:
        return "active"
    forward = [_state(step, records) for step in run.steps]
    if all(state is StepState.SUCCEEDED for state in forward):
        return "done"
    return "active" if StepState.SUCCEEDED in forward else "idle"


def _step(
    step: Step,
    records: Mapping[str, StepRecord],
    page: Known,
    texts: Texts,
    *,
    brief: bool,
) -> StepView:
    """``brief``: output only of what went wrong."""
    unknown = StepRecord(step_id=step.step_id, state=StepState.PENDING)
    known = records.get(step.step_id, unknown)
    bad = known.state in _BAD
    words = [outcome_words(known, texts, node=step.node_id)] if bad else []
    if known.attempt > 1:
        words.append(texts.say("console.attempt", count=known.attempt))
    return StepView(
        step_id=step.step_id,
        state=known.state.value,
        label=step_label(step, texts),
        detail=" · ".join(words),
        elapsed=_elapsed(known, page.now, texts),
        began=_moment(known.started_at),
        output=output_of(known, texts) if bad or not brief else (),
        said=said_view(
            step.step_id,
            page.outputs.get(step.step_id),
            texts,
            live=known.state is StepState.RUNNING,
        ),
    )


def _elapsed(record: StepRecord, now: datetime, texts: Texts) -> str:
    if record.state in _IDLE:
        return ""
    if record.state is StepState.RUNNING:
        return between(record.started_at, now, texts) if record.started_at else ""
    return took(record.elapsed_ms, texts)


def _worked(run: NodeRun, records: Mapping[str, StepRecord], now: datetime, texts: Texts) -> str:
    spent = 0
    for step in (*run.steps, *run.undo):
        record = records.get(step.step_id)
        if record is None:
            continue
        spent += record.elapsed_ms
        if record.state is StepState.RUNNING and record.started_at:
            spent += max(0, round((now - record.started_at).total_seconds() * 1000))
    return took(spent, texts) if spent else ""


def _version(job: Job, story: NodeStory, change: VersionChange | None, texts: Texts) -> str:
    """While it runs, where the node is going; afterwards, where it stands."""
    if change is None:
        return ""
    if job.state in TERMINAL:
        return version_words(job, story, change, texts)
    after = _short_version(change.after, texts)
    if change.before is None:  # not read yet: nothing is wrong with it
        return f"→ {after}"
    return f"{_short_version(change.before, texts)} → {after}"


def _short_version(version: str | None, texts: Texts) -> str:
    if version is None:
        return texts.say("cards.final.version_unknown")
    return version or texts.say("cards.final.version_none")


def _names(change: VersionChange | None, texts: Texts) -> str:
    if change is None:
        return ""
    unrecorded = texts.say("cards.final.unrecorded")
    return f"{change.before_name or unrecorded} → {change.after_name or unrecorded}"


def _files(job: Job, node_id: str) -> tuple[tuple[tuple[str, str, str], ...], int]:
    before = files_before(job, node_id)
    rows = tuple(
        (
            file.path,
            "?" if before is None else short(before.get(file.path) or "") or "-",
            short(file.sha256),
        )
        for file in job.plan.files[:_FILES_SHOWN]
    )
    return rows, len(job.plan.files) - len(rows)


def _state(step: Step, records: Mapping[str, StepRecord]) -> StepState:
    record = records.get(step.step_id)
    return record.state if record else StepState.PENDING
