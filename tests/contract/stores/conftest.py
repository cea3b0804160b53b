"""What every store suite runs on: the fakes, SQLite in a file, a scratch PostgreSQL."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.core.ports import (
    AgentStore,
    ApprovalStore,
    DeploymentStore,
    DialogueStore,
    HistoryStore,
    JobStore,
    LockStore,
)
from bot.core.room_ports import SignInStore
from cmdb.agents import SqlAgentStore
from cmdb.approvals import SqlApprovalStore
from cmdb.deployments import SqlDeploymentStore
from cmdb.dialogues import SqlDialogueStore
from cmdb.engine import open_engine, upgrade
from cmdb.history import SqlHistoryStore
from cmdb.jobs import SqlJobStore
from cmdb.locks import SqlLockStore
from cmdb.models import METADATA
from cmdb.rooms import SqlRoomStore
from cmdb.signin import SqlSignInStore
from tests.fakes.postgres import postgres_programs, scratch_postgres
from tests.fakes.stores import (
    MemoryAgents,
    MemoryDialogues,
    MemoryJobs,
    MemoryRooms,
    MemorySignIns,
)


@dataclass(frozen=True, kw_only=True)
class Stores:
    jobs: JobStore
    approvals: ApprovalStore
    locks: LockStore
    deployments: DeploymentStore
    history: HistoryStore
    dialogues: DialogueStore
    agents: AgentStore
    rooms: SqlRoomStore | MemoryRooms
    sign_ins: SignInStore


def migrate(url: str) -> None:
    """Apart from whatever loop the test runs in."""
    with ThreadPoolExecutor(1) as apart:
        apart.submit(asyncio.run, upgrade(url)).result()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    programs = postgres_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server installed (make system-packages)")
    with scratch_postgres(programs) as url:
        migrate(url)
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate(f"sqlite+aiosqlite:///{file}")
    return file


def sql_stores(engine: AsyncEngine) -> Stores:
    return Stores(
        jobs=SqlJobStore(engine),
        approvals=SqlApprovalStore(engine),
        locks=SqlLockStore(engine),
        deployments=SqlDeploymentStore(engine),
        history=SqlHistoryStore(engine),
        dialogues=SqlDialogueStore(engine),
        agents=SqlAgentStore(engine),
        rooms=SqlRoomStore(engine),
        sign_ins=SqlSignInStore(engine),
    )


def memory_stores() -> Stores:
    jobs = MemoryJobs()
    return Stores(
        jobs=jobs,
        approvals=jobs,
        locks=jobs,
        deployments=jobs,
        history=jobs,
        dialogues=MemoryDialogues(),
        agents=MemoryAgents(),
        rooms=MemoryRooms(),
        sign_ins=MemorySignIns(),
    )


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def backend_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    if backend == "memory":
        return None
    if backend == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    file = tmp_path / "guardia.db"
    shutil.copy(request.getfixturevalue("sqlite_template"), file)
    return f"sqlite+aiosqlite:///{file}"


@pytest.fixture
async def backend_engine(backend_url: str | None) -> AsyncIterator[AsyncEngine | None]:
    """The engine of a database; None for the fakes."""
    if backend_url is None:
        yield None
        return
    opened = open_engine(backend_url)
    if opened.dialect.name == "postgresql":
        names = ", ".join(table.name for table in METADATA.sorted_tables)
        async with opened.begin() as connection:
            await connection.execute(text(f"TRUNCATE {names}"))
    yield opened
    await opened.dispose()


@pytest.fixture
def stores(backend_engine: AsyncEngine | None) -> Stores:
    return memory_stores() if backend_engine is None else sql_stores(backend_engine)


@pytest.fixture
def engine(backend_engine: AsyncEngine | None) -> AsyncEngine:
    """A real database; such tests parametrise ``backend`` themselves."""
    assert backend_engine is not None
    return backend_engine
