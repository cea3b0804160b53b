"""What a deployment plan says of itself: its steps in order, and what to look at twice.

Owns: outline and warnings. Decides nothing: the draft is finished. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from actions.files import differs, is_known
from actions.mapping import folders_of
from actions.nodes import (
    Seat,
    coverage_warnings,
    has_shell,
    interruption_warnings,
    listed,
    note,
    portion_warnings,
    transfer_warnings,
    wire_of,
)
from actions.outline import health_notes, helpers_of, order_note, watch_notes
from bot.core.domain.estate import Node, Target
from bot.core.domain.plan import FileChange, Handling, Note, Novelty


class Drafted(Protocol):
    """A finished draft, as far as words need it."""

    @property
    def target(self) -> Target: ...
    @property
    def batches(self) -> tuple[tuple[Node, ...], ...]: ...
    @property
    def idle(self) -> tuple[Node, ...]: ...
    @property
    def files(self) -> tuple[FileChange, ...]: ...
    @property
    def restart(self) -> bool: ...
    @property
    def seats(self) -> dict[str, tuple[Seat, ...]]: ...
    @property
    def nodes(self) -> tuple[Node, ...]: ...


def outline_of(draft: Drafted) -> tuple[Note, ...]:
    """The steps in words."""
    sent = [file for file in draft.files if differs(file)]
    size = sum(file.size for file in sent)
    lines = [
        order_note(draft.batches),
        note("outline.preflight"),
        note("outline.backup", path=_backup_paths(draft.nodes), count=len(sent)),
        note("outline.stage", count=len(sent), size=_human(size)),
    ]
    if draft.restart:
        helpers = helpers_of(draft.seats)
        lines += [note("outline.leave", helpers=helpers)] if helpers else []
        lines += [note("outline.restart_replace"), *health_notes(draft.nodes)]
        lines += [note("outline.join", helpers=helpers)] if helpers else []
        lines += watch_notes(draft.nodes, judges_log=True)
    else:
        lines += [note("outline.replace"), note("outline.health")]
    return tuple(lines)


def _backup_paths(nodes: Sequence[Node]) -> str:
    return listed(list(dict.fromkeys(wire_of(node).backup_path for node in nodes)))


def warnings_of(draft: Drafted, *, asked: object) -> tuple[Note, ...]:
    """What to look at twice. ``asked``: whether a restart was asked for, in words."""
    changing = [file for file in draft.files if differs(file)]
    found = coverage_warnings(draft.target, len(draft.target.nodes))
    found += portion_warnings(draft.batches, draft.target)
    if draft.idle:
        names = listed([node.node_id for node in draft.idle])
        found.append(note("warnings.already_current", nodes=names))
    found += _file_warnings(changing, restart=draft.restart)
    found += transfer_warnings(draft.nodes)
    if draft.restart:
        found += interruption_warnings([n for n in draft.nodes if has_shell(n)], draft.target)
    return (*found, *_restart_warnings(draft, changing, asked=asked))


def _file_warnings(changing: Sequence[FileChange], *, restart: bool) -> list[Note]:
    found = []
    new = [file.path for file in changing if _is_new(file)]
    if new:
        found.append(note("warnings.new_files", count=len(new), example=new[0]))
    unknown = [file.path for file in changing if not is_known(file.path)]
    if unknown:
        found.append(note("warnings.unknown_kind", count=len(unknown), example=unknown[0]))
    folders = folders_of([file.path for file in changing])
    if folders and restart:
        found.append(note("warnings.exploded", folders=listed(folders)))
    return found


def _restart_warnings(
    draft: Drafted, changing: Sequence[FileChange], *, asked: object
) -> list[Note]:
    dynamic = any(file.handling is Handling.DYNAMIC for file in changing)
    by_ftp = [node.node_id for node in draft.nodes if not has_shell(node)]
    found = []
    if by_ftp and (dynamic or asked is True):
        found.append(note("warnings.ftp_no_restart", nodes=listed(by_ftp)))
    if draft.restart or not dynamic or len(by_ftp) == len(draft.nodes):
        return found
    archives = folders_of([file.path for file in changing])
    found.append(note("warnings.no_restart_war" if archives else "warnings.no_restart"))
    return found


def _is_new(file: FileChange) -> bool:
    return any(novelty is Novelty.NEW for _, novelty in file.novelty)


def _human(size: int) -> str:
    if size < 1024:
        return f"{size} B"
    return f"{size / 1024:.1f} KB" if size < 1024 * 1024 else f"{size / 1024 / 1024:.1f} MB"
