"""A bare Git repository as a site keeps the sources of its SRs.

Owns: making commits, tags and branches with a fixed author and clock, so that the same calls
give the same commit ids. Takes nothing from the user's own Git configuration.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.lab.account import Unavailable

_EPOCH = 1775001600  # 2026-04-01 00:00 UTC


class GitRepository:
    """One bare repository at ``path``. ``main`` is its first branch."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "sources.git"
        self._work = folder / "work"
        self._commits = 0
        if not Path("/usr/bin/git").exists():
            raise Unavailable("no git: run deploy/system-packages.sh")
        folder.mkdir(parents=True, exist_ok=True)
        self._git("init", "--quiet", "--bare", "--initial-branch=main", str(self.path))
        self._git("init", "--quiet", "--initial-branch=main", str(self._work))

    @property
    def url(self) -> str:
        """For whoever may read the folder: the owner of the lab's process."""
        return f"file://{self.path}"

    def commit(
        self,
        files: Mapping[str, bytes | None],
        message: str,
        *,
        branch: str = "main",
        tag: str | None = None,
    ) -> str:
        """Write these files (None: delete) on that branch, made from main where it is new.

        ``tag``: annotated, e.g. ``SR-2026-0402``. Returns the commit's id.
        """
        if self._commits and branch not in self.branches():
            self._git("-C", str(self._work), "checkout", "--quiet", "-b", branch, "main")
        elif self._commits:
            self._git("-C", str(self._work), "checkout", "--quiet", branch)
        for path, content in files.items():
            self._put(self._work / path, content)
        self._git("-C", str(self._work), "add", "--all", "--force")
        self._git("-C", str(self._work), "commit", "--quiet", "--allow-empty", "-m", message)
        self._commits += 1
        if tag is not None:
            self._git("-C", str(self._work), "tag", "-a", tag, "-m", message)
        self._git("-C", str(self._work), "push", "--quiet", "--tags", str(self.path), branch)
        return self._git("-C", str(self._work), "rev-parse", "HEAD").strip()

    def branches(self) -> list[str]:
        return self._git(
            "-C", str(self.path), "for-each-ref", "--format=%(refname:short)", "refs/heads"
        ).split()

    def _put(self, path: Path, content: bytes | None) -> None:
        if content is None:
            path.unlink()
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def _git(self, *arguments: str) -> str:
        when = f"{_EPOCH + 60 * self._commits} +0000"
        settings = {
            "PATH": "/usr/bin:/bin",
            "HOME": os.devnull,
            "LANG": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "이개발",
            "GIT_AUTHOR_EMAIL": "developer@lab.invalid",
            "GIT_AUTHOR_DATE": when,
            "GIT_COMMITTER_NAME": "이개발",
            "GIT_COMMITTER_EMAIL": "developer@lab.invalid",
            "GIT_COMMITTER_DATE": when,
        }
        done = subprocess.run(
            ["git", "-c", "core.quotePath=false", *arguments],
            env=settings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"git {' '.join(arguments)}: {done.stderr.decode()}")
        return done.stdout.decode()
