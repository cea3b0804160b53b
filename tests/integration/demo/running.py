"""A scratch estate in a process of its own, stopped again whatever happens."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncssh

from agent.wire.plan import KeyLogin, NodeAccess
from tests.drivers.demo import reserve_ports

READY_S = 240.0
PATIENCE_S = 120.0


@dataclass
class RunningEstate:
    """An estate that is ready, as its own files describe it."""

    folder: Path
    process: subprocess.Popen[bytes]
    facts: dict[str, Any]
    access: dict[str, NodeAccess] = field(default_factory=dict)

    def node(self, node_id: str) -> NodeAccess:
        return self.access[f"moef-budget-{node_id}"]

    def url(self, node_id: str) -> str:
        return f"http://127.0.0.1:{self.node(node_id).target.service.port}"

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    @asynccontextmanager
    async def connect(self, node_id: str) -> AsyncIterator[asyncssh.SSHClientConnection]:
        access = self.node(node_id)
        target, login = access.target, access.login
        keys = [asyncssh.import_private_key(login.private_key)] if is_key(login) else None
        async with asyncssh.connect(
            target.host,
            target.port,
            username=target.user,
            password=None if is_key(login) else login.password,
            client_keys=keys,
            known_hosts=None,
            config=None,
            agent_path=None,
        ) as connection:
            yield connection

    async def run(self, node_id: str, command: str) -> asyncssh.SSHCompletedProcess:
        async with self.connect(node_id) as connection:
            return await connection.run(command, timeout=PATIENCE_S)


def is_key(login: object) -> bool:
    return isinstance(login, KeyLogin)


def start_estate(folder: Path) -> RunningEstate:
    reserve_ports(folder)
    with (folder.parent / f"{folder.name}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bot.app.demo.estate", "--dir", str(folder)],
            stdout=log,
            stderr=log,
        )
    until = time.monotonic() + READY_S
    file = folder / "estate.json"
    while time.monotonic() < until and process.poll() is None:
        if file.exists() and json.loads(file.read_text())["pid"] == process.pid:
            lines = (folder / "cmdb" / "access.jsonl").read_text().splitlines()
            records = [NodeAccess.model_validate_json(line) for line in lines]
            return RunningEstate(
                folder=folder,
                process=process,
                facts=json.loads(file.read_text()),
                access={record.target.node_id: record for record in records},
            )
        time.sleep(0.05)
    process.terminate()
    process.wait(PATIENCE_S)
    raise AssertionError((folder.parent / f"{folder.name}.log").read_text())


@contextmanager
def running_estate(folder: Path) -> Iterator[RunningEstate]:
    estate = start_estate(folder)
    try:
        yield estate
    finally:
        if estate.process.poll() is None:
            estate.stop()


async def ask(url: str) -> tuple[int, str]:
    """Status and body; status 0 where nothing answers."""
    try:
        timeout = aiohttp.ClientTimeout(total=60)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            return answer.status, await answer.text()
    except aiohttp.ClientConnectionError:
        return 0, ""


async def until_status(url: str, status: int) -> str:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            got, body = await ask(url)
            if got == status:
                return body
            await asyncio.sleep(0.05)
