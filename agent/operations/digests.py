"""SHA-256 of files on a server: by its own sha256sum, or by reading back where it has none.

Owns: the batches, the parsing of what sha256sum prints, and comparing with what should be.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
import shlex
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Literal

from agent.operations.context import COMMAND_TIMEOUT_S, OperationFailed
from agent.operations.paths import look, survey
from agent.operations.side_by_side import each
from agent.transports.transport import Entry, Transport, TransportError
from agent.wire.results import Digests

# sshd hands the command to a shell as one argument, and Linux bounds that at 128 KiB.
_BATCH_BYTES = 60_000
_BATCH_FILES = 500
_READ_BYTES = 4 << 20
_READS_AT_ONCE = 8
_NO_SUCH_COMMAND = 127
_LINE = re.compile(r"^(\\?)([0-9a-f]{64}) [ *](.+)$")
_ESCAPED = re.compile(r"\\(.)")
_MEANING = {"n": "\n", "r": "\r", "\\": "\\"}
Report = Callable[[int, int], None]


def batches(paths: Sequence[str]) -> Iterator[list[str]]:
    """The paths in pieces that each fit on one command line."""
    batch: list[str] = []
    size = 0
    for path in paths:
        length = len(shlex.quote(path).encode()) + 1
        if batch and (size + length > _BATCH_BYTES or len(batch) >= _BATCH_FILES):
            yield batch
            batch, size = [], 0
        batch.append(path)
        size += length
    if batch:
        yield batch


def parse(text: str) -> dict[str, str]:
    """Digest per name. A leading backslash says that the name is escaped (GNU coreutils)."""
    found = {}
    for line in text.split("\n"):
        match = _LINE.match(line)
        if match:
            escaped, digest, name = match.groups()
            found[_unescape(name) if escaped else name] = digest
    return found


def _unescape(name: str) -> str:
    return _ESCAPED.sub(lambda match: _MEANING.get(match[1], match[0]), name)


async def read_pieces(server: Transport, path: str) -> AsyncIterator[bytes]:
    """The file, piece by piece, as the server gives it back."""
    offset = 0
    while True:
        piece = await server.read(path, offset=offset, limit=_READ_BYTES)
        if piece:
            yield piece
        if len(piece) < _READ_BYTES:
            return
        offset += len(piece)


async def hash_files(
    server: Transport, paths: Sequence[str], report: Report | None = None
) -> dict[str, str]:
    """Digest per absolute path.

    Raises:
        OperationFailed: ``unreadable`` names the first file that there is no digest of.
    """
    if not server.shell:
        return await _read_back(server, paths, report)
    found: dict[str, str] = {}
    for batch in batches(paths):
        output = await server.run(["sha256sum", "--", *batch], timeout_s=COMMAND_TIMEOUT_S)
        if output.status == _NO_SUCH_COMMAND and not found:  # old Unix
            return await _read_back(server, paths, report)
        digests = parse(output.stdout)
        for path in batch:
            if path not in digests:
                raise OperationFailed("unreadable", path=path, lines=output.lines()[-5:])
            found[path] = digests[path]
        if report is not None:
            report(len(found), len(paths))
    return found


async def _read_back(
    server: Transport, paths: Sequence[str], report: Report | None
) -> dict[str, str]:
    found: dict[str, str] = {}

    async def read(path: str) -> None:
        digest = hashlib.sha256()
        try:
            async for piece in read_pieces(server, path):
                digest.update(piece)
        except TransportError as error:
            if error.code not in {"not_found", "permission_denied", "write_failed"}:
                raise
            raise OperationFailed("unreadable", path=path) from error
        found[path] = digest.hexdigest()
        if report is not None:
            report(len(found), len(paths))

    await each(paths, read, at_once=_READS_AT_ONCE)
    return found


async def fingerprint(
    server: Transport,
    root: str,
    paths: Sequence[str],
    report: Report | None = None,
) -> dict[str, str | None]:
    """Digest per path below the root; None where there is nothing.

    Raises:
        OperationFailed: ``path_escapes``, ``kind_conflict``, ``unreadable``, ``path_missing``.
    """
    return await hash_entries(server, root, await look(server.files, root, paths), report)


async def hash_entries(
    server: Transport,
    root: str,
    entries: Mapping[str, Entry | None],
    report: Report | None = None,
) -> dict[str, str | None]:
    """Digest per path below the root, of what a look has found there.

    Raises:
        OperationFailed: ``kind_conflict``, ``unreadable``.
    """
    for path, entry in entries.items():
        if entry is not None and entry.kind not in {"file", "link"}:
            raise OperationFailed("kind_conflict", path=path, found=entry.kind)
    present = {posixpath.join(root, path): path for path, entry in entries.items() if entry}
    digests = await hash_files(server, list(present), report)
    named = {present[absolute]: digest for absolute, digest in digests.items()}
    return {path: named.get(path) for path in entries}


async def describe(
    server: Transport, root: str, paths: Sequence[str], report: Report | None = None
) -> tuple[Digests, dict[str, Entry | None]]:
    """As ``fingerprint``, but what is no plain file is an answer; and the plain files themselves.

    Raises:
        OperationFailed: ``unreadable``, ``path_missing``.
    """
    entries, failures = await survey(server.files, root, paths)
    plain: dict[str, Entry | None] = {}
    conflicts: dict[str, Literal["folder", "link", "other"]] = {}
    for path, entry in entries.items():
        if path in failures:
            conflicts[path] = "link" if failures[path].code == "path_escapes" else "other"
        elif entry is not None and entry.kind != "file":
            conflicts[path] = entry.kind
        else:
            plain[path] = entry
    found = await hash_entries(server, root, plain, report)
    return Digests(files={path: found.get(path) for path in paths}, conflicts=conflicts), plain


async def require(server: Transport, root: str, wanted: Mapping[str, str | None]) -> None:
    """Check that the files below the root are exactly these; None: nothing is there.

    Raises:
        OperationFailed: ``digest_mismatch`` names the first that differs.
    """
    found = await fingerprint(server, root, list(wanted))
    for path, digest in wanted.items():
        if found[path] != digest:
            raise OperationFailed(
                "digest_mismatch", path=path, expected=digest or "-", found=found[path] or "-"
            )
