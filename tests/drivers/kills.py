"""A demo whose bot and agent can be killed at chosen moments, and what can be seen of it.

Owns: the processes (a killed one is started again at once, without the supervisor's back-off),
the moments of a deployment as its databases show them, and nothing of what must hold afterwards.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.drivers.demo import RunningDemo, _online

READY_S = 400.0
POLL_S = 0.004
# Quick to notice, so that a test needs no minutes: what is proved does not depend on it.
_QUICK = "\n[agents]\nheartbeat_s = 1.0\ngrace_s = 240.0\npatience_s = 240\n"
_ENDED = frozenset({"SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"})
TERMINAL = frozenset(
    {
        *("succeeded", "failed", "rolled_back", "rollback_failed"),
        *("cancelled", "expired", "denied", "unknown"),
    }
)


class Process:
    """One child process under one name, its log appended to."""

    def __init__(self, name: str, arguments: Sequence[str], log: Path) -> None:
        self.name = name
        self._arguments = tuple(arguments)
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", *self._arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def strike(self, number: int = signal.SIGKILL) -> None:
        """Send the signal, at once."""
        if self._process is not None and self._process.returncode is None:
            os.kill(self._process.pid, number)

    async def gone(self) -> None:
        if self._process is not None:
            await self._process.wait()

    async def stop(self) -> None:
        """In an orderly way; ``kill -9`` when that takes too long."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(120):
                await self._process.wait()
        except TimeoutError:
            self.strike()
            await self._process.wait()


class KillableDemo(RunningDemo):
    """Estate, bot and agent of a folder that ``running_demo`` has prepared, as plain children."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder, port)
        config, agent = folder / "guardia.toml", folder / "agent" / "agent.toml"
        logs = folder / "logs"
        self.estate_process = Process(
            "estate", ["bot.app.demo.estate", "--dir", str(folder)], logs / "estate.log"
        )
        self.children = {
            "bot": Process(
                "bot", ["bot.app.cli", "serve", "--config", str(config)], logs / "b.log"
            ),
            "agent": Process("agent", ["agent", "run", "--config", str(agent)], logs / "a.log"),
        }

    async def start(self) -> None:
        settings = self.folder / "guardia.toml"
        settings.write_text(settings.read_text("utf-8") + _QUICK, "utf-8")
        await self.estate_process.start()
        await self._until((self.folder / "estate.json").exists)
        for child in self.children.values():
            await child.start()
        async with asyncio.timeout(READY_S):
            while not await _online(self):
                await asyncio.sleep(0.1)

    async def stop(self) -> None:
        for child in (self.children["agent"], self.children["bot"], self.estate_process):
            await child.stop()

    async def kill(self, kill: Kill) -> float:
        """Kill ``bot``, ``agent`` or ``both`` and start them again: seconds until the agent has
        a session with the bot again."""
        names = ("bot", "agent") if kill.who == "both" else (kill.who,)
        struck = [self.children[name] for name in names]
        met = self.sight.meetings()
        began = time.monotonic()
        for child in struck:
            child.strike(kill.number)
        for child in struck:
            await child.gone()
        await asyncio.sleep(kill.down_s)
        for child in struck:
            await child.start()
        await self._until(lambda: self.sight.meetings() > met)
        return time.monotonic() - began

    @property
    def sight(self) -> Sight:
        return Sight(self.folder)

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(READY_S):
            while not holds():
                await asyncio.sleep(0.05)


@asynccontextmanager
async def killable(folder: Path, port: int) -> AsyncIterator[KillableDemo]:
    """The demo of a prepared folder, until the block ends."""
    demo = KillableDemo(folder, port)
    try:
        await demo.start()
        yield demo
    finally:
        await demo.stop()


@dataclass(frozen=True, slots=True)
class Sight:
    """What the databases of bot and agent say, read only, from outside."""

    folder: Path

    def bot(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return _read(self.folder / "bot" / "guardia.sqlite", query, values)

    def workflows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return _read(self.folder / "bot" / "workflows.sqlite", query, values)

    def ledger(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return _read(self.folder / "agent" / "state" / "ledger.sqlite", query, values)

    def meetings(self) -> int:
        """How often an agent has begun or resumed a session."""
        rows = self.bot(
            'SELECT count(*) FROM audit_events WHERE body LIKE \'%"event":"agent_%ed"%\''
        )
        return int(rows[0][0])

    def job_of(self, thread: str) -> str | None:
        """The job that a thread has led to."""
        rows = self.bot("SELECT job_id, conversation FROM jobs ORDER BY created_at DESC LIMIT 5")
        return next((j for j, where in rows if json.loads(where)["thread"] == thread), None)

    def state(self, job_id: str | None) -> str:
        rows = self.bot("SELECT state FROM jobs WHERE job_id = ?", job_id)
        return str(rows[0][0]) if rows else ""

    def ended(self, job_id: str) -> bool:
        """The job is over, and so is everything that the bot does for it."""
        states = {state for (state,) in self.workflows("SELECT status FROM workflow_status")}
        return self.state(job_id) in TERMINAL and states <= _ENDED

    def recorded(self, job_id: str | None) -> dict[str, str]:
        """Step id to state, as the bot has it."""
        return dict(self.bot("SELECT step_id, state FROM steps WHERE job_id = ?", job_id))

    def begun(self, job_id: str | None) -> dict[str, str | None]:
        """Step id to outcome, as the agent has it."""
        return dict(self.ledger("SELECT step_id, outcome FROM step WHERE job_id = ?", job_id))


def _read(file: Path, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
    # A writer that has just been killed may leave the file to be recovered by the next one.
    for _ in range(200):
        try:
            with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=2)) as database:
                return list(database.execute(query, values))
        except sqlite3.OperationalError:
            time.sleep(0.02)
    raise AssertionError(f"{file} cannot be read")


@dataclass(frozen=True, slots=True)
class Moment:
    """A named moment of one request's life: the thread it was asked in, and what to look at."""

    name: str
    holds: Callable[[Sight, str], bool]


def approved() -> Moment:
    """A verdict is stored; the job may not have been told."""

    def holds(sight: Sight, thread: str) -> bool:
        rows = sight.bot("SELECT 1 FROM approvals WHERE job_id = ?", sight.job_of(thread))
        return bool(rows)

    return Moment("approval stored", holds)


def in_state(*states: str) -> Moment:
    """The job is in one of these states."""
    return Moment(states[0], lambda sight, thread: sight.state(sight.job_of(thread)) in states)


def asked() -> Moment:
    """The bot has the message and has said that it is looking at the servers."""

    def holds(sight: Sight, thread: str) -> bool:
        return bool(
            sight.bot("SELECT 1 FROM room_messages WHERE thread = ? AND author = 'bot'", thread)
        )

    return Moment("survey", holds)


def posted() -> Moment:
    """The message is in the room; the bot may not have begun with it."""
    return Moment("posted", lambda sight, thread: True)


def begun(step: str) -> Moment:
    """The agent has begun this step (a pattern of step ids)."""

    def holds(sight: Sight, thread: str) -> bool:
        return any(re.fullmatch(step, name) for name in sight.begun(sight.job_of(thread)))

    return Moment(f"{_plain(step)} begun", holds)


def done(step: str) -> Moment:
    """The agent has ended this step; the bot may not know it yet."""

    def holds(sight: Sight, thread: str) -> bool:
        steps = sight.begun(sight.job_of(thread))
        return any(re.fullmatch(step, name) and outcome for name, outcome in steps.items())

    return Moment(f"{_plain(step)} done", holds)


def kept(step: str) -> Moment:
    """The bot has written down how this step ended."""

    def holds(sight: Sight, thread: str) -> bool:
        steps = sight.recorded(sight.job_of(thread))
        return any(re.fullmatch(step, n) and state != "running" for n, state in steps.items())

    return Moment(f"{_plain(step)} kept", holds)


def ordered(step: str) -> Moment:
    """The bot has written down that this step runs; the agent may not know it yet."""

    def holds(sight: Sight, thread: str) -> bool:
        return any(re.fullmatch(step, name) for name in sight.recorded(sight.job_of(thread)))

    return Moment(f"{_plain(step)} ordered", holds)


def final() -> Moment:
    """The job is over; its final report is being posted."""
    return Moment(
        "final report", lambda sight, thread: sight.state(sight.job_of(thread)) in TERMINAL
    )


def _plain(step: str) -> str:
    return step.replace(r"\.\d+-", " ").replace("\\", "")


@dataclass(slots=True, kw_only=True)
class Kill:
    """One kill: of whom, when, how late after that moment, and for how long (seconds)."""

    who: str
    when: Moment
    late_s: float = 0.0
    down_s: float = 0.0
    number: int = signal.SIGKILL
    hit: bool = False
    back_s: float = 0.0


@dataclass(slots=True)
class Killer:
    """Strikes once for each kill, in order, while a request lives."""

    demo: KillableDemo
    kills: Sequence[Kill]
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, thread: str) -> None:
        """Until all have struck, or ``end`` was called: what was not met by then is missed."""
        sight = self.demo.sight
        for kill in self.kills:
            while not kill.when.holds(sight, thread):
                if self._over.is_set():
                    return
                await asyncio.sleep(POLL_S)
            await asyncio.sleep(kill.late_s)
            kill.back_s = await self.demo.kill(kill)
            kill.hit = True

    def end(self) -> None:
        self._over.set()
