"""The SSH and SFTP server in front of one demo node, as sshd stands in front of a real one.

Owns: host keys, logins, running commands below the node's folder, serving its files. The only
place outside the agent's transport that may use asyncssh: this is the other end of it. Must not
know what is deployed on the node.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import posixpath
import re
import secrets
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from agent.wire.plan import KeyLogin, PasswordLogin
from bot.app.demo.nodes import LOOPBACK, NodeLayout

NodeServer = asyncssh.SSHAcceptor
_CHUNK = 64 * 1024  # bytes
_PROCESS = re.compile(rb"^/proc/[0-9]+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeIdentity:
    """What proves a node to its clients, and the one login it accepts."""

    host_key: asyncssh.SSHKey
    login: PasswordLogin | KeyLogin

    @property
    def fingerprint(self) -> str:
        """As ``ssh-keygen -l`` prints it: ``SHA256:…``."""
        return self.host_key.get_fingerprint("sha256")


def load_identity(folder: Path, *, by_key: bool) -> NodeIdentity:
    """The identity kept in this folder, made at random the first time."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    host_key = asyncssh.import_private_key(_kept(folder / "host_key", _new_key))
    if by_key:
        login: PasswordLogin | KeyLogin = KeyLogin(
            private_key=_kept(folder / "login_key", _new_key)
        )
    else:
        kept = _kept(folder / "login.json", lambda: json.dumps(secrets.token_urlsafe(18)))
        login = PasswordLogin(password=json.loads(kept))
    return NodeIdentity(host_key=host_key, login=login)


def _new_key() -> str:
    return asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()


def _kept(file: Path, make: Callable[[], str]) -> str:
    if not file.exists():
        draft = file.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(make(), "utf-8")
        draft.replace(file)
    return file.read_text("utf-8")


async def serve_node(layout: NodeLayout, identity: NodeIdentity, *, port: int) -> NodeServer:
    """Listen on loopback for this node until the acceptor is closed.

    Raises:
        OSError: the port is taken.
    """
    home = layout.folder

    async def run(process: asyncssh.SSHServerProcess[bytes]) -> None:
        await _Command(process, layout).run()

    return await asyncssh.create_server(
        lambda: _Door(layout.os_user, identity.login),
        LOOPBACK,
        port,
        server_host_keys=[identity.host_key],
        process_factory=run,
        sftp_factory=lambda channel: _NodeFiles(channel, home),
        encoding=None,
        line_editor=False,
        allow_pty=False,
        agent_forwarding=False,
        keepalive_interval=30,
        login_timeout=30,
    )


class _Door(asyncssh.SSHServer):
    """Lets the node's one account in, by its one login."""

    def __init__(self, user: str, login: PasswordLogin | KeyLogin) -> None:
        self._user = user
        self._login = login

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return isinstance(self._login, PasswordLogin)

    def validate_password(self, username: str, password: str) -> bool:
        if not isinstance(self._login, PasswordLogin) or username != self._user:
            return False
        return hmac.compare_digest(password.encode(), self._login.password.encode())

    def public_key_auth_supported(self) -> bool:
        return isinstance(self._login, KeyLogin)

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        if not isinstance(self._login, KeyLogin) or username != self._user:
            return False
        own = asyncssh.import_private_key(self._login.private_key)
        return bool(own.public_data == key.public_data)


class _Command:
    """One exec request: a child of /bin/sh whose end, output and exit status go to the channel."""

    def __init__(self, process: asyncssh.SSHServerProcess[bytes], layout: NodeLayout) -> None:
        self._process = process
        self._layout = layout

    async def run(self) -> None:
        if self._process.command is None:
            self._process.stderr.write(b"This account has no interactive shell.\n")
            self._process.exit(1)
            return
        child = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            self._process.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self._layout.folder,
            env=self._layout.environment,
            start_new_session=True,
        )
        ended = asyncio.ensure_future(self._follow(child))
        closed = asyncio.ensure_future(self._process.wait_closed())
        try:
            await asyncio.wait({ended, closed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # A client that hangs up, or the estate stopping, must not leave the child behind.
            _kill_group(child, signal.SIGKILL)
            for task in (ended, closed):
                task.cancel()
            await asyncio.gather(ended, closed, return_exceptions=True)

    async def _follow(self, child: asyncio.subprocess.Process) -> None:
        if child.stdin is None or child.stdout is None or child.stderr is None:
            raise RuntimeError("the child was started without pipes")
        feeding = asyncio.ensure_future(self._feed(child, child.stdin))
        try:
            await asyncio.gather(
                _pump(child.stdout, self._process.stdout),
                _pump(child.stderr, self._process.stderr),
            )
            status = await child.wait()
        finally:
            feeding.cancel()
        if status < 0:
            self._process.exit_with_signal(signal.Signals(-status).name.removeprefix("SIG"))
        else:
            self._process.exit(status)

    async def _feed(self, child: asyncio.subprocess.Process, stdin: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncssh.Error):
            while True:
                try:
                    data = await self._process.stdin.read(_CHUNK)
                except asyncssh.SignalReceived as received:
                    _kill_group(child, getattr(signal, f"SIG{received.signal}", signal.SIGTERM))
                    continue
                except (asyncssh.BreakReceived, asyncssh.TerminalSizeChanged):
                    continue
                if not data:
                    break
                stdin.write(data)
                await stdin.drain()
        stdin.close()


async def _pump(source: asyncio.StreamReader, sink: asyncssh.SSHWriter[bytes]) -> None:
    with suppress(ConnectionError, asyncssh.Error):
        while data := await source.read(_CHUNK):
            sink.write(data)
            await sink.drain()


def _kill_group(child: asyncio.subprocess.Process, number: int) -> None:
    # Only while the shell runs: what it left in the background on purpose outlives it.
    if child.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)


class _NodeFiles(asyncssh.SFTPServer):
    """The node's files at their real paths; what lies outside the node's folder is refused."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], home: Path) -> None:
        super().__init__(channel)
        self._home = os.fsencode(home)

    def map_path(self, path: bytes) -> bytes:
        mapped = posixpath.normpath(posixpath.join(self._home, path))
        # The folders above may be looked at, as on any server: clients do so before a mkdir.
        # And a pid file is worth nothing where nobody can see whether the process lives.
        open_to_all = self._home.startswith(mapped.rstrip(b"/") + b"/") or _PROCESS.match(mapped)
        if not open_to_all and mapped != self._home and not mapped.startswith(self._home + b"/"):
            raise asyncssh.SFTPPermissionDenied("outside the node's folder")
        return mapped

    def statvfs(self, path: bytes) -> asyncssh.SFTPVFSAttrs:
        """With the number of the filesystem, as sshd tells it."""
        told = os.statvfs(self.map_path(path))
        attributes = asyncssh.SFTPVFSAttrs.from_local(told)
        attributes.fsid = told.f_fsid
        return attributes

    def reverse_map_path(self, path: bytes) -> bytes:
        return path
