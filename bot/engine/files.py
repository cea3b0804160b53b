"""The file store on disk: contents under their SHA-256, names only as labels.

Owns: receiving what people drop, opening it into an artifact, and handing pieces out by digest.
Must not know who dropped a file, or what is done with it. All disk work runs off the event loop;
a file appears under its digest only when it is complete, by one atomic rename.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import tempfile
import time
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from bot.core.domain.artifact import Artifact, ArtifactEntry, digest_of_entries
from bot.core.domain.conversation import ReceivedFile
from bot.core.errors import OperationError, UserError
from bot.core.file_names import check_path, quoted, refuse_collisions
from bot.engine.archive import (
    FileLimits,
    ends_like_zip,
    inflate,
    list_entries,
    looks_like_zip,
)

_DIGEST = re.compile(r"[0-9a-f]{64}")
_BUFFER_BYTES = 1 << 20
_LONGEST_LABEL = 200
_ABANDONED_AFTER_S = 86_400
_ZIP_INSIDE = tuple(
    f".{suffix}"
    for suffix in [
        "jar",
        "war",
        "ear",
        "aar",
        "apk",
        "xlsx",
        "docx",
        "pptx",
        "hwpx",
        "ods",
        "odt",
        "odp",
    ]
)


def label_of(name: str) -> str:
    """What a person called a file, fit to be shown: no path, nothing invisible, 200 characters.

    ``파일`` where nothing is left of it.
    """
    text = unicodedata.normalize("NFC", name)
    text = "".join(" " if character in "\t\n\r" else character for character in text)
    text = "".join(
        character
        for character in text
        if unicodedata.category(character)[0] != "C"
        and unicodedata.category(character) not in ("Zl", "Zp")
    )
    text = re.split(r"[/\\]", text)[-1].strip()
    text = re.sub(r"^[A-Za-z]:", "", text)
    if len(text) > _LONGEST_LABEL:
        stem, dot, suffix = text.rpartition(".")
        ending = dot + suffix if stem and len(suffix) <= 10 else ""
        text = text[: _LONGEST_LABEL - len(ending)] + ending
    return text if text.strip(".") else "파일"


class _Stored:
    """A file under a temporary name, and what is known of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.size = 0
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self.file.write(data)
        self._hash.update(data)
        self.size += len(data)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


class DiskFileStore:
    """``FileStore`` in one folder: ``sha256/ab/<digest>``, and ``incoming`` while it arrives."""

    def __init__(self, folder: Path, *, limits: FileLimits | None = None) -> None:
        self._limits = limits or FileLimits()
        self._contents = folder / "sha256"
        self._incoming = folder / "incoming"
        for place in (self._contents, self._incoming):
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._sweep()

    async def receive(self, name: str, chunks: AsyncIterator[bytes]) -> ReceivedFile:
        """Take a dropped file. See ``FileStore.receive``."""
        label = label_of(name)
        stored = await asyncio.to_thread(self._begin)
        try:
            async for batch in _batched(chunks):
                if stored.size + len(batch) > self._limits.max_file_bytes:
                    megabytes = self._limits.max_file_bytes >> 20
                    raise UserError("file_too_large", file=quoted(label), limit=megabytes)
                await asyncio.to_thread(stored.write, batch)
            if stored.size == 0:
                raise UserError("file_empty", file=quoted(label))
            await asyncio.to_thread(self._publish, [stored])
        finally:
            self._discard([stored])
        return ReceivedFile(digest=stored.digest, name=label, size=stored.size)

    async def open_artifact(self, files: Sequence[ReceivedFile]) -> Artifact:
        """Check and open dropped files. See ``FileStore.open_artifact``."""
        return await asyncio.to_thread(self._open_artifact, tuple(files))

    async def read(self, digest: str, offset: int, length: int) -> bytes:
        """A piece of a stored file. See ``FileStore.read``."""
        return await asyncio.to_thread(self._read, digest, offset, length)

    async def remember_entry(self, path: Path) -> str:
        """Store a local file under its digest and return that."""
        return await asyncio.to_thread(self._remember, path)

    # --- below this line everything blocks and runs in a thread ---

    def _open_artifact(self, files: tuple[ReceivedFile, ...]) -> Artifact:
        if not files:
            raise UserError("files_none")
        with self._staging() as staged:
            entries: dict[str, ArtifactEntry] = {}
            skipped: list[str] = []
            for source in self._checked_sources(files):
                skipped += source.skipped
                for entry in source.store(staged):
                    _add_entry(entries, entry, source.label)
            refuse_collisions(list(entries), files[0].name)
            self._publish(staged)
        return _artifact(entries, [label_of(file.name) for file in files], tuple(skipped))

    def _checked_sources(self, files: Iterable[ReceivedFile]) -> list[_Source]:
        """All sources, every one checked before any is inflated."""
        sources = [self._source(file) for file in files]
        entries = sum(source.count for source in sources)
        size = sum(source.size for source in sources)
        if entries > self._limits.max_entries:
            limit = self._limits.max_entries
            raise UserError("archive_entries", archive=sources[0].label, count=entries, limit=limit)
        if size > self._limits.max_inflated_bytes:
            limit = self._limits.max_inflated_bytes >> 20
            raise UserError("archive_inflated", archive=sources[0].label, limit=limit)
        return sources

    def _source(self, file: ReceivedFile) -> _Source:
        label, path = label_of(file.name), self._path(file.digest)
        with path.open("rb") as content:
            zipped = looks_like_zip(content.read(4))
            if label.lower().endswith(".zip"):
                return self._archive_source(content, label, path)
            disguised = zipped and not label.lower().endswith(_ZIP_INSIDE)
            if disguised or (not zipped and ends_like_zip(content)):
                raise UserError("file_disguised", file=quoted(label))
        check_path(label, quoted(label))
        entry = ArtifactEntry(path=label, sha256=file.digest, size=path.stat().st_size)
        return _Source(label=label, count=1, size=entry.size, store=lambda _: iter((entry,)))

    def _archive_source(self, content: BinaryIO, label: str, path: Path) -> _Source:
        content.seek(0)
        if not looks_like_zip(content.read(4)):
            code = "archive_polyglot" if ends_like_zip(content) else "archive_not_zip"
            raise UserError(code, archive=quoted(label))
        listing = list_entries(content, quoted(label), self._limits)

        def store(staged: list[_Stored]) -> Iterator[ArtifactEntry]:
            with path.open("rb") as archive:
                for entry in listing.entries:
                    stored = self._begin()
                    staged.append(stored)
                    for piece in inflate(archive, entry, quoted(label)):
                        stored.write(piece)
                    stored.file.close()
                    yield ArtifactEntry(
                        path=entry.path,
                        sha256=stored.digest,
                        size=stored.size,
                        source=entry.source,
                    )

        return _Source(
            label=label,
            count=len(listing.entries),
            size=sum(entry.size for entry in listing.entries),
            store=store,
            skipped=listing.skipped,
        )

    def _begin(self) -> _Stored:
        return _Stored(tempfile.NamedTemporaryFile(dir=self._incoming, delete=False))

    @contextmanager
    def _staging(self) -> Iterator[list[_Stored]]:
        staged: list[_Stored] = []
        try:
            yield staged
        finally:
            self._discard(staged)

    def _publish(self, staged: Iterable[_Stored]) -> None:
        """Renames complete files to their digests; a rename lasts once its folder is synced."""
        for folder in {self._publish_one(stored) for stored in staged}:
            if folder is not None:
                _sync(folder)

    def _publish_one(self, stored: _Stored) -> Path | None:
        if self._has(stored.digest, stored.size):
            return None  # the same contents are here already
        target = self._contents / stored.digest[:2] / stored.digest
        target.parent.mkdir(exist_ok=True, mode=0o700)
        stored.file.close()
        _sync(Path(stored.file.name))
        Path(stored.file.name).replace(target)
        return target.parent

    def _has(self, digest: str, size: int) -> bool:
        target = self._contents / digest[:2] / digest
        return target.is_file() and target.stat().st_size == size

    def _sweep(self) -> None:
        """Removes what a killed process left half received; others may be receiving now."""
        for path in self._incoming.iterdir():
            if path.stat().st_mtime < time.time() - _ABANDONED_AFTER_S:
                path.unlink(missing_ok=True)

    def _discard(self, staged: Iterable[_Stored]) -> None:
        for stored in staged:
            stored.file.close()
            Path(stored.file.name).unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        path = self._contents / digest[:2] / digest
        if not _DIGEST.fullmatch(digest) or not path.is_file():
            raise OperationError("file_missing", digest=digest[:12])
        return path

    def _read(self, digest: str, offset: int, length: int) -> bytes:
        with self._path(digest).open("rb") as file:
            file.seek(min(offset, file.seek(0, os.SEEK_END)))  # further no system goes
            return file.read(length)

    def _remember(self, path: Path) -> str:
        with path.open("rb") as source:
            known = hashlib.file_digest(source, "sha256").hexdigest()
        if self._has(known, path.stat().st_size):
            return known
        with self._staging() as staged, path.open("rb") as source:
            stored = self._begin()
            staged.append(stored)
            while piece := source.read(_BUFFER_BYTES):
                stored.write(piece)
            self._publish(staged)
            return stored.digest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """A dropped file whose directory is checked; ``store`` inflates it into temporary files."""

    label: str
    count: int
    size: int
    store: Callable[[list[_Stored]], Iterator[ArtifactEntry]]
    skipped: tuple[str, ...] = ()


def _add_entry(entries: dict[str, ArtifactEntry], entry: ArtifactEntry, label: str) -> None:
    known = entries.setdefault(entry.path, entry)
    if known.sha256 != entry.sha256:
        raise UserError("files_conflict", file=quoted(label), entry=quoted(entry.path))


def _artifact(
    entries: dict[str, ArtifactEntry], labels: list[str], skipped: tuple[str, ...]
) -> Artifact:
    ordered = tuple(entries[path] for path in sorted(entries))
    return Artifact(
        digest=digest_of_entries(ordered),
        name=quoted(", ".join(labels)),
        size=sum(entry.size for entry in ordered),
        entries=ordered,
        sources=tuple(labels),
        skipped=skipped,
    )


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


async def _batched(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Chunks of a network are small: one trip to a thread for many of them."""
    batch = bytearray()
    async for chunk in chunks:
        batch += chunk
        if len(batch) >= _BUFFER_BYTES:
            yield bytes(batch)
            batch.clear()
    if batch:
        yield bytes(batch)
