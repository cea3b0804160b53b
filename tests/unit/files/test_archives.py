"""Archives as people and attackers make them, opened by the store on disk."""

from __future__ import annotations

import io
import os
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from bot.core.domain.artifact import Artifact
from bot.core.errors import UserError
from bot.core.texts import load_texts
from bot.engine.archive import FileLimits
from bot.engine.files import DiskFileStore, label_of


async def stream(data: bytes) -> AsyncIterator[bytes]:
    yield data


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes], deflate: bool = True) -> bytes:
    """An archive by the standard writer; a warning about duplicates is what some tests want."""
    buffer = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return buffer.getvalue()


def raw_zip(*entries: tuple[bytes, bytes], flags: int = 0, method: int = 0) -> bytes:
    """A stored archive byte by byte, with names as they come."""
    body, directory = b"", b""
    for name, data in entries:
        crc = zlib.crc32(data)
        sizes = (crc, len(data), len(data), len(name), 0)
        local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, flags, method, 0, 0, *sizes)
        directory += struct.pack(
            "<4s6H3L5H2L", b"PK\x01\x02", 20, 20, flags, method, 0, 0, *sizes, 0, 0, 0, 0, len(body)
        )
        directory += name
        body += local + name + data
    count = len(entries)
    return body + directory + end(count, len(directory), len(body))


def end(count: int, size: int, offset: int) -> bytes:
    return struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, size, offset, 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


async def opened(folder: Path, data: bytes, name: str = "patch.zip") -> Artifact:
    store = DiskFileStore(folder)
    return await store.open_artifact([await store.receive(name, stream(data))])


async def refusal(folder: Path, data: bytes, name: str = "patch.zip") -> UserError:
    """The refusal, after checking that it can be said and that nothing was left behind."""
    store = DiskFileStore(folder)
    received = await store.receive(name, stream(data))
    before = sorted(path for path in folder.rglob("*") if path.is_file())
    with pytest.raises(UserError) as caught:
        await store.open_artifact([received])
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == before
    for language in ("ko", "en"):
        summary, hint = load_texts(language).explain(caught.value)
        assert summary
        assert hint
    return caught.value


async def test_opens_an_ordinary_archive_and_keeps_its_top_folder(folder: Path) -> None:
    data = zipped(("ROOT/", b""), ("ROOT/WEB-INF/A.class", b"\xca\xfe"), ("ROOT/한글.js", b"1"))
    artifact = await opened(folder, data)
    assert [entry.path for entry in artifact.entries] == ["ROOT/WEB-INF/A.class", "ROOT/한글.js"]
    assert artifact.name == "patch.zip"
    stored = await DiskFileStore(folder).read(artifact.entries[0].sha256, 0, 10)
    assert stored == b"\xca\xfe"


async def test_reads_names_written_as_cp949_by_windows(folder: Path) -> None:
    artifact = await opened(folder, raw_zip(("전자결재.class".encode("cp949"), b"x")))
    assert artifact.entries[0].path == "전자결재.class"
    assert artifact.entries[0].source == "전자결재.class (CP949)"


async def test_reads_utf8_names_that_nobody_flagged(folder: Path) -> None:
    artifact = await opened(folder, raw_zip(("결재.class".encode(), b"x")))
    assert artifact.entries[0].path == "결재.class"


async def test_composes_the_decomposed_names_of_macos(folder: Path) -> None:
    name = unicodedata.normalize("NFD", "결재.class")
    artifact = await opened(folder, zipped((name, b"x")))
    assert (artifact.entries[0].path, artifact.entries[0].source) == ("결재.class", "")


async def test_mentions_what_desktops_left_behind(folder: Path) -> None:
    data = zipped(("__MACOSX/._a.js", b"x"), ("a.js", b"1"), (".DS_Store", b"x"))
    artifact = await opened(folder, data)
    assert [entry.path for entry in artifact.entries] == ["a.js"]
    assert artifact.skipped == ("__MACOSX/._a.js", ".DS_Store")


@pytest.mark.parametrize("name", ["app.war", "lib.jar"])
async def test_keeps_java_archives_as_files(folder: Path, name: str) -> None:
    artifact = await opened(folder, zipped(("a.class", b"x")), name)
    assert [entry.path for entry in artifact.entries] == [name]


async def test_keeps_a_nested_archive_as_a_file(folder: Path) -> None:
    artifact = await opened(folder, zipped(("inner.zip", zipped(("../x", b"x")))))
    assert [entry.path for entry in artifact.entries] == ["inner.zip"]


async def test_opens_what_a_pipe_wrote_with_sizes_after_the_data(folder: Path) -> None:
    class Pipe(io.RawIOBase):
        written = b""

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            piece = bytes(data)  # type: ignore[call-overload]
            Pipe.written += piece
            return len(piece)

    with zipfile.ZipFile(Pipe(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.js", b"alert(1)" * 50)
        archive.writestr("b.js", b"2")
    artifact = await opened(folder, Pipe.written)
    assert [entry.size for entry in artifact.entries] == [400, 1]


@pytest.mark.parametrize(
    "name",
    [
        "../../../../home/opsagent/.ssh/authorized_keys",
        "a/../../x",
        "/etc/cron.d/x",
        "..\\..\\windows\\x.dll",
        "C:/x",
        "c:x",
        "a//b",
        "./a",
        "..",
    ],
)
async def test_refuses_paths_that_leave_the_folder(folder: Path, name: str) -> None:
    error = await refusal(folder, raw_zip((b"ok.js", b"1"), (name.encode(), b"x")))
    assert error.code == "archive_entry_path"


@pytest.mark.parametrize("name", ["a\u202egpj.exe", "a\nb", "a\x00.js", "a\x1b[2J", "a\u2028b"])
async def test_refuses_invisible_characters_in_names(folder: Path, name: str) -> None:
    error = await refusal(folder, raw_zip((name.encode(), b"x")))
    assert error.code == "archive_entry_name"
    assert name not in error.values["entry"]


@pytest.mark.parametrize("name", [".guardia-J261122-AB12CD/x.html", "a/.GUARDIA-x/b.css"])
async def test_refuses_the_names_of_the_agents_own_folders(folder: Path, name: str) -> None:
    error = await refusal(folder, raw_zip((name.encode(), b"x")))
    assert error.code == "archive_entry_reserved"


async def test_refuses_names_in_no_known_encoding(folder: Path) -> None:
    assert (await refusal(folder, raw_zip((b"\xff\xfe\xfa.js", b"x")))).code == "archive_encoding"


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
async def test_refuses_links_and_devices(folder: Path, kind: int) -> None:
    entry = zipfile.ZipInfo("logs")
    entry.create_system = 3
    entry.external_attr = (kind | 0o777) << 16
    assert (await refusal(folder, zipped((entry, b"/etc")))).code == "archive_link"


@pytest.mark.parametrize("pair", [("a.js", "a.js"), ("A.js", "a.JS"), ("결.js", "결.js")])
@pytest.mark.filterwarnings("ignore:Duplicate name")
async def test_refuses_two_entries_for_one_place(folder: Path, pair: tuple[str, str]) -> None:
    second = unicodedata.normalize("NFD", pair[1])
    error = await refusal(folder, zipped((pair[0], b"1"), (second, b"2")))
    assert error.code == "archive_duplicate"


async def test_refuses_a_file_that_is_also_a_folder(folder: Path) -> None:
    assert (await refusal(folder, zipped(("a", b"1"), ("a/b", b"2")))).code == "archive_duplicate"


async def test_refuses_many_entries_over_one_local_file(folder: Path) -> None:
    data = zipped(("a", b"\0" * 10_000))
    at = data.index(b"PK\x01\x02")
    row = data[at : data.index(b"PK\x05\x06")]
    rows = b"".join(row for _ in range(500))
    error = await refusal(folder, data[:at] + rows + end(500, len(rows), at))
    assert error.code == "archive_overlap"


async def test_refuses_an_entry_that_reaches_into_the_next(folder: Path) -> None:
    inner = raw_zip((b"b", b"2"))[: 30 + 1 + 1]
    outer = raw_zip((b"a", inner))
    at = outer.index(b"PK\x01\x02")
    rows = outer[at : outer.index(b"PK\x05\x06")]
    second = bytearray(raw_zip((b"b", b"2")))
    start = second.index(b"PK\x01\x02")
    row = second[start : second.index(b"PK\x05\x06")]
    row[42:46] = struct.pack("<L", 31)
    rows += bytes(row)
    error = await refusal(folder, outer[:at] + rows + end(2, len(rows), at))
    assert error.code == "archive_overlap"


async def test_stops_inflating_at_the_declared_size(folder: Path) -> None:
    data = bytearray(zipped(("a.txt", b"\0" * (5 << 20))))
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(mark) + offset
        data[at : at + 4] = struct.pack("<L", 10)
    assert (await refusal(folder, bytes(data))).code == "archive_size_lies"


async def test_refuses_different_sizes_in_header_and_directory(folder: Path) -> None:
    data = bytearray(zipped(("a.txt", b"hello")))
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = struct.pack("<L", 10)
    assert (await refusal(folder, bytes(data))).code == "archive_two_stories"


async def test_refuses_a_wrong_checksum(folder: Path) -> None:
    data = zipped(("a.txt", b"hello"), deflate=False).replace(b"hello", b"hullo")
    assert (await refusal(folder, data)).code == "archive_entry_damaged"


async def test_refuses_what_inflates_beyond_belief(folder: Path) -> None:
    assert (await refusal(folder, zipped(("a", b"\0" * (8 << 20))))).code == "archive_ratio"


async def test_refuses_more_than_may_be_inflated(folder: Path) -> None:
    store = DiskFileStore(folder, limits=FileLimits(max_inflated_bytes=1000))
    received = await store.receive("a.zip", stream(zipped(("a", b"x" * 900), ("b", b"x" * 200))))
    with pytest.raises(UserError) as caught:
        await store.open_artifact([received])
    assert caught.value.code == "archive_inflated"


async def test_refuses_too_many_entries(folder: Path) -> None:
    store = DiskFileStore(folder, limits=FileLimits(max_entries=2))
    entries = [(f"{number}.js", b"x") for number in range(3)]
    received = await store.receive("a.zip", stream(zipped(*entries)))
    with pytest.raises(UserError) as caught:
        await store.open_artifact([received])
    assert caught.value.code == "archive_entries"


async def test_refuses_encrypted_and_exotic_compression(folder: Path) -> None:
    encrypted = raw_zip((b"a", b"x"), flags=1)
    assert (await refusal(folder, encrypted)).code == "archive_encrypted"
    assert (await refusal(folder, raw_zip((b"a", b"x"), method=14))).code == "archive_method"


JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 200


@pytest.mark.parametrize(
    ("data", "name", "code"),
    [
        (JPEG + zipped(("a", b"1")), "a.zip", "archive_polyglot"),
        (JPEG + zipped(("a", b"1")), "a.jpg", "file_disguised"),
        (zipped(("a", b"1")), "a.jpg", "file_disguised"),
        (JPEG, "a.zip", "archive_not_zip"),
        (zipped(("a", b"1")) + b"junk", "a.zip", "archive_truncated"),
        (zipped(("a", b"1"))[:-5], "a.zip", "archive_truncated"),
        (zipped(), "a.zip", "archive_empty"),
        (zipped(("folder/", b"")), "a.zip", "archive_empty"),
        (zipped((".DS_Store", b"x")), "a.zip", "archive_empty"),
        (b"PK\x03\x04" + zipped(("a", b"1")), "a.zip", "archive_polyglot"),
    ],
    # An archive carries the time it was made at; the test's name must not.
    ids=lambda value: value if isinstance(value, str) else "data",
)
async def test_refuses_what_is_no_whole_archive(
    folder: Path, data: bytes, name: str, code: str
) -> None:
    assert (await refusal(folder, data, name)).code == code


async def test_refuses_everything_when_one_source_is_bad(folder: Path) -> None:
    store = DiskFileStore(folder)
    good = await store.receive("good.zip", stream(zipped(("a.js", b"1"))))
    bad = await store.receive("bad.zip", stream(raw_zip((b"../b", b"2"))))
    with pytest.raises(UserError):
        await store.open_artifact([good, bad])
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 2


async def test_joins_sources_and_finds_their_contradictions(folder: Path) -> None:
    store = DiskFileStore(folder)
    one = await store.receive("1.zip", stream(zipped(("a.js", b"1"), ("b.js", b"2"))))
    same = await store.receive("a.js", stream(b"1"))
    other = await store.receive("b.js", stream(b"3"))
    joined = await store.open_artifact([one, same])
    assert [entry.path for entry in joined.entries] == ["a.js", "b.js"]
    with pytest.raises(UserError) as caught:
        await store.open_artifact([one, other])
    assert caught.value.code == "files_conflict"


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("a;reboot;.war", "a;reboot;.war"),
        ("-rf.zip", "-rf.zip"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("배포\x00.zip", "배포.zip"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a.war", "a.war"),
        ("." * 300, "파일"),
        ("", "파일"),
        ("가" * 300 + ".zip", "가" * 196 + ".zip"),
        (unicodedata.normalize("NFD", "결재.zip"), "결재.zip"),
    ],
)
def test_makes_a_label_of_any_name(name: str, label: str) -> None:
    assert label_of(name) == label


async def test_stores_a_file_under_its_digest_whatever_its_name(folder: Path) -> None:
    received = await DiskFileStore(folder).receive("../../-rf.zip", stream(b"x"))
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files == [folder / "sha256" / received.digest[:2] / received.digest]


async def test_leaves_nothing_behind_when_a_stream_breaks_off(folder: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * (2 << 20)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await DiskFileStore(folder).receive("a.zip", broken())
    assert [path for path in folder.rglob("*") if path.is_file()] == []


NAMES = strategies.text("abcABC 한글가나-_.()", min_size=1, max_size=12).filter(
    lambda name: name.strip(". ") and name.casefold() not in {"thumbs.db", "desktop.ini"}
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    contents=strategies.dictionaries(
        NAMES.map(str.lower), strategies.binary(max_size=300), min_size=1, max_size=6
    ),
    deflate=strategies.booleans(),
)
async def test_what_was_put_in_comes_out(
    folder: Path, contents: dict[str, bytes], deflate: bool
) -> None:
    store = DiskFileStore(folder)
    data = zipped(*((f"root/{name}", body) for name, body in contents.items()), deflate=deflate)
    artifact = await store.open_artifact([await store.receive("patch.zip", stream(data))])
    out = {
        entry.path: await store.read(entry.sha256, 0, entry.size + 1) for entry in artifact.entries
    }
    assert out == {
        unicodedata.normalize("NFC", f"root/{name}"): body for name, body in contents.items()
    }


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(at=strategies.integers(0, 10_000), value=strategies.integers(0, 255))
async def test_a_damaged_byte_is_a_refusal_or_no_harm(folder: Path, at: int, value: int) -> None:
    data = bytearray(zipped(("a/x.js", b"alert(1)" * 20), ("b.html", b"<p>" * 50)))
    data[at % len(data)] = value
    store = DiskFileStore(folder)
    received = await store.receive("patch.zip", stream(bytes(data)))
    try:
        artifact = await store.open_artifact([received])
    except UserError:
        return
    assert {entry.size for entry in artifact.entries} == {150, 160}


def test_sweeps_up_what_a_killed_process_left_behind(folder: Path) -> None:
    DiskFileStore(folder)
    old, new = folder / "incoming" / "old", folder / "incoming" / "new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    DiskFileStore(folder)
    assert (old.exists(), new.exists()) == (False, True)
