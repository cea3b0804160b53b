"""From checked lines to the estate.

Owns: which column becomes which value. Knows neither files nor findings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.wire.plan import BalancerSpec, NodeTarget, ServiceCommands, ServiceSpec
from agent.wire.profile import NodeProfile
from bot.core.domain.estate import (
    BalancerMember,
    InstitutionEntry,
    Node,
    NodeEntry,
    Repository,
    Rollout,
    SrEntry,
    SystemEntry,
)
from bot.core.domain.people import Actor, ExternalId
from bot.core.domain.room import Room
from bot.core.repositories import repository_name
from cmdb.importers.estate import ChannelRecord, Estate, NodeRecord, SrRecord, SystemRecord
from cmdb.importers.estate_rows import (
    EVERYTHING,
    KNOWN_SUCCESS,
    BalancerLine,
    ChannelLine,
    ConnectionLine,
    InstitutionLine,
    PersonLine,
    RoomLine,
    ServerLine,
    SrLine,
    SystemLine,
)
from cmdb.importers.profile_files import NodePlace, ProfileEntry, profile_of
from cmdb.people import PersonRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class EstateLines:
    """All lines of a folder, by file."""

    institutions: tuple[InstitutionLine, ...]
    systems: tuple[SystemLine, ...]
    servers: tuple[ServerLine, ...]
    people: tuple[PersonLine, ...]
    srs: tuple[SrLine, ...]
    connections: tuple[ConnectionLine, ...]
    balancers: tuple[BalancerLine, ...]
    rooms: tuple[RoomLine, ...]
    channels: tuple[ChannelLine, ...]
    profiles: tuple[ProfileEntry, ...] = ()


def build_estate(lines: EstateLines) -> Estate:
    """The estate of lines that have been checked against each other."""
    systems = {(row.institution, row.system): row for row in lines.systems}
    connections = {row.node_id: row for row in lines.connections}
    members: dict[str, list[BalancerMember]] = defaultdict(list)
    for row in lines.balancers:
        members[row.node_id].append(
            BalancerMember(
                member=row.member, web_node_id=row.web_node_id or "", device=row.device or ""
            )
        )
    return Estate(
        institutions=tuple(
            InstitutionEntry(name=row.institution, code=row.code, aliases=row.aliases)
            for row in lines.institutions
        ),
        systems=tuple(_system_of(row) for row in lines.systems),
        nodes=tuple(
            _node_of(
                row,
                systems[(row.institution, row.system)],
                connections.get(row.node_id),
                members[row.node_id],
                lines.profiles,
            )
            for row in lines.servers
        ),
        srs=tuple(_sr_of(row, systems[(row.institution, row.system)]) for row in lines.srs),
        people=tuple(_person_of(row) for row in lines.people),
        rooms=tuple(
            Room(room_id=row.room_id, name=row.name, members=row.members) for row in lines.rooms
        ),
        channels=tuple(
            ChannelRecord(adapter=row.adapter, channel=row.channel, system_code=row.system)
            for row in lines.channels
        ),
    )


def _system_of(row: SystemLine) -> SystemRecord:
    entry = SystemEntry(
        institution=row.institution,
        name=row.system,
        code=row.code,
        aliases=row.aliases,
        agent=row.agent,
    )
    return SystemRecord(
        entry=entry,
        criticality=row.criticality,
        manager=row.manager,
        agent=row.agent,
        rollout=_rollout_of(row),
        repository=_repository_of(row),
    )


def _rollout_of(row: SystemLine) -> Rollout | None:
    given = {"canary": row.canary, "batch": row.batch, "settle_s": row.settle_s}
    said = {name: value for name, value in given.items() if value is not None}
    return Rollout(**said) if said else None


def _repository_of(row: SystemLine) -> Repository | None:
    if row.repository_url is None:
        return None
    return Repository(
        name=row.repository_name or repository_name(row.repository_url),
        url=row.repository_url,
        folder=row.repository_folder or "",
    )


def _node_of(
    row: ServerLine,
    system: SystemLine,
    reached: ConnectionLine | None,
    members: Sequence[BalancerMember],
    profiles: Sequence[ProfileEntry],
) -> NodeRecord:
    place = reached or row
    named = NodePlace(node_id=row.node_id, system=system.code, layer=row.layer, env=row.env)
    entry = NodeEntry(
        node_id=row.node_id,
        institution=row.institution,
        system=row.system,
        env=row.env,
        layer=row.layer,
        number=row.node_no,
    )
    node = Node(
        entry=entry,
        os=row.os,
        transfer=place.transfer,
        os_user=place.os_user,
        host=row.ip if reached is None else reached.host,
        ssh_port=place.ssh_port,
        deploy_path=place.deploy_path,
        service=place.service,
        service_port=place.service_port,
        agent=system.agent,
        wire=None if reached is None else _wire_of(row, reached, profile_of(profiles, named)),
        balancers=tuple(sorted(members, key=lambda one: (one.web_node_id, one.device))),
    )
    return NodeRecord(
        node=node,
        system_code=system.code,
        ftp_port=row.ftp_port if reached is None else reached.ftp_port or row.ftp_port,
        backup_path=place.backup_path,
        health_path=place.health_path,
        log_path=place.log_path,
    )


def _wire_of(row: ServerLine, reached: ConnectionLine, profile: NodeProfile) -> NodeTarget:
    by_ftp = reached.transfer == "ftp"
    balancer = None
    if reached.balancer_home is not None and reached.upstream_file is not None:
        balancer = BalancerSpec(home=reached.balancer_home, upstream_file=reached.upstream_file)
    return NodeTarget(
        node_id=row.node_id,
        env=row.env.value,
        host=reached.host,
        port=(reached.ftp_port or row.ftp_port) if by_ftp else reached.ssh_port,
        user=reached.os_user,
        host_key=None if by_ftp else reached.host_key,
        deploy_path=reached.deploy_path,
        backup_path=reached.backup_path,
        service=ServiceSpec(
            name=reached.service,
            kind=reached.service_kind,
            home=reached.service_home,
            port=reached.service_port,
            health_path=reached.health_path,
            log_path=reached.log_path,
            log_failures=reached.log_failures,
            log_success=_success_of(reached),
            watch_s=reached.watch_s,
            stop_s=reached.stop_s,
            start_s=reached.start_s,
            health_s=reached.health_s,
            commands=_commands_of(reached),
        ),
        balancer=balancer,
        charset=reached.charset,
        transfer=reached.transfer,
        legacy=reached.legacy,
        profile=profile,
    )


def _commands_of(reached: ConnectionLine) -> ServiceCommands | None:
    start, stop, status = reached.service_start, reached.service_stop, reached.service_status
    if start is None or stop is None or status is None:
        return None
    return ServiceCommands(start=start, stop=stop, status=status)


def _success_of(reached: ConnectionLine) -> str | None:
    if reached.log_success is not None:
        return None if reached.log_success == "-" else reached.log_success
    kinds = (kind for kind in KNOWN_SUCCESS if kind in reached.service.lower())
    return next((KNOWN_SUCCESS[kind] for kind in kinds), None)


def _sr_of(row: SrLine, system: SystemLine) -> SrRecord:
    entry = SrEntry(
        sr_id=row.sr_id,
        institution=row.institution,
        system=row.system,
        title=row.title,
        status=row.status,
    )
    return SrRecord(
        entry=entry,
        system_code=system.code,
        requester=row.requester,
        assignee=row.assignee,
        requested_at=row.requested_at.isoformat(),
        due=row.due.isoformat(),
    )


def _person_of(row: PersonLine) -> PersonRecord:
    actor = Actor(
        person_id=row.user_id,
        name=row.name,
        role=row.role,
        institutions=frozenset(row.institutions) - {EVERYTHING},
        all_institutions=EVERYTHING in row.institutions,
    )
    return PersonRecord(
        actor=actor, employee_no=row.employee_no, externals=tuple(_externals_of(row))
    )


def _externals_of(row: PersonLine) -> Iterable[ExternalId]:
    """A CSV names no workspace: the id is good for the one that its adapter serves.

    A name in Jandi is a display name and identifies nobody: people link it by a code.
    """
    yield ExternalId(adapter="web", tenant="local", user_id=row.user_id)
    # Entra shows object ids in either case, and means the same.
    given = (("slack", row.slack_id), ("teams", row.teams_id.lower()))
    for adapter, user_id in given:
        if user_id:
            yield ExternalId(adapter=adapter, tenant="", user_id=user_id)
