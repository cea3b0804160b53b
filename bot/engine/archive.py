"""What a zip archive says about itself, checked before a byte of it is inflated.

Owns: reading the directory of an archive, every reason to refuse it, and inflation bounded by
what was declared. Works on any seekable binary file. Must not know where files are stored or
who dropped them; the standard reader is not used because it accepts overlapping entries and
guesses encodings of names.
"""

from __future__ import annotations

import itertools
import stat
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from bot.core.errors import UserError
from bot.core.file_names import (
    check_path,
    left_by_desktop,
    name_of_bytes,
    quoted,
    refuse_collisions,
    source_of,
)

_EOCD = struct.Struct("<4s4H2LH")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_EOCD_MARK, _CENTRAL_MARK, _LOCAL_MARK = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04"
_LONGEST_TAIL = _EOCD.size + 0xFFFF
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_UTF8_NAME = 0x0800
_SIZES_FOLLOW = 0x0008
_ZIP64 = 0xFFFFFFFF
_STORED, _DEFLATED = 0, 8
_RATIO_MATTERS_FROM = 1 << 20  # bytes; a small file of spaces is no bomb
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLimits:
    """How much may be dropped: bytes of one file, entries, bytes and ratio once inflated."""

    max_file_bytes: int = 300 << 20
    max_entries: int = 5000
    max_inflated_bytes: int = 1 << 30
    max_ratio: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveEntry:
    """One regular file of an archive. Offsets and sizes in bytes. ``source``: see
    ``bot.core.file_names.source_of``."""

    path: str
    offset: int
    data_offset: int
    method: int
    packed: int
    size: int
    crc: int
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The files of an archive, and what desktops had left in it and was passed over."""

    entries: tuple[ArchiveEntry, ...]
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """One row of the central directory, as it is written."""

    raw_name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    mode: int
    offset: int


def list_entries(file: BinaryIO, archive: str, limits: FileLimits) -> Listing:
    """The checked directory of an archive; ``archive`` is its name for messages.

    Raises:
        UserError: the archive or one of its entries is not to be opened.
    """
    headers, directory_at = _read_directory(file, archive, limits)
    checked = [(_checked_path(header, archive), header) for header in headers]
    entries = [_locate(file, header, path, archive) for path, header in checked]
    _refuse_overlap(entries, directory_at, archive)
    files = [
        (path, entry)
        for (path, _), entry in zip(checked, entries, strict=True)
        if not path.endswith("/") and not left_by_desktop(path)
    ]
    skipped = tuple(path for path, _ in checked if left_by_desktop(path))
    if not files:
        raise UserError("archive_empty", archive=archive)
    refuse_collisions([path for path, _ in files], archive)
    _refuse_bomb([entry for _, entry in files], archive, limits)
    return Listing(entries=tuple(entry for _, entry in files), skipped=skipped)


def inflate(file: BinaryIO, entry: ArchiveEntry, archive: str) -> Iterator[bytes]:
    """The contents of one entry, never more than it declared.

    Raises:
        UserError: the contents are longer, shorter or other than declared.
    """
    file.seek(entry.data_offset)
    produced, crc = 0, 0
    for piece in _unpack(file, entry, archive):
        produced += len(piece)
        if produced > entry.size:
            raise UserError("archive_size_lies", archive=archive, entry=quoted(entry.path))
        crc = zlib.crc32(piece, crc)
        yield piece
    if produced != entry.size or crc != entry.crc:
        raise UserError("archive_entry_damaged", archive=archive, entry=quoted(entry.path))


def looks_like_zip(head: bytes) -> bool:
    """Whether a file begins as a zip archive does."""
    return head.startswith((_LOCAL_MARK, _EOCD_MARK))


def ends_like_zip(file: BinaryIO) -> bool:
    """Whether a file ends as a zip archive does, whatever it begins with."""
    return _find_end(file) is not None


def _find_end(file: BinaryIO) -> tuple[int, bytes] | None:
    size = file.seek(0, 2)
    start = max(0, size - _LONGEST_TAIL)
    file.seek(start)
    tail = file.read(_LONGEST_TAIL)
    at = tail.rfind(_EOCD_MARK)
    while at >= 0:
        record = tail[at : at + _EOCD.size]
        if len(record) == _EOCD.size:
            comment = int.from_bytes(record[-2:], "little")
            if start + at + _EOCD.size + comment == size:
                return start + at, record
        at = tail.rfind(_EOCD_MARK, 0, at)
    return None


def _read_directory(file: BinaryIO, archive: str, limits: FileLimits) -> tuple[list[_Header], int]:
    found = _find_end(file)
    if found is None:
        raise UserError("archive_truncated", archive=archive)
    end_at, record = found
    _, disk, first_disk, here, count, size, offset, _ = _EOCD.unpack(record)
    if 0xFFFF in (here, count) or _ZIP64 in (size, offset) or disk or first_disk or here != count:
        raise UserError("archive_kind", archive=archive)
    if offset + size != end_at:
        raise UserError("archive_polyglot", archive=archive)
    if count == 0:
        raise UserError("archive_empty", archive=archive)
    if count > limits.max_entries:
        raise UserError("archive_entries", archive=archive, count=count, limit=limits.max_entries)
    file.seek(offset)
    return _parse_directory(file.read(size), count, archive), offset


def _parse_directory(data: bytes, count: int, archive: str) -> list[_Header]:
    headers: list[_Header] = []
    at = 0
    for _ in range(count):
        if data[at : at + 4] != _CENTRAL_MARK or at + _CENTRAL.size > len(data):
            raise UserError("archive_damaged", archive=archive)
        fields = _CENTRAL.unpack_from(data, at)
        name_at = at + _CENTRAL.size
        extra_at = name_at + fields[10]
        at = extra_at + fields[11] + fields[12]
        if at > len(data):
            raise UserError("archive_damaged", archive=archive)
        sizes = _wide_sizes(fields, data[extra_at : extra_at + fields[11]], archive)
        headers.append(_header(fields, data[name_at:extra_at], sizes))
    if at != len(data):
        raise UserError("archive_damaged", archive=archive)
    if min(header.offset for header in headers) != 0:
        raise UserError("archive_polyglot", archive=archive)
    return headers


def _header(fields: tuple[int, ...], raw_name: bytes, sizes: tuple[int, int, int]) -> _Header:
    size, packed, offset = sizes
    return _Header(
        raw_name=raw_name,
        flags=fields[3],
        method=fields[4],
        crc=fields[7],
        packed=packed,
        size=size,
        mode=fields[15] >> 16,
        offset=offset,
    )


def _wide_sizes(fields: tuple[int, ...], extra: bytes, archive: str) -> tuple[int, int, int]:
    """Size, packed size and offset, from the zip64 field where the short ones are not used."""
    sizes = [fields[9], fields[8], fields[16]]
    wide = _extra_fields(extra).get(1, b"")
    for index, value in enumerate(sizes):
        if value == _ZIP64:
            if len(wide) < 8:
                raise UserError("archive_damaged", archive=archive)
            sizes[index] = int.from_bytes(wide[:8], "little")
            wide = wide[8:]
    return sizes[0], sizes[1], sizes[2]


def _extra_fields(extra: bytes) -> Mapping[int, bytes]:
    fields: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        fields.setdefault(kind, extra[at + 4 : at + 4 + length])
        at += 4 + length
    return fields


def _checked_path(header: _Header, archive: str) -> str:
    path = _decoded(header, archive)
    check_path(path, archive)
    values = {"archive": archive, "entry": quoted(path)}
    if header.flags & _ENCRYPTED:
        raise UserError("archive_encrypted", **values)
    if header.method not in (_STORED, _DEFLATED):
        raise UserError("archive_method", **values)
    kind = stat.S_IFMT(header.mode)
    expected = stat.S_IFDIR if path.endswith("/") else stat.S_IFREG
    if kind not in (0, expected):
        raise UserError("archive_link", **values)
    lies = header.method == _STORED and header.packed != header.size
    if lies or (path.endswith("/") and header.size):
        raise UserError("archive_size_lies", **values)
    return path


def _decoded(header: _Header, archive: str) -> str:
    try:
        if header.flags & _UTF8_NAME:
            return name_of_bytes(header.raw_name, encodings=("utf-8",))
        return name_of_bytes(header.raw_name)
    except UnicodeDecodeError:
        shown = quoted(header.raw_name.decode("ascii", "replace"))
        raise UserError("archive_encoding", archive=archive, entry=shown) from None


def _locate(file: BinaryIO, header: _Header, path: str, archive: str) -> ArchiveEntry:
    file.seek(header.offset)
    data = file.read(_LOCAL.size)
    if len(data) < _LOCAL.size or not data.startswith(_LOCAL_MARK):
        raise UserError("archive_damaged", archive=archive)
    _, _, flags, method, _, _, _, packed, size, name_length, extra_length = _LOCAL.unpack(data)
    same_name = file.read(name_length) == header.raw_name
    told_here = not flags & _SIZES_FOLLOW and _ZIP64 not in (packed, size)
    same_sizes = not told_here or (packed, size) == (header.packed, header.size)
    if not same_name or method != header.method or flags & _ENCRYPTED or not same_sizes:
        raise UserError("archive_two_stories", archive=archive, entry=quoted(path))
    return ArchiveEntry(
        path=path,
        offset=header.offset,
        data_offset=header.offset + _LOCAL.size + name_length + extra_length,
        method=header.method,
        packed=header.packed,
        size=header.size,
        crc=header.crc,
        source=source_of(header.raw_name, path),
    )


def _refuse_overlap(entries: list[ArchiveEntry], directory_at: int, archive: str) -> None:
    ordered = sorted(entries, key=lambda entry: entry.offset)
    limits = [entry.offset for entry in ordered[1:]] + [directory_at]
    for entry, limit in zip(ordered, limits, strict=True):
        if entry.data_offset + entry.packed > limit:
            raise UserError("archive_overlap", archive=archive, entry=quoted(entry.path))


def _refuse_bomb(entries: list[ArchiveEntry], archive: str, limits: FileLimits) -> None:
    total = sum(entry.size for entry in entries)
    if total > limits.max_inflated_bytes:
        megabytes = limits.max_inflated_bytes >> 20
        raise UserError("archive_inflated", archive=archive, limit=megabytes)
    for entry in entries:
        allowed = max(entry.packed, 1) * limits.max_ratio
        if entry.size > max(allowed, _RATIO_MATTERS_FROM):
            raise UserError("archive_ratio", archive=archive, entry=quoted(entry.path))


def _unpack(file: BinaryIO, entry: ArchiveEntry, archive: str) -> Iterator[bytes]:
    if entry.method == _STORED:
        yield from _read_exactly(file, entry.packed)
        return
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for packed in _read_exactly(file, entry.packed):
            data = packed
            while data and not unpacker.eof:
                yield unpacker.decompress(data, _CHUNK)
                data = unpacker.unconsumed_tail
            if unpacker.unused_data:
                break
        while not unpacker.eof and (rest := unpacker.decompress(b"", _CHUNK)):
            yield rest
    except zlib.error as error:
        values = {"archive": archive, "entry": quoted(entry.path)}
        raise UserError("archive_entry_damaged", **values) from error
    if not unpacker.eof or unpacker.unused_data:
        raise UserError("archive_entry_damaged", archive=archive, entry=quoted(entry.path))


def _read_exactly(file: BinaryIO, length: int) -> Iterator[bytes]:
    for left in itertools.count(length, -_CHUNK):
        if left <= 0 or not (piece := file.read(min(_CHUNK, left))):
            return
        yield piece
