"""Sessions of an application in the lab's PostgreSQL that hold locks and wait for each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from tests.lab import Postgres

_PATIENCE_S = 180.0


@dataclass(kw_only=True)
class Held:
    """Who holds the first row, and who waits, in the order in which they came."""

    pids: list[int] = field(default_factory=list)
    waiting: list[asyncio.Task[Any]] = field(default_factory=list)

    @property
    def holder(self) -> int:
        return self.pids[0]


@asynccontextmanager
async def connected(pg: Postgres, role: str = "mes_app", **more: Any) -> AsyncIterator[Any]:
    """One session of the application; dropped at the end, whatever it does."""
    session = await asyncpg.connect(**pg.address(role), **more)
    try:
        yield session
    finally:
        session.terminate()


@asynccontextmanager
async def blocked(pg: Postgres, *, waiters: int = 1, name: str = "was-pool") -> AsyncIterator[Held]:
    """One session keeps a row; the next waits for it with a row of its own, and so on."""
    held = Held()
    items = ("bolt", "nut", "gear")
    async with AsyncExitStack() as stack:
        for number in range(waiters + 1):
            settings = {"application_name": name}
            session = await stack.enter_async_context(connected(pg, server_settings=settings))
            held.pids.append(session.get_server_pid())
            await session.execute("begin")
            await session.execute(f"update stock set amount = 4711 where item = '{items[number]}'")
            if number:
                text = f"update stock set amount = 815 where item = '{items[number - 1]}'"
                held.waiting.append(asyncio.ensure_future(session.execute(text)))
                await until_waiting(pg, held.pids[number])
        try:
            yield held
        finally:
            for task in held.waiting:
                task.cancel()
            with suppress(Exception):
                await asyncio.gather(*held.waiting, return_exceptions=True)


async def alone(session: Any) -> None:
    """Until this session is the only one: one that was closed just now may be on its way out."""
    others = (
        "select count(*) from pg_stat_activity where datid is not null and pid <> pg_backend_pid()"
        " and coalesce(backend_type, 'client backend') = 'client backend'"
    )
    async with asyncio.timeout(_PATIENCE_S):
        while await session.fetchval(others):
            await asyncio.sleep(0.05)


async def until_waiting(pg: Postgres, pid: int) -> None:
    """Until that session waits for a lock."""
    await until(pg, f"select wait_event_type from pg_stat_activity where pid = {pid}", "Lock")


async def until(pg: Postgres, asked: str, answer: str) -> None:
    """Until the server answers that."""
    async with asyncio.timeout(_PATIENCE_S):
        while await asyncio.to_thread(pg.psql, asked) != answer:
            await asyncio.sleep(0.05)
