"""A real PostgreSQL at an address of its own, with the tables that the checks read.

Owns: how one is initialised and started (``tests/fakes/postgres.py`` shares that), its roles, its
tables with sample rows, and sessions that block each other. Knows no check.

Roles, each with a random password: ``guardia_read`` (reads the two interface tables and the
server's statistics), ``guardia_signal`` (that, and may end other sessions), ``guardia_dump``
(reads everything; the node's account logs in as it by its ``pgpass``), ``guardia_bare`` (may log
in and nothing else), ``mes_app`` (the application: owns the tables). ``postgres`` by the socket.

    pg = lab.postgres(host="127.0.1.11")
    pg.spec(dump_folder=…) -> DatabaseSpec; pg.login("guardia_read") -> ServiceLogin
    pg.psql("select …") -> text, as the superuser; pg.pgpass -> a file for PGPASSFILE
    pg.address("mes_app") -> keyword arguments of asyncpg.connect
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
from pathlib import Path

from agent.wire.plan import ServiceLogin
from agent.wire.profile import DatabaseSpec
from tests.lab import processes
from tests.lab.account import Unavailable
from tests.lab.part import Ground, Part
from tests.lab.ports import free_port

DATABASE = "mes"
ROLES = ("guardia_read", "guardia_signal", "guardia_dump", "guardia_bare", "mes_app")
_ROLES = """
create role mes_app login;
create role guardia_read login in role pg_read_all_stats;
create role guardia_signal login in role pg_read_all_stats, pg_signal_backend;
create role guardia_dump login in role pg_read_all_data;
create role guardia_bare login;
create database mes owner mes_app;
"""
# The names and columns that docs/operations.md asks of a site.
_TABLES = """
set role mes_app;
create table tb_mes_wrk_prc_i (
    if_seq bigint primary key,
    wrk_dt date not null,
    line_cd varchar(20) not null,
    prc_cd varchar(20) not null,
    item_cd varchar(30) not null,
    wrk_qty integer not null,
    bad_qty integer not null,
    qc_rslt char(1) not null check (qc_rslt in ('P', 'W', 'F')),
    reg_dt timestamptz not null
);
create index on tb_mes_wrk_prc_i (wrk_dt);
create table tb_link_tx_i (
    tx_id varchar(40) primary key,
    if_id varchar(30) not null,
    src_sys varchar(30) not null,
    dst_sys varchar(30) not null,
    tx_stat varchar(4) not null check (tx_stat in ('WAIT', 'PROC', 'DONE', 'FAIL')),
    retry_cnt integer not null default 0,
    err_cd varchar(20),
    err_msg varchar(400),
    req_dt timestamptz not null,
    upd_dt timestamptz not null
);
create index on tb_link_tx_i (tx_stat, upd_dt);
create table stock (item text primary key, amount integer not null);
insert into stock values ('bolt', 10), ('nut', 20), ('gear', 30);
insert into tb_mes_wrk_prc_i values
    (1, '2026-04-01', 'L01', 'PRC-CUT', 'ITM-100', 500, 2, 'P', '2026-04-01 09:10:00+09'),
    (2, '2026-04-01', 'L01', 'PRC-WELD', 'ITM-100', 498, 31, 'F', '2026-04-01 11:40:00+09'),
    (3, '2026-04-01', 'L02', 'PRC-CUT', 'ITM-200', 300, 6, 'W', '2026-04-01 13:05:00+09'),
    (4, '2026-04-02', 'L01', 'PRC-CUT', 'ITM-100', 510, 1, 'P', '2026-04-02 09:12:00+09');
insert into tb_link_tx_i values
    ('TX-0001', 'IF-ORD-01', 'ERP', 'MES', 'DONE', 0, null, null, now() - interval '3 hours',
     now() - interval '3 hours'),
    ('TX-0002', 'IF-ORD-01', 'ERP', 'MES', 'FAIL', 3, 'E504',
     'connect to 10.20.30.40:9100 timed out', now() - interval '2 hours',
     now() - interval '90 minutes'),
    ('TX-0003', 'IF-QC-02', 'MES', 'QMS', 'PROC', 0, null, null, now() - interval '40 minutes',
     now() - interval '35 minutes'),
    ('TX-0004', 'IF-QC-02', 'MES', 'QMS', 'WAIT', 0, null, null, now() - interval '2 minutes',
     now() - interval '2 minutes');
grant select on tb_mes_wrk_prc_i, tb_link_tx_i to guardia_read, guardia_signal;
"""


def postgres_programs() -> Path | None:
    """The newest installed server's programs; None: there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def initdb_arguments(programs: Path, data: Path, *, owner: str, auth: str) -> list[str]:
    """A new cluster in UTF-8, in which nobody waits for the disk. ``auth``: over TCP."""
    return [
        *(str(programs / "initdb"), "-D", str(data), "-U", owner, "--no-sync"),
        *("--auth-local=trust", f"--auth-host={auth}", "--encoding=UTF8", "--locale=C.UTF-8"),
    ]


def server_arguments(
    programs: Path, data: Path, *, host: str, port: int, sockets: Path
) -> list[str]:
    """The server in the foreground, at that address and a socket in that folder."""
    return [
        *(str(programs / "postgres"), "-D", str(data), "-h", host, "-p", str(port)),
        *("-k", str(sockets), "-c", "fsync=off"),
    ]


class Postgres(Part):
    """One server with the database ``mes``."""

    def __init__(
        self,
        ground: Ground,
        name: str = "postgres",
        *,
        host: str = "127.0.1.1",
        max_connections: int = 20,
    ) -> None:
        self.ground = ground
        self.folder = ground.claim(name)
        self.host = host
        self.port = free_port(host)
        self.max_connections = max_connections
        self.passwords = {role: secrets.token_urlsafe(18) for role in ROLES}
        self.log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pgpass(self) -> Path:
        """What the node's account keeps at home, for its dumps."""
        return self.folder / "pgpass"

    def spec(self, *, user: str = "guardia_dump", dump_folder: Path | None = None) -> DatabaseSpec:
        folder = None if dump_folder is None else str(dump_folder)
        return DatabaseSpec(port=self.port, name=DATABASE, user=user, dump_folder=folder)

    def login(self, role: str) -> ServiceLogin:
        return ServiceLogin(user=role, password=self.passwords[role])

    def address(self, role: str) -> dict[str, object]:
        """For asyncpg.connect."""
        return {
            "host": self.host,
            "port": self.port,
            "user": role,
            "password": self.passwords[role],
            "database": DATABASE,
        }

    def start(self) -> None:
        """Start and wait until it answers. Cluster, roles and tables are made once.

        Raises:
            Unavailable: no PostgreSQL server here.
        """
        programs = postgres_programs()
        if programs is None:
            raise Unavailable("no PostgreSQL server: run deploy/system-packages.sh")
        data = self.folder / "data"
        new = not data.exists()
        if new:
            self._initialise(programs, data)
        arguments = server_arguments(
            programs, data, host=self.host, port=self.port, sockets=self.folder
        )
        limit = ["-c", f"max_connections={self.max_connections}", "-c", "log_statement=all"]
        with self.log.open("ab") as log:
            self._process = self.ground.account.spawn(
                [*arguments, *limit, "-c", "superuser_reserved_connections=3"],
                cwd=self.folder,
                output=log.fileno(),
                environment=self.ground.mark,
            )
        processes.await_listening(self.host, self.port, self._process, self.log)
        processes.await_true(self._answers, f"PostgreSQL at {self.host}:{self.port}")
        if new:
            self._fill()

    def stop(self) -> None:
        processes.end(self._process, by=signal.SIGINT)  # fast shutdown
        self._process = None

    def psql(self, text: str, *, database: str = DATABASE) -> str:
        """What the superuser is told, unaligned, without headings."""
        done = subprocess.run(
            [
                *("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"),
                *("-h", str(self.folder), "-p", str(self.port), "-U", "postgres", "-d", database),
            ],
            input=text.encode(),
            capture_output=True,
            check=False,
            timeout=processes.START_S,
            env={**os.environ, "PGPASSFILE": "/dev/null"},
        )
        if done.returncode:
            raise RuntimeError(done.stderr.decode())
        return done.stdout.decode().strip()

    def asked(self) -> str:
        """All that the server was asked so far, as its log has it."""
        return self.log.read_text("utf-8", "replace")

    def _answers(self) -> bool:
        try:
            return self.psql("select 1", database="postgres") == "1"
        except RuntimeError:
            return False

    def _initialise(self, programs: Path, data: Path) -> None:
        self.ground.account.make_folder(self.folder)
        arguments = initdb_arguments(programs, data, owner="postgres", auth="scram-sha-256")
        status, said = self.ground.run([*arguments], cwd=self.folder)
        if status:
            raise Unavailable(f"initdb failed: {said}")
        with (data / "pg_hba.conf").open("a", encoding="ascii") as rules:
            rules.write("host all all 127.0.0.0/8 scram-sha-256\n")

    def _fill(self) -> None:
        self.psql(_ROLES, database="postgres")
        for role, password in self.passwords.items():  # token_urlsafe has neither ' nor \
            quiet = "set log_statement = 'none'; "
            self.psql(f"{quiet}alter role {role} password '{password}'")
        self.psql(_TABLES)
        line = f"{self.host}:{self.port}:{DATABASE}:guardia_dump:{self.passwords['guardia_dump']}\n"
        self.ground.write(self.pgpass, line, mode=0o600)
