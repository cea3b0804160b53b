"""In-memory Directory and Inventory, over values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from agent.wire.plan import SealedAccess
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.decision import Rule
from bot.core.domain.estate import Node, SystemEntry, Target, Vocabulary
from bot.core.domain.intent import Selector
from bot.core.domain.people import Actor, ExternalId
from bot.core.errors import UserError


class MemoryDirectory:
    """Directory. An external id without a tenant is good for any of the adapter's own."""

    def __init__(
        self,
        people: Iterable[Actor] = (),
        *,
        externals: Mapping[ExternalId, str] | None = None,
        rules: Sequence[Rule] = (),
    ) -> None:
        self.everybody = {person.person_id: person for person in people}
        self.externals = dict(externals or {})
        self.policy = tuple(rules)

    async def find(self, external: ExternalId) -> Actor | None:
        listed = [replace(external, tenant=tenant) for tenant in external.tenants]
        person_id = next((self.externals[one] for one in listed if one in self.externals), None)
        if person_id is None and external.adapter == "web" and external.tenant == "local":
            person_id = external.user_id
        return None if person_id is None else self.everybody.get(person_id)

    async def person(self, person_id: str) -> Actor | None:
        return self.everybody.get(person_id)

    async def people(self) -> tuple[Actor, ...]:
        return tuple(self.everybody[person_id] for person_id in sorted(self.everybody))

    async def rules(self) -> tuple[Rule, ...]:
        return tuple(sorted(self.policy, key=lambda rule: (_breadth(rule), rule.rule_id)))


def _breadth(rule: Rule) -> int:
    return [
        bool(given)
        for given in (rule.roles, rule.actions, rule.risks, rule.institutions, rule.environments)
    ].count(False)


class MemoryInventory:
    """Inventory over values."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        nodes: Iterable[Node],
        *,
        agents: Mapping[str, str] | None = None,
        access: Iterable[SealedAccess] = (),
        channels: Mapping[tuple[str, str], SystemEntry] | None = None,
    ) -> None:
        self._vocabulary = vocabulary
        self._nodes = {node.node_id: node for node in nodes}
        self._agents = dict(agents or {})  # system code → agent, where its nodes do not say
        self.channels = dict(channels or {})
        self.records = {record.node_id: record for record in access}

    async def vocabulary(self, viewer: Actor | None) -> Vocabulary:
        def sees(institution: str) -> bool:
            return viewer is None or viewer.may_see(institution)

        whole = self._vocabulary
        return Vocabulary(
            institutions=tuple(one for one in whole.institutions if sees(one.name)),
            systems=tuple(one for one in whole.systems if sees(one.institution)),
            nodes=tuple(one for one in whole.nodes if sees(one.institution)),
            srs=tuple(one for one in whole.srs if sees(one.institution)),
        )

    async def system_of(self, conversation: ConversationRef) -> SystemEntry | None:
        return self.channels.get((conversation.adapter, conversation.channel))

    async def resolve(self, selector: Selector, viewer: Actor) -> Target:
        system = self._system(selector, viewer)
        everything = [
            node
            for node in self._nodes.values()
            if (node.entry.institution, node.entry.system) == (system.institution, system.name)
        ]
        fitting = [
            node
            for node in everything
            if selector.layer in {None, node.entry.layer} and selector.env in {None, node.entry.env}
        ]
        if not fitting:
            raise UserError("target_unknown")
        numbers = {node.entry.number for node in fitting}
        missing = sorted(set(selector.nodes) - numbers)
        if missing:
            raise UserError("node_unknown", numbers=missing, known=sorted(numbers))
        chosen = tuple(
            sorted(
                (n for n in fitting if not selector.nodes or n.entry.number in selector.nodes),
                key=_order,
            )
        )
        places = {(node.entry.layer, node.entry.env) for node in chosen}
        return Target(
            system=system,
            nodes=chosen,
            helpers=self._helpers(chosen),
            siblings=sum((n.entry.layer, n.entry.env) in places for n in everything),
            agent=self._agents.get(system.code, chosen[0].agent),
        )

    async def nodes(self, node_ids: Sequence[str]) -> tuple[Node, ...]:
        asked = dict.fromkeys(node_ids)
        return tuple(self._nodes[node_id] for node_id in asked if node_id in self._nodes)

    async def access(self, node_ids: Sequence[str]) -> tuple[SealedAccess, ...]:
        asked = dict.fromkeys(node_ids)
        return tuple(self.records[node_id] for node_id in asked if node_id in self.records)

    def _system(self, selector: Selector, viewer: Actor) -> SystemEntry:
        found = [
            system
            for system in self._vocabulary.systems
            if viewer.may_see(system.institution)
            and selector.institution in {None, system.institution}
            and selector.system in {None, system.name}
        ]
        if not found or (selector.institution is None and selector.system is None):
            raise UserError("target_unknown")
        if len(found) > 1:
            names = ", ".join(f"{one.institution} {one.name}" for one in found)
            raise UserError("target_ambiguous", candidates=names)
        return found[0]

    def _helpers(self, chosen: Sequence[Node]) -> tuple[Node, ...]:
        taken = {node.node_id for node in chosen}
        wanted = dict.fromkeys(
            member.web_node_id
            for node in chosen
            for member in sorted(node.balancers, key=lambda member: member.web_node_id)
            if member.web_node_id and member.web_node_id not in taken
        )
        return tuple(self._nodes[node_id] for node_id in wanted if node_id in self._nodes)


def _order(node: Node) -> tuple[int, int, int]:
    entry = node.entry
    return (
        list(type(entry.env)).index(entry.env),
        list(type(entry.layer)).index(entry.layer),
        entry.number,
    )
