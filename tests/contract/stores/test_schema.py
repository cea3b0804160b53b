"""Models and migrated schema are the same, and migrations run anywhere, any number of times."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from bot.core.errors import ConfigurationError, OperationError
from cmdb.engine import is_current, open_engine, reading, upgrade, writing
from cmdb.models import METADATA, LockRow
from cmdb.rows import insert_new

databases = pytest.mark.parametrize("backend", ["sqlite", "postgres"])


@databases
async def test_models_and_migrated_schema_are_the_same(engine) -> None:
    def differences(connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, METADATA)

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []


@databases
async def test_upgrading_again_changes_nothing(engine, backend_url) -> None:
    async with writing(engine) as session:
        await insert_new(session, LockRow(scope="s"))
    await upgrade(backend_url)
    assert await is_current(backend_url)
    async with reading(engine) as session:
        assert await session.get(LockRow, "s") is not None


async def test_an_empty_database_is_not_current(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/a.db"
    assert not await is_current(url)
    await upgrade(url)
    assert await is_current(url)


async def test_upgrades_at_once_do_not_trip_over_each_other(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/a.db"
    await asyncio.gather(*(upgrade(url) for _ in range(4)))
    assert await is_current(url)


async def test_migrations_run_from_any_working_directory(tmp_path: Path) -> None:
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        await upgrade(f"sqlite+aiosqlite:///{tmp_path}/a.db")
    finally:
        os.chdir(here)
    assert await is_current(f"sqlite+aiosqlite:///{tmp_path}/a.db")


async def test_sqlite_is_set_up_for_durability_and_waiting(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite+aiosqlite:///{tmp_path}/a.db")
    async with engine.connect() as connection:
        found = {
            name: (await connection.execute(text(f"PRAGMA {name}"))).scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        }
    await engine.dispose()
    assert found == {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "synchronous": 2,
        "busy_timeout": 15_000,
    }


@databases
async def test_read_modify_writes_at_once_lose_nothing(engine) -> None:
    async with writing(engine) as session:
        await insert_new(session, LockRow(scope="s"))

    async def count_up() -> None:
        async with writing(engine) as session:
            row = await session.get_one(LockRow, "s", with_for_update=True)
            seen = row.fencing_token
            await asyncio.sleep(0)  # let the others in, if they can get in
            row.fencing_token = seen + 1

    await asyncio.gather(*(count_up() for _ in range(40)))
    async with reading(engine) as session:
        assert (await session.get_one(LockRow, "s")).fencing_token == 40


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "mysql://x/y",
        "sqlite:///a.db",
        "postgresql://h/d",
        "postgresql+psycopg://h/d",
    ],
)
def test_another_kind_of_database_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_engine(url)
    assert refused.value.code == "database_url"


async def test_a_database_that_does_not_answer_is_an_operation_error() -> None:
    for url in (
        "sqlite+aiosqlite:////no/such/folder/a.db",
        "postgresql+asyncpg://nobody@127.0.0.1:1/none",
    ):
        with pytest.raises(OperationError) as refused:
            await upgrade(url)
        assert refused.value.code == "store_unavailable"
