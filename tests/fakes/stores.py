"""In-memory implementations of every store port.

Owns: what engine tests run on instead of a database. The contract suites in
``tests/contract/stores`` hold them to the same sentences as the SQL stores.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from bot.core.domain.audit import AuditEvent
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.decision import Approval
from bot.core.domain.intent import Intent
from bot.core.domain.job import TERMINAL, Deployment, Job, JobState, StepRecord
from bot.core.domain.room import Room, RoomMessage
from bot.core.errors import OperationError
from bot.core.lifecycle import may_follow
from bot.core.policy import still_counts
from bot.core.ports import Lease
from tests.fakes.estate_stores import MemoryDirectory, MemoryInventory

__all__ = [
    "MemoryAgents",
    "MemoryAudit",
    "MemoryDialogues",
    "MemoryDirectory",
    "MemoryInventory",
    "MemoryJobs",
    "MemoryRooms",
    "MemorySignIns",
]


class MemoryJobs:
    """The stores of jobs, approvals, locks, deployments and history, as they share their jobs."""

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

    async def advance(
        self, job_id: str, to: JobState, *, at: datetime, was: JobState | None = None
    ) -> bool:
        job = self._job(job_id)
        if job.state is to:
            return False
        if not may_follow(job.state, to) or was not in (None, job.state):
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
        if job is None or not still_counts(job, approval):
            return False
        run_at = max(filter(None, (job.run_at, approval.run_at)), default=None)
        self.jobs[job.job_id] = replace(job, approvals=(*job.approvals, approval), run_at=run_at)
        return True

    async def request_cancel(self, job_id: str, person_id: str) -> bool:
        job = self.jobs.get(job_id)
        if job is None or job.state in TERMINAL:
            return False
        asked_by = job.cancel_requested_by or person_id
        self.jobs[job_id] = replace(job, cancel_requested_by=asked_by)
        return True

    async def cancel_requested(self, job_id: str) -> bool:
        job = self.jobs.get(job_id)
        return job is not None and job.cancel_requested_by is not None

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

    # --- DeploymentStore ---

    async def add_deployment(self, deployment: Deployment) -> None:
        self.past.setdefault(deployment.job_id, deployment)

    async def mark_undone(self, job_id: str) -> None:
        if job_id in self.past:
            self.past[job_id] = replace(self.past[job_id], undone=True)

    async def deployments(self, system_code: str) -> tuple[Deployment, ...]:
        found = [one for one in self.past.values() if one.system_code == system_code]
        return tuple(sorted(found, key=lambda one: (one.ended_at, one.job_id), reverse=True))

    # --- HistoryStore ---

    async def reads_of(self, person_id: str, action: str, *, since: datetime) -> tuple[Job, ...]:
        found = [
            job
            for job in self.jobs.values()
            if (job.requester_id, job.plan.action) == (person_id, action)
            and job.created_at >= since
            and job.state in TERMINAL
        ]
        found.sort(key=lambda job: (job.created_at, job.job_id), reverse=True)
        return tuple(found[:20])

    async def active_jobs(self) -> tuple[Job, ...]:
        found = [job for job in self.jobs.values() if job.state not in TERMINAL]
        return tuple(sorted(found, key=lambda job: (job.created_at, job.job_id)))

    async def latest_job(self, thread: ConversationRef) -> Job | None:
        def place(at: ConversationRef) -> tuple[str, str, str | None]:
            return (at.adapter, at.channel, at.thread)

        found = [job for job in self.jobs.values() if place(job.conversation) == place(thread)]
        return max(found, key=lambda job: (job.created_at, job.job_id), default=None)

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
