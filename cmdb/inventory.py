"""The estate as one person sees it.

Owns: resolving a selector to nodes after the row filter. What a person may not see does not
exist for them: both get the same answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NoReturn

from sqlalchemy import select as select_columns
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlmodel import col, select

from agent.wire.plan import SealedAccess
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.estate import (
    BalancerMember,
    Environment,
    InstitutionEntry,
    Layer,
    Node,
    NodeEntry,
    Rollout,
    SrEntry,
    SystemEntry,
    Target,
    Vocabulary,
)
from bot.core.domain.intent import Selector
from bot.core.domain.people import Actor
from bot.core.errors import UserError
from cmdb.access import get_access
from cmdb.engine import reading
from cmdb.limits import limits_in
from cmdb.models import BalancerRow, ChannelRow, InstitutionRow, NodeRow, SrRow, SystemRow
from cmdb.serial import WIRE

_ENVIRONMENTS = tuple(Environment)
_LAYERS = tuple(Layer)
_ENTRIES = select_columns(
    col(NodeRow.node_id),
    col(NodeRow.system_code),
    col(NodeRow.env),
    col(NodeRow.layer),
    col(NodeRow.number),
).order_by(col(NodeRow.node_id))


class SqlInventory:
    """Inventory on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def vocabulary(self, viewer: Actor | None) -> Vocabulary:
        async with reading(self._engine) as session:
            institutions = await session.scalars(
                select(InstitutionRow).order_by(col(InstitutionRow.code))
            )
            systems = await session.scalars(select(SystemRow).order_by(col(SystemRow.code)))
            visible = {row.code: row for row in systems if _sees(viewer, row.institution)}
            nodes = (await session.execute(_ENTRIES)).all()
            srs = await session.scalars(select(SrRow).order_by(col(SrRow.sr_id)))
            return Vocabulary(
                institutions=tuple(
                    InstitutionEntry(name=row.name, code=row.code, aliases=tuple(row.aliases))
                    for row in institutions
                    if _sees(viewer, row.name)
                ),
                systems=tuple(_system_of(row) for row in visible.values()),
                nodes=tuple(
                    _entry_of(node_id, visible[code], env, layer, number)
                    for node_id, code, env, layer, number in nodes
                    if code in visible
                ),
                srs=tuple(
                    _sr_of(row, visible[row.system_code])
                    for row in srs
                    if row.system_code in visible
                ),
            )

    async def resolve(self, selector: Selector, viewer: Actor) -> Target:
        async with reading(self._engine) as session:
            system = await _system(session, selector, viewer)
            rows = await session.scalars(
                select(NodeRow).where(col(NodeRow.system_code) == system.code)
            )
            everything = sorted(rows, key=_order)
            chosen = _choose(everything, selector)
            siblings = _siblings(everything, chosen)
            nodes = await _nodes_of(session, chosen, {system.code: system})
            helpers = await _helpers(session, nodes, viewer)
            limits, of_nodes = await limits_in(session, system.code)
        return Target(
            system=_system_of(system),
            nodes=nodes,
            helpers=helpers,
            siblings=siblings,
            agent=system.agent,
            rollout=Rollout(
                canary=system.canary, batch=system.batch_size, settle_s=system.settle_s
            ),
            limits=limits,
            node_limits=of_nodes,
        )

    async def nodes(self, node_ids: Sequence[str]) -> tuple[Node, ...]:
        async with reading(self._engine) as session:
            return await _load(session, node_ids)

    async def system_of(self, conversation: ConversationRef) -> SystemEntry | None:
        async with reading(self._engine) as session:
            row = await session.scalar(
                select(SystemRow)
                .join(ChannelRow, col(ChannelRow.system_code) == col(SystemRow.code))
                .where(
                    col(ChannelRow.adapter) == conversation.adapter,
                    col(ChannelRow.channel) == conversation.channel,
                )
            )
            return None if row is None else _system_of(row)

    async def access(self, node_ids: Sequence[str]) -> tuple[SealedAccess, ...]:
        return await get_access(self._engine, node_ids)


def _sees(viewer: Actor | None, institution: str) -> bool:
    return viewer is None or viewer.may_see(institution)


async def _system(session: AsyncSession, selector: Selector, viewer: Actor) -> SystemRow:
    """The one system that is meant, of those this person may see."""
    if selector.institution is None and selector.system is None:
        raise _unknown()  # nothing said never means everything
    statement = select(SystemRow).order_by(col(SystemRow.code))
    if selector.institution is not None:
        statement = statement.where(col(SystemRow.institution) == selector.institution)
    if selector.system is not None:
        statement = statement.where(col(SystemRow.name) == selector.system)
    rows = [row for row in await session.scalars(statement) if viewer.may_see(row.institution)]
    if not rows:
        raise _unknown()
    if len(rows) > 1:
        names = ", ".join(f"{row.institution} {row.name}" for row in rows)
        raise UserError("target_ambiguous", candidates=names)
    return rows[0]


def _choose(rows: Sequence[NodeRow], selector: Selector) -> list[NodeRow]:
    """The nodes of the system that the selector means; every number must exist."""
    fitting = [
        row
        for row in rows
        if (selector.layer is None or row.layer == selector.layer.value)
        and (selector.env is None or row.env == selector.env.value)
    ]
    if not fitting:
        raise _unknown()
    if not selector.nodes:
        return fitting
    numbers = {row.number for row in fitting}
    missing = [number for number in selector.nodes if number not in numbers]
    if missing:
        _refuse_numbers(missing, numbers)
    return [row for row in fitting if row.number in selector.nodes]


def _refuse_numbers(missing: Iterable[int], known: Iterable[int]) -> NoReturn:
    raise UserError(
        "node_unknown",
        numbers=", ".join(str(number) for number in sorted(set(missing))),
        known=", ".join(str(number) for number in sorted(known)),
    )


def _siblings(everything: Sequence[NodeRow], chosen: Sequence[NodeRow]) -> int:
    places = {(row.layer, row.env) for row in chosen}
    return sum((row.layer, row.env) in places for row in everything)


async def _helpers(session: AsyncSession, nodes: Sequence[Node], viewer: Actor) -> tuple[Node, ...]:
    chosen = {node.node_id for node in nodes}
    wanted = dict.fromkeys(
        member.web_node_id
        for node in nodes
        for member in node.balancers
        if member.web_node_id and member.web_node_id not in chosen
    )
    helpers = await _load(session, list(wanted))
    return tuple(node for node in helpers if viewer.may_see(node.entry.institution))


async def _load(session: AsyncSession, node_ids: Sequence[str]) -> tuple[Node, ...]:
    """These nodes in the order asked."""
    rows = (
        await session.scalars(select(NodeRow).where(col(NodeRow.node_id).in_(list(node_ids))))
    ).all()
    codes = {row.system_code for row in rows}
    systems = await session.scalars(select(SystemRow).where(col(SystemRow.code).in_(codes)))
    found = {row.node_id: row for row in rows}
    asked = [found[node_id] for node_id in dict.fromkeys(node_ids) if node_id in found]
    return await _nodes_of(session, asked, {row.code: row for row in systems})


async def _nodes_of(
    session: AsyncSession, rows: Sequence[NodeRow], systems: dict[str, SystemRow]
) -> tuple[Node, ...]:
    ids = [row.node_id for row in rows]
    members = (
        await session.scalars(
            select(BalancerRow)
            .where(col(BalancerRow.node_id).in_(ids))
            .order_by(col(BalancerRow.position))
        )
    ).all()
    return tuple(
        _node_of(
            row,
            systems[row.system_code],
            tuple(_member_of(member) for member in members if member.node_id == row.node_id),
        )
        for row in rows
    )


def _unknown() -> UserError:
    return UserError("target_unknown")


def _order(row: NodeRow) -> tuple[int, int, int, str]:
    return (
        _ENVIRONMENTS.index(Environment(row.env)),
        _LAYERS.index(Layer(row.layer)),
        row.number,
        row.node_id,
    )


def _system_of(row: SystemRow) -> SystemEntry:
    return SystemEntry(
        institution=row.institution,
        name=row.name,
        code=row.code,
        aliases=tuple(row.aliases),
        agent=row.agent,
    )


def _sr_of(row: SrRow, system: SystemRow) -> SrEntry:
    return SrEntry(
        sr_id=row.sr_id,
        institution=system.institution,
        system=system.name,
        title=row.title,
        status=row.status,
    )


def _entry_of(node_id: str, system: SystemRow, env: str, layer: str, number: int) -> NodeEntry:
    return NodeEntry(
        node_id=node_id,
        institution=system.institution,
        system=system.name,
        env=Environment(env),
        layer=Layer(layer),
        number=number,
    )


def _member_of(row: BalancerRow) -> BalancerMember:
    return BalancerMember(
        member=row.member, web_node_id=row.web_node_id or "", device=row.device or ""
    )


def _node_of(row: NodeRow, system: SystemRow, balancers: tuple[BalancerMember, ...]) -> Node:
    return Node(
        entry=_entry_of(row.node_id, system, row.env, row.layer, row.number),
        os=row.os,
        transfer=row.transfer,
        os_user=row.os_user,
        host=row.host,
        ssh_port=row.ssh_port,
        deploy_path=row.deploy_path,
        service=row.service,
        service_port=row.service_port,
        agent=system.agent,
        wire=WIRE.maybe_load(row.wire),
        balancers=balancers,
    )
