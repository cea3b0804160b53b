"""The engine with our own pages, and a dangerous job that waits for a yes with a code.

Owns: putting the two together as the composition root does, without workflows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from bot.core.domain.conversation import Inbound
from bot.core.domain.job import Job
from bot.core.domain.report import Button
from bot.engine.follow_up import FollowUp
from tests.fakes.codes import Authenticator
from tests.fakes.console import ConsoleParts, ConsoleServer
from tests.fakes.danger import END_SESSION, EndSessionAction
from tests.fakes.engine import World

DAY = timedelta(days=1)


@dataclass(kw_only=True)
class Desk:
    """The engine with its pages, a dangerous job that waits, and what came in without a code."""

    world: World
    server: ConsoleServer
    job: Job
    address: str
    received: list[Inbound]

    async def device(self, person_id: str = "leader") -> Authenticator:
        return await self.world.codes.enrol(person_id)

    def code(self, device: Authenticator, *, step: int = 0) -> str:
        return device.code(self.world.clock.now(), step=step)

    @property
    def now(self) -> Job:
        return self.world.job(self.job.job_id)


@asynccontextmanager
async def a_desk() -> AsyncIterator[Desk]:
    """It waits for approval by the part leader or the PM; the operator has asked."""
    received: list[Inbound] = []

    async def receive(event: Inbound) -> None:
        received.append(event)

    world = World(more_actions={"kill_session": EndSessionAction()})

    async def approve(click, code: str) -> None:
        async def follow(follow_up: FollowUp, _key: str) -> None:
            if follow_up.wake is not None:
                await world.requests.settle(follow_up.wake)

        await world.approvals.approve(click, code, follow=follow)

    server = ConsoleServer(
        ConsoleParts(
            directory=world.directory,
            jobs=world.jobs,
            clock=world.clock,
            audit=world.audit,
            codes=world.codes,
            approve=approve,
        )
    )
    await server.start(receive)
    try:
        world.links = server.links
        world.__post_init__()
        world.parser.answers["세션 종료"] = END_SESSION
        job_id = (await world.pipeline.handle(world.mention("세션 종료", by="operator"))).start
        assert job_id is not None
        await world.requests.open(job_id)
        job = world.job(job_id)
        button = Button(button="approve", value=f"{job_id}:{job.plan.digest}", label="코드로 승인")
        address = server.links.action(button, job.card, life=DAY)
        yield Desk(world=world, server=server, job=job, address=address, received=received)
    finally:
        await server.stop()
