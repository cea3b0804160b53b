"""A file system of a few megabytes, so that it can really be full.

Owns: mounting and unmounting it. Needs root.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.lab.account import Unavailable
from tests.lab.part import Ground, Part


class SmallDisk(Part):
    """A tmpfs of ``size`` bytes at ``path``, owned by the account. ``fill`` leaves little.

    Over a folder that exists it holds what lay there, so that a node's folder can become small.
    """

    def __init__(self, ground: Ground, name: str = "disk", *, size: int = 4 << 20) -> None:
        self.ground = ground
        self.path = ground.root / name
        self.size = size

    def start(self) -> None:
        """Raises Unavailable: not root, or this machine lets even root mount nothing."""
        if not self.ground.account.switch:
            raise Unavailable("a small disk needs root: only root can mount one")
        account = self.ground.account
        covered = self.path.with_name(f"{self.path.name}.covered")
        if self.path.exists():
            self.path.rename(covered)
        account.make_folder(self.path)
        options = f"size={self.size},mode=0755,uid={account.uid},gid={account.gid}"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "guardia-lab", self.path],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise Unavailable(f"no tmpfs can be mounted here: {done.stderr.decode().strip()}")
        if covered.exists():
            subprocess.run(["cp", "-a", "--", f"{covered}/.", self.path], check=True)

    def stop(self) -> None:
        if self.path.is_mount():
            subprocess.run(["umount", "--lazy", self.path], check=True, capture_output=True)

    @property
    def free(self) -> int:
        """Bytes that the account can still write."""
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def fill(self, *, leave: int = 0) -> Path:
        """Write a file that leaves about that many bytes free."""
        path = self.path / ".filler"
        with path.open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, max(self.free - leave, 1))
        return self.ground.account.own(path)
