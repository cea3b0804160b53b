"""A running demo for tests: the real command, a folder and a port of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from bot.app.demo.nodes import live_layouts
from tests.lab.ports import free_port

READY_S = 480.0
STOP_S = 300.0


class RunningDemo:
    """What a test may know of a demo: its address, its packages, its nodes, its processes."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.address = f"http://127.0.0.1:{port}"

    def package(self, name: str) -> Path:
        """A sample zip, for example ``budget-1.1.0.zip``."""
        return self.folder / "packages" / name

    def estate(self) -> dict[str, Any]:
        """The facts of the estate process: nodes with their ports, the balancer's address."""
        facts: dict[str, Any] = json.loads((self.folder / "estate.json").read_text("utf-8"))
        return facts

    def pid(self, name: str) -> int:
        """The pid of ``estate``, ``bot`` or ``agent`` now."""
        return int((self.folder / "run" / f"{name}.pid").read_text("ascii"))

    async def command(self, *arguments: str) -> tuple[int, str]:
        """Run ``guardia`` with the demo's settings: exit status and standard output."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot.app.cli", *arguments),
            *("--config", str(self.folder / "guardia.toml")),
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        return process.returncode or 0, output.decode()


@asynccontextmanager
async def running_demo(folder: Path) -> AsyncIterator[RunningDemo]:
    """``guardia demo`` in this folder until the block ends; then an orderly stop."""
    reserve_ports(folder)
    port = free_port()
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot.app.cli", "demo", "--no-browser"),
            *("--port", str(port), "--dir", str(folder)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    demo = RunningDemo(folder, port)
    try:
        await _ready(demo, process)
        yield demo
    finally:
        await _stop(process)


async def _ready(demo: RunningDemo, process: asyncio.subprocess.Process) -> None:
    """Until the access records are sealed, the last thing the demo does before it is ready."""
    async with asyncio.timeout(READY_S):
        while not (demo.folder / "agent" / "access.sha256").exists() or not await _online(demo):
            if process.returncode is not None:
                log = demo.folder.parent / f"{demo.folder.name}.log"
                raise AssertionError(log.read_text("utf-8"))
            await asyncio.sleep(0.2)


async def _online(demo: RunningDemo) -> bool:
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{demo.address}/healthz") as response,
        ):
            agents = (await response.json())["agents"]
    except (aiohttp.ClientError, ValueError):
        return False
    return any(agent["online"] for agent in agents)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGINT)
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def reserve_ports(folder: Path) -> None:
    """Give a demo's nodes ports that no other demo chooses meanwhile; a later start keeps them."""
    book = folder / "ports.json"
    if not book.exists():
        folder.mkdir(parents=True, exist_ok=True)
        nodes = [layout.node_id for layout in live_layouts(folder)]
        ports = {f"{node}.{kind}": free_port() for node in nodes for kind in ("ssh", "service")}
        book.write_text(json.dumps(ports), "ascii")
