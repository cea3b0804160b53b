"""One PostgreSQL database, read-only. asyncpg is at home here.

Owns: the login sealed with a node's access, the session's limits, and what its failures are
called. Statements are constants of the operations; values are bound, never written into them.
Knows no operation. No message of the server leaves this module: it could quote a value.

Codes of the TransportErrors raised here: ``database_unreachable``, ``database_login_missing``
(no login is sealed with the access), ``database_login_refused``, ``database_missing``,
``database_full`` (no connection is left), ``database_starting`` (or stopping),
``query_timeout``, ``query_locked``, ``query_denied`` (the role may not), ``table_missing``,
``query_failed`` (with its ``sqlstate``), ``connection_lost``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, NewType

import asyncpg

from agent.transports.transport import TransportError
from agent.wire.plan import NodeAccess

CONNECT_S = 5.0
STATEMENT_S = 3.0
_LOCK_S = 2.0
_ANSWER_S = 6.0  # for a server that does not even end its statements
_GOODBYE_S = 2.0
_NAME = "guardia-agent"
_SESSION = {
    "application_name": _NAME,
    "default_transaction_read_only": "on",
    "statement_timeout": f"{STATEMENT_S * 1000:.0f}",
    "lock_timeout": f"{_LOCK_S * 1000:.0f}",
    "idle_in_transaction_session_timeout": "10000",
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_CODES = {
    "3D000": "database_missing",
    "53300": "database_full",
    "57P03": "database_starting",
    "57014": "query_timeout",
    "55P03": "query_locked",
    "42501": "query_denied",
    "42P01": "table_missing",
    "42703": "table_missing",
    "57P01": "connection_lost",
    "57P02": "connection_lost",
}
_REFUSED_AT_LOGIN = {"42501"}  # no right to connect to that database

Statement = NewType("Statement", str)
Row = Mapping[str, Any]


class Database:
    """One session. Its role may only read, and so may the session."""

    def __init__(self, connection: asyncpg.Connection, name: str) -> None:
        self._connection = connection
        self._name = name

    async def rows(self, statement: Statement, *values: object) -> list[Row]:
        """All rows of a statement, which bounds them itself; ``values`` are bound to $1, $2 …

        Raises:
            TransportError: see the module.
        """
        try:
            return list(await self._connection.fetch(statement, *values, timeout=_ANSWER_S))
        except TimeoutError as error:
            raise TransportError("query_timeout", database=self._name) from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise _translated(error, self._name) from error

    async def row(self, statement: Statement, *values: object) -> Row | None:
        """The first row; None: there is none."""
        return next(iter(await self.rows(statement, *values)), None)


OpenDatabase = Callable[[NodeAccess], AbstractAsyncContextManager[Database]]


@asynccontextmanager
async def open_database(access: NodeAccess) -> AsyncIterator[Database]:
    """Log in to the database of the node's profile, and out again at the end.

    Raises:
        TransportError: see the module.
        ValueError: the profile names no database; whoever opens one has looked before.
    """
    spec, login = access.target.profile.database, access.database
    if spec is None:
        raise ValueError("no database in the profile")
    if login is None:
        raise TransportError("database_login_missing", database=spec.name)
    try:
        connection = await asyncpg.connect(
            host=access.target.host,
            port=spec.port,
            user=login.user,
            password=login.password,
            database=spec.name,
            timeout=CONNECT_S,
            ssl="prefer",  # whatever PGSSLMODE says
            statement_cache_size=0,  # poolers hand the next statement to another session
            server_settings=_SESSION,
        )
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise _refused(error, spec.name) from error
    try:
        yield Database(connection, spec.name)
    finally:
        await _say_goodbye(connection)


async def _say_goodbye(connection: asyncpg.Connection) -> None:
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        await connection.close(timeout=_GOODBYE_S)
    connection.terminate()


def _refused(error: Exception, name: str) -> TransportError:
    """Why nobody was let in."""
    state = getattr(error, "sqlstate", None) or ""
    if state.startswith("28") or state in _REFUSED_AT_LOGIN:
        return TransportError("database_login_refused", database=name)
    if state in _CODES:
        return TransportError(_CODES[state], database=name)
    return TransportError("database_unreachable", database=name)


def _translated(error: Exception, name: str) -> TransportError:
    state = getattr(error, "sqlstate", None) or ""
    if isinstance(error, ValueError):  # a value that its column's type does not take
        return TransportError("query_failed", database=name)
    if not state or state.startswith("08"):
        return TransportError("connection_lost", database=name)
    if state not in _CODES:
        return TransportError("query_failed", database=name, sqlstate=state)
    return TransportError(_CODES[state], database=name)
