"""Archives of a few kilobytes that would be gigabytes: refused when they are dropped."""

from __future__ import annotations

import resource
import struct
import zlib
from pathlib import Path

import pytest

from bot.core.domain.report import Report
from tests.integration.deploy.conftest import Tell
from tests.integration.deploy.days import require_discreet, require_told
from tests.integration.deploy.site import Site
from tests.lab import Lab

KERNEL = 17_000_000  # bytes of zeros, about 17 KB packed
FILES = 310  # 5.3 GB
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")


async def test_a_bomb_whose_entries_share_one_content_is_refused_when_dropped(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    bomb = shared_bomb()
    assert len(bomb) < 34_000
    site, answer = await _require_refused(bomb, lab, tmp_path)
    tell(f"올릴 때: 5 GB가 되는 {len(bomb) // 1024} KB zip (내용 공유)", site, answer)


async def test_a_bomb_whose_entries_lie_in_each_other_is_refused_when_dropped(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    bomb = nested_bomb()
    assert len(bomb) < 48_000
    site, answer = await _require_refused(bomb, lab, tmp_path)
    tell(f"올릴 때: 5 GB가 되는 {len(bomb) // 1024} KB zip (겹친 항목)", site, answer)


@pytest.mark.parametrize("claimed", [KERNEL, 1000], ids=["honest", "lying"])
async def test_a_single_entry_that_swells_a_thousandfold_is_refused_when_dropped(
    claimed: int, lab: Lab, tmp_path: Path
) -> None:
    packed, crc = kernel()
    header = local(b"a.png", packed, crc, claimed) + packed
    row = central(b"a.png", packed, crc, claimed, 0)
    bomb = header + row + end(1, len(row), len(header))
    site, _ = await _require_refused(bomb, lab, tmp_path)
    assert not site.world.jobs.jobs


async def _require_refused(bomb: bytes, lab: Lab, folder: Path) -> tuple[Site, Report]:
    site = Site(fleet=lab.nodes(1, web=False), folder=folder)
    before = site.digests()
    async with site.open():
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        answer = await site.refused(bomb, name="bomb.zip")
        more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used
        assert more < 64 * 1024, f"{more} KB of memory"
        require_told(answer, "bomb.zip", "않았습니다")
        assert site.pool.ordered == []
        assert site.digests() == before
        kept = sum(path.stat().st_size for path in folder.glob("files/**/*") if path.is_file())
        assert kept <= len(bomb)
        require_discreet(site)
        return site, answer


def kernel() -> tuple[bytes, int]:
    """That many zeros packed, and their CRC."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros, packed, crc = bytes(1 << 20), b"", 0
    left = KERNEL
    while left:
        piece = zeros[:left]
        packed += packer.compress(piece)
        crc = zlib.crc32(piece, crc)
        left -= len(piece)
    return packed + packer.flush(), crc


def local(name: bytes, packed: bytes, crc: int, size: int) -> bytes:
    head = _LOCAL.pack(b"PK\3\4", 20, 0, 8, 0, 0, crc, len(packed), size, len(name), 0)
    return head + name


def central(name: bytes, packed: bytes, crc: int, size: int, offset: int) -> bytes:
    return _CENTRAL.pack(
        *(b"PK\1\2", 20, 20, 0, 8, 0, 0, crc, len(packed), size, len(name)),
        *(0, 0, 0, 0, 0, offset),
    ) + name  # fmt: skip


def end(count: int, size: int, offset: int) -> bytes:
    return _END.pack(b"PK\5\6", 0, 0, count, count, size, offset, 0)


def shared_bomb() -> bytes:
    """Every row of the directory leads to the same content."""
    packed, crc = kernel()
    names = [f"{number:x}".encode() for number in range(FILES)]
    body = local(names[0], packed, crc, KERNEL) + packed
    rows = b"".join(central(name, packed, crc, KERNEL, 0) for name in names)
    return body + rows + end(FILES, len(rows), len(body))


def nested_bomb() -> bytes:
    """Each entry quotes the header of the next one and goes on into it (Fifield's way)."""
    packed, crc = kernel()
    heads: list[tuple[bytes, bytes, int, int]] = []
    body, size = packed, KERNEL
    for number in reversed(range(FILES)):
        name = f"{number:x}".encode()
        head = local(name, body, crc, size)
        heads.append((name, body, crc, size))
        body = head + body
        if number:
            quote = b"\0" + struct.pack("<HH", len(head), len(head) ^ 0xFFFF)
            body = quote + body
            crc = _joined_crc(head, crc, size)
            size += len(head)
    offset, rows = 0, b""
    for name, inner, value, length in reversed(heads):
        rows += central(name, inner, value, length, offset)
        offset += _LOCAL.size + len(name) + 5
    return body + rows + end(FILES, len(rows), len(body))


def _joined_crc(head: bytes, crc: int, size: int) -> int:
    """Of a header and what follows it; nobody gets as far as to compare it."""
    return zlib.crc32(head) ^ crc ^ size
