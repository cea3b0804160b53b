"""An estate as an importer has read and checked it, and the names in it.

Owns: the Estate value and its vocabulary. Pure: knows neither files nor database.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.domain.estate import (
    InstitutionEntry,
    Node,
    Repository,
    Rollout,
    SrEntry,
    SystemEntry,
    Vocabulary,
)
from bot.core.domain.guide import Guide
from bot.core.domain.people import Actor
from bot.core.domain.room import Room
from cmdb.people import PersonRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRecord:
    entry: SystemEntry
    criticality: str
    manager: str  # person id
    agent: str
    rollout: Rollout | None = None  # None: the file says nothing, and what is stored stays
    repository: Repository | None = None  # likewise


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecord:
    """A node and what the CMDB knows of it beyond what the core asks for."""

    node: Node
    system_code: str
    ftp_port: int
    backup_path: str
    health_path: str
    log_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SrRecord:
    entry: SrEntry
    system_code: str
    requester: str
    assignee: str
    requested_at: str  # ISO date
    due: str  # ISO date


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRecord:
    """A messenger's channel and the system that it is about."""

    adapter: str
    channel: str
    system_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estate:
    """Everything of one folder, checked as a whole. ``guides`` None: it says nothing of them."""

    institutions: tuple[InstitutionEntry, ...]
    systems: tuple[SystemRecord, ...]
    nodes: tuple[NodeRecord, ...]
    srs: tuple[SrRecord, ...]
    people: tuple[PersonRecord, ...]
    rooms: tuple[Room, ...] = ()
    channels: tuple[ChannelRecord, ...] = ()
    guides: tuple[Guide, ...] | None = None


def people_of(estate: Estate) -> dict[str, Actor]:
    """Everybody, by person id."""
    return {one.actor.person_id: one.actor for one in estate.people}


def vocabulary_of(estate: Estate, viewer: Actor | None) -> Vocabulary:
    """All names this person may see; None sees everything."""

    def sees(institution: str) -> bool:
        return viewer is None or viewer.may_see(institution)

    return Vocabulary(
        institutions=tuple(one for one in estate.institutions if sees(one.name)),
        systems=tuple(one.entry for one in estate.systems if sees(one.entry.institution)),
        nodes=tuple(one.node.entry for one in estate.nodes if sees(one.node.entry.institution)),
        srs=tuple(one.entry for one in estate.srs if sees(one.entry.institution)),
    )
