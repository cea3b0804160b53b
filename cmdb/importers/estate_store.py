"""An estate into the database, whole or not at all.

Owns: the one transaction of an import. What the folder does not name is left as it is, but for
guides: a folder of guides holds all there are.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlmodel import col

from bot.core.domain.estate import Rollout
from cmdb.engine import writing
from cmdb.guides import replace_guides
from cmdb.importers.estate import Estate, NodeRecord, SrRecord, SystemRecord
from cmdb.models import BalancerRow, ChannelRow, InstitutionRow, NodeRow, SrRow, SystemRow
from cmdb.people import put_people
from cmdb.rooms import store_room
from cmdb.rows import upsert
from cmdb.rules import seed_rules
from cmdb.serial import WIRE
from cmdb.systems import (
    REPOSITORY_COLUMNS,
    ROLLOUT_COLUMNS,
    repository_columns,
    rollout_columns,
)

BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportCounts:
    """What an import stored. ``reachable``: nodes with a registered host key; ``rules``: the
    default rules, put only where there were none."""

    institutions: int
    systems: int
    nodes: int
    reachable: int
    srs: int
    people: int
    rooms: int
    channels: int
    guides: int
    rules: int

    def __str__(self) -> str:
        return ", ".join(f"{field.name} {getattr(self, field.name)}" for field in fields(self))


async def import_estate(engine: AsyncEngine, estate: Estate) -> ImportCounts:
    """Insert or replace everything of the estate in one transaction.

    Raises:
        OperationError: ``store_unavailable``: nothing has been stored.
    """
    async with writing(engine) as session:
        await upsert(
            session,
            [
                InstitutionRow(name=one.name, code=one.code, aliases=list(one.aliases))
                for one in estate.institutions
            ],
            by=("name",),
        )
        await _put_systems(session, estate.systems)
        await upsert(session, [_node_row(one) for one in estate.nodes], by=("node_id",))
        await _put_balancers(session, estate.nodes)
        await upsert(session, [_sr_row(one) for one in estate.srs], by=("sr_id",))
        await put_people(session, estate.people)
        for room in estate.rooms:
            await store_room(session, room)
        await upsert(
            session,
            [
                ChannelRow(adapter=one.adapter, channel=one.channel, system_code=one.system_code)
                for one in estate.channels
            ],
            by=("adapter", "channel"),
        )
        if estate.guides is not None:
            await replace_guides(session, estate.guides)
        rules = await seed_rules(session)
    return ImportCounts(
        institutions=len(estate.institutions),
        systems=len(estate.systems),
        nodes=len(estate.nodes),
        reachable=sum(one.node.wire is not None for one in estate.nodes),
        srs=len(estate.srs),
        people=len(estate.people),
        rooms=len(estate.rooms),
        channels=len(estate.channels),
        guides=len(estate.guides or ()),
        rules=rules,
    )


async def _put_systems(session: AsyncSession, systems: Sequence[SystemRecord]) -> None:
    """What the file does not say of a system stays as it was set."""
    for rollout, repository in itertools.product((True, False), repeat=2):
        said = [
            one
            for one in systems
            if (one.rollout is not None, one.repository is not None) == (rollout, repository)
        ]
        keep = (() if rollout else ROLLOUT_COLUMNS) + (() if repository else REPOSITORY_COLUMNS)
        await upsert(session, [_system_row(one) for one in said], by=("code",), keep=keep)


async def _put_balancers(session: AsyncSession, nodes: Sequence[NodeRecord]) -> None:
    ids = [one.node.node_id for one in nodes]
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        await session.execute(delete(BalancerRow).where(col(BalancerRow.node_id).in_(batch)))
    rows = [
        BalancerRow(
            node_id=one.node.node_id,
            position=position,
            web_node_id=member.web_node_id or None,
            device=member.device or None,
            member=member.member,
        )
        for one in nodes
        for position, member in enumerate(one.node.balancers)
    ]
    await upsert(session, rows, by=("node_id", "position"))


def _system_row(one: SystemRecord) -> SystemRow:
    rollout, repository = one.rollout or Rollout(), one.repository
    return SystemRow(
        code=one.entry.code,
        institution=one.entry.institution,
        name=one.entry.name,
        aliases=list(one.entry.aliases),
        criticality=one.criticality,
        manager=one.manager,
        agent=one.agent,
        **rollout_columns(rollout),
        **repository_columns(repository),
    )


def _node_row(one: NodeRecord) -> NodeRow:
    node = one.node
    return NodeRow(
        node_id=node.node_id,
        system_code=one.system_code,
        env=node.entry.env.value,
        layer=node.entry.layer.value,
        number=node.entry.number,
        host=node.host,
        ssh_port=node.ssh_port,
        ftp_port=one.ftp_port,
        transfer=node.transfer,
        os=node.os,
        os_user=node.os_user,
        deploy_path=node.deploy_path,
        backup_path=one.backup_path,
        service=node.service,
        service_port=node.service_port,
        health_path=one.health_path,
        log_path=one.log_path,
        wire=WIRE.maybe_dump(node.wire),
    )


def _sr_row(one: SrRecord) -> SrRow:
    return SrRow(
        sr_id=one.entry.sr_id,
        system_code=one.system_code,
        title=one.entry.title,
        requester=one.requester,
        assignee=one.assignee,
        status=one.entry.status,
        requested_at=one.requested_at,
        due=one.due,
    )
