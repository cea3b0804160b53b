"""``guardia demo`` as a person runs it: up, kept up, said twice, down, up again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.demo.running import until_status

UP_S = 150.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def command(folder: Path, port: int) -> list[str]:
    options = ["--no-browser", "--port", str(port), "--dir", str(folder)]
    return [sys.executable, "-m", "bot.app.cli", "demo", *options]


@contextmanager
def running_demo(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A demo that has said that it is ready; stopped afterwards, whatever happens."""
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
        demo.wait(120)


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
            command(folder, port), capture_output=True, text=True, timeout=60, check=False
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
        assert demo.wait(120) == 0
    assert processes_of(folder) == []


async def test_a_killed_demo_comes_back_on_the_same_folder(tmp_path: Path) -> None:
    folder, port = tmp_path / "demo", free_port()
    with running_demo(folder, port) as demo:
        targets = (folder / "cmdb" / "connections.csv").read_text()
        demo.kill()
        demo.wait(60)
    with running_demo(folder, port):
        await agent_is_online(port)
        assert (folder / "cmdb" / "connections.csv").read_text() == targets
    assert processes_of(folder) == []
