"""In-memory implementations of every store port.

Owns: what engine tests run on instead of a database. The contract suites in
``tests/contract/stores`` hold them to the same sentences as the SQL stores.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from agent.wire.plan import SealedAccess
from bot.core.domain.audit import AuditEvent
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.decision import Approval, Rule
from bot.core.domain.estate import Node, SystemEntry, Target, Vocabulary
from bot.core.domain.intent import Intent, Selector
from bot.core.domain.job import TERMINAL, Deployment, Job, JobState, StepRecord
from bot.core.domain.people import Actor, ExternalId
from bot.core.errors import OperationError, UserError
from bot.core.lifecycle import may_follow
from bot.core.ports import Lease, Room, RoomMessage


class MemoryJobs:
    """JobStore, ApprovalStore, LockStore and HistoryStore, as they share their jobs."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.past: dict[str, Deployment] = {}
        self._held: dict[str, str | None] = {}
        self._tokens: dict[str, int] = {}

    # --- JobStore ---

    async def create(self, job: Job) -> bool:
        if job.job_id in self.jobs:
            return False
        self.jobs[job.job_id] = job
        return True

    async def load(self, job_id: str) -> Job | None:
        return self.jobs.get(job_id)

    async def advance(self, job_id: str, to: JobState, *, at: datetime) -> bool:
        job = self._job(job_id)
        if job.state is to:
            return False
        if not may_follow(job.state, to):
            raise OperationError("state_conflict", job=job_id, state=job.state, to=to)
        started = at if to is JobState.RUNNING else job.started_at
        ended = at if to in TERMINAL else job.ended_at
        self.jobs[job_id] = replace(job, state=to, started_at=started, ended_at=ended)
        return True

    async def attach(
        self,
        job_id: str,
        *,
        card: ConversationRef | None = None,
        progress: ConversationRef | None = None,
    ) -> None:
        job = self._job(job_id)
        self.jobs[job_id] = replace(job, card=card or job.card, progress=progress or job.progress)

    async def record_step(self, job_id: str, step: StepRecord) -> None:
        job = self._job(job_id)
        steps = {known.step_id: known for known in job.steps} | {step.step_id: step}
        self.jobs[job_id] = replace(job, steps=tuple(steps.values()))

    # --- ApprovalStore ---

    async def add_approval(self, approval: Approval) -> bool:
        job = self.jobs.get(approval.job_id)
        if job is None or job.state is not JobState.AWAITING_APPROVAL:
            return False
        if approval.person_id in {given.person_id for given in job.approvals}:
            return False
        self.jobs[job.job_id] = replace(job, approvals=(*job.approvals, approval))
        return True

    async def request_cancel(self, job_id: str, person_id: str) -> bool:
        job = self.jobs.get(job_id)
        if job is None or job.state in TERMINAL:
            return False
        asked_by = job.cancel_requested_by or person_id
        self.jobs[job_id] = replace(job, cancel_requested_by=asked_by)
        return True

    # --- LockStore ---

    async def acquire(self, scope: str, job_id: str, *, at: datetime) -> Lease | None:
        if self._held.get(scope) not in {None, job_id}:
            return None
        if self._held.get(scope) is None:
            self._held[scope] = job_id
            self._tokens[scope] = self._tokens.get(scope, 0) + 1
            if job_id in self.jobs:
                token = self._tokens[scope]
                self.jobs[job_id] = replace(self.jobs[job_id], fencing_token=token)
        return Lease(scope=scope, job_id=job_id, fencing_token=self._tokens[scope])

    async def release(self, lease: Lease) -> None:
        mine = self._held.get(lease.scope) == lease.job_id
        if mine and self._tokens[lease.scope] == lease.fencing_token:
            self._held[lease.scope] = None

    async def holder(self, scope: str) -> str | None:
        return self._held.get(scope)

    # --- HistoryStore ---

    async def add_deployment(self, deployment: Deployment) -> None:
        self.past.setdefault(deployment.job_id, deployment)

    async def mark_undone(self, job_id: str) -> None:
        if job_id in self.past:
            self.past[job_id] = replace(self.past[job_id], undone=True)

    async def deployments(self, system_code: str) -> tuple[Deployment, ...]:
        found = [one for one in self.past.values() if one.system_code == system_code]
        return tuple(sorted(found, key=lambda one: (one.ended_at, one.job_id), reverse=True))

    async def active_jobs(self) -> tuple[Job, ...]:
        found = [job for job in self.jobs.values() if job.state not in TERMINAL]
        return tuple(sorted(found, key=lambda job: (job.created_at, job.job_id)))

    def _job(self, job_id: str) -> Job:
        if job_id not in self.jobs:
            raise OperationError("job_missing", job=job_id)
        return self.jobs[job_id]


class MemoryDialogues:
    """DialogueStore."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str, str | None, str], tuple[Intent, datetime]] = {}

    async def ask(
        self, conversation: ConversationRef, person_id: str, partial: Intent, *, until: datetime
    ) -> None:
        self._open[self._key(conversation, person_id)] = (partial, until)

    async def pending(
        self, conversation: ConversationRef, person_id: str, *, now: datetime
    ) -> Intent | None:
        found = self._open.get(self._key(conversation, person_id))
        return found[0] if found is not None and now < found[1] else None

    async def drop(self, conversation: ConversationRef, person_id: str) -> None:
        self._open.pop(self._key(conversation, person_id), None)

    @staticmethod
    def _key(conversation: ConversationRef, person_id: str) -> tuple[str, str, str | None, str]:
        return (conversation.adapter, conversation.channel, conversation.thread, person_id)


class MemoryDirectory:
    """Directory. An external id with an empty tenant is good for any."""

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
        general = replace(external, tenant="")
        person_id = self.externals.get(external) or self.externals.get(general)
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
    ) -> None:
        self._vocabulary = vocabulary
        self._nodes = {node.node_id: node for node in nodes}
        self._agents = dict(agents or {})  # system code → agent, where its nodes do not say
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
            if member.web_node_id not in taken
        )
        return tuple(self._nodes[node_id] for node_id in wanted if node_id in self._nodes)


def _order(node: Node) -> tuple[int, int, int]:
    entry = node.entry
    return (
        list(type(entry.env)).index(entry.env),
        list(type(entry.layer)).index(entry.layer),
        entry.number,
    )


class MemoryAudit:
    """AuditSink. ``broken``: refuses every event from now on."""

    def __init__(self) -> None:
        self.events: list[AuditEvent] = []
        self.broken = False

    async def append(self, event: AuditEvent) -> None:
        if self.broken:
            raise OperationError("audit_unavailable", reason="broken")
        try:
            json.dumps(dict(event.detail), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise OperationError("audit_unavailable", reason="not_json") from error
        self.events.append(event)


class MemoryAgents:
    """AgentStore."""

    def __init__(self) -> None:
        self._tokens: dict[str, tuple[str, datetime]] = {}
        self.keys: dict[str, tuple[str, str]] = {}

    async def issue_token(self, agent: str, token_digest: str, *, until: datetime) -> None:
        self._tokens[agent] = (token_digest, until)

    async def redeem(
        self, agent: str, token_digest: str, *, verify_key: str, seal_key: str, now: datetime
    ) -> bool:
        known, until = self._tokens.get(agent, ("", now))
        if known != token_digest or now >= until:
            return False
        del self._tokens[agent]
        self.keys[agent] = (verify_key, seal_key)
        return True

    async def verify_key(self, agent: str) -> str | None:
        return self.keys[agent][0] if agent in self.keys else None

    async def seal_key(self, agent: str) -> str | None:
        return self.keys[agent][1] if agent in self.keys else None


class MemoryRooms:
    """RoomStore."""

    def __init__(self) -> None:
        self.all: dict[str, Room] = {}
        self.messages: dict[str, RoomMessage] = {}
        self._keys: dict[str, str] = {}
        self._positions: dict[str, int] = {}

    async def put_room(self, room: Room) -> None:
        self.all[room.room_id] = replace(room, members=tuple(sorted(room.members)))

    async def rooms(self, person_id: str) -> tuple[Room, ...]:
        mine = [room for room in self.all.values() if person_id in room.members]
        return tuple(sorted(mine, key=lambda room: room.room_id))

    async def put(self, message: RoomMessage, *, key: str) -> RoomMessage:
        if message.room not in self.all:
            raise OperationError("room_missing", room=message.room)
        if key in self._keys:
            return self.messages[self._keys[key]]
        if message.message_id in self.messages:
            raise OperationError("message_conflict", message=message.message_id)
        self._keys[key] = message.message_id
        return self._store(replace(message, revision=1))

    async def edit(self, message_id: str, body: Mapping[str, object]) -> RoomMessage:
        found = self.messages.get(message_id)
        if found is None:
            raise OperationError("message_missing", message=message_id)
        return self._store(replace(found, body=dict(body), revision=found.revision + 1))

    async def since(self, room: str, position: int, limit: int) -> tuple[RoomMessage, ...]:
        newer = [m for m in self.messages.values() if m.room == room and m.position > position]
        return tuple(sorted(newer, key=lambda message: message.position)[:limit])

    async def find(self, message_id: str) -> RoomMessage | None:
        return self.messages.get(message_id)

    def _store(self, message: RoomMessage) -> RoomMessage:
        position = self._positions.get(message.room, 0) + 1
        self._positions[message.room] = position
        stored = replace(message, position=position)
        self.messages[message.message_id] = stored
        return stored


class MemorySignIns:
    """SignInStore."""

    def __init__(self) -> None:
        self._codes: dict[str, tuple[str, datetime]] = {}

    async def issue(self, person_id: str, code_digest: str, *, until: datetime) -> None:
        self._codes[person_id] = (code_digest, until)

    async def redeem(self, code_digest: str, *, now: datetime) -> str | None:
        for person_id, (digest, until) in self._codes.items():
            if digest == code_digest:
                del self._codes[person_id]
                return person_id if now < until else None
        return None
