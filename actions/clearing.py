"""The verbs ``backup_and_clear`` and ``self_healing_defense``: old logs make room.

Owns: which files their plans name (those of the survey, and no others), and what people see of
them before they agree. All nodes of a plan are cleared side by side: no service is touched. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from actions.nodes import (
    listed,
    note,
    prefixes,
    require_connected,
    require_shell,
    target_of,
    wire_of,
    wire_targets,
)
from actions.plans import plan_of, wire_plan
from actions.rolling import Steps, run_of
from agent.wire.checks import ClearStale, HealDisk, ListStale, StaleFile, StaleLogs
from agent.wire.operations import Operation
from agent.wire.plan import NodeRun, WirePlan
from agent.wire.readings import Column, Fact, Grid, Reading, Row
from bot.core.domain.estate import Node
from bot.core.domain.plan import Note, Plan, Risk
from bot.core.domain.report import Notice, Report, Tone
from bot.core.errors import OperationError, UserError
from bot.core.ports import ActionRequest
from bot.core.texts import Texts

_COMPRESS_DAYS = 30
_DELETE_DAYS = 90
_THRESHOLD = 90
_BYTES_IN_ALL = 2_500_000  # of the files of one plan, which fits a frame of the wire (4 MiB)
_SHOWN = 300
_STEP_S = 300
_STEP_MOST_S = 3600
_SLOWEST = 5 << 20  # bytes a second that compressing, testing and reading back are given time for


@dataclass(frozen=True, slots=True, kw_only=True)
class _Old:
    """What a survey found at one node, and what a plan takes of it."""

    node: Node
    found: StaleLogs
    files: tuple[StaleFile, ...]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


_OperationOf = Callable[[_Old], Operation]


class BackupAndClear:
    """Old logs are compressed, older ones deleted."""

    action_id = "backup_and_clear"
    risk = Risk.CHANGE
    needs = frozenset({"system", "layer", "env"})
    reaches_nodes = True

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def survey(self, request: ActionRequest) -> Sequence[Operation]:
        """What there is, as of now.

        Raises:
            UserError: ``days_in_order``, ``ftp_only``, ``nothing_clearable``.
        """
        return [_look(request)]

    def plan(self, request: ActionRequest) -> Plan | Report:
        """The very files, each with size and time; where there are none, that answer.

        Raises:
            UserError: as ``survey``.
        """
        _look(request)
        found = [old for old in _olds(request) if old.files]
        if not found:
            return _nothing(self._texts, self.action_id, request, tone=Tone.GOOD)
        days = _days(request)
        wire = _wire(request, self.action_id, found, lambda old: ClearStale(files=old.files))
        compress, delete = _sorted_out(found)
        outline = (
            note("outline.stale_delete", **delete, days=days[1]),
            note("outline.stale_compress", **compress, days=days[0]),
            note("outline.stale_kept"),
        )
        return _plan(request, self.action_id, found, wire=wire, outline=outline)


class SelfHealingDefense:
    """Look at the disk, clear old logs where it is too full, look again."""

    action_id = "self_healing_defense"
    risk = Risk.CHANGE
    needs = frozenset({"system", "layer", "env"})
    reaches_nodes = True

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def survey(self, request: ActionRequest) -> Sequence[Operation]:
        """What there is to clear, and how full the disks are.

        Raises:
            UserError: ``ftp_only``, ``nothing_clearable``.
        """
        return [_look(request)]

    def plan(self, request: ActionRequest) -> Plan | Report:
        """For the nodes whose disk has reached the threshold; where none has, that answer.

        Raises:
            UserError: as ``survey``.
        """
        _look(request)
        limit = int(str(request.params.get("threshold", _THRESHOLD)))
        olds = _olds(request)
        full = [old for old in olds if (old.found.used_percent or 0) >= limit]
        if not full:
            used = _used_words(olds)
            return _nothing(
                self._texts, self.action_id, request, tone=Tone.GOOD, limit=limit, used=used
            )
        helped = [old for old in full if old.files]
        if not helped:
            used = _used_words(full)
            name = f"{self.action_id}_helpless"
            return _nothing(self._texts, name, request, tone=Tone.BAD, limit=limit, used=used)
        wire = _wire(
            request, self.action_id, helped, lambda old: HealDisk(used=limit, files=old.files)
        )
        compress, delete = _sorted_out(helped)
        outline = (
            note("outline.heal_check", limit=limit, used=_used_words(helped)),
            note("outline.stale_delete", **delete, days=_days(request)[1]),
            note("outline.stale_compress", **compress, days=_days(request)[0]),
            note("outline.heal_again", limit=limit),
        )
        return _plan(request, self.action_id, helped, wire=wire, outline=outline)


# --- what both share -------------------------------------------------------------------------


def _days(request: ActionRequest) -> tuple[int, int]:
    """From which age on a log is compressed, and deleted."""
    compress = int(str(request.params.get("compress_days", _COMPRESS_DAYS)))
    delete = int(str(request.params.get("delete_days", _DELETE_DAYS)))
    if delete <= compress:
        raise UserError("days_in_order", compress=compress, delete=delete)
    return compress, delete


def _look(request: ActionRequest) -> ListStale:
    nodes = target_of(request).nodes
    require_connected(nodes)
    require_shell(nodes)
    bare = [node.node_id for node in nodes if not wire_of(node).profile.clearable]
    if bare:
        raise UserError("nothing_clearable", nodes=listed(bare))
    compress, delete = _days(request)
    return ListStale(compress_days=compress, delete_days=delete)


def _olds(request: ActionRequest) -> list[_Old]:
    nodes = target_of(request).nodes
    room = _BYTES_IN_ALL // len(nodes)
    made = []
    for node in nodes:
        found = request.facts.get((node.node_id, 0))
        if not isinstance(found, StaleLogs):
            raise OperationError("survey_failed", node=node.node_id, code="no_answer")
        made.append(_Old(node=node, found=found, files=_fitting(found.files, room)))
    return made


def _fitting(files: tuple[StaleFile, ...], room: int) -> tuple[StaleFile, ...]:
    """As many of the first ones, which are the largest, as so many bytes of a plan hold."""
    for number, file in enumerate(files):
        room -= len(file.model_dump_json().encode())
        if room < 0:
            return files[:number]
    return files


def _sorted_out(olds: Sequence[_Old]) -> tuple[dict[str, object], dict[str, object]]:
    """Count and size of what is compressed, and of what is deleted."""
    files = [file for old in olds for file in old.files]

    def told(treatment: str) -> dict[str, object]:
        sizes = [file.size for file in files if file.treatment == treatment]
        return {"count": len(sizes), "size": _size(sum(sizes))}

    return told("compress"), told("delete")


def _size(size: int) -> str:
    value, unit = float(size), "B"
    for larger in ("KB", "MB", "GB"):
        if value >= 1024:
            value, unit = value / 1024, larger
    return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"


def _used_words(olds: Sequence[_Old]) -> str:
    told = [
        f"{old.node.node_id} {'?' if (used := old.found.used_percent) is None else f'{used:g}%'}"
        for old in olds
    ]
    return listed(told)


def _wire(
    request: ActionRequest, action_id: str, olds: Sequence[_Old], operation_of: _OperationOf
) -> WirePlan:
    target = target_of(request)
    nodes = [old.node for old in olds]
    short = prefixes(nodes)
    return wire_plan(
        request,
        action_id,
        targets=wire_targets(nodes, (), target),
        batches=(tuple(_run(old, short, operation_of(old)) for old in olds),),
    )


def _run(old: _Old, short: Mapping[str, str], operation: Operation) -> NodeRun:
    steps = Steps(prefix=short[old.node.node_id], node=wire_of(old.node))
    timeout_s = min(_STEP_S + old.size // _SLOWEST, _STEP_MOST_S)
    steps.add(operation.kind.replace("_", "-"), operation, timeout_s=timeout_s)
    return run_of(steps)


def _plan(
    request: ActionRequest,
    action_id: str,
    olds: Sequence[_Old],
    *,
    wire: WirePlan,
    outline: tuple[Note, ...],
) -> Plan:
    target = target_of(request)
    nodes = [old.node for old in olds]
    return replace(
        plan_of(request, wire, nodes, risk=Risk.CHANGE),
        outline=outline,
        undo=note("undo.clear_stale"),
        warnings=tuple(_warnings(olds, target.nodes)),
        exhibits=tuple((old.node.node_id, _exhibit(old)) for old in olds),
    )


def _warnings(olds: Sequence[_Old], asked: Sequence[Node]) -> list[Note]:
    found = []
    planned = {old.node.node_id for old in olds}
    spared = [node.node_id for node in asked if node.node_id not in planned]
    if spared:
        found.append(note("warnings.stale_spared", nodes=listed(spared)))
    in_use = sum(len(old.found.open_files) for old in olds)
    if in_use:
        example = next(old.found.open_files[0] for old in olds if old.found.open_files)
        found.append(note("warnings.stale_open", count=in_use, example=example))
    more = sum(old.found.more + len(old.found.files) - len(old.files) for old in olds)
    if more:
        found.append(note("warnings.stale_more", count=more))
    return found


def _exhibit(old: _Old) -> Reading:
    """The very files, the largest first."""
    rows = tuple(
        Row(
            cells=(f"{_folder(file)}/{file.path}", f"stale_{file.treatment}", file.size, _day(file))
        )
        for file in old.files
    )
    return Reading(
        level="normal",
        facts=(
            Fact(name="stale_files", value=len(rows), unit="count"),
            Fact(name="stale_bytes", value=old.size, unit="bytes"),
            Fact(name="clear_used_before", value=old.found.used_percent, unit="percent"),
        ),
        grids=(
            Grid(
                name="stale_files",
                columns=(
                    Column(name="clear_file"),
                    Column(name="clear_treatment", unit="word"),
                    Column(name="clear_before", unit="bytes"),
                    Column(name="stale_written", unit="instant"),
                ),
                rows=rows,
            ),
        ),
    )


def _folder(file: StaleFile) -> str:
    return file.folder.rpartition("/")[2]


def _day(file: StaleFile) -> str:
    return datetime.fromtimestamp(file.mtime, UTC).isoformat()


def _nothing(
    texts: Texts, name: str, request: ActionRequest, *, tone: Tone, **values: object
) -> Report:
    """Nothing is to be done, and why; no job is made of it."""
    target = target_of(request)
    compress, delete = _days(request)
    told = {
        "institution": target.system.institution,
        "system": target.system.name,
        "nodes": listed([node.node_id for node in target.nodes]),
        "compress": compress,
        "delete": delete,
        **values,
    }
    title = texts.say(f"clearing.{name}.title", **told)
    said = texts.say(f"clearing.{name}.summary", **told)
    in_use = [held for old in _olds(request) for held in old.found.open_files]
    sections = [Notice(text=said, tone=tone)]
    if in_use:
        left = texts.say("warnings.stale_open", count=len(in_use), example=in_use[0])
        sections.append(Notice(text=left, tone=Tone.NEUTRAL))
    return Report(title=title, summary=said, tone=tone, sections=tuple(sections))
