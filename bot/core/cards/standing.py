"""How a node stands after a run that did not end well, as far as its step records tell.

Owns: files, service and balancer of a node, read off its steps in order. Knows no words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from agent.wire.plan import NodeRun, Step
from bot.core.cards.wording import records_of
from bot.core.domain.job import Job, StepRecord, StepState

_BEGUN = {StepState.RUNNING, StepState.SUCCEEDED, StepState.FAILED, StepState.UNKNOWN}
# Failures that are found out before anything is touched.
_HARMLESS = {
    "backup_unreadable",
    "syntax_check_failed",
    "reload_failed",
    "member_missing",
    "last_member",
    "not_staged",
}


class Condition(StrEnum):
    """Of one thing at a node; the first two are its files, the next its service, its balancer."""

    BEFORE = "before"
    NEW = "new"
    RUNNING = "running"
    STOPPED = "stopped"
    IN = "in"
    OUT = "out"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of a node. ``last_done`` and ``stopped_at`` are steps of the plan."""

    files: Condition
    service: Condition = Condition.RUNNING
    balancer: Condition = Condition.IN
    last_done: Step | None = None
    stopped_at: Step | None = None
    why: StepRecord | None = None


def standing_of(job: Job, run: NodeRun) -> Standing:
    """Reads forward and undo steps in the order in which they ran."""
    back = job.plan.deployment is not None
    standing = Standing(files=Condition.NEW if back else Condition.BEFORE)
    records = records_of(job)
    for step in (*run.steps, *run.undo):
        record = records.get(step.step_id)
        if record is not None and record.state in _BEGUN:
            standing = _after(standing, step, record)
    return standing


def balanced(runs: Sequence[NodeRun], node_id: str) -> bool:
    """Whether the plan takes this node out of a balancer at all."""
    return any(
        step.operation.kind.startswith("drain_")
        for run in runs
        if run.node_id == node_id
        for step in run.steps
    )


def _after(standing: Standing, step: Step, record: StepRecord) -> Standing:
    done = record.state is StepState.SUCCEEDED
    moved = standing if record.code in _HARMLESS else _moved(standing, step, done=done)
    if done:
        return replace(moved, last_done=step)
    return replace(moved, stopped_at=step, why=record)


def _moved(standing: Standing, step: Step, *, done: bool) -> Standing:
    match step.operation.kind:
        case "replace_files":
            return replace(standing, files=Condition.NEW if done else Condition.UNKNOWN)
        case "restore_backup":
            return replace(standing, files=Condition.BEFORE if done else Condition.UNKNOWN)
        case "stop_service":
            return replace(standing, service=Condition.STOPPED if done else Condition.UNKNOWN)
        case "start_service":
            return replace(standing, service=Condition.RUNNING if done else Condition.UNKNOWN)
        case "drain_member" | "drain_device":
            towards = getattr(step.operation, "state", "")
            there = Condition.OUT if towards == "down" else Condition.IN
            return replace(standing, balancer=there if done else Condition.UNKNOWN)
        case _:
            return standing
