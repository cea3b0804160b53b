"""What is looked at once more before an approved job begins.

Owns: the obstacles, in order, and the values of their sentences. Stops nothing itself.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime

from bot.core.domain.decision import Deny, RequireApproval
from bot.core.domain.job import Deployment, Job, JobState
from bot.core.overlaps import shared
from bot.core.policy import asked_of, decide, earliest_start, still_stands
from bot.engine.approval_seal import ApprovalSeal
from bot.engine.services import Services
from bot.engine.timetable import Timetable


class Admission:
    """Says what stands in a job's way."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._locks = services.stores.locks
        self._seal = ApprovalSeal(services.signer)
        self._timetable = Timetable(services)

    async def obstacle(self, job: Job) -> tuple[str, JobState] | None:
        """What keeps the job from beginning now and how it ends for it; None: nothing, and the
        system's lock is the job's."""
        if job.cancel_requested_by is not None:
            return "cancelled", JobState.CANCELLED
        void = await self._void(job)
        if void is not None:
            return void, JobState.DENIED
        if not await self._agent_answers(job.plan.wire.agent):
            return "agent_offline", JobState.FAILED
        if job.plan.wire.lock is not None:
            lease = await self._locks.acquire(job.plan.wire.lock, job.job_id, at=self._now())
            if lease is None:
                return "system_locked", JobState.FAILED
        return None

    async def _void(self, job: Job) -> str | None:
        """Why what people have said yes to does not hold now."""
        if not await self._rights_hold(job):
            return "approval_void"
        closed = await self._timetable.refusal(job.plan, now=self._now())
        if closed is not None:
            return closed.code
        if not await self._estate_holds(job):
            return "plan_void"
        return "plan_overtaken" if await self._overtaken(job) else None

    async def values(self, job: Job, code: str) -> dict[str, str]:
        """What the sentence of that obstacle names."""
        values = {
            "job": job.job_id,
            "agent": job.plan.wire.agent,
            "nodes": ", ".join(job.plan.node_names),
            "system": job.plan.wire.lock or job.plan.system,
            **await self._timetable.values(job.plan, now=self._now()),
        }
        if code == "system_locked" and job.plan.wire.lock is not None:
            values |= await self._holder(job.plan.wire.lock)
        overtaken = await self._overtaken(job)
        if overtaken is not None:
            newer, path = overtaken
            values |= {"newer": newer.job_id, "path": path}
        return values

    async def _holder(self, scope: str) -> dict[str, str]:
        holder = await self._locks.holder(scope)
        other = await self._services.stores.jobs.load(holder) if holder else None
        texts = self._services.texts
        return {
            "holder": holder or "-",
            "state": texts.say(f"state.{other.state.value}") if other else "-",
        }

    async def _rights_hold(self, job: Job) -> bool:
        requester = await self._services.directory.person(job.requester_id)
        if requester is None:
            return False
        rules = await self._services.directory.rules()
        decision = decide(asked_of(job.plan), requester, rules)
        if isinstance(decision, Deny):
            return False
        if isinstance(decision, RequireApproval) and decision.stages != job.stages:
            return False  # the rules ask for other approvals now than those that were given
        given = replace(job, approvals=self._seal.genuine(job.approvals))
        agreed = earliest_start(given.approvals)
        if agreed is not None and agreed > self._now():
            return False  # a yes for later is no yes for now
        return still_stands(given, await self._services.directory.people())

    async def _estate_holds(self, job: Job) -> bool:
        """Whether the plan is the approved one and its servers are still what it says."""
        plan = job.plan.wire
        if plan.digest() != job.plan.digest:
            return False
        nodes = await self._services.inventory.nodes([target.node_id for target in plan.targets])
        return tuple(node.wire for node in nodes) == plan.targets

    async def _overtaken(self, job: Job) -> tuple[Deployment, str] | None:
        """The deployment that has changed files of this plan since it was made, and one of them.

        The plan says what is new, changed or already there: of servers that are not so any more.
        """
        history = await self._services.stores.deployments.deployments(job.plan.wire.lock or "")
        known = {past.job_id: past for past in history}
        paths, nodes = _touched(job, known.get(job.plan.deployment or ""))
        for past in history:
            if past.undone or past.ended_at <= job.created_at or past.job_id == job.job_id:
                continue
            path = shared(paths, past.paths) if nodes & set(past.node_ids) else None
            if path is not None:
                return past, path
        return None

    async def _agent_answers(self, agent: str) -> bool:
        """An agent that is just reconnecting gets a moment."""
        for _ in range(self._services.settings.agent_patience_s):
            if self._services.agents.online(agent):
                return True
            await asyncio.sleep(1)
        return self._services.agents.online(agent)

    def _now(self) -> datetime:
        return self._services.clock.now()


def _touched(job: Job, taken_back: Deployment | None) -> tuple[set[str], set[str]]:
    """The files that the plan speaks of, those that are there already included, and the nodes."""
    files = job.plan.files
    paths = {file.path for file in files}
    nodes = {node for file in files for node, _ in file.novelty} | set(job.plan.node_names)
    return paths | set(taken_back.paths if taken_back else ()), nodes
