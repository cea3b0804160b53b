"""The plan as people read it: the wire plan and what explains it.

Owns: Plan, and what its makers say about files and restart. The digest is the wire plan's; what
is shown beside it is derived from the same facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from agent.wire.plan import WirePlan
from agent.wire.readings import Reading


class Risk(StrEnum):
    """As ACTIONS names it: reads run at once, changes are approved in production, dangerous
    actions everywhere, and ``bot`` changes only the bot's own data."""

    READ = "read"
    CHANGE = "change"
    DANGER = "danger"
    BOT = "bot"


class Novelty(StrEnum):
    NEW = "new"
    CHANGED = "changed"
    SAME = "same"


class Handling(StrEnum):
    STATIC = "static"  # served as it lies there
    DYNAMIC = "dynamic"  # takes effect when the service restarts


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One file of the plan, against what runs on each node now."""

    path: str
    sha256: str
    size: int
    handling: Handling
    novelty: tuple[tuple[str, Novelty], ...]  # (node id, …) in plan order
    source: str = ""  # its name in the archive or repository, if that is another


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A sentence of the catalogue with its values: warnings, reasons, steps of the plan."""

    key: str
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A plan that has been made and nothing more. ``digest`` is what an approval is bound to."""

    action: str
    risk: Risk
    wire: WirePlan
    digest: str
    title: Note
    node_names: tuple[str, ...]  # hostnames of the nodes that are changed or read, in plan order
    environments: tuple[str, ...]
    institution: str
    system: str
    files: tuple[FileChange, ...] = ()
    restart: Note | None = None  # what restarts and why, or why nothing does
    outline: tuple[Note, ...] = ()  # the steps in order, in words
    undo: Note | None = None  # how it is undone
    warnings: tuple[Note, ...] = ()
    deployment: str | None = None  # the job id this plan rolls back
    backup_id: str | None = None  # the backup this plan makes, by which it can be rolled back
    mapping: Note | None = None  # how an archive's folders were laid onto the deploy path
    source: Note | None = None  # the commit that the files are, where they come from a repository
    exhibits: tuple[tuple[str, Reading], ...] = ()  # by node: what the plan rests on, shown with it
    command: str = ""  # the request as ``/sm`` takes it; empty: it is no command
    workbook: bool = False  # the answer goes out as a workbook, too
    layers: tuple[tuple[str, str], ...] = ()  # (node id, layer), where the answer names one
