"""Connections and locks of a node's database, and the end of a session that blocks others.

Owns: read_database and end_backend, with their statements (PostgreSQL 10 and later). The values
of other people's statements never leave here (``sql_text``), nor their full addresses.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from agent.operations.context import OperationFailed, StepContext, Verified
from agent.operations.waits import Session, Waits, application_of
from agent.transports.database import Database, Statement
from agent.transports.database import Row as Found
from agent.transports.output import plain
from agent.transports.transport import TransportError
from agent.wire.checks import EndBackend, ReadDatabase
from agent.wire.profile import DatabaseSpec
from agent.wire.readings import Column, Fact, Grid, Level, Reading, Remark, Row, worst

_GONE_S = 5.0
_POLL_S = 0.1
_OLD_TRANSACTION_S = 600  # left open without a statement: locks stay, and nothing is cleaned up

SERVER = Statement("""
select current_setting('max_connections')::int as most,
       coalesce((select rolsuper from pg_roles where rolname = current_user), false) as superuser
""")
CONNECTIONS = Statement("""
select coalesce(state, 'hidden') as state, count(*) as sessions,
       coalesce(max(extract(epoch from clock_timestamp() - xact_start))
                filter (where state like 'idle in transaction%'), 0)::float8 as idle_s
from pg_stat_activity
where pid <> pg_backend_pid()
  and (backend_type = 'client backend' or (backend_type is null and datid is not null))
group by 1 order by 2 desc limit 20
""")
# Without pg_read_all_stats kind, state and wait of others' sessions are null; then all are asked
# about.
LOCKS = Statement("""
with waits as (
    select pid, pg_blocking_pids(pid) as blockers from pg_stat_activity
    where wait_event_type = 'Lock' or (backend_type is null and datid is not null)
), pairs as (
    select distinct pid, unnest(blockers) as blocker from waits
), involved as (
    select pid from pairs union select blocker from pairs
)
select i.pid, a.backend_start, coalesce(a.usename, '') as usename,
       left(coalesce(a.application_name, ''), 64) as application,
       coalesce(host(a.client_addr), '') as client,
       extract(epoch from clock_timestamp() - a.xact_start)::float8 as transaction_s,
       extract(epoch from clock_timestamp() - a.query_start)::float8 as statement_s,
       left(coalesce(a.query, ''), 2000) as query,
       array(select blocker from pairs p where p.pid = i.pid)::int[] as waits_for
from involved i left join pg_stat_activity a on a.pid = i.pid
order by i.pid limit 1000
""")
BACKEND = Statement("""
select a.backend_start, coalesce(a.usename, '') as usename,
       left(coalesce(a.application_name, ''), 64) as application,
       coalesce(host(a.client_addr), '') as client,
       coalesce(a.datname = current_database(), false) as here,
       (select count(*) from pg_stat_activity w
        where (w.wait_event_type = 'Lock' or w.backend_type is null)
          and a.pid = any(pg_blocking_pids(w.pid))) as waiting
from pg_stat_activity a
where a.pid = $1 and coalesce(a.backend_type, 'client backend') = 'client backend'
""")
# Once more all that was looked at before, so that nobody else's session can end by this.
TERMINATE = Statement("""
select pg_terminate_backend(a.pid) as ended
from pg_stat_activity a
where a.pid = $1 and a.backend_start = $2 and a.datname = current_database()
  and a.backend_type = 'client backend' and a.pid <> pg_backend_pid()
  and exists (select 1 from pg_stat_activity w
              where (w.wait_event_type = 'Lock' or w.backend_type is null)
                and a.pid = any(pg_blocking_pids(w.pid)))
""")
STILL_THERE = Statement(
    "select 1 as there from pg_stat_activity where pid = $1 and backend_start = $2"
)


def require_database(context: StepContext) -> DatabaseSpec:
    """The database of the node's profile.

    Raises:
        OperationFailed: ``not_in_profile``.
    """
    spec = context.target.profile.database
    if spec is None:
        raise OperationFailed("not_in_profile", profile_field="database")
    return spec


async def read(context: StepContext, operation: ReadDatabase) -> Reading:
    """Connections of the server, and who waits for whom.

    Raises:
        OperationFailed: ``not_in_profile``.
        TransportError: as ``agent.transports.database``.
    """
    require_database(context)
    async with context.database() as database:
        server = (await database.rows(SERVER))[0]
        counted = await database.rows(CONNECTIONS)
        locks = await database.rows(LOCKS)
    waits = _waits(locks)
    used = sum(row["sessions"] for row in counted) + 1  # our own
    most = server["most"]
    percent = round(100 * used / most, 1)
    filling = operation.connections.level_of(percent)
    facts = (
        Fact(name="connections", value=used, unit="count"),
        Fact(name="connections_max", value=most, unit="count"),
        Fact(name="connections_used", value=percent, unit="percent", level=filling),
        Fact(name="waiting", value=len(waits.waiting), unit="count", level=waits.level),
        Fact(
            name="longest_wait",
            value=round(waits.longest_s),
            unit="seconds",
            level=waits.wait_level,
        ),
    )
    remarks = _remarks(counted, waits, superuser=server["superuser"])
    trees = (waits.blocking_grid(), waits.waiting_grid())
    return Reading(
        level=worst(filling, waits.level, *(remark.level for remark in remarks)),
        facts=facts,
        grids=(*(grid for grid in trees if grid.rows), _states(counted)),
        remarks=remarks,
    )


def _waits(locks: list[Found]) -> Waits:
    return Waits(sessions={row["pid"]: _session(row) for row in locks})


def _session(row: Found) -> Session:
    return Session(
        pid=row["pid"],
        started=row["backend_start"],
        user=row["usename"],
        application=row["application"],
        client=row["client"],
        transaction_s=row["transaction_s"],
        statement_s=row["statement_s"],
        query=row["query"],
        waits_for=tuple(row["waits_for"]),
    )


def _states(counted: list[Found]) -> Grid:
    columns = (
        Column(name="connection_state", unit="word"),
        Column(name="connection_count", unit="count"),
    )
    rows = tuple(
        Row(cells=(plain(row["state"]).replace(" ", "_").strip("()"), row["sessions"]))
        for row in counted
    )
    return Grid(name="states", columns=columns, rows=rows)


def _remarks(counted: list[Found], waits: Waits, *, superuser: bool) -> tuple[Remark, ...]:
    found = []
    idle_s = max((row["idle_s"] for row in counted), default=0)
    if idle_s >= _OLD_TRANSACTION_S:
        values = {"minutes": str(round(idle_s / 60))}
        found.append(Remark(code="idle_transaction", values=values, level="warning"))
    if 0 in waits.sessions:  # a prepared transaction has no session
        found.append(Remark(code="prepared_transaction", level="warning"))
    if any(row["state"] == "hidden" for row in counted):
        found.append(Remark(code="statistics_hidden"))
    if superuser:
        found.append(Remark(code="login_superuser", level="warning"))
    return tuple(found)


async def end(context: StepContext, operation: EndBackend) -> Reading:
    """End the very session that was seen, if it still blocks somebody, and see that it is gone.

    Raises:
        OperationFailed: ``not_in_profile``; ``backend_gone``, ``backend_replaced`` (another
            session has that pid now), ``backend_elsewhere`` (of another database),
            ``backend_not_blocking``: nothing was ended; ``end_denied``: the role may not;
            ``backend_still_there``, some seconds after it was told to end.
        TransportError: as ``agent.transports.database``.
    """
    require_database(context)
    async with context.database() as database:
        found = await _seen(database, operation)
        try:
            told = await database.row(TERMINATE, operation.pid, operation.started)
        except TransportError as error:
            if error.code != "query_denied":
                raise
            raise _no("end_denied", operation) from error
        if told is None:  # it has changed since a moment ago
            raise _no("backend_not_blocking", operation)
        if not await _gone(database, operation.pid, operation.started):
            raise _no("backend_still_there", operation)
        left = await database.rows(LOCKS)
    return _ended(found, operation, still=len(_waits(left).waiting))


def _ended(found: Found, operation: EndBackend, *, still: int) -> Reading:
    """Whose session it was, and whether that has helped."""
    level: Level = "warning" if still else "normal"
    application = application_of(found["application"], found["client"])
    return Reading(
        level=level,
        facts=(
            Fact(name="ended_pid", value=operation.pid),
            Fact(name="database_user", value=plain(found["usename"])),
            Fact(name="database_application", value=application),
            Fact(name="waited_for_it", value=found["waiting"], unit="count"),
            Fact(name="still_waiting", value=still, unit="count", level=level),
        ),
    )


async def is_ended(context: StepContext, operation: EndBackend) -> Verified:
    """Gone is what was wished for; while it is there, all checks are made again before its end."""
    require_database(context)
    async with context.database() as database:
        there = await database.row(STILL_THERE, operation.pid, operation.started)
    return Verified.DONE if there is None else Verified.NOT_DONE


async def _seen(database: Database, operation: EndBackend) -> Found:
    """The session as it is now, if it is the one that a person saw."""
    row = await database.row(BACKEND, operation.pid)
    if row is None:
        raise _no("backend_gone", operation)
    if row["backend_start"] is None:
        raise _no("end_denied", operation)  # what may not be seen may not be ended
    if row["backend_start"] != operation.started:
        raise _no("backend_replaced", operation)
    if not row["here"]:
        raise _no("backend_elsewhere", operation)
    if not row["waiting"]:
        raise _no("backend_not_blocking", operation)
    return row


async def _gone(database: Database, pid: int, started: datetime) -> bool:
    deadline = asyncio.get_running_loop().time() + _GONE_S
    while await database.row(STILL_THERE, pid, started) is not None:
        if asyncio.get_running_loop().time() >= deadline:
            return False
        await asyncio.sleep(_POLL_S)
    return True


def _no(code: str, operation: EndBackend) -> OperationFailed:
    return OperationFailed(code, pid=str(operation.pid))
