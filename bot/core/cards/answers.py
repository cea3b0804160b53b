"""What each node answered to a look, read off a job's step records.

Owns: which nodes are well, which are not, which could not be judged and which did not answer, and
their order: the worst first. Knows words only for why a node is bad.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from agent.wire.plan import NodeRun, Step
from agent.wire.readings import Grid, Reading, Row, worst
from bot.core.cards.values import cell_words, name_words, remark_words, value_words
from bot.core.cards.wording import outcome_words, records_of, step_label
from bot.core.domain.job import TERMINAL, Job, StepRecord, StepState
from bot.core.texts import Texts

# The worst first; "failed": it did not answer, or not to everything.
ORDER = ("critical", "failed", "warning", "unknown", "normal", "waiting")
BAD = frozenset({"critical", "warning"})
_TROUBLED = {StepState.FAILED, StepState.REFUSED, StepState.UNKNOWN}
_REASONS = 3

_RecordOf = Callable[[str], StepRecord | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAnswer:
    """One node: what it answered, and which steps it did not answer."""

    node_id: str
    readings: tuple[tuple[Step, Reading], ...]
    troubles: tuple[tuple[Step, StepRecord], ...]
    unasked: bool  # a step has not ended, and will not any more
    waiting: bool  # a step has not ended yet
    steps: int = 1

    @property
    def level(self) -> str:
        """The worst that counts of its readings; ``failed``, ``waiting`` where they lack."""
        found: str = worst(*(reading.level for _, reading in self.readings))
        if found not in BAD and (self.troubles or self.unasked):
            return "failed"
        return "waiting" if found not in BAD and self.waiting else found


def answers_of(job: Job) -> list[NodeAnswer]:
    """Every node of the plan, the worst first, else in the plan's order."""
    records = records_of(job)
    ended = job.state in TERMINAL
    answers = [_answer(run, records.get, ended=ended) for run in job.plan.wire.runs()]
    return in_order(answers)


def in_order(answers: Iterable[NodeAnswer]) -> list[NodeAnswer]:
    """The worst first."""
    return sorted(answers, key=lambda answer: ORDER.index(answer.level))


def has_readings(job: Job) -> bool:
    """Whether any of its steps has answered with a reading."""
    return any(isinstance(record.result, Reading) for record in job.steps)


def has_bad_readings(job: Job) -> bool:
    """Whether any of its steps has found something that is not as it should be."""
    return any(
        isinstance(record.result, Reading) and record.result.level in BAD for record in job.steps
    )


def shown_answer(node_id: str, reading: Reading, step: Step) -> NodeAnswer:
    """A reading of its own, as an answer."""
    return NodeAnswer(
        node_id=node_id, readings=((step, reading),), troubles=(), unasked=False, waiting=False
    )


def reasons(answer: NodeAnswer, texts: Texts, *, most: int = _REASONS) -> list[str]:
    """Why it is not well, in a few words each."""
    told = [
        f"{name_words('fact', fact.name, texts)} {value_words(fact.value, fact.unit, texts)}"
        for _, reading in answer.readings
        for fact in reading.facts
        if fact.level != "normal" and fact.value is not None
    ]
    told += remarks(answer, texts)
    told = told or rows_words(answer, texts)
    if len(told) <= most:
        return told
    return [*told[:most], texts.say("reading.more_reasons", count=len(told) - most)]


def remarks(answer: NodeAnswer, texts: Texts, *, normal: bool = False) -> list[str]:
    """What is said of it in sentences: what failed, and what it remarks."""
    said = [
        remark_words(remark, texts)
        for _, reading in answer.readings
        for remark in reading.remarks
        if normal or remark.level != "normal"
    ]
    return [*failures(answer, texts), *dict.fromkeys(said)]  # two steps may say the same


def rows_words(answer: NodeAnswer, texts: Texts) -> list[str]:
    """Which rows of its tables are bad, by their first cells."""
    return [
        said
        for _, reading in answer.readings
        for grid in reading.grids
        if (said := _bad_rows(grid, texts))
    ]


def failures(answer: NodeAnswer, texts: Texts) -> list[str]:
    """The steps that it did not answer, and why."""
    told = []
    for step, record in answer.troubles:
        said = outcome_words(record, texts, node=answer.node_id)
        if answer.steps > 1:
            said = texts.say("reading.failed_step", step=step_label(step, texts), what=said)
        told.append(said)
    if not told and answer.unasked:
        told.append(texts.say("cards.reading.not_asked"))
    return told


def bad_rows(grid: Grid) -> list[Row]:
    return [row for row in grid.rows if row.level != "normal"]


def _bad_rows(grid: Grid, texts: Texts) -> str:
    """``파일시스템: /app``; empty where all its rows are as they should be."""
    rows = bad_rows(grid)
    if not rows or not grid.columns:
        return ""
    first = [cell_words(row.cells[0], grid.columns[0], texts) for row in rows if row.cells]
    named = ", ".join(dict.fromkeys(first[:_REASONS]))
    if len(first) > _REASONS:
        named = texts.say("cards.and_more", shown=named, count=len(first) - _REASONS)
    return texts.say("reading.rows", grid=name_words("grid", grid.name, texts), rows=named)


def _answer(run: NodeRun, record_of: _RecordOf, *, ended: bool) -> NodeAnswer:
    known = [(step, record_of(step.step_id)) for step in run.steps]
    found = [(step, record) for step, record in known if record is not None]
    open_steps = len(found) < len(known) or any(_is_open(record) for _, record in found)
    return NodeAnswer(
        node_id=run.node_id,
        readings=_readings(found),
        troubles=tuple((step, record) for step, record in found if record.state in _TROUBLED),
        unasked=ended and open_steps,
        waiting=open_steps and not ended,
        steps=len(run.steps),
    )


def _is_open(record: StepRecord) -> bool:
    return record.state in {StepState.PENDING, StepState.RUNNING, StepState.SKIPPED}


def _readings(found: Sequence[tuple[Step, StepRecord]]) -> tuple[tuple[Step, Reading], ...]:
    return tuple(
        (step, record.result) for step, record in found if isinstance(record.result, Reading)
    )
