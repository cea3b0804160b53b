"""A scratch PostgreSQL of this test run: own folder, own port on loopback, gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.ports import free_port
from tests.lab.postgres import initdb_arguments, postgres_programs, server_arguments

__all__ = ["postgres_programs", "scratch_postgres"]

START_S = 120


@contextmanager
def scratch_postgres(programs: Path) -> Iterator[str]:
    """A running server; yields the address of its empty database."""
    folder = Path(tempfile.mkdtemp(prefix="guardia-pg-"))
    try:
        if os.geteuid() == 0:  # the server refuses to run as root
            owner = pwd.getpwnam("postgres")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        data = folder / "data"
        subprocess.run(
            [*_as_owner(), *initdb_arguments(programs, data, owner="guardia", auth="trust")],
            check=True,
            capture_output=True,
            cwd=folder,
            timeout=START_S,
        )
        yield from _serve(programs, folder, data)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _serve(programs: Path, folder: Path, data: Path) -> Iterator[str]:
    port = free_port()
    start = server_arguments(programs, data, host="127.0.0.1", port=port, sockets=folder)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [*_as_owner(), *start],
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    try:
        _await_ready(programs, port, server)
        yield f"postgresql+asyncpg://guardia@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)  # fast shutdown
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _await_ready(programs: Path, port: int, server: subprocess.Popen[bytes]) -> None:
    ask = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    deadline = time.monotonic() + START_S
    while subprocess.run(ask, check=False).returncode != 0:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the scratch PostgreSQL does not come up")
        time.sleep(0.1)


def _as_owner() -> list[str]:
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
