"""A real PostgreSQL and what people ask of it: state, locks, the end of a session, dumps, rows."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from agent.operations import databases, dumps, interfaces
from agent.operations.context import OperationFailed, StepContext, Verified
from agent.transports.database import Statement, open_database
from agent.transports.transport import TransportError
from agent.voice import Voice
from agent.wire.checks import (
    DumpDatabase,
    EndBackend,
    ReadDatabase,
    ReadQuality,
    ReadTransactions,
)
from agent.wire.plan import NodeAccess, ServiceLogin
from agent.wire.profile import DatabaseSpec, NodeProfile
from agent.wire.readings import Reading, Threshold
from tests.integration.operations.sessions_of import blocked, connected, until
from tests.integration.operations.world import Watched
from tests.lab import Lab, LabNode, Postgres, SshdOptions
from tests.lab.processes import free_port

HOST = "127.0.1.11"  # of the first node of a fleet
CASES = Path(__file__).parents[2] / "cases" / "operations"
HOSTILE = tomllib.loads((CASES / "databases.toml").read_text("utf-8"))
LIMIT = Threshold(warning=80, critical=95)
DAY = dt.date(2026, 4, 1)


@pytest.fixture(scope="module")
def pg(module_lab: Lab) -> Postgres:
    return module_lab.postgres(host=HOST)


@pytest.fixture(scope="module")
def node(module_lab: Lab, pg: Postgres) -> LabNode:
    """The database's own server; its account finds the dumps' password in its pgpass."""
    options = SshdOptions(host_keys=("ed25519",), lines=(f"SetEnv PGPASSFILE={pg.pgpass}",))
    return module_lab.nodes(1, web=False, options=options).nodes[0]


def access_of(node: LabNode, spec: DatabaseSpec, login: ServiceLogin | None) -> NodeAccess:
    access = node.access(profile=NodeProfile(database=spec))
    return access.model_copy(update={"database": login})


def watched(
    node: LabNode, pg: Postgres, role: str = "guardia_signal", **spec: Any
) -> tuple[StepContext, Watched]:
    access = access_of(node, pg.spec().model_copy(update=spec), pg.login(role))
    world = Watched(access=access)
    return world.context(database=lambda: open_database(access)), world


def context(node: LabNode, pg: Postgres, role: str = "guardia_signal", **spec: Any) -> StepContext:
    return watched(node, pg, role, **spec)[0]


def facts(reading: Reading) -> dict[str, object]:
    return {fact.name: fact.value for fact in reading.facts}


def rows(reading: Reading, grid: str) -> list[dict[str, object]]:
    found = reading.grid(grid)
    assert found is not None, f"no grid {grid}"
    names = [column.name for column in found.columns]
    return [dict(zip(names, row.cells, strict=True)) for row in found.rows]


async def checked(node: LabNode, pg: Postgres, role: str = "guardia_signal") -> Reading:
    return await databases.read(context(node, pg, role), ReadDatabase(connections=LIMIT))


# --- read_database -------------------------------------------------------------------------------


async def test_a_quiet_database_is_normal_and_counts_its_connections(
    node: LabNode, pg: Postgres
) -> None:
    async with connected(pg):
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
    async with asyncio.timeout(60):
        sessions = [connected(pg) for _ in range(17)]  # three are the superuser's
        opened = [await session.__aenter__() for session in sessions]
        try:
            with pytest.raises(TransportError) as failed:
                await checked(node, pg)
        finally:
            for session in sessions:
                await session.__aexit__(None, None, None)
    assert (len(opened), failed.value.code) == (17, "database_full")


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
        async with asyncio.timeout(30):
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


# --- dump_database -------------------------------------------------------------------------------


@pytest.fixture
def folder(node: LabNode, request: pytest.FixtureRequest, module_lab: Lab) -> Path:
    name = request.node.name[:40].replace("/", "-")
    return module_lab.account.make_folder(node.backup_path / name)


async def test_a_dump_is_whole_private_and_made_by_one_fixed_command(
    node: LabNode, pg: Postgres, folder: Path
) -> None:
    at, world = watched(node, pg, "guardia_read", dump_folder=str(folder))
    order = DumpDatabase()
    assert await dumps.is_dumped(at, order) is Verified.NOT_DONE
    reading = await dumps.dump(at, order)
    (made,) = folder.iterdir()
    found = facts(reading)
    assert found["dump_file"] == str(made)
    assert found["dump_sha256"] == hashlib.sha256(made.read_bytes()).hexdigest()
    assert found["dump_size"] == made.stat().st_size
    assert isinstance(found["dump_entries"], int)
    assert found["dump_entries"] >= 6  # three tables and their rows
    assert made.stat().st_mode & 0o777 == 0o600
    assert await dumps.is_dumped(at, order) is Verified.DONE
    (ran,) = [arguments for arguments in world.ran if arguments[0] == "pg_dump"]
    assert ran == (
        *("pg_dump", "--format=custom", "--no-password", "--verbose", "--lock-wait-timeout=30s"),
        *(f"--host={HOST}", f"--port={pg.port}", "--username=guardia_dump"),
        *(f"--file={made}.guardia-part", "--", "mes"),
    )


async def test_only_our_own_oldest_dumps_are_removed(
    node: LabNode, pg: Postgres, folder: Path, module_lab: Lab
) -> None:
    mine = [f"guardia-{node.node_id}-mes.J26010{day}-AAAAAA.dump" for day in range(1, 5)]
    others = ["mes.dump", f"guardia-{node.node_id}-mes2.J260101-AAAAAA.dump", mine[0] + ".old"]
    for number, name in enumerate([*mine, *others]):
        path = module_lab.ground.write(folder / name, "old")
        module_lab.account.run(["touch", "-d", f"2026-01-0{number + 1}", path], cwd=folder)
    at = context(node, pg, "guardia_read", dump_folder=str(folder))
    reading = await dumps.dump(at, DumpDatabase(keep=3))
    left = {path.name for path in folder.iterdir()}
    assert left >= {*others, *mine[2:]}
    assert not left & set(mine[:2])
    assert [remark.values for remark in reading.remarks] == [{"count": "2"}]


async def test_a_folder_without_room_for_the_database_is_refused_before(
    node: LabNode, pg: Postgres, module_lab: Lab
) -> None:
    disk = module_lab.disk(size=1 << 20)
    at, world = watched(node, pg, "guardia_read", dump_folder=str(disk.path))
    with pytest.raises(OperationFailed) as failed:
        await dumps.dump(at, DumpDatabase())
    assert failed.value.code == "disk_full"
    assert int(failed.value.values["needed_bytes"]) > int(failed.value.values["free_bytes"])
    assert "pg_dump" not in [arguments[0] for arguments in world.ran]


async def test_a_dump_that_fails_leaves_no_file_and_no_password(
    node: LabNode, pg: Postgres, folder: Path
) -> None:
    at = context(node, pg, "guardia_read", dump_folder=str(folder), user="guardia_bare")
    with pytest.raises(OperationFailed) as failed:
        await dumps.dump(at, DumpDatabase())
    assert failed.value.code == "dump_failed"
    assert list(folder.iterdir()) == []
    told = "\n".join(failed.value.lines)
    assert "password" in told  # why, in pg_dump's own words
    assert not any(secret in told for secret in (*pg.passwords.values(), HOST))


async def test_a_dump_that_is_cut_off_leaves_nothing_and_is_made_anew(
    node: LabNode, pg: Postgres, folder: Path
) -> None:
    at = context(node, pg, "guardia_read", dump_folder=str(folder))
    dumping = "select count(*) from pg_stat_activity where application_name = 'pg_dump'"
    async with connected(pg) as session:
        await session.execute("begin; lock table stock in access exclusive mode")
        cut_off = asyncio.ensure_future(dumps.dump(at, DumpDatabase()))
        await until(pg, f"{dumping} and wait_event_type = 'Lock'", "1")
        assert [path.suffix for path in folder.iterdir()] == [".guardia-part"]
        cut_off.cancel()
        await asyncio.gather(cut_off, return_exceptions=True)
        await until(pg, dumping, "0")  # it holds up nobody any more
    assert list(folder.iterdir()) == []
    assert await dumps.is_dumped(at, DumpDatabase()) is Verified.NOT_DONE
    await dumps.dump(at, DumpDatabase())
    assert await dumps.is_dumped(at, DumpDatabase()) is Verified.DONE


async def test_people_who_watch_read_what_the_dump_does(
    node: LabNode, pg: Postgres, folder: Path
) -> None:
    voice = Voice()
    at = replace(context(node, pg, "guardia_read", dump_folder=str(folder)), voices=(voice,))
    await dumps.dump(at, DumpDatabase())
    said = voice.take()
    assert said is not None
    assert "dumping contents of table" in said[1]


@pytest.mark.parametrize("name", HOSTILE["names"])
def test_no_text_becomes_the_name_of_a_database(name: str) -> None:
    with pytest.raises(ValidationError):
        DatabaseSpec(name=name)


# --- read_quality and read_transactions ----------------------------------------------------------


async def test_a_day_is_read_with_its_failures_first(node: LabNode, pg: Postgres) -> None:
    reading = await interfaces.read_quality(context(node, pg), ReadQuality(date=DAY))
    found = facts(reading)
    assert reading.level == "warning"
    assert (found["quality_rows"], found["quantity"], found["defects"]) == (3, 1298, 39)
    assert found["defect_rate"] == 3.0
    assert [row["quality"] for row in rows(reading, "quality")] == ["fail", "rework", "pass"]


async def test_a_day_without_rows_is_normal_and_says_so(node: LabNode, pg: Postgres) -> None:
    order = ReadQuality(date=dt.date(2020, 1, 1))
    reading = await interfaces.read_quality(context(node, pg), order)
    assert (reading.level, reading.grids) == ("normal", ())
    assert [remark.code for remark in reading.remarks] == ["no_quality_rows"]


async def test_more_rows_than_asked_for_are_counted(node: LabNode, pg: Postgres) -> None:
    reading = await interfaces.read_quality(context(node, pg), ReadQuality(date=DAY, rows=1))
    grid = reading.grid("quality")
    assert grid is not None
    assert (len(grid.rows), grid.more) == (1, 2)


async def test_a_locked_table_a_slow_one_and_a_denied_one_each_say_so(
    node: LabNode, pg: Postgres
) -> None:
    pg.psql(
        "create schema slow; create view slow.tb_mes_wrk_prc_i as"
        " select t.* from public.tb_mes_wrk_prc_i t, pg_sleep(20);"
        " grant usage on schema slow to guardia_dump;"
        " grant select on slow.tb_mes_wrk_prc_i to guardia_dump;"
        " alter role guardia_dump set search_path = slow"
    )
    order, codes = ReadQuality(date=DAY), []
    async with connected(pg) as session:
        await session.execute("begin; lock table tb_mes_wrk_prc_i in access exclusive mode")
        with pytest.raises(TransportError) as locked:
            await interfaces.read_quality(context(node, pg), order)
    with pytest.raises(TransportError) as slow:
        await interfaces.read_quality(context(node, pg, "guardia_dump"), order)
    with pytest.raises(TransportError) as denied:
        await interfaces.read_quality(context(node, pg, "guardia_bare"), order)
    pg.psql("alter role guardia_dump reset search_path; drop schema slow cascade")
    codes = [failed.value.code for failed in (locked, slow, denied)]
    assert codes == ["query_locked", "query_timeout", "query_denied"]


async def test_a_database_without_the_agreed_table_says_so(node: LabNode, pg: Postgres) -> None:
    with pytest.raises(TransportError) as failed:
        await interfaces.read_quality(
            context(node, pg, "guardia_read", name="postgres"), ReadQuality(date=DAY)
        )
    assert failed.value.code == "table_missing"


@pytest.mark.parametrize("day", HOSTILE["days"])
def test_no_text_becomes_a_day(day: str) -> None:
    with pytest.raises(ValidationError):
        ReadQuality.model_validate({"date": day})


async def test_the_day_is_bound_and_never_written_into_the_statement(
    node: LabNode, pg: Postgres
) -> None:
    await interfaces.read_quality(context(node, pg), ReadQuality(date=dt.date(2031, 7, 9)))
    asked = pg.asked()
    assert "from tb_mes_wrk_prc_i where wrk_dt = $1" in asked
    assert "$1 = '2031-07-09'" in asked
    assert "wrk_dt = '2031" not in asked


async def test_failed_transactions_come_first_and_their_addresses_are_masked(
    node: LabNode, pg: Postgres
) -> None:
    reading = await interfaces.read_transactions(context(node, pg), ReadTransactions())
    found = rows(reading, "transactions")
    assert reading.level == "critical"
    assert [row["transaction"] for row in found] == ["TX-0002", "TX-0003"]
    assert [row["tx_state"] for row in found] == ["failed", "processing"]
    assert found[0]["tx_error"] == "E504 connect to 10.20.*.*:9100 timed out"
    assert found[0]["route"] == "ERP → MES"


async def test_transactions_that_are_not_old_enough_are_not_stuck(
    node: LabNode, pg: Postgres
) -> None:
    order = ReadTransactions(stuck_minutes=600)
    reading = await interfaces.read_transactions(context(node, pg), order)
    assert facts(reading) == {"transactions_failed": 1, "transactions_stuck": 0}


async def test_nothing_failed_and_nothing_stuck_is_normal(node: LabNode, pg: Postgres) -> None:
    pg.psql(
        "create schema quiet; create view quiet.tb_link_tx_i as"
        " select * from public.tb_link_tx_i where tx_stat = 'DONE';"
        " grant usage on schema quiet to guardia_dump;"
        " grant select on quiet.tb_link_tx_i to guardia_dump;"
        " alter role guardia_dump set search_path = quiet"
    )
    reading = await interfaces.read_transactions(
        context(node, pg, "guardia_dump"), ReadTransactions()
    )
    pg.psql("alter role guardia_dump reset search_path; drop schema quiet cascade")
    assert (reading.level, reading.grids) == ("normal", ())


async def test_transactions_that_may_not_be_read_say_so(node: LabNode, pg: Postgres) -> None:
    at = replace(context(node, pg, "guardia_bare"), job_id="J260401-ABCDEF")
    with pytest.raises(TransportError) as failed:
        await interfaces.read_transactions(at, ReadTransactions())
    assert failed.value.code == "query_denied"
