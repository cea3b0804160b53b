"""Revision 0004 down and up again: balancers survive, and what the older tables lack is dropped."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from cmdb import migrations
from cmdb.engine import is_current, open_engine, upgrade
from cmdb.models import METADATA

ROWS = "SELECT node_id, web_node_id, member FROM balancers ORDER BY node_id"
ESTATE = (
    "INSERT INTO institutions (name, code, aliases) VALUES ('기재부', 'MOEF', '[]')",
    "INSERT INTO systems (code, institution, name, aliases, criticality, manager, agent)"
    " VALUES ('S', '기재부', '예산', '[]', 'high', 'u1', 'A')",
    *(
        "INSERT INTO nodes (node_id, system_code, env, layer, number, host, ssh_port, ftp_port,"
        " transfer, os, os_user, deploy_path, backup_path, service, service_port, health_path,"
        f" log_path) VALUES ('{node}', 'S', 'prod', 'WAS', 1, 'h', 22, 21, 'sftp', 'x', 'u',"
        " '/a', '/b', 't', 1, '/', '/l')"
        for node in ("was1", "web1", "web2")
    ),
)


def _run(connection: Connection, work, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    work(config, revision)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        file = tmp_path / "guardia.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), file)
        return f"sqlite+aiosqlite:///{file}"
    return str(request.getfixturevalue("postgres_url"))


async def _clear(engine) -> None:
    async with engine.begin() as connection:
        for table in reversed(METADATA.sorted_tables):  # whatever other tests have left
            await connection.execute(text(f"DELETE FROM {table.name}"))


async def test_balancers_survive_going_down_and_up(url: str) -> None:
    engine = open_engine(url)
    try:
        await _clear(engine)
        async with engine.begin() as connection:
            for statement in ESTATE:
                await connection.execute(text(statement))
            await connection.execute(
                text(
                    "INSERT INTO balancers (node_id, position, web_node_id, device, member) VALUES"
                    " ('was1', 0, 'web1', NULL, 'h/1'), ('was1', 1, 'web2', NULL, 'h/2'),"
                    " ('was1', 2, NULL, 'l4-a', 'h/3')"
                )
            )
        async with engine.begin() as connection:
            await connection.run_sync(_run, command.downgrade, "0003")
        async with engine.connect() as connection:
            rows = (await connection.execute(text(ROWS + ", web_node_id"))).all()
        assert [tuple(row) for row in rows] == [("was1", "web1", "h/1"), ("was1", "web2", "h/2")]
        await upgrade(url)
        assert await is_current(url)
        async with engine.connect() as connection:
            again = await connection.execute(text("SELECT position FROM balancers ORDER BY 1"))
            assert [row[0] for row in again] == [0, 1]
            kept = await connection.execute(text("SELECT canary, batch_size FROM systems"))
            assert [tuple(row) for row in kept] == [(1, 1)]
    finally:
        await upgrade(url)
        await _clear(engine)
        await engine.dispose()


@pytest.mark.parametrize("kinds", ["NULL, NULL", "'web1', 'l4-a'"])
async def test_a_place_is_behind_exactly_one_thing(url: str, kinds: str) -> None:
    engine = open_engine(url)
    try:
        await _clear(engine)
        async with engine.begin() as connection:
            for statement in ESTATE:
                await connection.execute(text(statement))
        async with engine.connect() as connection:
            with pytest.raises(IntegrityError):
                await connection.execute(
                    text(
                        "INSERT INTO balancers (node_id, position, web_node_id, device, member)"
                        f" VALUES ('was1', 0, {kinds}, 'h/1')"
                    )
                )
    finally:
        await _clear(engine)
        await engine.dispose()
