"""Repositories of real git: from a ref to an artifact in the file store, or a clear refusal."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.domain.estate import Repository
from bot.core.errors import GuardiaError, OperationError, UserError
from sources.git import GitSettings
from sources.repository import GitRepositories
from sources.trees import SourceLimits
from tests.fakes.files import MemoryFileStore
from tests.fakes.repositories import GitFolder, MemoryBook

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git on this machine")
CODE = "MOEF-BUDGET"


class Site:
    """A repository, and the bot's own view of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work = GitFolder(folder / "work")
        self.book = MemoryBook()
        self.files = MemoryFileStore()
        self.place(Repository(name="budget", url=self.work.url))

    def place(self, repository: Repository) -> None:
        self.book.repositories[CODE] = repository

    def reader(
        self, *, settings: GitSettings | None = None, limits: SourceLimits | None = None
    ) -> GitRepositories:
        return GitRepositories(
            self.book,
            self.files,
            self.folder / "sources",
            settings=settings or GitSettings(local=True),
            limits=limits,
        )


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


async def refusal(site: Site, ref: str, **values: object) -> GuardiaError:
    with pytest.raises(GuardiaError) as refused:
        await site.reader(**values).fetch(CODE, ref)
    return refused.value


async def test_a_tag_becomes_an_artifact_of_its_files(site: Site) -> None:
    site.work.write("webapp/index.html", b"<html/>")
    site.work.write("webapp/WEB-INF/empty.properties", b"")
    site.work.write("webapp/.gitignore", b"target")
    site.work.write("README.md", b"not deployed")
    (site.work.folder / "webapp" / "run.sh").write_bytes(b"#!/bin/sh\n")
    (site.work.folder / "webapp" / "run.sh").chmod(0o755)
    commit = site.work.commit("본인인증 모듈 교체\n\n자세한 말")
    site.work.git("tag", "-a", "SR-2026-0402", "-m", "annotated")
    site.work.commit("later", **{"webapp/later.html": b"x"})
    site.place(Repository(name="budget", url=site.work.url, folder="webapp"))
    artifact = await site.reader().fetch(CODE, "SR-2026-0402")
    assert [(entry.path, entry.source, entry.size) for entry in artifact.entries] == [
        ("WEB-INF/empty.properties", "", 0),
        ("index.html", "", 7),
        ("run.sh", "", 10),
    ]
    page = artifact.entries[1]
    assert page.sha256 == hashlib.sha256(b"<html/>").hexdigest()
    assert await site.files.read(page.sha256, 0, 100) == b"<html/>"
    assert artifact.skipped == (".gitignore",)
    ref = artifact.ref
    assert ref is not None
    assert (ref.repository, ref.ref, ref.kind, ref.commit) == (
        "budget",
        "SR-2026-0402",
        "tag",
        commit,
    )
    assert (ref.author, ref.subject, ref.also_branch) == ("개발032", "본인인증 모듈 교체", False)
    assert site.work.url not in str(artifact)


async def test_a_branch_is_read_as_it_is_now(site: Site) -> None:
    first = site.work.commit("one", **{"a.html": b"1"})
    reader = site.reader()
    before = await reader.fetch(CODE, "main")
    second = site.work.commit("two", **{"a.html": b"2"})
    after = await reader.fetch(CODE, "main")
    assert before.ref
    assert after.ref
    assert (before.ref.commit, after.ref.commit) == (first, second)
    assert after.ref.kind == "branch"
    assert before.digest != after.digest


async def test_a_moved_tag_is_what_it_is_now(site: Site) -> None:
    site.work.commit("one", **{"a.html": b"1"})
    site.work.git("tag", "v1")
    reader = site.reader()
    await reader.fetch(CODE, "v1")
    moved = site.work.commit("two", **{"a.html": b"2"})
    site.work.git("tag", "--force", "v1")
    found = await reader.fetch(CODE, "v1")
    assert found.ref
    assert found.ref.commit == moved


async def test_a_tag_goes_before_a_branch_of_that_name_and_it_is_said(site: Site) -> None:
    tagged = site.work.commit("tagged", **{"a.html": b"1"})
    site.work.git("tag", "SR-2026-0402")
    site.work.git("branch", "SR-2026-0402")
    site.work.git("checkout", "--quiet", "refs/heads/SR-2026-0402")
    site.work.commit("on the branch", **{"a.html": b"2"})
    site.work.git("update-ref", "refs/heads/SR-2026-0402", "HEAD")
    found = await site.reader().fetch(CODE, "SR-2026-0402")
    assert found.ref
    assert (found.ref.kind, found.ref.commit, found.ref.also_branch) == ("tag", tagged, True)


async def test_a_name_without_its_capitals_is_the_one_name_that_fits(site: Site) -> None:
    site.work.commit("one", **{"a.html": b"1"})
    site.work.git("tag", "SR-2026-0402-B")
    found = await site.reader().fetch(CODE, "sr-2026-0402-b")
    assert found.ref
    assert found.ref.ref == "SR-2026-0402-B"
    site.work.git("tag", "SR-2026-0402-b")
    assert (await refusal(site, "sr-2026-0402-b")).code == "ref_unknown"


async def test_an_unknown_ref_names_those_that_come_near(site: Site) -> None:
    site.work.commit("one", **{"a.html": b"1"})
    for name in ("SR-2026-0402-2", "hotfix/SR-2026-0402", "SR-2026-0411", "v9"):
        site.work.git("tag", name)
    error = await refusal(site, "SR-2026-0402")
    assert (error.code, error.values["repository"]) == ("ref_unknown", "budget")
    known = error.values["known"].split(", ")
    assert set(known[:2]) == {"SR-2026-0402-2", "hotfix/SR-2026-0402"}
    assert "SR-2026-0411" in known
    assert "v9" not in known


@pytest.mark.parametrize(
    "ref",
    [
        "--upload-pack=x",
        "-x",
        "",
        "a..b",
        "a b",
        "main^{}",
        "main:x",
        "@{1}",
        "$(id)",
        "a\n",
        "a.lock",
    ],
)
async def test_what_is_no_plain_name_never_reaches_git(site: Site, ref: str) -> None:
    reader = site.reader(settings=GitSettings(program="/no/such/git", local=True))
    with pytest.raises(UserError) as refused:
        await reader.fetch(CODE, ref)
    assert refused.value.code == "ref_malformed"


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% /tmp/x",
        "--upload-pack=touch /tmp/x",
        "https://user:secret@git.example/x.git",
        "http://git.example/x.git",
        "git://git.example/x.git",
        "ssh://-oProxyCommand=x/y.git",
        "ssh://git@-oProxyCommand=x/y.git",
        "git@host:x.git",
        "/srv/git/x.git",
    ],
)
async def test_other_addresses_are_refused_before_git_is_called(site: Site, url: str) -> None:
    site.place(Repository(name="budget", url=url))
    settings = GitSettings(program="/no/such/git", local=True)
    assert (await refusal(site, "main", settings=settings)).code == "repository_url"


async def test_a_folder_of_this_machine_is_read_only_where_settings_allow_it(site: Site) -> None:
    site.work.commit("one", **{"a.html": b"1"})
    assert (await refusal(site, "main", settings=GitSettings())).code == "repository_local"


async def test_links_are_refused_by_name(site: Site) -> None:
    (site.work.folder / "conf").symlink_to("/etc")
    site.work.commit("link")
    error = await refusal(site, "main")
    assert (error.code, error.values["entry"]) == ("repository_link", "conf")


async def test_submodules_are_refused_by_name(site: Site) -> None:
    commit = site.work.commit("one", **{"a.html": b"1"})
    site.work.commit_entry("160000", commit, b"lib/other")
    error = await refusal(site, "main")
    assert (error.code, error.values["entry"]) == ("repository_submodule", "lib/other")


async def test_large_files_kept_elsewhere_are_refused_by_name(site: Site) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 5\n"
    site.work.commit("lfs", **{"big.bin": pointer})
    error = await refusal(site, "main")
    assert (error.code, error.values["entry"]) == ("repository_lfs", "big.bin")


@pytest.mark.parametrize(
    "raw",
    [b"a\nb.html", "a\u202eb.html".encode(), b"a\\b.html", b"C:x.html", b"\xff\xfe.html"],
)
async def test_names_that_no_server_is_given_are_refused(site: Site, raw: bytes) -> None:
    blob = site.work.git("hash-object", "-w", "--stdin", given=b"x")
    site.work.commit_entry("100644", blob, raw)
    assert (await refusal(site, "main")).code == "repository_path"


async def test_names_that_differ_in_case_only_clash(site: Site) -> None:
    blob = site.work.git("hash-object", "-w", "--stdin", given=b"x")
    site.work.commit_entry("100644", blob, b"A.html")
    site.work.commit_entry("100644", blob, b"a.html")
    assert (await refusal(site, "main")).code == "repository_path"


async def test_a_korean_name_in_cp949_and_odd_but_harmless_names_are_read(site: Site) -> None:
    blob = site.work.git("hash-object", "-w", "--stdin", given=b"x")
    for raw in ("예산.html".encode("cp949"), b"-rf", b"$(id) 'q'.html"):
        site.work.commit_entry("100644", blob, raw)
    artifact = await site.reader().fetch(CODE, "main")
    assert [(entry.path, entry.source) for entry in artifact.entries] == [
        ("$(id) 'q'.html", ""),
        ("-rf", ""),
        ("예산.html", "예산.html (CP949)"),
    ]


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (SourceLimits(max_files=1), "repository_files"),
        (SourceLimits(max_file_bytes=1 << 20), "repository_file_large"),
        (SourceLimits(max_bytes=1 << 20), "repository_too_large"),
    ],
)
async def test_too_much_is_refused_before_it_is_read(
    site: Site, limits: SourceLimits, code: str
) -> None:
    site.work.commit("much", **{"a.bin": b"0" * (2 << 20), "b.bin": b"1"})
    assert (await refusal(site, "main", limits=limits)).code == code
    assert site.files.contents == {}


async def test_a_folder_that_is_not_there_is_said(site: Site) -> None:
    site.work.commit("one", **{"a.html": b"1"})
    site.place(Repository(name="budget", url=site.work.url, folder="webapp"))
    error = await refusal(site, "main")
    assert (error.code, error.values["folder"]) == ("repository_folder_missing", "webapp")


async def test_a_repository_that_does_not_answer_is_an_operation_error(site: Site) -> None:
    site.place(Repository(name="budget", url=f"file://{site.folder}/none"))
    error = await refusal(site, "main")
    assert isinstance(error, OperationError)
    assert error.code == "repository_unavailable"
    assert str(site.folder) not in str(error.values)


async def test_a_git_that_says_nothing_is_ended_at_its_deadline(site: Site) -> None:
    silent = site.folder / "git"
    silent.write_text("#!/bin/sh\nsleep 600 & wait\n")
    silent.chmod(0o755)
    began = time.monotonic()
    settings = GitSettings(program=str(silent), deadline_s=0.5, local=True)
    assert (await refusal(site, "main", settings=settings)).code == "repository_unavailable"
    assert time.monotonic() - began < 30


async def test_a_machine_without_git_says_so(site: Site) -> None:
    settings = GitSettings(program="/no/such/git", local=True)
    assert (await refusal(site, "main", settings=settings)).code == "git_missing"


async def test_hooks_and_filters_of_a_repository_never_run(site: Site) -> None:
    ran = site.folder / "ran"
    site.work.write(".gitattributes", b"*.html filter=evil\n")
    site.work.commit("one", **{"a.html": b"1"})
    await site.reader().fetch(CODE, "main")
    mirror = site.folder / "sources" / f"{CODE}.git"
    for hook in ("post-fetch", "reference-transaction", "post-checkout"):
        (mirror / "hooks").mkdir(exist_ok=True)
        (mirror / "hooks" / hook).write_text(f"#!/bin/sh\ntouch {ran}\n")
        (mirror / "hooks" / hook).chmod(0o755)
    site.work.commit("two", **{"a.html": b"2"})
    await site.reader().fetch(CODE, "main")
    assert not ran.exists()


async def test_two_requests_at_once_both_get_their_files(site: Site) -> None:
    site.work.commit("one", **{f"f{n}.html": b"%d" % n for n in range(40)})
    site.work.git("tag", "v1")
    site.work.commit("two", **{"f0.html": b"new"})
    reader = site.reader()
    refs = ("v1", "main", "v1", "main")
    found = await asyncio.gather(*(reader.fetch(CODE, ref) for ref in refs))
    assert found[0] == found[2]
    assert found[1] == found[3]
    assert found[0].digest != found[1].digest
    assert len(found[0].entries) == 40


async def test_a_system_without_a_repository_has_none(site: Site) -> None:
    reader = site.reader()
    assert await reader.has(CODE)
    assert not await reader.has("MOIS-SIGN")
    with pytest.raises(UserError) as refused:
        await reader.fetch("MOIS-SIGN", "main")
    assert refused.value.code == "repository_none"


async def test_a_code_that_is_a_path_has_none(site: Site) -> None:
    site.book.repositories["../x"] = replace(site.book.repositories[CODE])
    with pytest.raises(UserError) as refused:
        await site.reader().fetch("../x", "main")
    assert refused.value.code == "repository_none"
