"""The demo's git repository: the budget application with the tag of an SR that waits for it.

Owns: what is in it. Made once with the machine's own git; where there is none, the demo does
without and says nothing of it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from bot.app.demo.packages import FIRST, application_files
from bot.core.repositories import repository_url

FOLDER = "webapp"  # the deployed one
SR = "SR-2026-0536"  # of the estate's own list, assigned to the demo's developer
_VERSION = "1.3.0"
_GIT_S = 60
_AUTHOR = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "개발032"), ("EMAIL", "u032@demo.invalid"))
}


def repository_of(folder: Path) -> str | None:
    """The address of the repository below the demo's folder, made where it is missing.

    None: there is no git, or the folder's name cannot be written as an address.
    """
    place = folder.resolve() / "repositories" / "budget.git"
    try:
        url = repository_url(f"file://{place}")
    except ValueError:
        return None
    if shutil.which("git") is None:
        return None
    if not place.exists():
        try:
            _make(place)
        except (OSError, subprocess.SubprocessError):
            return None
    return url


def _make(place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as draft:
        work = Path(draft)
        _git(work, "init", "--quiet")
        _git(work, "symbolic-ref", "HEAD", "refs/heads/main")
        _commit(work, FIRST, "첫 반영본", at="2026-03-01T09:00:00+09:00")
        _commit(work, _VERSION, f"{SR} 본인인증 모듈 교체", at="2026-03-27T18:00:00+09:00")
        _git(work, "tag", SR)
        (work / ".git").rename(place)  # whole, or not there
    _git(place, "--git-dir=.", "config", "core.bare", "true")


def _commit(work: Path, version: str, subject: str, *, at: str) -> None:
    (work / "README.md").write_text("# 예산시스템\n\nwebapp 폴더가 서버에 반영됩니다.\n", "utf-8")
    for path, content in application_files(version).items():
        file = work / FOLDER / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    _git(work, "add", "--all", "--force")
    _git(work, "commit", "--quiet", "-m", subject, at=at)


def _git(folder: Path, *arguments: str, at: str = "") -> None:
    subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_DATE": at,
            "GIT_COMMITTER_DATE": at,
            **_AUTHOR,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=_GIT_S,
    )
