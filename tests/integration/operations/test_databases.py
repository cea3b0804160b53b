"""A real PostgreSQL and what people ask of it: state, locks, and the end of a session."""

from __future__ import annotations

import asyncio
import datetime as dt
import tomllib
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from pydantic import ValidationError

from agent.operations import databases
from agent.operations.context import OperationFailed, StepContext, Verified
from agent.transports.database import Statement, open_database
from agent.transports.transport import TransportError
from agent.wire.checks import (
    EndBackend,
    ReadDatabase,
)
from agent.wire.readings import Reading, Threshold
from tests.integration.operations.at_node import Watched
from tests.integration.operations.database_at import (
    HOST,
    access_of,
    context,
    facts,
    node,
    pg,
    rows,
)
from tests.integration.operations.sessions_of import alone, blocked, connected
from tests.lab import LabNode, Postgres
from tests.lab.ports import free_port

__all__ = ["node", "pg"]

CASES = Path(__file__).parents[2] / "cases" / "operations"
HOSTILE = tomllib.loads((CASES / "databases.toml").read_text("utf-8"))
LIMIT = Threshold(warning=80, critical=95)


async def checked(node: LabNode, pg: Postgres, role: str = "guardia_signal") -> Reading:
    return await databases.read(context(node, pg, role), ReadDatabase(connections=LIMIT))


# --- read_database -------------------------------------------------------------------------------


async def test_a_quiet_database_is_normal_and_counts_its_connections(
    node: LabNode, pg: Postgres
) -> None:
    async with connected(pg) as session:
        await alone(session)
        reading = await checked(node, pg)
    found = facts(reading)
    assert reading.level == "normal"
    assert found["connections"] == 2  # the application's and our own
    assert (found["connections_max"], found["connections_used"]) == (20, 10.0)
    assert reading.grid("blocking") is None
    assert rows(reading, "states") == [{"connection_state": "idle", "connection_count": 1}]


async def test_the_tree_of_waits_begins_with_whom_all_wait_for(node: LabNode, pg: Postgres) -> None:
    async with blocked(pg, waiters=2, name="was-pool 10.20.30.40") as held:
        reading = await checked(node, pg)
    first, second = rows(reading, "blocking")
    assert reading.level == "warning"
    assert (first["pid"], first["waiting"]) == (held.pids[0], 2)
    assert (second["pid"], second["waiting"]) == (held.pids[1], 1)
    assert [row["waits_for"] for row in rows(reading, "waiting")] == [
        str(held.pids[0]),
        str(held.pids[1]),
    ]
    assert first["application"] == "was-pool 10.20.*.* · 127.0.*.*"
    assert first["query"] == "update stock set amount = ? where item = ?"
    assert isinstance(first["started"], str)
    assert dt.datetime.fromisoformat(first["started"]).tzinfo is not None


async def test_connections_above_the_limit_of_the_plan_are_critical(
    node: LabNode, pg: Postgres
) -> None:
    low = Threshold(warning=1, critical=5)
    reading = await databases.read(context(node, pg), ReadDatabase(connections=low))
    used = reading.fact("connections_used")
    assert reading.level == "critical"
    assert used is not None
    assert used.level == "critical"


async def test_a_login_without_the_right_to_see_says_so_and_names_no_start(
    node: LabNode, pg: Postgres
) -> None:
    async with blocked(pg) as held:
        reading = await checked(node, pg, "guardia_bare")
    (row,) = rows(reading, "blocking")
    assert (row["pid"], row["started"]) == (held.holder, None)
    assert "statistics_hidden" in [remark.code for remark in reading.remarks]


def broken(kind: str, node: LabNode, pg: Postgres) -> StepContext:
    """A database that cannot be asked, each for a reason of its own."""
    spec, login = pg.spec(), pg.login("guardia_read")
    if kind == "database_unreachable":
        spec = spec.model_copy(update={"port": free_port(HOST)})
    if kind == "database_login_refused":
        login = login.model_copy(update={"password": "hunter2-wrong"})
    if kind == "database_missing":
        spec = spec.model_copy(update={"name": "other"})
    given = None if kind == "database_login_missing" else login
    access = access_of(node, spec, given)
    return Watched(access=access).context(database=lambda: open_database(access))


@pytest.mark.parametrize(
    "kind",
    [
        "database_unreachable",
        "database_login_refused",
        "database_missing",
        "database_login_missing",
    ],
)
async def test_a_database_that_cannot_be_asked_says_why_and_no_password(
    kind: str, node: LabNode, pg: Postgres
) -> None:
    with pytest.raises(TransportError) as failed:
        await databases.read(broken(kind, node, pg), ReadDatabase(connections=LIMIT))
    assert failed.value.code == kind
    told = f"{failed.value!r} {failed.value.values}"
    assert not any(secret in told for secret in ("hunter2", *pg.passwords.values(), HOST))


async def test_a_database_without_a_connection_left_says_so(node: LabNode, pg: Postgres) -> None:
    async with connected(pg) as first:
        await alone(first)
        async with AsyncExitStack() as others:
            for _ in range(16):  # three are the superuser's
                await others.enter_async_context(connected(pg))
            with pytest.raises(TransportError) as failed:
                await checked(node, pg)
        await alone(first)
    assert failed.value.code == "database_full"


async def test_a_node_without_a_database_in_its_profile_is_not_asked(node: LabNode) -> None:
    bare = Watched(access=node.access()).context()
    with pytest.raises(OperationFailed) as failed:
        await databases.read(bare, ReadDatabase(connections=LIMIT))
    assert failed.value.code == "not_in_profile"


async def test_the_session_can_change_nothing_whatever_its_role_may(
    node: LabNode, pg: Postgres
) -> None:
    access = access_of(node, pg.spec(), pg.login("mes_app"))
    async with open_database(access) as database:
        with pytest.raises(TransportError) as failed:
            await database.rows(Statement("delete from stock"))
    assert failed.value.values["sqlstate"] == "25006"  # read_only_sql_transaction
    assert pg.psql("select count(*) from stock") == "3"


# --- end_backend ---------------------------------------------------------------------------------


async def seen(pg: Postgres, pid: int) -> EndBackend:
    """The order to end that very session."""
    started = pg.psql(f"select backend_start from pg_stat_activity where pid = {pid}")
    return EndBackend(pid=pid, started=dt.datetime.fromisoformat(started))


def there(pg: Postgres, pid: int) -> bool:
    return pg.psql(f"select count(*) from pg_stat_activity where pid = {pid}") == "1"


async def test_the_blocking_session_ends_and_the_waiting_one_goes_on(
    node: LabNode, pg: Postgres
) -> None:
    at = context(node, pg)
    async with blocked(pg) as held:
        order = await seen(pg, held.holder)
        assert await databases.is_ended(at, order) is Verified.NOT_DONE
        reading = await databases.end(at, order)
        async with asyncio.timeout(120):
            assert await held.waiting[0] == "UPDATE 1"
    assert not there(pg, held.holder)
    assert await databases.is_ended(at, order) is Verified.DONE
    found = facts(reading)
    assert (found["ended_pid"], found["waited_for_it"], found["still_waiting"]) == (
        held.holder,
        1,
        0,
    )


async def test_another_session_of_that_number_is_left_alone(node: LabNode, pg: Postgres) -> None:
    async with blocked(pg) as held:
        order = await seen(pg, held.holder)
        other = order.model_copy(update={"started": order.started - dt.timedelta(seconds=1)})
        with pytest.raises(OperationFailed) as failed:
            await databases.end(context(node, pg), other)
        assert failed.value.code == "backend_replaced"
        assert there(pg, held.holder)


async def test_a_session_that_blocks_nobody_is_left_alone(node: LabNode, pg: Postgres) -> None:
    async with connected(pg) as session:
        pid = session.get_server_pid()
        with pytest.raises(OperationFailed) as failed:
            await databases.end(context(node, pg), await seen(pg, pid))
        assert failed.value.code == "backend_not_blocking"
        assert there(pg, pid)


async def test_a_session_that_is_gone_already_ends_nothing(node: LabNode, pg: Postgres) -> None:
    now = dt.datetime.now(dt.UTC)
    with pytest.raises(OperationFailed) as failed:
        await databases.end(context(node, pg), EndBackend(pid=4_194_304, started=now))
    assert failed.value.code == "backend_gone"


async def test_a_login_that_may_not_signal_is_refused_readably(node: LabNode, pg: Postgres) -> None:
    async with blocked(pg) as held:
        with pytest.raises(OperationFailed) as failed:
            await databases.end(context(node, pg, "guardia_read"), await seen(pg, held.holder))
        assert failed.value.code == "end_denied"
        assert there(pg, held.holder)


async def test_the_server_binds_the_number_and_the_start(node: LabNode, pg: Postgres) -> None:
    async with blocked(pg) as held:
        await databases.end(context(node, pg), await seen(pg, held.holder))
    asked = pg.asked()
    assert databases.TERMINATE.strip().splitlines()[-1].strip() in asked
    assert f"$1 = '{held.holder}'" in asked


@pytest.mark.parametrize("pid", HOSTILE["pids"])
def test_no_text_becomes_a_session_number(pid: str) -> None:
    with pytest.raises(ValidationError):
        EndBackend.model_validate({"pid": pid, "started": "2026-04-01T09:00:00+09:00"})
