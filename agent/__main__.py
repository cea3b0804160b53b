"""``guardia-agent``: composes the agent and runs it as a process.

Owns: the command line, the log, signals, and which class stands behind which protocol. Nothing
secret is ever logged: no token, no key, no login, no content of a frame.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import logging
import random
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import structlog
from nacl.signing import VerifyKey

from agent import __version__
from agent.dial import Address, BotRefusedError, LineError, enrol, open_line
from agent.executor import Executor
from agent.identity import Identity, IdentityError, load_identity, new_identity, save_identity
from agent.ledger import Ledger
from agent.link import Backoff, Link
from agent.operations.baselines import Baselines
from agent.scripts import ScriptShelf
from agent.settings import AgentSettings, SettingsError, load_settings
from agent.transports.kept import KeptConnections
from agent.transports.reach import connect
from agent.wire.enrolment import EnrolmentToken, TokenError
from agent.wire.handshake import HandshakeError

_GRACE_S = 20.0  # for running steps, when told to stop
_log = structlog.get_logger("guardia-agent")
Value = TypeVar("Value")


class StartError(Exception):
    """The agent cannot start as it is; the message says what to mend."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit status."""
    options = _parser().parse_args(argv)
    try:
        settings = load_settings(options.config)
        _configure_log(settings.log_level)
        with _sole_owner(settings.state_dir):
            asyncio.run(_serve(settings))
    except (SettingsError, IdentityError, StartError) as error:
        sys.stderr.write(f"guardia-agent: {error}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="guardia-agent", description="GUARDiA's reverse agent")
    parser.add_argument("--version", action="version", version=f"guardia-agent {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="enrol if need be, then serve until told to stop")
    run.add_argument("--config", type=Path, required=True, help="agent.toml")
    return parser


def _configure_log(level: str) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


@contextmanager
def _sole_owner(state_dir: Path) -> Iterator[None]:
    """Two processes on one ledger would each believe to be the only one."""
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (state_dir / "lock").open("w")
    except OSError as error:
        raise StartError(f"state_dir {state_dir} cannot be used: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StartError(f"another agent runs on {state_dir}; stop that one first") from error
        yield


async def _serve(settings: AgentSettings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    address = Address(url=settings.bot_url, ca_file=settings.ca_file)
    identity = await _unless(stop, _obtain_identity(settings, address))
    if identity is None:
        return
    shelf = ScriptShelf(settings.scripts)
    link = Link(identity, address, scripts=shelf.announced)
    ledger = Ledger(settings.state_dir / "ledger.sqlite")
    servers = KeptConnections(connect)
    try:
        executor = Executor(
            agent=settings.name,
            seal_key=identity.box,
            bot_key=identity.bot,
            ledger=ledger,
            blobs=link,
            policy=settings.guard,
            devices=settings.devices,
            scripts=shelf,
            baselines=Baselines(settings.state_dir / "baselines"),
            connect=servers.connect,
        )
        _log.info("serving", agent=settings.name, bot=settings.bot_url, version=__version__)
        async with asyncio.TaskGroup() as group:
            stopper = group.create_task(_stop_when(stop, link))
            await link.run(executor, grace_s=_GRACE_S)
            await executor.close(grace_s=0.0)  # what is left has had its grace
            stopper.cancel()
    finally:
        await servers.close()
        ledger.close()
    _log.info("stopped")


async def _stop_when(stop: asyncio.Event, link: Link) -> None:
    await stop.wait()
    link.stop()


async def _unless(stop: asyncio.Event, work: Awaitable[Value]) -> Value | None:
    """The result, or None when told to stop before it is there."""
    task = asyncio.ensure_future(work)
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        task.cancel()
        stopped.cancel()
        await asyncio.wait({task, stopped})


async def _obtain_identity(settings: AgentSettings, address: Address) -> Identity:
    """The enrolled identity; enrols first where there is none, for as long as that takes."""
    known = load_identity(settings.state_dir, settings.name)
    if known is not None and known.enrolled:
        return known
    token = _read_token(settings)
    failures = 0
    while True:
        try:
            async with open_line(address) as line:
                identity = await enrol(line, settings.name, token, _keeper(settings))
            break
        except LineError as error:
            failures += 1
            delay_s = Backoff().delay_s(failures, random.SystemRandom())
            _log.warning("not_enrolled_yet", reason=str(error), retry_s=round(delay_s, 2))
            await asyncio.sleep(delay_s)
        except HandshakeError as error:
            raise StartError(
                f"the bot at {address.url} is not the one that issued the token ({error.code}); "
                "nothing secret was sent. Check bot_url, or have a new token issued"
            ) from error
        except BotRefusedError as error:
            raise StartError(
                f"the bot refused the token ({error.code}): spent, lapsed or for another name. "
                f"Have a new one issued: guardia agent enrol {settings.name}"
            ) from error
    identity = identity.model_copy(update={"enrolled": True})
    save_identity(settings.state_dir, identity)
    _remove_token(settings)
    _log.info("enrolled", agent=settings.name)
    return identity


def _read_token(settings: AgentSettings) -> EnrolmentToken:
    path = settings.enrolment_token_file
    how = f"put the token of `guardia agent enrol {settings.name}` there, in a file of mode 0600"
    if path is None:
        raise StartError(f"not enrolled and no enrolment_token_file is set; name a file and {how}")
    try:
        return EnrolmentToken.decode(path.read_text("ascii"))
    except OSError as error:
        raise StartError(f"not enrolled, and {path}: {error.strerror}; {how}") from error
    except (TokenError, ValueError):
        raise StartError(f"{path} holds no enrolment token; {how}") from None


def _remove_token(settings: AgentSettings) -> None:
    try:
        if settings.enrolment_token_file is not None:
            settings.enrolment_token_file.unlink(missing_ok=True)
    except OSError as error:
        # It is spent and opens nothing any more; it only lies about.
        _log.warning("token_file_not_removed", reason=error.strerror)


def _keeper(settings: AgentSettings) -> Callable[[VerifyKey], Identity]:
    def keep(bot_key: VerifyKey) -> Identity:
        # Keys of an earlier try stay: the bot may have registered them, and its yes was lost.
        identity = load_identity(settings.state_dir, settings.name)
        if identity is None or identity.bot != bot_key:
            identity = new_identity(settings.name, bot_key)
            save_identity(settings.state_dir, identity)
        return identity

    return keep


if __name__ == "__main__":
    sys.exit(main())
