"""The git command, told to trust nothing.

Owns: how git is called: its environment, its settings, its deadline, and how much of its output
is kept. Knows no repository and no ref. What git says goes to the log, never to a person: it
may hold addresses.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shlex
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from bot.core.errors import OperationError

_log = structlog.get_logger()
_CHUNK = 1 << 16
_MOST_OUTPUT = 16 << 20  # bytes of a listing
_SETTINGS = {
    "protocol.allow": "never",
    "protocol.https.allow": "always",
    "protocol.ssh.allow": "always",
    "http.followRedirects": "false",  # a redirect would leave the host that somebody has set
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.attributesFile": os.devnull,
    "credential.helper": "",
    "submodule.recurse": "false",
    "filter.lfs.process": "",
    "filter.lfs.smudge": "",
    "filter.lfs.required": "false",
    "transfer.fsckObjects": "true",
    "fetch.fsckObjects": "true",
    "gc.auto": "0",
    "maintenance.auto": "false",
}


class GitFailedError(Exception):
    """git ended with another status than 0. What it meant depends on what it was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitSettings:
    """How git reaches repositories. ``deadline_s``: for each call; ``most_bytes``: of each file
    that git writes on our disk, the packed commit among them.

    ``ssh_key`` and ``ssh_known_hosts`` stand for those of the account that runs the bot.
    """

    program: str = "git"
    deadline_s: float = 60.0
    most_bytes: int = 2 << 30
    local: bool = False  # whether file:/// addresses may be read
    ssh_key: Path | None = None
    ssh_known_hosts: Path | None = None


class Git:
    """Runs git, one call at a time per caller."""

    def __init__(self, settings: GitSettings) -> None:
        self._program = settings.program
        self._deadline_s = settings.deadline_s
        self._most_bytes = settings.most_bytes
        allowed = _SETTINGS | ({"protocol.file.allow": "always"} if settings.local else {})
        self._options = [part for item in allowed.items() for part in ("-c", "=".join(item))]
        self._environment = _environment(settings)

    async def ask(self, *arguments: str, folder: Path | None = None) -> bytes:
        """Everything that git writes.

        Raises:
            GitFailedError: git refused, or wrote more than is read.
            OperationError: there is no git (``git_missing``).
        """
        async with self.running(*arguments, folder=folder) as process:
            output = bytearray()
            while piece := await output_of(process).read(_CHUNK):
                output += piece
                if len(output) > _MOST_OUTPUT:
                    raise GitFailedError
        return bytes(output)

    @asynccontextmanager
    async def running(
        self, *arguments: str, folder: Path | None = None, fed: bool = False
    ) -> AsyncIterator[Process]:
        """A running git with its output to be read, and its input where it is ``fed``.

        Raises:
            GitFailedError: it refused, or took longer than its deadline.
            OperationError: ``git_missing``.
        """
        place = [] if folder is None else [f"--git-dir={folder}"]
        process = await self._start([*self._options, *place, *arguments], fed=fed)
        said = asyncio.create_task(_last_words(process))
        try:
            async with asyncio.timeout(self._deadline_s):
                yield process
                status = await process.wait()
        except TimeoutError:
            _log.warning("git took too long", git=arguments[0], deadline_s=self._deadline_s)
            raise GitFailedError from None
        finally:
            _end(process)
            await process.wait()
            words = await said
        if status != 0:
            _log.warning("git refused", git=arguments[0], status=status, words=words)
            raise GitFailedError

    async def _start(self, arguments: list[str], *, fed: bool) -> Process:
        try:
            process = await asyncio.create_subprocess_exec(
                self._program,
                *arguments,
                stdin=PIPE if fed else DEVNULL,
                stdout=PIPE,
                stderr=PIPE,
                cwd="/",
                env=self._environment,
                start_new_session=True,  # so that its own children end with it
            )
        except OSError as error:
            raise OperationError("git_missing", program=self._program) from error
        with suppress(OSError):  # it has ended already
            most = (self._most_bytes, self._most_bytes)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, most)
        return process


def _environment(settings: GitSettings) -> Mapping[str, str]:
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.environ.get("HOME", "/"),  # ssh's key and known hosts lie there
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_SSH_VARIANT": "ssh",
        "GIT_SSH_COMMAND": shlex.join(_ssh(settings)),
    }
    if "SSH_AUTH_SOCK" in os.environ:
        environment["SSH_AUTH_SOCK"] = os.environ["SSH_AUTH_SOCK"]
    return environment


def _ssh(settings: GitSettings) -> list[str]:
    command = ["ssh", "-F", "none", "-a", "-x", "-T"]
    for option in ("BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=10"):
        command += ["-o", option]
    if settings.ssh_key is not None:
        command += ["-i", str(settings.ssh_key.resolve()), "-o", "IdentitiesOnly=yes"]
    if settings.ssh_known_hosts is not None:
        command += ["-o", f"UserKnownHostsFile={settings.ssh_known_hosts.resolve()}"]
    return command


def output_of(process: Process) -> asyncio.StreamReader:
    """What a running git writes."""
    if process.stdout is None:
        raise GitFailedError
    return process.stdout


async def _last_words(process: Process) -> str:
    """The end of what it complains about; all of it is read, so that it never waits for us."""
    words = b""
    while process.stderr is not None and (piece := await process.stderr.read(_CHUNK)):
        words = (words + piece)[-2000:]
    return words.decode("utf-8", "replace")


def _end(process: Process) -> None:
    if process.returncode is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
