"""What every ``OutputStore`` keeps: on disk, and in memory."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from bot.core.check_ports import OutputStore
from bot.engine.outputs import _BLOCK, DiskOutputStore, OutputLimits
from tests.fakes.outputs import MemoryOutputs

JOB, STEP = "J260401-ABCDEF", "was01.01-run-script"


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> OutputStore:
    return MemoryOutputs() if request.param == "memory" else DiskOutputStore(tmp_path / "outputs")


async def saved(store: OutputStore, step: str = STEP) -> bytes:
    """The file as somebody has it after downloading."""
    pieces = await store.file(JOB, step)
    assert pieces is not None
    return b"".join([piece async for piece in pieces])


async def test_has_nothing_of_what_said_nothing(store: OutputStore) -> None:
    assert await store.part(JOB, STEP, most=100) is None
    assert await store.file(JOB, STEP) is None


async def test_keeps_pieces_in_order_and_each_once(store: OutputStore) -> None:
    await store.append(JOB, STEP, offset=0, text="하나\n")
    await store.append(JOB, STEP, offset=7, text="둘\n")
    await store.append(JOB, STEP, offset=0, text="하나\n")
    await store.append(JOB, STEP, offset=7, text="둘\n")
    part = await store.part(JOB, STEP, most=100)
    assert part is not None
    assert (part.head, part.tail, part.left_out, part.size) == ("하나\n둘\n", "", 0, 11)


async def test_takes_only_the_new_of_a_piece_that_overlaps(store: OutputStore) -> None:
    await store.append(JOB, STEP, offset=0, text="abc\n")
    await store.append(JOB, STEP, offset=2, text="c\nd\n")
    part = await store.part(JOB, STEP, most=100)
    assert part is not None
    assert part.head == "abc\nd\n"


async def test_counts_what_never_came(store: OutputStore) -> None:
    await store.append(JOB, STEP, offset=0, text="first\n")
    await store.append(JOB, STEP, offset=1006, text="last\n")
    part = await store.part(JOB, STEP, most=100)
    assert part is not None
    assert (part.left_out, part.size) == (1000, 11)
    assert part.head == "first\n\n[... 1000 bytes ...]\nlast\n"


async def test_shows_the_beginning_and_the_end_by_whole_lines(store: OutputStore) -> None:
    lines = [f"line {number:04}\n" for number in range(1000)]
    await store.append(JOB, STEP, offset=0, text="".join(lines))
    part = await store.part(JOB, STEP, most=55)
    assert part is not None
    assert part.head == "".join(lines[:5])
    assert part.tail == "".join(lines[-5:])
    assert part.left_out == 990 * 10
    assert part.size == 10_000


async def test_steps_and_jobs_do_not_mix(store: OutputStore) -> None:
    await store.append(JOB, "s1", offset=0, text="one\n")
    await store.append(JOB, "s2", offset=0, text="two\n")
    await store.append("J260401-ZZZZZZ", "s1", offset=0, text="three\n")
    found = [await store.part(job, step, most=9) for job, step in ((JOB, "s1"), (JOB, "s2"))]
    assert [part.head for part in found if part] == ["one\n", "two\n"]


async def test_gives_all_of_it_as_a_file(store: OutputStore) -> None:
    await store.append(JOB, STEP, offset=0, text="하나\n둘\n")
    assert await saved(store) == "하나\n둘\n".encode()
    await store.append(JOB, STEP, offset=11, text="셋\n")
    assert await saved(store) == "하나\n둘\n셋\n".encode()


# --- on disk only ------------------------------------------------------------------------------


def _on_disk(folder: Path, **limits: int) -> DiskOutputStore:
    return DiskOutputStore(folder / "outputs", limits=OutputLimits(**limits))


async def test_a_new_life_goes_on_where_the_old_one_ended(tmp_path: Path) -> None:
    await _on_disk(tmp_path).append(JOB, STEP, offset=0, text="one\n")
    store = _on_disk(tmp_path)
    await store.append(JOB, STEP, offset=0, text="one\n")
    await store.append(JOB, STEP, offset=4, text="two\n")
    part = await store.part(JOB, STEP, most=100)
    assert part is not None
    assert part.head == "one\ntwo\n"


async def test_the_file_has_a_bound_and_beyond_it_the_end_is_kept(tmp_path: Path) -> None:
    store = _on_disk(tmp_path, file_bytes=1000, tail_bytes=200)
    lines = [f"line {number:04}\n" for number in range(1000)]
    for number in range(0, 1000, 10):
        text = "".join(lines[number : number + 10])
        await store.append(JOB, STEP, offset=number * 10, text=text)
    part = await store.part(JOB, STEP, most=100)
    assert part is not None
    assert part.head == "".join(lines[:10])
    assert part.tail.endswith("".join(lines[-9:]))
    assert part.left_out == 10_000 - len(part.head) - len(part.tail)
    whole = (await saved(store)).decode()
    assert whole.startswith("".join(lines[:100]))
    assert whole.endswith("".join(lines[-20:]))
    assert "[... 8800 bytes ...]" in whole
    on_disk = sum(
        path.stat().st_size for path in (tmp_path / "outputs").rglob("*") if path.is_file()
    )
    assert on_disk < 2000


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("DB_PASSWORD=hunter2", "hunter2"),
        ("Authorization: Bearer abcdefgh12345", "abcdefgh12345"),
        ("비밀번호는 abcd1234", "abcd1234"),
        ("postgres://app:hunter2@db/app", "hunter2"),
        ("900101-1234567", "1234567"),
        ("010-1234-5678", "1234"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\n-----END RSA PRIVATE KEY-----", "MIIEabc"),
    ],
)
async def test_no_secret_is_in_the_file(tmp_path: Path, line: str, secret: str) -> None:
    store = _on_disk(tmp_path)
    await store.append(JOB, STEP, offset=0, text=f"first\n{line}\nlast\n")
    whole = (await saved(store)).decode()
    assert secret not in whole
    assert whole.startswith("first\n")
    assert whole.endswith("last\n")


async def test_what_moves_a_terminal_is_left_out(tmp_path: Path) -> None:
    store = _on_disk(tmp_path)
    await store.append(JOB, STEP, offset=0, text="\x1b]0;승인됨\x07one\x7f\x08\ttwo\n")
    assert (await saved(store)).decode() == "]0;승인됨one\ttwo\n"
    part = await store.part(JOB, STEP, most=100)
    assert part is not None
    assert part.head == "]0;승인됨one\ttwo\n"


async def test_a_key_that_goes_over_two_blocks_is_in_no_file(tmp_path: Path) -> None:
    store = _on_disk(tmp_path)
    lines = [f"{number:04}{'Ab+/' * 15}" for number in range(50)]
    key = "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----", ""])
    before = "x" * 99 + "\n"
    text = before * ((_BLOCK - len(key) // 2) // len(before)) + key + "after\n"
    for start in range(0, len(text), 1 << 16):
        await store.append(JOB, STEP, offset=start, text=text[start : start + (1 << 16)])
    whole = (await saved(store)).decode()
    assert "Ab+/" not in whole
    assert whole.endswith("after\n")


async def test_the_steps_of_a_job_share_a_bound(tmp_path: Path) -> None:
    """An agent that says what nobody asked for, at a hundred nodes, does not fill the disk."""
    store = _on_disk(tmp_path, file_bytes=1000, tail_bytes=100, job_bytes=2500)
    for number in range(10):
        for offset in range(0, 2000, 100):
            await store.append(JOB, f"s{number}", offset=offset, text="x" * 99 + "\n")
    folder = tmp_path / "outputs" / JOB
    assert sum(path.stat().st_size for path in folder.glob("*.txt")) == 2500
    part = await store.part(JOB, "s9", most=50)
    assert part is not None
    assert part.size == 2000


async def test_the_last_of_the_disk_is_left_alone(tmp_path: Path) -> None:
    store = _on_disk(tmp_path, spare_bytes=1 << 60, tail_bytes=50)
    for offset in range(0, 1000, 10):
        await store.append(JOB, STEP, offset=offset, text=f"line {offset:04}\n")
    assert (tmp_path / "outputs" / JOB / f"{STEP}.txt").stat().st_size == 0
    part = await store.part(JOB, STEP, most=50)
    assert part is not None
    assert part.tail.endswith("line 0990\n")
    assert part.left_out == 1000 - len(part.tail)
    assert await store.file(JOB, STEP) is not None


async def test_a_step_goes_on_while_all_of_it_is_masked(tmp_path: Path) -> None:
    """Masking takes up to a second a megabyte, and the agent waits for no reader."""
    store = _on_disk(tmp_path)
    line, count = "x" * 1023 + "\n", 3 * _BLOCK // 1024
    for number in range(count):
        await store.append(JOB, STEP, offset=number * 1024, text=line)
    pieces = await store.file(JOB, STEP)
    assert pieces is not None
    first = await anext(pieces)
    await store.append(JOB, STEP, offset=count * 1024, text="last\n")
    assert first + b"".join([piece async for piece in pieces]) == (line * count + "last\n").encode()


async def test_downloads_leave_nothing_behind(tmp_path: Path) -> None:
    store = _on_disk(tmp_path)
    for number in range(5):
        await store.append(JOB, STEP, offset=number * 10, text=f"line {number:04}\n")
        await saved(store)
    kept = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(kept) == [f"{STEP}.json", f"{STEP}.txt"]


async def test_pieces_of_one_job_are_written_one_after_the_other(tmp_path: Path) -> None:
    """Many at once, of one job and of others: nobody is let in beside who is writing."""
    store, size = _on_disk(tmp_path), len("line 0000\n")
    jobs = (JOB, "J260401-ZZZZZZ", "J260401-YYYYYY")
    async with asyncio.TaskGroup() as group:
        for number in range(60):
            for job in jobs:
                text = f"line {number:04}\n"
                group.create_task(store.append(job, STEP, offset=number * size, text=text))
    for job in jobs:
        part = await store.part(job, STEP, most=10_000)
        assert part is not None
        assert (part.size, part.left_out) == (60 * size, 0)


async def test_old_output_goes_without_a_new_start(tmp_path: Path) -> None:
    store = DiskOutputStore(tmp_path / "outputs", limits=OutputLimits(swept_every_s=0))
    await store.append(JOB, STEP, offset=0, text="old\n")
    os.utime(tmp_path / "outputs" / JOB, (0, 0))
    await store.append("J260401-ZZZZZZ", STEP, offset=0, text="new\n")
    assert await store.part(JOB, STEP, most=9) is None
    assert await store.part("J260401-ZZZZZZ", STEP, most=9) is not None
