"""Where a node's time went: its steps in a handful of phases.

Owns: which step belongs to which phase, and the one line that tells their seconds.
"""

from __future__ import annotations

from bot.core.cards.nodes import NodeStory
from bot.core.cards.wording import took
from bot.core.domain.job import StepRecord
from bot.core.texts import Texts

# In the order in which they are told.
_PHASES: tuple[tuple[str, frozenset[str]], ...] = (
    ("check", frozenset({"preflight", "fingerprint_files", "service_status"})),
    ("backup", frozenset({"backup_files"})),
    ("transfer", frozenset({"stage_files"})),
    ("leave", frozenset({"drain_down", "settle_traffic"})),
    ("replace", frozenset({"replace_files", "restore_backup"})),
    ("restart", frozenset({"mark_log", "stop_service", "start_service"})),
    ("proof", frozenset({"await_health", "scan_log", "probe_node"})),
    ("join", frozenset({"drain_up"})),
    ("watch", frozenset({"watch_node"})),
)


def phase_times(story: NodeStory) -> tuple[tuple[str, int], ...]:
    """Phase and milliseconds, without those that the node never came to; undoing comes last."""
    spent: dict[str, int] = {}
    kinds = {step.step_id: _kind(step.operation) for step in story.run.steps}
    for record in story.known:
        phase = _phase(kinds.get(record.step_id, ""))
        spent[phase] = spent.get(phase, 0) + record.elapsed_ms
    told = [(name, spent[name]) for name, _ in (*_PHASES, ("other", None)) if name in spent]
    undone = _sum(story.undo_known)
    return (*told, ("undo", undone)) if story.undo_known else tuple(told)


def phase_line(story: NodeStory, texts: Texts) -> str:
    """``사전점검 0.4초 · 백업 1.2초 · …``; empty where nothing has run."""
    return " · ".join(
        f"{texts.say(f'cards.phase.{name}')} {took(spent, texts)}"
        for name, spent in phase_times(story)
    )


def worked_ms(story: NodeStory) -> int:
    """The time that the node's steps have taken, undo included."""
    return _sum(story.known) + _sum(story.undo_known)


def _sum(records: tuple[StepRecord, ...]) -> int:
    return sum(record.elapsed_ms for record in records)


def _phase(kind: str) -> str:
    return next((name for name, kinds in _PHASES if kind in kinds), "other")


def _kind(operation: object) -> str:
    kind = str(getattr(operation, "kind", ""))
    return f"drain_{getattr(operation, 'state', '')}" if kind.startswith("drain_") else kind
