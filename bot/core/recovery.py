"""What a half-run plan needs to be undone, and what a whole run comes to. Pure.

Owns: the rules by which the interpreter of a frozen plan goes back. Plans list every undo step;
which of them apply depends on how far each node got.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.wire.plan import NodeRun, Step, WirePlan
from bot.core.domain.job import StepRecord, StepState

_BEGUN = frozenset({StepState.RUNNING, StepState.SUCCEEDED, StepState.FAILED, StepState.UNKNOWN})
# A backup or a staged file changes a disk but not what the node serves.
_INTRUSIVE = frozenset(
    {
        "drain_member",
        "drain_device",
        "stop_service",
        "replace_files",
        "restore_backup",
        "start_service",
        "register_cron",
    }
)
_DRAINS = frozenset({"drain_member", "drain_device"})
# With these codes a balancer says that it serves by its old file.
_NOT_DRAINED = frozenset({"syntax_check_failed", "reload_failed", "member_missing", "last_member"})
# With these a crontab has been left alone.
_NOT_REGISTERED = frozenset(
    {
        "crontab_moved",
        "cron_root",
        "cron_not_text",
        "cron_missing",
        "cron_refused",
        "cron_block_broken",
        "cron_invalid",
        "not_in_profile",
    }
)
_DISTURBING = frozenset({"stop_service", "replace_files", "restore_backup", "start_service"})


def begun_kinds(run: NodeRun, records: Mapping[str, StepRecord]) -> frozenset[str]:
    """The kinds of this run's forward steps that have at least begun."""
    return frozenset(
        step.operation.kind
        for step in run.steps
        if step.step_id in records and has_effect(step, records[step.step_id])
    )


def has_effect(step: Step, record: StepRecord) -> bool:
    """Whether the step may have changed something: it has begun, and does not say otherwise."""
    kind = step.operation.kind
    refused = kind in _DRAINS and record.code in _NOT_DRAINED
    refused |= kind == "register_cron" and record.code in _NOT_REGISTERED
    return record.state in _BEGUN and not (record.state is StepState.FAILED and refused)


def touched(plan: WirePlan, records: Mapping[str, StepRecord]) -> tuple[NodeRun, ...]:
    """The node runs that serve something else, or may, than before; the latest first."""
    return tuple(run for run in reversed(plan.runs()) if begun_kinds(run, records) & _INTRUSIVE)


def littered(plan: WirePlan, records: Mapping[str, StepRecord]) -> tuple[NodeRun, ...]:
    """The node runs that serve what they served, but hold files that were staged for nothing."""
    return tuple(
        run
        for run in reversed(plan.runs())
        if "stage_files" in (begun := begun_kinds(run, records)) and not begun & _INTRUSIVE
    )


def undo_steps(run: NodeRun, records: Mapping[str, StepRecord]) -> tuple[Step, ...]:
    """The undo steps that apply to a node, in order.

    A backup is put back only where something was replaced, and a service is restarted only where
    it was stopped or its files changed; what was drained always comes back. Staged files are
    discarded where restoring does not clear them away anyway.
    """
    begun = begun_kinds(run, records)
    skipped: set[str] = set()
    if not begun & {"replace_files", "restore_backup"}:
        skipped.add("restore_backup")
    if "restore_backup" not in skipped or "stage_files" not in begun:
        skipped.add("discard_staging")
    if not begun & _DRAINS:
        skipped |= {*_DRAINS, "settle_traffic"}
    if not begun & _DISTURBING:
        skipped |= {"stop_service", "start_service", "await_health", "settle_traffic", "mark_log"}
    steps = tuple(step for step in run.undo if step.operation.kind not in skipped)
    if not begun & _DISTURBING:
        return tuple(step for step in steps if not _takes_out(step))
    return steps


def _takes_out(step: Step) -> bool:
    return getattr(step.operation, "state", "") == "down"
