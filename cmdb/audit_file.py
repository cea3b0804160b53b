"""The audit chain outside the database: its key, its JSON Lines, its anchored head.

Owns: what a link of the chain is, and three files: the key (0600, made at first use), the lines
(one canonical JSON object each, flushed to disk), the anchor (sequence number and hash of the
last link, replaced atomically). Knows no database.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.wire.types import canonical_json
from bot.core.errors import OperationError

GENESIS = "0" * 64  # what the first link follows
KEY_BYTES = 32
CLAIM_TRIES = 300
CLAIM_WAIT_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of a chain: number and hash of its last link. Number 0: nothing yet."""

    seq: int
    hash: str


EMPTY = Head(seq=0, hash=GENESIS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One event in the chain. ``body`` is the canonical JSON that ``hash`` covers; it holds the
    number and the hash before it."""

    seq: int
    prev: str
    body: str
    hash: str

    @property
    def head(self) -> Head:
        return Head(seq=self.seq, hash=self.hash)

    def line(self) -> bytes:
        """The link as it stands in the file, line break included."""
        return canonical_json({**json.loads(self.body), "hash": self.hash}) + b"\n"


def link(event: Mapping[str, Any], after: Head, key: bytes) -> Link:
    """The next link of the chain.

    Raises:
        TypeError, ValueError: the event is not JSON.
    """
    seq = after.seq + 1
    body = json.dumps(
        {**event, "seq": seq, "prev": after.hash},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    )
    return Link(seq=seq, prev=after.hash, body=body, hash=seal(body, key))


def seal(body: str, key: bytes) -> str:
    """HMAC-SHA256 of a body, in lower-case hexadecimal."""
    return hmac.new(key, body.encode(), hashlib.sha256).hexdigest()


class AuditFiles:
    """The files beside the database. All calls block; callers leave the event loop first."""

    def __init__(self, *, jsonl: Path, key: Path, anchor: Path) -> None:
        self.jsonl = jsonl
        self.key = key
        self.anchor = anchor

    # --- key ---

    def read_key(self) -> bytes | None:
        """The key; None when there is none yet."""
        try:
            return bytes.fromhex(self.key.read_text("ascii").strip())
        except FileNotFoundError:
            return None

    def make_key(self) -> bytes:
        """A new key, readable by its owner alone."""
        self.key.parent.mkdir(parents=True, exist_ok=True)
        value = secrets.token_bytes(KEY_BYTES)
        descriptor = os.open(self.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(value.hex() + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        _sync_folder(self.key.parent)
        return value

    # --- lines ---

    def tail(self) -> tuple[bytes, bytes]:
        """The last whole line (empty: none), and what stands behind it without a line break."""
        try:
            with self.jsonl.open("rb") as stream:
                size = stream.seek(0, os.SEEK_END)
                window = 1 << 16
                while True:
                    start = max(0, size - window)
                    stream.seek(start)
                    whole, _, torn = stream.read(size - start).rpartition(b"\n")
                    if start == 0 or b"\n" in whole:
                        return whole.rpartition(b"\n")[2], torn
                    window *= 4
        except FileNotFoundError:
            return b"", b""

    def add_line(self, line: bytes, *, drop: int = 0) -> None:
        """Append a line and have it on the disk; first cut ``drop`` bytes of a torn one off."""
        self.jsonl.parent.mkdir(parents=True, exist_ok=True)
        created = not self.jsonl.exists()
        descriptor = os.open(self.jsonl, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        with os.fdopen(descriptor, "ab") as stream:
            if drop:
                os.ftruncate(stream.fileno(), os.fstat(stream.fileno()).st_size - drop)
            stream.write(line)
            stream.flush()
            os.fsync(stream.fileno())
        if created:
            _sync_folder(self.jsonl.parent)

    def lines(self) -> list[bytes]:
        """Every line; a torn one at the end included."""
        try:
            return self.jsonl.read_bytes().splitlines()
        except FileNotFoundError:
            return []

    # --- anchor ---

    def read_anchor(self) -> Head | None:
        """The anchored head.

        Raises:
            ValueError: the file is there and is no anchor.
        """
        try:
            given = json.loads(self.anchor.read_text("utf-8"))
            return Head(seq=int(given["seq"]), hash=str(given["hash"]))
        except FileNotFoundError:
            return None
        except (KeyError, TypeError) as error:
            raise ValueError("the anchor has no number and hash") from error

    def write_anchor(self, head: Head) -> None:
        """Replace the anchor, so that either the old or the new one is there at any moment."""
        self.anchor.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.anchor.with_name(self.anchor.name + ".new")
        with fresh.open("wb") as stream:
            stream.write(canonical_json({"seq": head.seq, "hash": head.hash}) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(self.anchor)
        _sync_folder(self.anchor.parent)

    @contextmanager
    def claimed(self) -> Iterator[bool]:
        """Try to be the one process that writes the files. False: another is at it."""
        lock = self.jsonl.with_name(self.jsonl.name + ".lock")
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("ab") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            try:
                yield True
            finally:
                fcntl.flock(stream, fcntl.LOCK_UN)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@asynccontextmanager
async def claimed(files: AuditFiles) -> AsyncIterator[None]:
    """Hold the files against other processes of this machine.

    Raises:
        OperationError: ``audit_unavailable``: another process does not let go.
    """
    for _ in range(CLAIM_TRIES):
        try:
            with files.claimed() as mine:
                if mine:
                    yield
                    return
        except OSError as error:
            raise OperationError("audit_unavailable", reason="files") from error
        await asyncio.sleep(CLAIM_WAIT_S)
    raise OperationError("audit_unavailable", reason="claimed")
