"""The verb ``deploy``: put files on nodes, node after node, undone as a whole.

Owns: what a deployment plan contains and why it restarts or does not. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from actions.deploy_words import outline_of, warnings_of
from actions.files import (
    compare,
    differs,
    digests_of,
    entries_of,
    fingerprint,
    require_no_conflict,
    require_space,
    to_send,
)
from actions.mapping import chosen, folders_of, laid_out, mapping_note
from actions.nodes import (
    Seat,
    has_shell,
    note,
    prefixes,
    require_files_reachable,
    seats_of,
    target_of,
    wire_of,
    wire_targets,
)
from actions.ownership import owner_warnings
from actions.plans import plan_of, wire_plan
from actions.rolling import Steps, portions, run_of, undo_steps
from agent.wire.operations import FileSpec, Operation, Preflight
from agent.wire.plan import NodeRun, WirePlan
from bot.core.domain.artifact import ArtifactEntry, SourceRef
from bot.core.domain.estate import Node, Target
from bot.core.domain.plan import FileChange, Handling, Note, Plan, Risk
from bot.core.errors import UserError
from bot.core.ports import ActionRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What has been decided, before it becomes steps.

    ``batches`` are the nodes that change, in portions; ``idle`` those that have everything
    already; ``restart`` whether services restart where anything can be run.
    """

    target: Target
    batches: tuple[tuple[Node, ...], ...]
    idle: tuple[Node, ...]
    files: tuple[FileChange, ...]
    restart: bool
    reason: Note
    mapping: Note
    seats: dict[str, tuple[Seat, ...]] = field(default_factory=dict)

    @property
    def nodes(self) -> tuple[Node, ...]:
        return tuple(node for batch in self.batches for node in batch)

    def restarts(self, node: Node) -> bool:
        return self.restart and has_shell(node)


class Deploy:
    """Files to nodes."""

    action_id = "deploy"
    risk = Risk.CHANGE
    needs = frozenset({"system", "layer", "env", "sr", "files"})
    reaches_nodes = True

    def survey(self, request: ActionRequest) -> Sequence[Operation]:
        """What lies where the files go; and whether every node can be changed at all, so that
        the last node's full disk is known before the first is touched. Refuses before any server
        is read.

        Raises:
            UserError: as ``plan``.
        """
        require_files_reachable(target_of(request).nodes)
        return [fingerprint(entries_of(request.artifact)), Preflight(bytes_needed=0)]

    def plan(self, request: ActionRequest) -> Plan:
        """The rolling update.

        Raises:
            UserError: nothing to change, no files, something in their way, a layer or node that
                cannot be deployed to.
        """
        draft = _draft(request)
        wire = _wire(request, draft)
        ref = request.artifact.ref if request.artifact else None
        return replace(
            plan_of(request, wire, draft.nodes, risk=self.risk),
            files=draft.files,
            restart=draft.reason,
            outline=outline_of(draft),
            undo=note("undo.deploy_restart" if draft.restart else "undo.deploy"),
            warnings=(
                *_source_warnings(ref),
                *warnings_of(draft, asked=request.params.get("restart")),
                *owner_warnings(draft.nodes, draft.files, request.facts),
            ),
            backup_id=request.job_id,
            mapping=draft.mapping,
            source=_source(ref) if ref else None,
        )


def _draft(request: ActionRequest) -> Draft:
    target = target_of(request)
    require_files_reachable(target.nodes)
    entries, mapping = _laid_onto(request, target)
    files = compare(entries, [node.node_id for node in target.nodes], request.facts)
    changing = tuple(file for file in files if differs(file))
    if not changing:
        raise UserError("nothing_changed", count=len(files))
    restart, reason = _restart(request.params.get("restart"), changing, target.nodes)
    nodes = tuple(node for node in target.nodes if to_send(files, node.node_id))
    for node in nodes:
        require_space(node.node_id, to_send(files, node.node_id), request.facts)
    from_repository = request.artifact is not None and request.artifact.ref is not None
    draft = Draft(
        target=target,
        batches=portions(nodes, target.rollout, siblings=target.siblings),
        idle=tuple(node for node in target.nodes if node not in nodes),
        # Of a whole repository, what stays as it is only hides what changes.
        files=changing if from_repository else files,
        restart=restart,
        reason=reason,
        mapping=mapping,
    )
    draft.seats.update(
        {node.node_id: seats_of(node, target) for node in nodes if draft.restarts(node)}
    )
    return draft


def _laid_onto(request: ActionRequest, target: Target) -> tuple[tuple[ArtifactEntry, ...], Note]:
    """The entries at their places below the deploy path, and the sentence that says so."""
    given = entries_of(request.artifact)
    deploy_path = wire_of(target.nodes[0]).deploy_path
    names = [node.node_id for node in target.nodes]
    present = [digests_of(name, request.facts).files for name in names]
    folder = chosen(given, present, deploy_path)
    entries = laid_out(given, folder)
    require_no_conflict(entries, names, request.facts)
    return entries, mapping_note(folder, deploy_path, entries[0])


def _restart(
    asked: object, changing: Sequence[FileChange], nodes: Sequence[Node]
) -> tuple[bool, Note]:
    dynamic = [file.path for file in changing if file.handling is Handling.DYNAMIC]
    if not any(has_shell(node) for node in nodes):
        return False, note("restart.ftp" if dynamic or asked else "restart.not_needed")
    if asked is True:
        return True, note("restart.asked" if dynamic else "restart.asked_static")
    if asked is False:
        return False, note("restart.refused" if dynamic else "restart.not_needed")
    if dynamic:
        return True, note("restart.dynamic", count=len(dynamic), example=dynamic[0])
    return False, note("restart.not_needed")


def _source(ref: SourceRef) -> Note:
    return note(
        f"source.{ref.kind}",
        repository=ref.repository,
        ref=ref.ref,
        commit=ref.commit[:12],
        author=ref.author,
        subject=ref.subject,
    )


def _source_warnings(ref: SourceRef | None) -> tuple[Note, ...]:
    named_twice = ref is not None and ref.also_branch
    return (note("warnings.tag_and_branch", ref=ref.ref),) if ref and named_twice else ()


def _wire(request: ActionRequest, draft: Draft) -> WirePlan:
    short = prefixes(draft.nodes)
    seats = [seat for row in draft.seats.values() for seat in row]
    return wire_plan(
        request,
        Deploy.action_id,
        targets=wire_targets(draft.nodes, seats, draft.target),
        batches=tuple(
            tuple(
                _run(node, request.job_id, prefix=short[node.node_id], draft=draft)
                for node in batch
            )
            for batch in draft.batches
        ),
    )


def _run(node: Node, backup_id: str, *, prefix: str, draft: Draft) -> NodeRun:
    files = to_send(draft.files, node.node_id)
    restart = draft.restarts(node)
    folders = folders_of([file.path for file in files]) if restart else ()
    steps = Steps(
        prefix=prefix,
        node=wire_of(node),
        seats=draft.seats.get(node.node_id, ()),
        rollout=draft.target.rollout,
    )
    steps.preflight(sum(file.size for file in files))
    steps.backup(backup_id, files, folders=folders)
    steps.stage(files)
    if not restart:
        steps.replace(files)
        steps.await_health()
        return run_of(steps, _undo(steps, backup_id, files, restart=False))
    # Everything that can fail or take long comes before the node leaves the balancer.
    steps.leave()
    steps.mark_log()
    steps.stop()
    steps.replace(files, cleared=folders)
    steps.start()
    steps.await_health()
    steps.scan_log()
    steps.join()
    steps.watch(judges_log=True)
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
