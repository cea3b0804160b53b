"""The verb ``deploy``: put files on nodes, one node after the other, undone as a whole.

Owns: what a deployment plan contains and why it restarts or does not. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from actions.files import (
    compare,
    differs,
    entries_of,
    fingerprint,
    is_known,
    to_send,
)
from actions.nodes import (
    Seat,
    coverage_warnings,
    environments_of,
    interruption_warnings,
    listed,
    note,
    prefixes,
    require_files_reachable,
    seats_of,
    target_of,
    title,
    wire_of,
    wire_targets,
)
from actions.rolling import Steps, run_of, undo_steps
from agent.wire.operations import FileSpec, Operation
from agent.wire.plan import NodeRun, WirePlan
from bot.core.domain.estate import Node, Target
from bot.core.domain.plan import FileChange, Handling, Note, Novelty, Plan, Risk
from bot.core.errors import UserError
from bot.core.ports import ActionRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """What has been decided, before it becomes steps."""

    target: Target
    nodes: tuple[Node, ...]  # those that change
    idle: tuple[Node, ...]  # those that have everything already
    files: tuple[FileChange, ...]
    restart: bool
    reason: Note


class Deploy:
    """Files to nodes."""

    action_id = "deploy"
    risk = Risk.CHANGE
    needs = frozenset({"system", "layer", "env", "sr", "files"})
    reaches_nodes = True

    def survey(self, request: ActionRequest) -> Sequence[Operation]:
        """The digests of the files to be replaced. Refuses before any server is read.

        Raises:
            UserError: as ``plan``.
        """
        require_files_reachable(target_of(request).nodes)
        return [fingerprint(entries_of(request.artifact))]

    def plan(self, request: ActionRequest) -> Plan:
        """The rolling update.

        Raises:
            UserError: nothing to change, no files, a layer or node that cannot be deployed to.
        """
        draft = _draft(request)
        wire = _wire(request, draft)
        return Plan(
            action=self.action_id,
            risk=self.risk,
            wire=wire,
            digest=wire.digest(),
            title=title(self.action_id, draft.nodes),
            node_names=tuple(node.node_id for node in draft.nodes),
            environments=environments_of(draft.nodes),
            institution=draft.target.system.institution,
            system=draft.target.system.name,
            files=draft.files,
            restart=draft.reason,
            outline=_outline(draft),
            undo=note("undo.deploy_restart" if draft.restart else "undo.deploy"),
            warnings=_warnings(request, draft),
            backup_id=request.job_id,
        )


def _draft(request: ActionRequest) -> _Draft:
    target = target_of(request)
    require_files_reachable(target.nodes)
    entries = entries_of(request.artifact)
    files = compare(entries, [node.node_id for node in target.nodes], request.facts)
    changing = [file for file in files if differs(file)]
    if not changing:
        raise UserError("nothing_changed", count=len(files))
    restart, reason = _restart(request.params.get("restart"), changing)
    nodes = tuple(node for node in target.nodes if to_send(files, node.node_id))
    return _Draft(
        target=target,
        nodes=nodes,
        idle=tuple(node for node in target.nodes if node not in nodes),
        files=files,
        restart=restart,
        reason=reason,
    )


def _restart(asked: object, changing: Sequence[FileChange]) -> tuple[bool, Note]:
    dynamic = [file.path for file in changing if file.handling is Handling.DYNAMIC]
    if asked is True:
        return True, note("restart.asked" if dynamic else "restart.asked_static")
    if asked is False:
        return False, note("restart.refused" if dynamic else "restart.not_needed")
    if dynamic:
        return True, note("restart.dynamic", count=len(dynamic), example=dynamic[0])
    return False, note("restart.not_needed")


def _wire(request: ActionRequest, draft: _Draft) -> WirePlan:
    short = prefixes(draft.nodes)
    seats = [seat for node in draft.nodes for seat in _seats(node, draft)]
    return WirePlan(
        job_id=request.job_id,
        action=Deploy.action_id,
        requested_by=request.actor.person_id,
        sr=request.sr,
        agent=draft.target.agent,
        lock=draft.target.lock,
        targets=wire_targets(draft.nodes, seats, draft.target),
        batches=tuple(
            (_run(node, request.job_id, prefix=short[node.node_id], draft=draft),)
            for node in draft.nodes
        ),
    )


def _seats(node: Node, draft: _Draft) -> tuple[Seat, ...]:
    return seats_of(node, draft.target) if draft.restart else ()


def _run(node: Node, backup_id: str, *, prefix: str, draft: _Draft) -> NodeRun:
    files = to_send(draft.files, node.node_id)
    steps = Steps(prefix=prefix, node=wire_of(node), seats=_seats(node, draft))
    steps.preflight(sum(file.size for file in files))
    steps.backup(backup_id, files)
    steps.stage(files)
    if not draft.restart:
        steps.replace(files)
        steps.await_health()
        return run_of(steps, _undo(steps, backup_id, files, restart=False))
    # Everything that can fail or take long comes before the node leaves the balancer.
    steps.leave()
    steps.mark_log()
    steps.stop()
    steps.replace(files)
    steps.start()
    steps.await_health()
    steps.scan_log()
    steps.join()
    steps.probe()
    return run_of(steps, _undo(steps, backup_id, files, restart=True))


def _undo(steps: Steps, backup_id: str, files: Sequence[FileSpec], *, restart: bool) -> Steps:
    """Back to the version before, whichever step failed: every operation here is content with
    finding its work done (drained, stopped, restored, started, joined)."""
    undo = undo_steps(steps)
    size = sum(file.size for file in files)
    if restart:
        undo.leave()
        undo.stop()
    undo.restore(backup_id, size, len(files))
    if restart:
        undo.start()
    undo.await_health()
    if restart:
        undo.join()
    undo.discard()
    return undo


def _outline(draft: _Draft) -> tuple[Note, ...]:
    sent = [file for file in draft.files if differs(file)]
    size = sum(file.size for file in sent)
    lines = [
        note("outline.rolling", nodes=listed([node.node_id for node in draft.nodes])),
        note("outline.preflight"),
        note("outline.backup", path=wire_of(draft.nodes[0]).backup_path, count=len(sent)),
        note("outline.stage", count=len(sent), size=_human(size)),
    ]
    if draft.restart:
        helpers = sorted({seat.helper for node in draft.nodes for seat in _seats(node, draft)})
        lines += [note("outline.leave", helpers=listed(helpers))] if helpers else []
        lines += [note("outline.restart_replace"), note("outline.health_log")]
        lines += [note("outline.join", helpers=listed(helpers))] if helpers else []
    else:
        lines += [note("outline.replace"), note("outline.health")]
    return tuple(lines)


def _warnings(request: ActionRequest, draft: _Draft) -> tuple[Note, ...]:
    changing = [file for file in draft.files if differs(file)]
    found = coverage_warnings(draft.target, len(draft.target.nodes))
    if draft.idle:
        names = listed([node.node_id for node in draft.idle])
        found.append(note("warnings.already_current", nodes=names))
    new = [file.path for file in changing if _is_new(file)]
    if new:
        found.append(note("warnings.new_files", count=len(new), example=new[0]))
    unknown = [file.path for file in changing if not is_known(file.path)]
    if unknown:
        found.append(note("warnings.unknown_kind", count=len(unknown), example=unknown[0]))
    if draft.restart:
        found += interruption_warnings(draft.nodes, draft.target)
    elif any(file.handling is Handling.DYNAMIC for file in changing):
        found.append(note("warnings.no_restart"))
    return tuple(found)


def _is_new(file: FileChange) -> bool:
    return any(novelty is Novelty.NEW for _, novelty in file.novelty)


def _human(size: int) -> str:
    if size < 1024:
        return f"{size} B"
    return f"{size / 1024:.1f} KB" if size < 1024 * 1024 else f"{size / 1024 / 1024:.1f} MB"
