"""Node after node without an interruption: the step sequences that verbs share.

Owns: the order of steps at one node, their ids and their time limits. Must not know which verb
asks. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from actions.files import space_for
from actions.nodes import Seat
from agent.wire.operations import (
    AwaitHealth,
    BackupFiles,
    DiscardStaging,
    DrainDevice,
    DrainMember,
    FileSpec,
    MarkLog,
    Operation,
    Preflight,
    ProbeNode,
    ReplaceFiles,
    RestoreBackup,
    ScanLog,
    ServiceStatus,
    SettleTraffic,
    StageFiles,
    StartService,
    StopService,
    WatchNode,
)
from agent.wire.plan import NodeRun, NodeTarget, Step
from bot.core.domain.estate import Node, Rollout

_SETTLE_LEAST_S = 1  # until a reloaded balancer has stopped sending
_GRACE_S = 30  # login and answer around an operation that has a limit of its own
_SLOWEST_LINK = 512 * 1024  # bytes a second that a transfer is given time for
_STEP_MAX_S = 3600


@dataclass(slots=True, kw_only=True)
class Steps:
    """The steps of one node in the making.

    ``seats``: the balancers it stands behind; ``rollout``: how long things get, where the node's
    own service does not say it.
    """

    prefix: str
    node: NodeTarget
    seats: Sequence[Seat] = ()
    rollout: Rollout = field(default_factory=Rollout)
    _made: list[Step] = field(default_factory=list)
    _mark: str = ""

    def add(self, name: str, operation: Operation, *, timeout_s: int = 60, at: str = "") -> str:
        """Append one step; it runs at the node itself unless ``at`` says where."""
        step_id = f"{self.prefix}.{len(self._made) + 1:02}-{name}"
        self._made.append(
            Step(
                step_id=step_id,
                node_id=at or self.node.node_id,
                operation=operation,
                timeout_s=min(timeout_s, _STEP_MAX_S),
            )
        )
        return step_id

    def done(self) -> tuple[Step, ...]:
        return tuple(self._made)

    def preflight(self, size: int = 0) -> None:
        """``size``: bytes that will be uploaded."""
        self.add("preflight", Preflight(bytes_needed=space_for(size)))

    def leave(self) -> None:
        """Out of every balancer, and wait for requests in flight."""
        for seat in self.seats:
            self._drain(seat, "down")
        limit = self.rollout.settle_s
        if self.seats and limit:
            operation = SettleTraffic(seconds=limit, at_least_s=min(limit, _SETTLE_LEAST_S))
            self.add("settle", operation, timeout_s=limit + _GRACE_S)

    def join(self) -> None:
        """Back into every balancer."""
        for seat in self.seats:
            self._drain(seat, "up")

    def _drain(self, seat: Seat, state: str) -> None:
        name = "drain" if state == "down" else "join"
        self.add(f"{name}{_suffix(self.seats, seat)}", _drained(seat, state), at=seat.helper)

    def backup(
        self, backup_id: str, files: Sequence[FileSpec], *, folders: Sequence[str] = ()
    ) -> None:
        """``folders``: exploded folders, kept whole."""
        paths = tuple(file.path for file in files)
        size = sum(file.size for file in files)
        operation = BackupFiles(backup_id=backup_id, paths=paths, folders=tuple(folders))
        self.add("backup", operation, timeout_s=_for_bytes(size, len(files)))

    def stage(self, files: Sequence[FileSpec]) -> None:
        limit = _for_bytes(sum(file.size for file in files), len(files))
        self.add("stage", StageFiles(files=tuple(files)), timeout_s=limit)

    def replace(self, files: Sequence[FileSpec], *, cleared: Sequence[str] = ()) -> None:
        """``cleared``: exploded folders that the new archives make obsolete."""
        limit = _for_bytes(sum(file.size for file in files), len(files))
        operation = ReplaceFiles(files=tuple(files), cleared=tuple(cleared))
        self.add("replace", operation, timeout_s=limit)

    def discard(self) -> None:
        """What was staged and not put into place goes away."""
        self.add("discard", DiscardStaging())

    def restore(self, backup_id: str, size: int = 0, count: int = 0) -> None:
        operation = RestoreBackup(backup_id=backup_id)
        self.add("restore", operation, timeout_s=_for_bytes(size, count))

    def mark_log(self) -> None:
        self._mark = self.add("mark-log", MarkLog())

    def scan_log(self) -> None:
        """Read the log from the last mark on."""
        self.add("scan-log", ScanLog(since=self._mark))

    def stop(self) -> None:
        limit = self.node.service.stop_s or self.rollout.stop_s
        self.add("stop", StopService(timeout_s=limit), timeout_s=limit + _GRACE_S)

    def start(self) -> None:
        limit = self.node.service.start_s or self.rollout.start_s
        self.add("start", StartService(timeout_s=limit), timeout_s=limit + _GRACE_S)

    def await_health(self) -> None:
        limit = self.node.service.health_s or self.rollout.health_s
        operation = AwaitHealth(path=self.node.service.health_path, timeout_s=limit)
        self.add("health", operation, timeout_s=limit + _GRACE_S)

    def watch(self, *, judges_log: bool = False) -> None:
        """A while after it has come back, where the service asks for it."""
        seconds = self.node.service.watch_s
        if seconds:
            path = self.node.service.health_path
            operation = WatchNode(path=path, seconds=seconds, judges_log=judges_log)
            self.add("watch", operation, timeout_s=seconds + _GRACE_S)

    def probe(self) -> None:
        self.add("probe", ProbeNode())

    def status(self) -> None:
        self.add("status", ServiceStatus())


def undo_steps(steps: Steps) -> Steps:
    """An empty sequence for undoing at the same node."""
    return Steps(
        prefix=f"{steps.prefix}.undo",
        node=steps.node,
        seats=steps.seats,
        rollout=steps.rollout,
    )


def run_of(steps: Steps, undo: Steps | None = None) -> NodeRun:
    return NodeRun(node_id=steps.node.node_id, steps=steps.done(), undo=undo.done() if undo else ())


def bring_back(steps: Steps) -> Steps:
    """Undo of what only stopped and started: running, proved healthy, and only then served.

    The balancer comes last on purpose: where health is not proved the sequence ends before it,
    so that no request reaches a broken node.
    """
    undo = undo_steps(steps)
    undo.start()
    undo.await_health()
    undo.join()
    return undo


def portions(
    nodes: Sequence[Node], rollout: Rollout, *, siblings: int
) -> tuple[tuple[Node, ...], ...]:
    """The nodes in the portions that run side by side: the canary, then batches.

    However large a batch the site allows: somebody of the layer keeps serving.
    """
    most = max(1, min(rollout.batch, siblings - 1))
    first = min(rollout.canary, most, len(nodes))
    rest = nodes[first:]
    batches = [tuple(rest[start : start + most]) for start in range(0, len(rest), most)]
    return tuple(batch for batch in (tuple(nodes[:first]), *batches) if batch)


def _drained(seat: Seat, state: str) -> Operation:
    towards: Literal["down", "up"] = "down" if state == "down" else "up"
    if seat.device:
        return DrainDevice(device=seat.device, member=seat.member, state=towards)
    return DrainMember(member=seat.member, state=towards)


def _suffix(seats: Sequence[Seat], seat: Seat) -> str:
    return "" if len(seats) == 1 else f"-{list(seats).index(seat) + 1}"


def _for_bytes(size: int, count: int) -> int:
    """Seconds: a floor, the slowest link, and half a second a file for its round trips."""
    return 120 + size // _SLOWEST_LINK + count // 2
