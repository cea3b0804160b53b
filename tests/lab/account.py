"""Who the lab's servers run as and are logged in to as: an ordinary user, never root.

Owns: finding that account, becoming it for one process, and its password. A test of permissions
or of a full disk proves nothing as root. Knows nothing of what runs.
"""

from __future__ import annotations

import errno
import fcntl
import os
import pwd
import secrets
import subprocess
import tempfile
import time
import unittest
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

NAME = "guardia-lab"  # made by deploy/system-packages.sh
_BUSY_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
_SECRET = Path("/var/lib/guardia-lab/password")


class Unavailable(unittest.SkipTest):
    """This machine cannot offer that part; the text says why and what to do. Skips a test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An ordinary user. ``switch``: this process is root and has to become it."""

    name: str
    uid: int
    gid: int
    home: Path
    switch: bool

    @classmethod
    def find(cls) -> Account:
        """As root ``guardia-lab``, otherwise the user of this process.

        Raises:
            Unavailable: root, and there is no such account.
        """
        switch = os.geteuid() == 0
        try:
            entry = pwd.getpwnam(NAME) if switch else pwd.getpwuid(os.geteuid())
        except KeyError as error:
            raise Unavailable(
                f"there is no account {NAME}: run deploy/system-packages.sh"
            ) from error
        return cls(
            name=entry.pw_name,
            uid=entry.pw_uid,
            gid=entry.pw_gid,
            home=Path(entry.pw_dir),
            switch=switch,
        )

    @property
    def environment(self) -> dict[str, str]:
        """What a command of this account finds in its environment."""
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "USER": self.name,
            "LOGNAME": self.name,
            "LANG": "C.UTF-8",
        }

    def spawn(
        self,
        arguments: Sequence[str | Path],
        *,
        cwd: Path,
        output: IO[bytes] | int = subprocess.DEVNULL,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start it as this account, in a session of its own, both outputs to ``output``.

        A script that has just been written is busy for as long as a process that another thread
        was starting meanwhile has its file open, too: until that one's exec.
        """
        for pause_s in (*_BUSY_S, None):
            try:
                return subprocess.Popen(
                    arguments,
                    cwd=cwd,
                    env={**self.environment, **(environment or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT if output != subprocess.DEVNULL else output,
                    start_new_session=True,
                    user=self.uid if self.switch else None,
                    group=self.gid if self.switch else None,
                    extra_groups=[] if self.switch else None,
                )
            except OSError as error:
                if error.errno != errno.ETXTBSY or pause_s is None:
                    raise
                time.sleep(pause_s)
        raise AssertionError("the last try returns or raises")

    def run(
        self,
        arguments: Sequence[str | Path],
        *,
        cwd: Path,
        environment: Mapping[str, str] | None = None,
        timeout_s: float = 240,
    ) -> tuple[int, str]:
        """Exit status and output of a command run as this account.

        Its output goes through a file, so that a daemon that it leaves behind cannot hold a pipe
        open. Raises subprocess.TimeoutExpired, after ending it, when it does not return.
        """
        with tempfile.TemporaryFile() as output:
            process = self.spawn(arguments, cwd=cwd, output=output, environment=environment)
            try:
                process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
            output.seek(0)
            return process.returncode, output.read().decode("utf-8", "replace")

    def own(self, path: Path) -> Path:
        """Hand this file or folder, and all below it, to the account."""
        if self.switch:
            for folder, folders, files in os.walk(path):
                for name in (*folders, *files):
                    os.chown(Path(folder, name), self.uid, self.gid, follow_symlinks=False)
            os.chown(path, self.uid, self.gid)
        return path

    def make_folder(self, path: Path, *, mode: int = 0o755) -> Path:
        """This folder with its parents, all that were missing owned by the account."""
        missing = [path, *path.parents]
        missing = missing[: next(i for i, folder in enumerate(missing) if folder.exists())]
        for folder in reversed(missing):
            folder.mkdir(mode=mode)
            if self.switch:
                os.chown(folder, self.uid, self.gid)
        return path

    def password(self) -> str:
        """The password of the account: random, set once, in a file that only root reads.

        One for all labs of the machine, since labs of parallel test runs share the account.

        Raises:
            Unavailable: this is not root, so that no password can be set or known.
        """
        if not self.switch:
            raise Unavailable("password login needs root: only root can give an account a password")
        _SECRET.parent.mkdir(mode=0o700, exist_ok=True)
        with _SECRET.open("a+", encoding="ascii") as file:
            _SECRET.chmod(0o600)
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            password, _, known = file.read().partition("\n")
            if not password or known != self._shadow():
                password = secrets.token_urlsafe(18)
                subprocess.run(["chpasswd"], input=f"{self.name}:{password}\n".encode(), check=True)
                file.truncate(0)
                file.write(f"{password}\n{self._shadow()}")
            return password

    def _shadow(self) -> str:
        """The account's entry: another one than noted means another password."""
        found = subprocess.run(["getent", "shadow", self.name], capture_output=True, check=True)
        return found.stdout.decode().split(":")[1]
