"""What ``guardia demo`` does: brings estate, bot and agent up in order, and down again.

Owns: the order, the waiting, the words on the terminal. Bot and agent are the ordinary programs,
called as anybody would call them; neither is told that this is a demo.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import sys
import webbrowser
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp

from bot.app.demo.children import Child, end_leftovers
from bot.app.demo.demo_settings import AGENT, write_agent_settings, write_bot_settings
from bot.app.demo.nodes import LIVE, LOOPBACK
from bot.app.demo.ports import is_free
from bot.app.demo.repository import SR
from bot.app.folder_lock import FolderBusyError, FolderLock
from bot.core.errors import GuardiaError, OperationError, UserError
from bot.core.texts import Texts, load_texts

_READY_S = 120.0
_COMMAND_S = 120.0
_DEATHS = 3  # so many in a row while starting, and it is not going to come up


async def run_demo(folder: Path, *, port: int, open_browser: bool) -> int:
    """Run the demo in this folder until SIGINT or SIGTERM. 0, or 1 when it could not start."""
    texts = load_texts("ko")
    folder = await asyncio.to_thread(folder.resolve)
    try:
        with FolderLock(folder / "demo.lock"):
            await _Demo(folder, port, texts).run(open_browser=open_browser)
    except FolderBusyError:
        return _fail(texts, UserError("demo_running", folder=folder))
    except GuardiaError as error:
        return _fail(texts, error)
    return 0


def _fail(texts: Texts, error: GuardiaError) -> int:
    sys.stderr.write("\n".join(part for part in texts.explain(error) if part) + "\n")
    return 1


class _Demo:
    """One run of the demo."""

    def __init__(self, folder: Path, port: int, texts: Texts) -> None:
        self.folder = folder
        self._port = port
        self._texts = texts
        self._children: list[Child] = []
        self._config = folder / "guardia.toml"
        self._step = ""

    async def run(self, *, open_browser: bool) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        stopping = asyncio.create_task(stop.wait())
        starting = asyncio.create_task(self._start(open_browser=open_browser))
        try:
            await asyncio.wait({stopping, starting}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                await starting
                await stopping
        finally:
            starting.cancel()
            stopping.cancel()
            await asyncio.gather(starting, stopping, return_exceptions=True)
            await self._stop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    async def _start(self, *, open_browser: bool) -> None:
        await self._prepare()
        await self._start_estate()
        await self._fill_bot()
        await self._start_bot()
        await self._start_agent()
        await self._seal_access()
        url = f"http://{LOOPBACK}:{self._port}/"
        self._tell_what_to_try(url)
        if open_browser:
            await asyncio.to_thread(webbrowser.open, url)

    async def _stop(self) -> None:
        if not self._children:
            return
        self._say("step.stopping", folder=self.folder)
        for child in reversed(self._children):
            await child.stop()
        self._say("step.stopped")

    # --- steps ---------------------------------------------------------------------------------

    async def _prepare(self) -> None:
        self._begin("folder", folder=self.folder)
        for name in ("logs", "run", "bot"):
            (self.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, pid in await end_leftovers(self.folder):
            self._say("step.leftover", name=name, pid=pid)
        if not is_free(self._port):
            raise UserError("demo_port_busy", port=self._port)
        write_bot_settings(self.folder, port=self._port)

    async def _start_estate(self) -> None:
        self._begin("estate", count=len(LIVE))
        facts = self.folder / "estate.json"
        facts.unlink(missing_ok=True)
        estate = await self._keep("estate", "bot.app.demo.estate", "--dir", str(self.folder))

        async def ready() -> bool:
            return facts.exists()

        await self._wait_for(ready, estate)

    async def _fill_bot(self) -> None:
        self._begin("database")
        await self._guardia("db", "upgrade")
        self._begin("cmdb")
        await self._guardia("cmdb", "import", str(self.folder / "cmdb"))

    async def _start_bot(self) -> None:
        self._begin("bot")
        bot = await self._keep("bot", "bot.app.cli", "serve", "--config", str(self._config))

        async def ready() -> bool:
            return await self._health() is not None

        await self._wait_for(ready, bot)

    async def _start_agent(self) -> None:
        self._begin("agent", agent=AGENT)
        settings = write_agent_settings(self.folder, port=self._port)
        enrolled = self.folder / "agent" / "enrolled"
        if not enrolled.exists():
            lines = (await self._guardia("agent", "enrol", AGENT)).split()
            token = self.folder / "agent" / "enrol.token"
            token.touch(mode=0o600)
            token.write_text(f"{lines[-1]}\n", "ascii")
        agent = await self._keep("agent", "agent", "run", "--config", str(settings))

        async def ready() -> bool:
            return AGENT in (await self._health() or ())

        await self._wait_for(ready, agent)
        enrolled.touch()

    async def _seal_access(self) -> None:
        records = self.folder / "cmdb" / "access.jsonl"
        sealed = self.folder / "agent" / "access.sha256"
        digest = hashlib.sha256(records.read_bytes()).hexdigest()
        if sealed.exists() and sealed.read_text("ascii") == digest:
            return
        self._begin("access")
        await self._guardia("access", "import", str(records))
        sealed.write_text(digest, "ascii")

    # --- what the steps are made of ------------------------------------------------------------

    def _begin(self, step: str, **values: object) -> None:
        self._step = self._texts.say(f"demo.step.{step}", **values)
        sys.stdout.write(f"{self._step}\n")
        sys.stdout.flush()

    def _say(self, key: str, **values: object) -> None:
        sys.stdout.write(self._texts.say(f"demo.{key}", **values) + "\n")
        sys.stdout.flush()

    async def _keep(self, name: str, module: str, *arguments: str) -> Child:
        child = Child(
            name,
            [sys.executable, "-m", module, *arguments],
            folder=self.folder,
            on_death=self._tell_of_death,
        )
        self._children.append(child)
        await child.start()
        return child

    def _tell_of_death(self, name: str, status: int, delay_s: int) -> None:
        log = self.folder / "logs" / f"{name}.log"
        self._say("step.restarted", name=name, status=status, seconds=delay_s, log=log)

    async def _guardia(self, *arguments: str) -> str:
        """Run one command of the bot to its end: its standard output."""
        log = self.folder / "logs" / "commands.log"
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot.app.cli", *arguments, "--config", str(self._config)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
            )
            try:
                async with asyncio.timeout(_COMMAND_S):
                    output, _ = await process.communicate()
            except TimeoutError:
                raise OperationError("demo_step_failed", step=self._step, log=log) from None
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if process.returncode != 0:
            raise OperationError("demo_step_failed", step=self._step, log=log)
        return output.decode()

    async def _wait_for(self, ready: Callable[[], Awaitable[bool]], child: Child) -> None:
        try:
            async with asyncio.timeout(_READY_S):
                while child.deaths < _DEATHS:
                    if await ready():
                        return
                    await asyncio.sleep(0.2)
        except TimeoutError:
            pass
        raise OperationError("demo_step_failed", step=self._step, log=child.log)

    async def _health(self) -> frozenset[str] | None:
        """The agents that are online, by the bot's own word; None while it does not answer."""
        timeout = aiohttp.ClientTimeout(total=3)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(f"http://{LOOPBACK}:{self._port}/healthz") as answer,
            ):
                told = json.loads(await answer.read())
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None
        return online_agents(told)

    def _tell_what_to_try(self, url: str) -> None:
        facts = json.loads((self.folder / "estate.json").read_text("utf-8"))
        sys.stdout.write("\n")
        self._say("ready.address", url=url)
        self._say("ready.sign_in")
        self._say("ready.packages", folder=facts["packages"])
        for key in ("good", "phrase", "broken", "html"):
            self._say(f"ready.{key}")
        if facts["repository"] is not None:
            self._say("ready.repository", sr=SR)
        self._say("ready.balancer", url=facts["balancer_url"])
        self._say("ready.logs", folder=self.folder / "logs")
        self._say("ready.end")


def online_agents(health: object) -> frozenset[str]:
    """The agents that the bot's health page names as online."""
    agents = health.get("agents") if isinstance(health, dict) else None
    entries = agents if isinstance(agents, list) else []
    return frozenset(
        str(entry.get("name"))
        for entry in entries
        if isinstance(entry, dict) and entry.get("online") is True
    )
