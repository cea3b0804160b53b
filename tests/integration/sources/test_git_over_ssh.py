"""A repository behind a real OpenSSH server: the site's key and known hosts, and nothing else."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.domain.estate import Repository
from bot.core.errors import OperationError
from sources.git import GitSettings
from sources.repository import GitRepositories
from tests.fakes.files import MemoryFileStore
from tests.fakes.repositories import MemoryBook
from tests.lab.lab import Lab
from tests.lab.sshd import Sshd

CODE = "MOEF-BUDGET"


def a_site(lab: Lab, sshd: Sshd) -> MemoryBook:
    origin = lab.git_repository()
    origin.commit({"webapp/index.html": b"1"}, "첫 반영본")
    origin.commit({"webapp/index.html": b"2"}, "SR-2026-0402 문구 수정", tag="SR-2026-0402")
    if os.geteuid() == 0:  # git serves nobody a repository that is not theirs
        for path in (origin.path, *origin.path.rglob("*")):
            shutil.chown(path, user=sshd.user)
    url = f"ssh://{sshd.user}@{sshd.host}:{sshd.port}{origin.path}"
    return MemoryBook(**{CODE: Repository(name="budget", url=url, folder="webapp")})


def settings_for(sshd: Sshd) -> GitSettings:
    return GitSettings(
        deadline_s=30, ssh_key=sshd.key_file, ssh_known_hosts=sshd.folder / "known_hosts"
    )


async def test_a_tag_is_fetched_with_the_sites_key(lab: Lab, tmp_path: Path) -> None:
    sshd = lab.sshd("origin")
    book, files = a_site(lab, sshd), MemoryFileStore()
    reader = GitRepositories(book, files, tmp_path / "sources", settings=settings_for(sshd))
    artifact = await reader.fetch(CODE, "SR-2026-0402")
    (page,) = artifact.entries
    assert (page.path, await files.read(page.sha256, 0, 10)) == ("index.html", b"2")
    assert artifact.ref is not None
    assert artifact.ref.subject == "SR-2026-0402 문구 수정"


async def test_a_host_key_that_nobody_knows_is_refused(lab: Lab, tmp_path: Path) -> None:
    sshd = lab.sshd("origin")
    book = a_site(lab, sshd)
    nobody = tmp_path / "known_hosts"
    nobody.touch()
    settings = replace(settings_for(sshd), ssh_known_hosts=nobody)
    reader = GitRepositories(book, MemoryFileStore(), tmp_path / "sources", settings=settings)
    with pytest.raises(OperationError) as refused:
        await reader.fetch(CODE, "SR-2026-0402")
    assert refused.value.code == "repository_unavailable"
    assert nobody.read_text() == ""


async def test_a_server_that_says_nothing_costs_one_deadline(lab: Lab, tmp_path: Path) -> None:
    sshd = lab.sshd("origin")
    book = a_site(lab, sshd)
    settings = replace(settings_for(sshd), deadline_s=2)
    reader = GitRepositories(book, MemoryFileStore(), tmp_path / "sources", settings=settings)
    sshd.freeze()
    try:
        with pytest.raises(OperationError) as refused:
            await reader.fetch(CODE, "SR-2026-0402")
    finally:
        sshd.thaw()
    assert refused.value.code == "repository_unavailable"
