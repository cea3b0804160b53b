"""Dumps of a real PostgreSQL, and the tables through which systems hand each other work."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from agent.operations import dumps, interfaces
from agent.operations.context import OperationFailed, Verified
from agent.transports.transport import TransportError
from agent.voice import Voice
from agent.wire.checks import (
    DumpDatabase,
    ReadQuality,
    ReadTransactions,
)
from agent.wire.profile import DatabaseSpec
from tests.integration.operations.database_at import (
    HOST,
    context,
    facts,
    node,
    pg,
    rows,
    watched,
)
from tests.integration.operations.sessions_of import connected, until
from tests.lab import Lab, LabNode, Postgres

__all__ = ["node", "pg"]

CASES = Path(__file__).parents[2] / "cases" / "operations"
HOSTILE = tomllib.loads((CASES / "databases.toml").read_text("utf-8"))
DAY = dt.date(2026, 4, 1)


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
    assert ran == [
        *("pg_dump", "--format=custom", "--no-password", "--verbose", "--lock-wait-timeout=30s"),
        *(f"--host={HOST}", f"--port={pg.port}", "--username=guardia_dump"),
        *(f"--file={made}.guardia-part", "--", "mes"),
    ]


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


async def test_a_view_of_other_types_and_empty_columns_is_read_all_the_same(
    node: LabNode, pg: Postgres
) -> None:
    pg.psql(
        "create schema odd; create view odd.tb_mes_wrk_prc_i as select if_seq, wrk_dt,"
        " 7 as line_cd, null::text as prc_cd, item_cd::char(40), wrk_qty::numeric,"
        " null::int as bad_qty, qc_rslt::char(3), null::timestamp as reg_dt"
        " from public.tb_mes_wrk_prc_i;"
        " create view odd.tb_link_tx_i as select 5 as tx_id, null::text as if_id, src_sys,"
        " dst_sys, tx_stat::char(8), null::int as retry_cnt, err_cd, err_msg, req_dt,"
        " null::timestamptz as upd_dt from public.tb_link_tx_i;"
        " grant usage on schema odd to guardia_dump;"
        " grant select on all tables in schema odd to guardia_dump;"
        " alter role guardia_dump set search_path = odd"
    )
    at = context(node, pg, "guardia_dump")
    quality = await interfaces.read_quality(at, ReadQuality(date=DAY))
    transactions = await interfaces.read_transactions(at, ReadTransactions())
    pg.psql("alter role guardia_dump reset search_path; drop schema odd cascade")
    assert rows(quality, "quality")[0] == {
        **{"line": "7", "work_process": "", "item": "ITM-100", "quantity": 498},
        **{"defects": None, "quality": "fail", "registered": None},
    }
    assert rows(transactions, "transactions") == [
        {
            **{"transaction": "5", "interface": "", "route": "ERP → MES", "tx_state": "failed"},
            **{"tx_age": None, "retries": None},
            "tx_error": "E504 connect to 10.20.*.*:9100 timed out",
        }
    ]


@pytest.mark.parametrize("day", HOSTILE["days"])
def test_no_text_becomes_a_day(day: str) -> None:
    with pytest.raises(ValidationError):
        ReadQuality.model_validate({"date": day})


async def test_the_day_is_bound_and_never_written_into_the_statement(
    node: LabNode, pg: Postgres
) -> None:
    await interfaces.read_quality(context(node, pg), ReadQuality(date=dt.date(2031, 7, 9)))
    asked = pg.asked()
    assert "from tb_mes_wrk_prc_i where wrk_dt = $1::date" in asked
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
