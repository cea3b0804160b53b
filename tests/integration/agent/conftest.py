"""A real OpenSSH server on a free loopback port, with its own keys and folders."""

from __future__ import annotations

import asyncio
import getpass
import os
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.wire.plan import KeyLogin, NodeAccess, NodeTarget
from tests.fakes.agent import a_target
from tests.lab.ports import free_port

SSHD = Path("/usr/sbin/sshd")
START_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Sshd:
    """A running sshd: where it listens, what it shows, and what it wrote down."""

    port: int
    host_keys: tuple[str, ...]  # fingerprints: ed25519, rsa
    login_key: str
    log: Path

    def access(self, root: Path, **changes: object) -> NodeAccess:
        return NodeAccess(
            target=self.target(root, **changes), login=KeyLogin(private_key=self.login_key)
        )

    def target(self, root: Path, **changes: object) -> NodeTarget:
        values = {"port": self.port, "user": getpass.getuser(), "host_key": self.host_keys[0]}
        return a_target(root, **{**values, **changes})


def _new_key(path: Path, kind: str) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path], check=True)
    shown = subprocess.run(["ssh-keygen", "-l", "-f", path], check=True, capture_output=True)
    return shown.stdout.decode().split()[1]


@pytest.fixture(scope="session")
def sshd_usable() -> None:
    if not SSHD.exists():
        pytest.skip("no OpenSSH server on this machine")
    if os.geteuid() == 0:  # sshd insists on its privilege separation folder
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)


@pytest.fixture
async def sshd(
    request: pytest.FixtureRequest, sshd_usable: None, tmp_path: Path
) -> AsyncIterator[Sshd]:
    """The parameter is sshd's log level; from DEBUG1 on it writes into commands' stderr, too."""
    level = getattr(request, "param", "VERBOSE")
    folder = tmp_path / "sshd"
    folder.mkdir(mode=0o700)
    keys = tuple(_new_key(folder / kind, kind) for kind in ("ed25519", "rsa"))
    _new_key(folder / "login", "ed25519")
    (folder / "authorized_keys").write_bytes((folder / "login.pub").read_bytes())
    port = free_port()
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"HostKey {folder}/ed25519\nHostKey {folder}/rsa\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nPasswordAuthentication no\n"
        f"PermitRootLogin yes\nLogLevel {level}\nSubsystem sftp internal-sftp\n"
    )
    log = folder / "log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", folder / "config"],
            stdin=subprocess.DEVNULL,
            stderr=sink,
        )
    try:
        await _listening(port, process)
        yield Sshd(port=port, host_keys=keys, login_key=(folder / "login").read_text(), log=log)
    finally:
        process.terminate()
        process.wait(60)


async def _listening(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "sshd did not start"
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.05)
    raise AssertionError("sshd does not listen")
