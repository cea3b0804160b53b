"""The verbs ``check_db_status`` and ``backup_db``: a system's databases.

Owns: their plans. A session is ended only as its own asker has lately seen it block others: its
pid and when it began go into the plan together, so that what is approved is that very session.
Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from actions.nodes import (
    layers_of,
    listed,
    note,
    prefixes,
    profiled,
    require_shell,
    target_of,
    wire_of,
    wire_targets,
    with_database,
)
from actions.plans import plan_of, wire_plan
from actions.reading import reading_plan
from actions.rolling import Steps, run_of
from agent.wire.checks import DumpDatabase, EndBackend, ReadDatabase
from agent.wire.operations import Operation
from agent.wire.profile import NodeProfile
from agent.wire.readings import Grid, Reading, Row
from bot.core.domain.estate import Layer, Node
from bot.core.domain.job import Job
from bot.core.domain.plan import Note, Plan, Risk
from bot.core.errors import UserError
from bot.core.ports import ActionRequest

OPERATIONS = ("check", "kill")
FRESH = timedelta(minutes=5)  # what was seen longer ago may be another session's by now
_END_S = 60
_DUMP_S = 3600  # the most that a step can have
_KEPT = 5  # dumps of one database and node


class CheckDbStatus:
    """Connections and locks; and the end of a session that blocks others."""

    action_id = "check_db_status"
    risk = Risk.DANGER
    needs = frozenset({"system", "seen"})
    reaches_nodes = True

    def survey(self, request: ActionRequest) -> Sequence[Operation]:
        return []

    def plan(self, request: ActionRequest) -> Plan:
        """A look at every database of the target, or the end of one session.

        Raises:
            UserError: ``db_operation_unknown``, ``no_database``, ``node_not_connected``; of the
                end: ``backend_pid_missing``, ``backend_not_seen``, ``backend_seen_long_ago``,
                ``backend_start_hidden``, ``backend_ambiguous``.
        """
        operation = str(request.params.get("operation", "check"))
        if operation not in OPERATIONS:
            raise UserError("db_operation_unknown", operation=operation)
        nodes = with_database(request)
        if operation == "kill":
            return _end_plan(request, nodes)
        limits = target_of(request).limits_of
        return reading_plan(
            request,
            self.action_id,
            lambda node: [ReadDatabase(connections=limits(node.node_id).connections)],
            nodes=nodes,
        )


class BackupDb:
    """A dump of every database of the target, one after the other."""

    action_id = "backup_db"
    risk = Risk.CHANGE
    needs = frozenset({"system", "env"})
    reaches_nodes = True

    def survey(self, request: ActionRequest) -> Sequence[Operation]:
        return []

    def plan(self, request: ActionRequest) -> Plan:
        """One dump a node, in the folder of its profile.

        Raises:
            UserError: ``no_dump_folder``, ``node_not_connected``, ``ftp_only``.
        """
        target = target_of(request)
        nodes = profiled(request, _dumps, "no_dump_folder", sought_on=Layer.DB)
        require_shell(nodes)
        short = prefixes(nodes)
        runs = []
        for node in nodes:
            steps = Steps(prefix=short[node.node_id], node=wire_of(node))
            steps.add("dump", DumpDatabase(keep=_KEPT), timeout_s=_DUMP_S)
            runs.append(run_of(steps))
        wire = wire_plan(
            request,
            self.action_id,
            targets=wire_targets(nodes, (), target),
            batches=tuple((run,) for run in runs),
        )
        return replace(
            plan_of(request, wire, nodes, risk=self.risk),
            outline=(
                *(_dump_note(node) for node in nodes),
                note("outline.backup_db_proof", keep=_KEPT),
            ),
            undo=note("undo.backup_db"),
        )


def _dumps(profile: NodeProfile) -> bool:
    return profile.database is not None and profile.database.dump_folder is not None


def _dump_note(node: Node) -> Note:
    spec = wire_of(node).profile.database
    return note(
        "outline.backup_db",
        node=node.node_id,
        database=spec.name if spec else "",
        folder=(spec.dump_folder or "") if spec else "",
    )


# --- the end of a session ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Blocker:
    """A session as this person has seen it."""

    node: Node
    grid: Grid
    row: Row
    seen_at: datetime

    def cell(self, name: str) -> str:
        at = [column.name for column in self.grid.columns].index(name)
        value = self.row.cells[at]
        return "-" if value is None else str(value)

    @property
    def exhibit(self) -> Reading:
        grid = Grid(name=self.grid.name, columns=self.grid.columns, rows=(self.row,))
        return Reading(level=self.row.level, grids=(grid,))


def _end_plan(request: ActionRequest, nodes: Sequence[Node]) -> Plan:
    target, pid = target_of(request), _pid(request)
    seen = _blocker(request, nodes, pid)
    node = seen.node
    steps = Steps(prefix=prefixes((node,))[node.node_id], node=wire_of(node))
    operation = EndBackend(pid=pid, started=datetime.fromisoformat(seen.cell("started")))
    steps.add("end-backend", operation, timeout_s=_END_S)
    wire = wire_plan(
        request,
        CheckDbStatus.action_id,
        targets=wire_targets((node,), (), target),
        batches=((run_of(steps),),),
    )
    cells = {name: seen.cell(name) for name in ("user", "application", "waiting")}
    return replace(
        plan_of(request, wire, (node,), risk=Risk.DANGER, named=_end_title(node, pid)),
        outline=(
            note("outline.end_backend", node=node.node_id, pid=pid, **cells),
            note("outline.end_backend_proof"),
        ),
        undo=note("undo.end_backend"),
        warnings=(note("warnings.end_backend", user=cells["user"]),),
        exhibits=((node.node_id, seen.exhibit),),
    )


def _end_title(node: Node, pid: int) -> Note:
    return note(
        f"plan.end_backend.{node.entry.env.value}",
        institution=node.entry.institution,
        system=node.entry.system,
        layer=layers_of((node,)),
        pid=pid,
    )


def _pid(request: ActionRequest) -> int:
    """The number only: nothing else is ever bound to the statement that ends a session."""
    pid = request.params.get("pid")
    if not isinstance(pid, int) or isinstance(pid, bool) or not 2 <= pid <= 4_194_304:
        raise UserError("backend_pid_missing")
    return pid


def _blocker(request: ActionRequest, nodes: Sequence[Node], pid: int) -> _Blocker:
    """The session of that pid as this person saw it last, less than five minutes ago."""
    sights = [sight for job in request.seen for sight in _sights(job, nodes, pid)]
    latest = {sight.node.node_id: sight for sight in reversed(sights)}  # newest first, so it wins
    if not latest:
        raise UserError("backend_not_seen", pid=str(pid))
    fresh = [sight for sight in latest.values() if request.now - sight.seen_at < FRESH]
    if not fresh:
        raise UserError("backend_seen_long_ago", pid=str(pid), minutes=_minutes(FRESH))
    if len(fresh) > 1:
        named = listed(sorted(sight.node.node_id for sight in fresh))
        raise UserError("backend_ambiguous", pid=str(pid), nodes=named)
    if fresh[0].cell("started") == "-":
        raise UserError("backend_start_hidden", pid=str(pid))
    return fresh[0]


def _sights(job: Job, nodes: Sequence[Node], pid: int) -> list[_Blocker]:
    """Where that job showed that session blocking others. It looked no earlier than it began."""
    if job.plan.risk is not Risk.READ:
        return []
    records = {record.step_id: record for record in job.steps}
    by_id = {node.node_id: node for node in nodes}
    found = []
    for step in job.plan.wire.steps():
        record = records.get(step.step_id)
        node = by_id.get(step.node_id)
        if node is None or record is None or not isinstance(record.result, Reading):
            continue
        grid = record.result.grid("blocking")
        rows = grid.rows if grid is not None else ()
        for row in rows:
            if grid is not None and row.cells[0] == pid:
                at = record.started_at or job.started_at or job.created_at
                found.append(_Blocker(node=node, grid=grid, row=row, seen_at=at))
    return found


def _minutes(span: timedelta) -> str:
    return str(span // timedelta(minutes=1))
