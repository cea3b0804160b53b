"""The verb ``collect_target_logs``: lines of the logs of every node, within a time window.

Owns: the window, the number of lines and of those around a found one, and which logs. Pure.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from pydantic import TypeAdapter, ValidationError

from actions.nodes import listed, note
from actions.reading import ReadingVerb, reading_plan
from agent.wire.checks import Literally, SearchLog
from agent.wire.operations import Operation
from bot.core.domain.estate import Node
from bot.core.domain.plan import Plan
from bot.core.errors import UserError
from bot.core.ports import ActionRequest

_STEP_S = 300  # a large log of a slow server
_LINES = 100
_WORKBOOK_LINES = 5000
_AROUND = 2  # lines before and after a found one, so that it can be understood
_HOURS = 1
_FORMATS = ("text", "xlsx")
_LITERALLY: TypeAdapter[str] = TypeAdapter(Literally)


class CollectTargetLogs(ReadingVerb):
    """Logs, as text or as a workbook."""

    action_id = "collect_target_logs"

    def plan(self, request: ActionRequest) -> Plan:
        """One search per log of each node: the service's own, and those that its profile names.

        Raises:
            UserError: ``format_unknown``, ``log_pattern_hidden``, ``node_not_connected``.
        """
        shape = str(request.params.get("format", "text"))
        if shape not in _FORMATS:
            raise UserError("format_unknown", format=shape)
        workbook = shape == "xlsx"
        pattern = _pattern(request)
        plan = reading_plan(
            request,
            self.action_id,
            lambda node: _searches(request, node, workbook=workbook),
            timeout_s=_STEP_S,
        )
        told = note(
            f"outline.collect_target_logs_{'all' if pattern is None else 'matching'}",
            nodes=listed(plan.node_names),
            hours=round(_span(request) / timedelta(hours=1)),
            lines=_lines(request, workbook=workbook),
            pattern="" if pattern is None else pattern,
        )
        return replace(plan, outline=(told,), workbook=workbook)


def _pattern(request: ActionRequest) -> str | None:
    """The words that are looked for; people paste some with characters that nobody sees."""
    said = request.params.get("pattern")
    if said is None:
        return None
    try:
        return _LITERALLY.validate_python(str(said))
    except ValidationError as error:
        raise UserError("log_pattern_hidden") from error


def _searches(request: ActionRequest, node: Node, *, workbook: bool) -> list[Operation]:
    pattern = _pattern(request)
    operation = SearchLog(
        pattern=pattern,
        since=request.now - _span(request),
        until=request.now,
        lines=_lines(request, workbook=workbook),
        context=_AROUND if pattern is not None else 0,
    )
    wire = node.wire
    others = wire.profile.logs if wire else ()
    named = [log.name for log in others if wire and log.path != wire.service.log_path]
    return [operation, *(operation.model_copy(update={"log": name}) for name in named)]


def _span(request: ActionRequest) -> timedelta:
    days, hours = request.params.get("days"), request.params.get("hours")
    if days is None and hours is None:
        return timedelta(hours=_HOURS)
    return timedelta(days=int(str(days or 0)), hours=int(str(hours or 0)))


def _lines(request: ActionRequest, *, workbook: bool) -> int:
    asked = request.params.get("lines")
    return int(str(asked)) if asked is not None else (_WORKBOOK_LINES if workbook else _LINES)
