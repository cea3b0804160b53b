"""The database: opening it, migrating it, and the two kinds of transaction.

Owns: connections to SQLite and PostgreSQL, and the translation of their errors. Knows no table.
SQLite loses read-modify-writes unless a writing transaction begins IMMEDIATE; PostgreSQL takes
row locks instead (``with_for_update``, which SQLite ignores).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from bot.core.errors import ConfigurationError, OperationError

DRIVERS = ("sqlite+aiosqlite", "postgresql+asyncpg")
BUSY_TIMEOUT_MS = 15_000
WAL_TRIES = 60
WAL_WAIT_S = 0.05
CONNECT_TIMEOUT_S = 3
MIGRATION_LOCK = 0x6775_6172  # one replica migrates at a time (PostgreSQL advisory lock)


def open_engine(url: str) -> AsyncEngine:
    """The engine for a database; nothing is connected yet.

    Raises:
        ConfigurationError: ``database_url``: it is no URL of a supported driver.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError("database_url", drivers=", ".join(DRIVERS)) from error
    if parsed.drivername not in DRIVERS:
        raise ConfigurationError("database_url", drivers=", ".join(DRIVERS))
    if parsed.drivername == "sqlite+aiosqlite":
        return _open_sqlite(url)
    return create_async_engine(
        url, pool_pre_ping=True, connect_args={"timeout": CONNECT_TIMEOUT_S, "command_timeout": 30}
    )


def _open_sqlite(url: str) -> AsyncEngine:
    engine = create_async_engine(url)

    @event.listens_for(engine.sync_engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        # The driver's own implicit BEGIN is deferred; ours below is not.
        connection.isolation_level = None
        connection.run_async(_configure_sqlite)

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


async def _configure_sqlite(connection: aiosqlite.Connection) -> None:
    for setting in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        await connection.execute(f"PRAGMA {setting}")
    # Turning a fresh file over to WAL does not wait for others who are at it: we do.
    for _ in range(WAL_TRIES):
        try:
            await connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            await asyncio.sleep(WAL_WAIT_S)
    await connection.execute("PRAGMA journal_mode = WAL")


@asynccontextmanager
async def writing(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    """One transaction that may write; committed at the end, rolled back on any error.

    Raises:
        OperationError: ``store_unavailable``: the database did not do it.
    """
    try:
        async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
            yield session
    except (SQLAlchemyError, OSError) as error:
        raise OperationError("store_unavailable") from error


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    """One consistent view, for reading only.

    Raises:
        OperationError: ``store_unavailable``: the database did not answer.
    """
    view = engine.execution_options(reading=True)
    if engine.dialect.name == "postgresql":
        view = view.execution_options(isolation_level="REPEATABLE READ")
    try:
        async with AsyncSession(view, expire_on_commit=False) as session:
            yield session
    except (SQLAlchemyError, OSError) as error:
        raise OperationError("store_unavailable") from error


# --- migrations ------------------------------------------------------------------------------


async def upgrade(url: str) -> None:
    """Bring the schema to the newest revision; does nothing when it is there already.

    Raises:
        ConfigurationError: ``database_url``.
        OperationError: ``store_unavailable``.
    """
    await _with_connection(url, _upgrade)


async def is_current(url: str) -> bool:
    """Whether the schema is at the newest revision.

    Raises:
        ConfigurationError: ``database_url``.
        OperationError: ``store_unavailable``.
    """
    found: list[bool] = []
    await _with_connection(url, lambda connection: found.append(_at_head(connection)))
    return found[0]


async def _with_connection(url: str, work: Callable[[Connection], None]) -> None:
    engine = open_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(work)
    except (SQLAlchemyError, OSError) as error:
        raise OperationError("store_unavailable") from error
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _at_head(connection: Connection) -> bool:
    head = ScriptDirectory.from_config(_config()).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == head


def _config() -> Config:
    config = Config()
    # '%' begins an interpolation in alembic's settings.
    config.set_main_option(
        "script_location", str(Path(__file__).parent / "migrations").replace("%", "%%")
    )
    return config
