"""What became of each node of a job, read off its step records.

Owns: the verdict per node. Knows no words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.wire.operations import AwaitHealth, WatchNode, effect_of
from agent.wire.plan import NodeRun, Step
from bot.core.cards.wording import records_of
from bot.core.domain.job import Job, StepRecord, StepState
from bot.core.recovery import has_effect, undo_steps

_BAD = {StepState.FAILED, StepState.REFUSED, StepState.UNKNOWN}
_IDLE = {StepState.PENDING, StepState.SKIPPED}
_PREPARES = {
    "backup_files",
    "stage_files",
    "discard_staging",
    "record_baseline",
}  # changes that nobody served by the node can notice


_CLEARS = "discard_staging"  # changes nothing that is served


class Fate(StrEnum):
    UNTOUCHED = "untouched"  # what it serves has not been changed
    DONE = "done"
    RESTORED = "restored"
    NOT_RESTORED = "not_restored"  # undoing began and did not end well
    BROKEN = "broken"  # stopped half-way and nothing undid it
    UNKNOWN = "unknown"


Trouble = tuple[Step, StepRecord] | tuple[None, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStory:
    """One node run and what is known of it."""

    run: NodeRun
    known: tuple[StepRecord, ...]
    undo_known: tuple[StepRecord, ...]
    fate: Fate
    trouble: Trouble
    undo_trouble: Trouble
    proved: bool  # the last health check of the node succeeded, and nothing changed it after


def stories(job: Job) -> tuple[NodeStory, ...]:
    """Every node of the plan, in its order."""
    records = records_of(job)
    return tuple(_story(run, records) for run in job.plan.wire.runs())


def _story(run: NodeRun, records: Mapping[str, StepRecord]) -> NodeStory:
    return NodeStory(
        run=run,
        known=_known(run.steps, records),
        undo_known=_known(run.undo, records),
        fate=_fate(run, records),
        trouble=_first_bad(run.steps, records),
        undo_trouble=_first_bad(run.undo, records),
        proved=_proved(run, records),
    )


def _known(steps: Iterable[Step], records: Mapping[str, StepRecord]) -> tuple[StepRecord, ...]:
    return tuple(
        records[step.step_id]
        for step in steps
        if step.step_id in records and records[step.step_id].state not in _IDLE
    )


def _first_bad(steps: Iterable[Step], records: Mapping[str, StepRecord]) -> Trouble:
    for step in steps:
        if _is_bad(step, records):
            return step, records[step.step_id]
    return None, None


def _fate(run: NodeRun, records: Mapping[str, StepRecord]) -> Fate:
    undo = _known((step for step in run.undo if step.operation.kind != _CLEARS), records)
    main = _known(run.steps, records)
    if any(record.state is StepState.UNKNOWN for record in (undo or main)):
        return Fate.UNKNOWN
    whole = all(_succeeded(step, records) for step in run.steps)
    if undo:
        back = all(_succeeded(step, records) for step in undo_steps(run, records))
        if back and whole and not _takes_back(run):
            return Fate.DONE
        return Fate.RESTORED if back else Fate.NOT_RESTORED
    if whole:
        return Fate.DONE
    return Fate.BROKEN if any(_felt(step, records) for step in run.steps) else Fate.UNTOUCHED


def _takes_back(run: NodeRun) -> bool:
    """Whether undoing returns to the version before, or only brings the service back."""
    return any(step.operation.kind == "restore_backup" for step in run.undo)


def _succeeded(step: Step, records: Mapping[str, StepRecord]) -> bool:
    record = records.get(step.step_id)
    return record is not None and record.state is StepState.SUCCEEDED


def _disproves(step: Step, records: Mapping[str, StepRecord]) -> bool:
    """After this step, an earlier health check says nothing any more."""
    if isinstance(step.operation, WatchNode):
        return _is_bad(step, records)
    return _felt(step, records) and not step.operation.kind.startswith("drain_")


def _is_bad(step: Step, records: Mapping[str, StepRecord]) -> bool:
    record = records.get(step.step_id)
    return record is not None and record.state in _BAD


def _felt(step: Step, records: Mapping[str, StepRecord]) -> bool:
    """Whether the step has begun to change what the node serves."""
    record = records.get(step.step_id)
    begun = record is not None and has_effect(step, record)
    operation = step.operation
    return begun and effect_of(operation) == "change" and operation.kind not in _PREPARES


def _proved(run: NodeRun, records: Mapping[str, StepRecord]) -> bool:
    proved = False
    for step in (*run.steps, *run.undo):
        if isinstance(step.operation, AwaitHealth) and step.step_id in records:
            proved = _succeeded(step, records)
        elif _disproves(step, records):
            proved = False
    return proved
