"""A file store in memory. It opens nothing: every dropped file is one entry."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from agent.wire.types import canonical_json
from bot.core.domain.artifact import Artifact, ArtifactEntry
from bot.core.domain.conversation import ReceivedFile
from bot.core.errors import OperationError, UserError


class MemoryFileStore:
    def __init__(self, *, max_file_bytes: int = 1 << 20) -> None:
        self.contents: dict[str, bytes] = {}
        self._max_file_bytes = max_file_bytes

    async def receive(self, name: str, chunks: AsyncIterator[bytes]) -> ReceivedFile:
        data = b"".join([chunk async for chunk in chunks])
        if len(data) > self._max_file_bytes:
            raise UserError("file_too_large", file=name, limit=self._max_file_bytes >> 20)
        if not data:
            raise UserError("file_empty", file=name)
        return ReceivedFile(digest=self._keep(data), name=name, size=len(data))

    async def open_artifact(self, files: Sequence[ReceivedFile]) -> Artifact:
        entries: dict[str, ArtifactEntry] = {}
        for file in files:
            entry = ArtifactEntry(path=file.name, sha256=file.digest, size=file.size)
            if entries.setdefault(file.name, entry) != entry:
                raise UserError("files_conflict", file=file.name, entry=file.name)
        ordered = tuple(entries[path] for path in sorted(entries))
        rows = [[entry.path, entry.sha256, entry.size] for entry in ordered]
        return Artifact(
            digest=hashlib.sha256(canonical_json(rows)).hexdigest(),
            name=", ".join(file.name for file in files),
            size=sum(entry.size for entry in ordered),
            entries=ordered,
            sources=tuple(file.name for file in files),
        )

    async def read(self, digest: str, offset: int, length: int) -> bytes:
        if digest not in self.contents:
            raise OperationError("file_missing", digest=digest[:12])
        return self.contents[digest][offset : offset + length]

    async def remember_entry(self, path: Path) -> str:
        return self._keep(await asyncio.to_thread(path.read_bytes))

    def _keep(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        self.contents[digest] = data
        return digest
