"""Packed logs that never end: what becomes nothing, however long it goes on, is given up."""

from __future__ import annotations

import gzip
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from agent.operations.log_files import Part, Reader, Window
from agent.operations.log_stamps import Stamps
from tests.fakes.agent import NOW, FakeNode

SINCE = NOW - timedelta(days=1)


def empty_members(count: int) -> bytes:
    return gzip.compress(b"") * count


def empty_blocks(megabytes: int) -> bytes:
    """One member of deflate blocks without content, five bytes each."""
    header = b"\x1f\x8b\x08\0\0\0\0\0\0\x03"
    return header + b"\x00\x00\x00\xff\xff" * (megabytes * 200_000)


@pytest.mark.parametrize(
    ("body", "said", "cut"),
    [
        (gzip.compress(b"one\n") + gzip.compress(b"two\n"), b"one\ntwo\n", False),
        (empty_members(3) + gzip.compress(b"last\n"), b"last\n", False),
        (empty_members(100_000) + gzip.compress(b"last\n"), b"", True),
        (empty_blocks(4), b"", True),
    ],
    ids=["two members", "empty ones before", "empty ones for ever", "empty blocks"],
)
async def test_what_becomes_nothing_is_given_up(
    tmp_path: Path, body: bytes, said: bytes, *, cut: bool
) -> None:
    log = tmp_path / "catalina.out.1.gz"
    log.write_bytes(body)
    part = Part(path=str(log), size=len(body), mtime=NOW.timestamp())
    async with FakeNode().connect() as server:
        window = Window(since=SINCE, until=NOW)
        reader = Reader(server, Stamps(UTC, NOW), window)
        await reader.prepare([part], inflated=2 << 20)
        assert b"".join([piece async for piece in reader.pieces(part)]) == said
    assert bool(reader.cut) is cut
    assert reader.read_bytes <= 4 << 20
