"""Child processes that are kept running, and those that a killed supervisor left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from bot.app.demo.children import Child, end_leftovers


def sleeper(folder: Path) -> list[str]:
    return [sys.executable, "-c", "import time; time.sleep(600)", str(folder / "x")]


def make_child(folder: Path, arguments: list[str], deaths: asyncio.Queue[int]) -> Child:
    for name in ("logs", "run"):
        (folder / name).mkdir(exist_ok=True)
    return Child(
        "bot",
        arguments,
        folder=folder,
        on_death=lambda _name, status, _delay: deaths.put_nowait(status),
    )


def pid_of(folder: Path) -> int:
    return int((folder / "run" / "bot.pid").read_text())


async def test_a_child_that_is_killed_starts_again(tmp_path: Path) -> None:
    deaths: asyncio.Queue[int] = asyncio.Queue()
    child = make_child(tmp_path, sleeper(tmp_path), deaths)
    await child.start()
    try:
        first = pid_of(tmp_path)
        os.kill(first, signal.SIGKILL)
        assert await asyncio.wait_for(deaths.get(), 120) == -signal.SIGKILL
        async with asyncio.timeout(120):
            while pid_of(tmp_path) == first:
                await asyncio.sleep(0.05)
    finally:
        await child.stop()
    assert not (tmp_path / "run" / "bot.pid").exists()


async def test_stopping_does_not_wait_for_the_next_start(tmp_path: Path) -> None:
    deaths: asyncio.Queue[int] = asyncio.Queue()
    child = make_child(tmp_path, [sys.executable, "-c", "raise SystemExit(3)"], deaths)
    await child.start()
    assert [await asyncio.wait_for(deaths.get(), 120) for _ in range(2)] == [3, 3]
    await asyncio.wait_for(child.stop(), 120)
    assert child.deaths == 2 + deaths.qsize()


async def until_named(*processes: subprocess.Popen[bytes]) -> None:
    """A process that has just been started has no command line for a moment."""
    while not all(Path(f"/proc/{one.pid}/cmdline").read_bytes() for one in processes):
        await asyncio.sleep(0.01)


async def test_only_our_own_leftovers_are_ended(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    ours = subprocess.Popen(sleeper(tmp_path))
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        await until_named(ours, other)
        (tmp_path / "run" / "bot.pid").write_text(f"{ours.pid}\n")
        (tmp_path / "run" / "agent.pid").write_text(f"{other.pid}\n")
        assert await end_leftovers(tmp_path) == [("bot", ours.pid)]
        assert ours.wait(120) == -signal.SIGTERM
        assert other.poll() is None
        assert await end_leftovers(tmp_path) == []
    finally:
        for process in (ours, other):
            process.kill()
            process.wait(120)
