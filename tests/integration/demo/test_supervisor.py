"""``guardia demo`` as a person runs it: up, kept up, said twice, down, up again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.drivers.demo import reserve_ports
from tests.integration.demo.running import until_status
from tests.lab.ports import free_port

UP_S = 300.0

pytestmark = pytest.mark.timeout(1500)


def command(folder: Path, port: int) -> list[str]:
    options = ["--no-browser", "--port", str(port), "--dir", str(folder)]
    return [sys.executable, "-m", "bot.app.cli", "demo", *options]


@contextmanager
def running_demo(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A demo that has said that it is ready; stopped afterwards, whatever happens."""
    reserve_ports(folder)
    output = folder.parent / f"{folder.name}.out"
    with output.open("wb") as said:
        demo = subprocess.Popen(command(folder, port), stdout=said, stderr=said)
    try:
        until = time.monotonic() + UP_S
        while "Ctrl+C" not in output.read_text("utf-8"):
            assert demo.poll() is None, output.read_text("utf-8")
            assert time.monotonic() < until, output.read_text("utf-8")
            time.sleep(0.1)
        yield demo
    finally:
        if demo.poll() is None:
            demo.send_signal(signal.SIGTERM)
        demo.wait(UP_S)


def pid_of(folder: Path, name: str) -> int:
    return int((folder / "run" / f"{name}.pid").read_text())


def processes_of(folder: Path) -> list[str]:
    """Command lines of processes that name this folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"{folder}/" in f"{line}/":
            found.append(line)
    return found


async def all_gone(folder: Path) -> None:
    """The last of them may be on its way out when the demo's own process has ended."""
    async with asyncio.timeout(UP_S):
        while processes_of(folder):
            await asyncio.sleep(0.1)


async def agent_is_online(port: int) -> None:
    async with asyncio.timeout(UP_S):
        while True:
            health = json.loads(await until_status(f"http://127.0.0.1:{port}/healthz", 200))
            if any(agent["online"] for agent in health["agents"]):
                return
            await asyncio.sleep(0.2)


async def test_comes_up_stays_up_and_goes_down_without_a_trace(tmp_path: Path) -> None:
    folder, port = tmp_path / "demo", free_port()
    with running_demo(folder, port) as demo:
        await agent_is_online(port)
        assert not (folder / "agent" / "enrol.token").exists()

        again = subprocess.run(
            command(folder, port), capture_output=True, text=True, timeout=UP_S, check=False
        )
        assert again.returncode == 1
        assert "이미 실행 중" in again.stderr

        for name in ("bot", "agent"):
            pid = pid_of(folder, name)
            os.kill(pid, signal.SIGKILL)
            async with asyncio.timeout(UP_S):
                while pid_of(folder, name) == pid:
                    await asyncio.sleep(0.1)
            await agent_is_online(port)

        demo.send_signal(signal.SIGINT)
        assert demo.wait(UP_S) == 0
    await all_gone(folder)


async def test_a_killed_demo_comes_back_on_the_same_folder(tmp_path: Path) -> None:
    folder, port = tmp_path / "demo", free_port()
    with running_demo(folder, port) as demo:
        targets = (folder / "cmdb" / "connections.csv").read_text()
        demo.kill()
        demo.wait(UP_S)
    with running_demo(folder, port):
        await agent_is_online(port)
        assert (folder / "cmdb" / "connections.csv").read_text() == targets
    await all_gone(folder)
