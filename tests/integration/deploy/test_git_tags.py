"""The Git tag of an SR, deployed without a dropped file."""

from __future__ import annotations

from pathlib import Path

from bot.core.domain.estate import Repository
from bot.core.domain.job import JobState
from bot.engine.files import DiskFileStore
from sources.git import GitSettings
from sources.repository import GitRepositories
from tests.fakes.planning import SYSTEM
from tests.fakes.repositories import MemoryBook
from tests.integration.deploy.conftest import Tell
from tests.integration.deploy.days import (
    new_digests,
    require_discreet,
    require_same,
    require_settled,
    require_told,
)
from tests.integration.deploy.site import Site
from tests.lab import GitRepository, Lab, application

TAG = "SR-2026-0402"


def site_of(lab: Lab, folder: Path, repository: GitRepository) -> Site:
    book = MemoryBook()
    book.repositories[SYSTEM.code] = Repository(
        name="budget-sources", url=repository.url, folder="src/main/webapp"
    )

    def sources(files: DiskFileStore) -> GitRepositories:
        settings = GitSettings(local=True)
        return GitRepositories(book, files, folder / "sources", settings=settings)

    return Site(fleet=lab.nodes(2), folder=folder, sources=sources)


def in_sources(files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"src/main/webapp/{path}": content for path, content in files.items()}


async def test_the_tag_of_an_sr_is_deployed_and_named_by_its_commit(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    repository = lab.git_repository()
    repository.commit(in_sources(application("1.0.0")), "운영 버전")
    wanted = application("1.0.0") | {"index.html": b"<h1>SR</h1>", "css/site.css": b"/* SR */"}
    commit = repository.commit(in_sources(wanted), "예산 화면 수정", tag=TAG)
    repository.commit(in_sources(application("9.9.9")), "아직 검수 전")
    site = site_of(lab, tmp_path, repository)
    async with site.open():
        job = await site.ask(params={"ref": TAG})
        card = site.world.messenger.at(job.card).now
        require_told(card, f"태그 {TAG}", commit[:12], "이개발", "예산 화면 수정", "css/site.css")
        assert {file.path for file in job.plan.files} == {"index.html", "css/site.css"}
        job = await site.approve(job)
        assert job.state is JobState.SUCCEEDED, site.failed_steps(job)
        for node in site.fleet.nodes:
            require_same(node.digests(), new_digests(wanted))
        await require_settled(site, lab, job)
        require_told(site.report(job), commit[:12], TAG)
        require_discreet(site, repository.url)
        tell("SR의 Git 태그 배포", site, job)


async def test_a_tag_that_is_not_there_is_asked_back_with_those_that_are(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    repository = lab.git_repository()
    repository.commit(in_sources(application("1.0.0")), "운영 버전", tag="SR-2026-0407")
    site = site_of(lab, tmp_path, repository)
    before = site.digests()
    async with site.open():
        answer = await site.refused(params={"ref": TAG})
        require_told(answer, TAG, "SR-2026-0407")
        assert site.pool.ordered == []
        assert site.digests() == before
        require_discreet(site, repository.url)
        tell("SR의 Git 태그가 없음", site, answer)
