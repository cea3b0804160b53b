"""What every file store keeps to: the one on disk and the fake."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.core.errors import OperationError, UserError
from bot.core.ports import FileStore
from bot.engine.archive import FileLimits
from bot.engine.files import DiskFileStore
from tests.fakes.files import MemoryFileStore


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    if request.param == "disk":
        return DiskFileStore(tmp_path / "files", limits=FileLimits(max_file_bytes=1 << 20))
    return MemoryFileStore(max_file_bytes=1 << 20)


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_names_a_received_file_by_its_digest(store: FileStore) -> None:
    received = await store.receive("index.html", stream(b"<h1>", b"", b"hi"))
    assert received.digest == hashlib.sha256(b"<h1>hi").hexdigest()
    assert (received.name, received.size) == ("index.html", 6)


async def test_hands_out_pieces_and_nothing_past_the_end(store: FileStore) -> None:
    received = await store.receive("a.txt", stream(b"0123456789"))
    assert await store.read(received.digest, 2, 3) == b"234"
    assert await store.read(received.digest, 8, 100) == b"89"
    assert await store.read(received.digest, 10, 1) == b""


@pytest.mark.parametrize("digest", ["0" * 64, "../../etc/passwd", "", "zz"])
async def test_says_when_there_is_no_such_file(store: FileStore, digest: str) -> None:
    with pytest.raises(OperationError) as caught:
        await store.read(digest, 0, 1)
    assert caught.value.code == "file_missing"


async def test_refuses_an_empty_file(store: FileStore) -> None:
    with pytest.raises(UserError) as caught:
        await store.receive("a.txt", stream())
    assert caught.value.code == "file_empty"


async def test_refuses_a_file_above_the_limit(store: FileStore) -> None:
    with pytest.raises(UserError) as caught:
        await store.receive("a.txt", stream(*[b"x" * 65536] * 17))
    assert caught.value.code == "file_too_large"


async def test_the_artifact_does_not_depend_on_the_order_of_dropping(store: FileStore) -> None:
    first = await store.receive("b.js", stream(b"b"))
    second = await store.receive("a.js", stream(b"a"))
    one = await store.open_artifact([first, second])
    other = await store.open_artifact([second, first])
    assert one.digest == other.digest
    assert [entry.path for entry in one.entries] == ["a.js", "b.js"]
    assert one.size == 2


async def test_the_same_name_with_two_contents_is_refused(store: FileStore) -> None:
    first = await store.receive("a.js", stream(b"1"))
    second = await store.receive("a.js", stream(b"2"))
    with pytest.raises(UserError) as caught:
        await store.open_artifact([first, second])
    assert caught.value.code == "files_conflict"


async def test_remembers_a_local_file(store: FileStore, tmp_path: Path) -> None:
    local = tmp_path / "local"
    local.write_bytes(b"contents")
    assert await store.read(await store.remember_entry(local), 0, 8) == b"contents"


async def test_there_is_nothing_behind_the_end(store: FileStore) -> None:
    file = await store.receive("a.js", stream(b"a"))
    for offset in (1, 2, 2**53, 2**63 - 1):
        assert await store.read(file.digest, offset, 8) == b""
