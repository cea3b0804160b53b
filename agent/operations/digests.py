"""SHA-256 on the server itself, by its own sha256sum.

Owns: the batches, the parsing of what sha256sum prints, and comparing with what should be.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence

from agent.operations.context import COMMAND_TIMEOUT_S, OperationFailed
from agent.operations.paths import look
from agent.transports.transport import Transport

# sshd hands the command to a shell as one argument, and Linux bounds that at 128 KiB.
_BATCH_BYTES = 60_000
_BATCH_FILES = 100
_LINE = re.compile(r"^(\\?)([0-9a-f]{64}) [ *](.+)$")
_ESCAPED = re.compile(r"\\(.)")
_MEANING = {"n": "\n", "r": "\r", "\\": "\\"}


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


async def hash_files(
    server: Transport, paths: Sequence[str], report: Callable[[int, int], None] | None = None
) -> dict[str, str]:
    """Digest per absolute path.

    Raises:
        OperationFailed: ``unreadable`` names the first file that sha256sum gave no digest for.
    """
    found: dict[str, str] = {}
    for batch in batches(paths):
        output = await server.run(["sha256sum", "--", *batch], timeout_s=COMMAND_TIMEOUT_S)
        digests = parse(output.stdout)
        for path in batch:
            if path not in digests:
                raise OperationFailed("unreadable", path=path, lines=output.lines()[-5:])
            found[path] = digests[path]
        if report is not None:
            report(len(found), len(paths))
    return found


async def fingerprint(
    server: Transport,
    root: str,
    paths: Sequence[str],
    report: Callable[[int, int], None] | None = None,
) -> dict[str, str | None]:
    """Digest per path below the root; None where there is nothing.

    Raises:
        OperationFailed: ``path_escapes``, ``kind_conflict``, ``unreadable``, ``path_missing``.
    """
    entries = await look(server.files, root, paths)
    for path, entry in entries.items():
        if entry is not None and entry.kind not in {"file", "link"}:
            raise OperationFailed("kind_conflict", path=path, found=entry.kind)
    present = {posixpath.join(root, path): path for path, entry in entries.items() if entry}
    digests = await hash_files(server, list(present), report)
    named = {present[absolute]: digest for absolute, digest in digests.items()}
    return {path: named.get(path) for path in paths}


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
