"""The verb ``config_integrity_check``: watched files against what was agreed that they are.

Owns: the plan of a look, and of making the present state the agreed one. That plan names every
digest it will keep, and shows them. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from actions.nodes import (
    listed,
    note,
    prefixes,
    profiled,
    require_connected,
    target_of,
    title,
    wire_of,
    wire_targets,
)
from actions.plans import plan_of, spared, wire_plan
from actions.reading import reading_plan
from actions.rolling import Steps, run_of
from agent.wire.checks import CompareBaseline, RecordBaseline
from agent.wire.operations import Operation
from agent.wire.plan import NodeRun
from agent.wire.profile import NodeProfile
from agent.wire.readings import Column, Grid, Level, Reading, Row
from bot.core.domain.estate import Node
from bot.core.domain.plan import Note, Plan, Risk
from bot.core.errors import OperationError, UserError
from bot.core.ports import ActionRequest

OPERATIONS = ("check", "init")
_STEP_S = 180
_UNREADABLE = "file_unreadable"
Digests = tuple[tuple[str, str | None], ...]


class ConfigIntegrityCheck:
    """A look at watched files, or a new baseline of them."""

    action_id = "config_integrity_check"
    risk = Risk.CHANGE
    needs = frozenset({"system"})
    reaches_nodes = True

    def survey(self, request: ActionRequest) -> Sequence[Operation]:
        """The files as they are now, where they are to become the baseline.

        Raises:
            UserError: as ``plan``.
        """
        if _operation(request) == "check":
            return []
        _watching(request)
        require_connected(target_of(request).nodes)
        return [CompareBaseline()]

    def plan(self, request: ActionRequest) -> Plan:
        """A look at every node that watches files; or, for ``init``, the recording of what the
        survey has seen there.

        Raises:
            UserError: ``integrity_unknown``, ``nothing_watched``, ``nothing_readable``,
                ``node_not_connected``.
        """
        nodes = _watching(request)
        if _operation(request) == "init":
            return _init_plan(request, nodes)
        plan = reading_plan(
            request,
            self.action_id,
            lambda node: [CompareBaseline()],
            nodes=nodes,
            timeout_s=_STEP_S,
        )
        return spared(plan, request, nodes, "warnings.nothing_watched")


def _operation(request: ActionRequest) -> str:
    operation = str(request.params.get("operation", "check"))
    if operation not in OPERATIONS:
        raise UserError("integrity_unknown", operation=operation)
    return operation


def _watching(request: ActionRequest) -> tuple[Node, ...]:
    return profiled(request, _watches, "nothing_watched")


def _watches(profile: NodeProfile) -> bool:
    return bool(profile.watched or profile.binaries)


# --- a new baseline ------------------------------------------------------------------------------


def _init_plan(request: ActionRequest, nodes: Sequence[Node]) -> Plan:
    target = target_of(request)
    seen = {node.node_id: _seen(request, node) for node in nodes}
    digests = {node_id: _digests(reading) for node_id, reading in seen.items()}
    kept = [node for node in nodes if digests[node.node_id]]
    if not kept:
        raise UserError("nothing_readable", nodes=listed([node.node_id for node in nodes]))
    short = prefixes(kept)
    wire = wire_plan(
        request,
        ConfigIntegrityCheck.action_id,
        targets=wire_targets(kept, (), target),
        batches=(tuple(_run(node, short[node.node_id], digests[node.node_id]) for node in kept),),
    )
    names = tuple(node.node_id for node in kept)
    count = sum(len(digests[name]) for name in names)
    plan = replace(
        plan_of(request, wire, kept, risk=Risk.CHANGE, named=title("config_init", kept)),
        outline=(
            note("outline.config_init", count=count, nodes=listed(names)),
            note("outline.config_init_proof"),
        ),
        undo=note("undo.config_init"),
        warnings=tuple(_warnings(seen)),
        exhibits=tuple((name, _exhibit(seen[name])) for name in names),
    )
    return spared(plan, request, kept, "warnings.nothing_watched")


def _run(node: Node, prefix: str, digests: Digests) -> NodeRun:
    steps = Steps(prefix=prefix, node=wire_of(node))
    steps.add("record-baseline", RecordBaseline(expected=digests), timeout_s=_STEP_S)
    return run_of(steps)


def _seen(request: ActionRequest, node: Node) -> Reading:
    found = request.facts.get((node.node_id, 0))
    if not isinstance(found, Reading):
        raise OperationError("survey_failed", node=node.node_id, code="no_answer")
    return found


def _rows(reading: Reading) -> tuple[Row, ...]:
    grid = reading.grid("watched_files")
    return grid.rows if grid is not None else ()


def _digests(reading: Reading) -> Digests:
    """Path and whole digest of every file that could be read."""
    return tuple(
        (str(row.cells[0]), None if row.cells[3] is None else str(row.cells[3]))
        for row in _rows(reading)
        if row.cells[1] != _UNREADABLE
    )


def _warnings(seen: dict[str, Reading]) -> list[Note]:
    unread = [
        f"{node_id} {row.cells[0]}"
        for node_id, reading in seen.items()
        for row in _rows(reading)
        if row.cells[1] == _UNREADABLE
    ]
    changed = sum(
        row.level in {"warning", "critical"} for reading in seen.values() for row in _rows(reading)
    )
    found = []
    if changed:
        found.append(note("warnings.config_changed", count=changed))
    if unread:
        found.append(note("warnings.config_unreadable", files=listed(unread)))
    return found


def _exhibit(reading: Reading) -> Reading:
    """The very digests, whole, and what has changed since the last baseline."""
    rows = tuple(
        Row(cells=(row.cells[0], row.cells[1], row.cells[3]), level=_shown_level(row))
        for row in _rows(reading)
    )
    columns = (
        Column(name="watched_path"),
        Column(name="file_state", unit="word"),
        Column(name="file_digest"),
    )
    facts = tuple(fact for fact in reading.facts if fact.name == "baseline_recorded")
    return Reading(
        level="normal",
        facts=facts,
        grids=(Grid(name="watched_files", columns=columns, rows=rows),),
        excerpts=reading.excerpts,
        remarks=tuple(one for one in reading.remarks if one.code == "masked_change"),
    )


def _shown_level(row: Row) -> Level:
    """That there has been no baseline yet is nothing to worry about here."""
    return "normal" if row.cells[1] == "file_not_kept" else row.level
