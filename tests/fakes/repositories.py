"""Real git repositories in a temporary folder, and a book that names them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from bot.core.domain.estate import Repository

_PEOPLE = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (
        ("NAME", "개발032"),
        ("EMAIL", "u032@example.invalid"),
        ("DATE", "2026-04-01T09:00:00+09:00"),
    )
}


class MemoryBook:
    """RepositoryBook."""

    def __init__(self, **repositories: Repository) -> None:
        self.repositories = repositories

    async def repository(self, system_code: str) -> Repository | None:
        return self.repositories.get(system_code)


class GitFolder:
    """A work tree that a test commits to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")

    @property
    def url(self) -> str:
        return f"file://{self.folder}"

    def git(self, *arguments: str, given: bytes | None = None) -> str:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **_PEOPLE}
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env=environment,
            input=given,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    def write(self, path: str, content: bytes) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def commit(self, subject: str, **files: bytes) -> str:
        """Commit everything; ``files`` by path. The commit."""
        for path, content in files.items():
            self.write(path, content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", subject)
        return self.git("rev-parse", "HEAD")

    def commit_entry(self, mode: str, object_id: str, path: bytes) -> str:
        """Commit one entry as it is, also where no file system would have it."""
        self.git(
            "update-index",
            "-z",
            "--index-info",
            given=f"{mode} {object_id} 0\t".encode() + path + b"\0",
        )
        self.git("commit", "--quiet", "-m", "entry")
        return self.git("rev-parse", "HEAD")
