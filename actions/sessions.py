"""The verbs ``list_sessions`` and ``kill_session``: who is logged in, and ending a login.

Owns: their plans. A session can be ended only as the survey has found it: its number and when it
began go into the plan together, so that what is approved is that very login. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from actions.nodes import (
    note,
    prefixes,
    require_connected,
    require_shell,
    target_of,
    title,
    wire_of,
    wire_targets,
)
from actions.plans import plan_of, wire_plan
from actions.reading import ReadingVerb, reading_plan
from actions.rolling import Steps, run_of
from agent.wire.checks import EndSession, ListSessions
from agent.wire.operations import Operation
from agent.wire.readings import Grid, Reading, Row
from bot.core.domain.estate import Node
from bot.core.domain.plan import Note, Plan, Risk
from bot.core.errors import UserError
from bot.core.ports import ActionRequest

_END_S = 90  # login, the look before, the end, the look after


class ListLogins(ReadingVerb):
    """Who is logged in."""

    action_id = "list_sessions"

    def plan(self, request: ActionRequest) -> Plan:
        """One look per connected node.

        Raises:
            UserError: none of the nodes is connected (``node_not_connected``).
        """
        return reading_plan(request, self.action_id, lambda node: [ListSessions()])


class KillSession:
    """The end of one login session."""

    action_id = "kill_session"
    risk = Risk.DANGER
    needs = frozenset({"system", "layer", "env"})
    reaches_nodes = True

    def survey(self, request: ActionRequest) -> Sequence[Operation]:
        """Who is logged in now.

        Raises:
            UserError: ``pid_missing``, ``node_not_connected``, ``ftp_only``.
        """
        _pid(request)
        require_connected(target_of(request).nodes)
        require_shell(target_of(request).nodes)
        return [ListSessions()]

    def plan(self, request: ActionRequest) -> Plan:
        """The end of the session of that number, named with whose it is.

        Raises:
            UserError: ``pid_missing``; ``session_not_here``, no login on a terminal has that
                number; ``session_ambiguous``, on several nodes one has.
        """
        target, pid = target_of(request), _pid(request)
        node, grid, row = _found(request, pid)
        session = _named(grid, row)
        steps = Steps(prefix=prefixes((node,))[node.node_id], node=wire_of(node))
        operation = EndSession(pid=pid, started=int(session["ticks"]))
        steps.add("end-session", operation, timeout_s=_END_S)
        wire = wire_plan(
            request,
            self.action_id,
            targets=wire_targets((node,), (), target),
            batches=((run_of(steps),),),
        )
        said = {
            "pid": pid,
            "node": node.node_id,
            **{name: session[name] for name in ("user", "terminal", "source")},
        }
        return replace(
            plan_of(
                request,
                wire,
                (node,),
                risk=self.risk,
                named=_title(node, pid=pid, user=session["user"]),
            ),
            outline=(
                note("outline.kill_session", **said),
                note("outline.kill_session_proof"),
            ),
            undo=note("undo.kill_session"),
            warnings=(note("warnings.kill_session", user=session["user"]),),
            exhibits=((node.node_id, _exhibit(grid, row)),),
        )


def _title(node: Node, *, pid: int, user: str) -> Note:
    """Whose login, and where: the card's and the report's first line."""
    plain = title(KillSession.action_id, (node,))
    more = (("node", node.node_id), ("pid", str(pid)), ("user", user))
    return replace(plain, values=(*plain.values, *more))


def _pid(request: ActionRequest) -> int:
    pid = request.params.get("pid")
    if not isinstance(pid, int) or isinstance(pid, bool) or pid < 2:
        raise UserError("pid_missing")
    return pid


def _found(request: ActionRequest, pid: int) -> tuple[Node, Grid, Row]:
    """The one node where a session has this number."""
    found = [
        (node, grid, row)
        for node in target_of(request).nodes
        if (grid := _sessions(request, node)) is not None
        for row in grid.rows
        if row.cells[0] == pid
    ]
    if not found:
        raise UserError("session_not_here", pid=str(pid))
    if len(found) > 1:
        nodes = ", ".join(node.node_id for node, _, _ in found)
        raise UserError("session_ambiguous", pid=str(pid), nodes=nodes)
    return found[0]


def _sessions(request: ActionRequest, node: Node) -> Grid | None:
    reading = request.facts.get((node.node_id, 0))
    return reading.grid("sessions") if isinstance(reading, Reading) else None


def _named(grid: Grid, row: Row) -> dict[str, str]:
    """The cells by their columns' names; what is not known is a dash."""
    cells = zip(grid.columns, row.cells, strict=True)
    return {column.name: "-" if cell is None else str(cell) for column, cell in cells}


def _exhibit(grid: Grid, row: Row) -> Reading:
    return Reading(level="normal", grids=(Grid(name=grid.name, columns=grid.columns, rows=(row,)),))
