"""The demo's repository, read as the bot reads it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bot.app.demo.packages import application_files
from bot.app.demo.repository import FOLDER, SR, repository_of
from bot.core.domain.estate import Repository
from sources.git import GitSettings
from sources.repository import GitRepositories
from tests.fakes.files import MemoryFileStore
from tests.fakes.repositories import MemoryBook


@pytest.mark.skipif(shutil.which("git") is None, reason="no git on this machine")
async def test_the_tag_of_the_sr_holds_the_new_version(tmp_path: Path) -> None:
    folder = tmp_path / "한글 '폴더'"
    url = repository_of(folder)
    assert url is not None
    assert repository_of(folder) == url
    book = MemoryBook(BUDGET=Repository(name="budget", url=url, folder=FOLDER))
    reader = GitRepositories(
        book, MemoryFileStore(), tmp_path / "sources", settings=GitSettings(local=True)
    )
    artifact = await reader.fetch("BUDGET", SR)
    assert [entry.path for entry in artifact.entries] == sorted(application_files("1.3.0"))
    assert artifact.ref is not None
    assert "본인인증" in artifact.ref.subject
    main = await reader.fetch("BUDGET", "main")
    assert main.ref is not None
    assert main.ref.commit == artifact.ref.commit


def test_a_machine_without_git_has_no_repository(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert repository_of(tmp_path) is None


def test_a_folder_that_is_no_address_has_none_either(tmp_path: Path) -> None:
    assert repository_of(tmp_path / "100%") is None
