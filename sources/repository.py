"""The systems' repositories, read with git: ``SourceRepository``.

Owns: from a system and a ref to an artifact: one bare mirror a system below the bot's data
folder, the commit that a ref is, and its files in the file store by digest. Only ever reads.
A repository is the work of people whom the site trusts as far as a plan that others approve:
what it holds is checked like a dropped archive.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from bot.core.deploy_ports import RepositoryBook
from bot.core.domain.artifact import Artifact, ArtifactEntry, SourceRef, digest_of_entries
from bot.core.domain.estate import Repository
from bot.core.errors import OperationError, UserError
from bot.core.file_names import quoted
from bot.core.ports import FileStore
from bot.core.repositories import is_local, is_ref, nearest, repository_url
from sources.contents import copy_contents
from sources.git import Git, GitFailedError, GitSettings
from sources.trees import Refs, SourceLimits, Tree, refs_of, tree_of

_SYSTEM_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_AT_ONCE = 8
_COMMIT = re.compile(r"[0-9a-f]{40}")


class GitRepositories:
    """``SourceRepository`` over the git command."""

    def __init__(
        self,
        book: RepositoryBook,
        files: FileStore,
        folder: Path,
        *,
        settings: GitSettings | None = None,
        limits: SourceLimits | None = None,
    ) -> None:
        self._book = book
        self._files = files
        self._folder = folder
        self._settings = settings or GitSettings()
        self._limits = limits or SourceLimits()
        self._git = Git(self._settings)
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def has(self, system_code: str) -> bool:
        """See ``SourceRepository.has``."""
        return await self._book.repository(system_code) is not None

    async def fetch(self, system_code: str, ref: str) -> Artifact:
        """See ``SourceRepository.fetch``."""
        repository = await self._repository(system_code)
        if not is_ref(ref):
            raise UserError("ref_malformed", ref=quoted(ref))
        async with self._turns[system_code]:
            source = await self._bring(repository, self._mirror(system_code), ref)
            tree = await self._tree(repository, self._mirror(system_code), source)
            return await self._artifact(repository, self._mirror(system_code), source, tree)

    async def names(self, system_code: str) -> Refs:
        """All tags and branches of a system's repository.

        Raises:
            UserError: ``repository_none``, ``repository_local``.
            OperationError: ``repository_unavailable``.
        """
        return await self._refs(await self._repository(system_code))

    # --- steps -----------------------------------------------------------------------------

    async def _repository(self, system_code: str) -> Repository:
        repository = await self._book.repository(system_code)
        if repository is None or not _SYSTEM_CODE.fullmatch(system_code):
            raise UserError("repository_none", system=system_code)
        try:
            repository_url(repository.url)
        except ValueError as error:
            raise UserError("repository_url", system=system_code) from error
        if is_local(repository.url) and not self._settings.local:
            raise UserError("repository_local", repository=repository.name)
        return repository

    def _mirror(self, system_code: str) -> Path:
        return self._folder / f"{system_code}.git"

    async def _refs(self, repository: Repository) -> Refs:
        try:
            listing = await self._git.ask(
                "ls-remote", "--quiet", "--tags", "--heads", "--end-of-options", repository.url
            )
        except GitFailedError:
            raise _unavailable(repository) from None
        return refs_of(listing)

    async def _bring(self, repository: Repository, mirror: Path, ref: str) -> SourceRef:
        """Fetch the one commit that is wanted, and say which it is. A tag goes before a branch."""
        refs = await self._refs(repository)
        ref = _as_written(ref, refs)
        if ref not in refs.tags | refs.branches:
            known = nearest(ref, refs.tags | refs.branches)
            raise UserError(
                "ref_unknown",
                repository=repository.name,
                ref=ref,
                known=", ".join(quoted(name) for name in known) or "-",
            )
        kind, full = (
            ("tag", f"refs/tags/{ref}") if ref in refs.tags else ("branch", f"refs/heads/{ref}")
        )
        try:
            await self._prepare(mirror)
            await self._git.ask(*_FETCH, repository.url, f"+{full}:{full}", folder=mirror)
        except GitFailedError:
            raise _unavailable(repository) from None
        commit = await self._commit(mirror, full, ref)
        author, subject = await self._words(repository, mirror, commit)
        return SourceRef(
            repository=repository.name,
            ref=ref,
            kind=kind,
            commit=commit,
            author=author,
            subject=subject,
            also_branch=ref in refs.tags and ref in refs.branches,
        )

    async def _prepare(self, mirror: Path) -> None:
        if not (mirror / "HEAD").exists():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            await self._git.ask("init", "--quiet", "--bare", "--template=", "--", str(mirror))

    async def _commit(self, mirror: Path, full: str, ref: str) -> str:
        try:
            found = await self._git.ask(
                "rev-parse",
                "--verify",
                "--quiet",
                "--end-of-options",
                f"{full}^{{commit}}",
                folder=mirror,
            )
        except GitFailedError:
            raise UserError("ref_malformed", ref=ref) from None
        # --end-of-options itself is echoed by older versions of git.
        commit = found.decode("ascii", "replace").split()[-1]
        if not _COMMIT.fullmatch(commit):
            raise UserError("ref_malformed", ref=ref)
        return commit

    async def _words(self, repository: Repository, mirror: Path, commit: str) -> tuple[str, str]:
        try:
            said = await self._git.ask(
                "log",
                "-1",
                "--no-show-signature",
                "--format=%an%x00%s",
                "--end-of-options",
                commit,
                folder=mirror,
            )
        except GitFailedError:
            raise _unavailable(repository) from None
        author, _, subject = said.decode("utf-8", "replace").strip("\n").partition("\0")
        return quoted(author), quoted(subject)

    async def _tree(self, repository: Repository, mirror: Path, source: SourceRef) -> Tree:
        place = f"{source.commit}:{repository.folder}" if repository.folder else source.commit
        try:
            listing = await self._git.ask(
                "ls-tree", "-r", "-z", "-l", "--full-tree", "--end-of-options", place, folder=mirror
            )
        except GitFailedError:
            raise UserError(
                "repository_folder_missing",
                repository=repository.name,
                folder=repository.folder or "/",
                ref=source.ref,
            ) from None
        return tree_of(listing, repository, self._limits)

    async def _artifact(
        self, repository: Repository, mirror: Path, source: SourceRef, tree: Tree
    ) -> Artifact:
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="contents-") as folder:
            try:
                async with self._git.running("cat-file", "--batch", folder=mirror, fed=True) as git:
                    copies = await copy_contents(git, tree.files, Path(folder), repository.name)
            except GitFailedError:
                raise _unavailable(repository) from None
            digests = await self._remember(copies)
        entries = [
            ArtifactEntry(path=file.path, sha256=digest, size=file.size, source=file.source)
            for file, digest in zip(tree.files, digests, strict=True)
        ]
        return Artifact(
            digest=digest_of_entries(entries),
            name=f"{repository.name} {source.ref}",
            size=sum(entry.size for entry in entries),
            entries=tuple(entries),
            sources=(f"{repository.name} {source.ref}",),
            skipped=tree.skipped,
            ref=source,
        )

    async def _remember(self, copies: Sequence[Path]) -> list[str]:
        """Into the file store, several at a time: each waits for the disk."""
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(copy: Path) -> str:
            async with turns:
                return await self._files.remember_entry(copy)

        return await asyncio.gather(*(one(copy) for copy in copies))


def _as_written(ref: str, refs: Refs) -> str:
    """People's words lose capitals: the one name that differs in nothing else is meant."""
    every = refs.tags | refs.branches
    alike = [name for name in every if name.casefold() == ref.casefold()]
    return alike[0] if ref not in every and len(alike) == 1 else ref


# One commit without its past: what is deployed is all that is needed, and all that can arrive.
_FETCH = (
    *("fetch", "--quiet", "--force", "--depth=1", "--no-tags", "--no-recurse-submodules"),
    *("--no-write-fetch-head", "--no-auto-gc", "--end-of-options"),
)


def _unavailable(repository: Repository) -> OperationError:
    return OperationError("repository_unavailable", repository=repository.name)
