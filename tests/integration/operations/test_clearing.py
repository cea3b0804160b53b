"""Old logs on real disks: listed, compressed, verified, deleted; and disks that heal themselves."""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.ledger import Ledger
from agent.operations.clearing import clear_stale, is_cleared
from agent.operations.context import OperationFailed, StepContext, Verified
from agent.operations.healing import heal_disk
from agent.operations.stale import list_stale
from agent.wire.checks import ClearStale, HealDisk, ListStale, StaleFile, StaleLogs
from agent.wire.profile import LogSpec, NodeProfile
from agent.wire.readings import Reading
from tests.integration.operations.at_node import Watched
from tests.lab import Lab, LabNode, SshdOptions

NAMES = tomllib.loads(
    (Path(__file__).parents[2] / "cases/operations/file_names.toml").read_text("utf-8")
)["names"]
DAY_S = 86_400
ASKED = ListStale(compress_days=30, delete_days=90)
TEXT = b"2026-01-02 10:00:00 INFO the same line again and again\n" * 200


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as opened:
        yield opened


@pytest.fixture(scope="module")
def node(lab: Lab) -> LabNode:
    return lab.nodes(1, web=False).nodes[0]


@pytest.fixture(scope="module")
def bare(lab: Lab) -> LabNode:
    """A server without gzip."""
    options = SshdOptions(without=("gzip",))
    return lab.nodes(1, options=options, web=False, prefix="old").nodes[0]


@pytest.fixture
def logs(lab: Lab) -> Path:
    """A clearable folder of the test's own."""
    folder = Path(tempfile.mkdtemp(dir=lab.root))
    folder.chmod(0o755)
    return lab.account.own(folder)


@pytest.fixture
def place(lab: Lab, node: LabNode, logs: Path) -> Watched:
    return watched(node, logs)


def watched(node: LabNode, folder: Path, **more: Any) -> Watched:
    profile = NodeProfile(clearable=(str(folder),), **more)
    return Watched(access=node.access(profile=profile))


def old(lab: Lab, path: Path, days: float, body: bytes = TEXT) -> Path:
    lab.ground.write(path, body)
    at = time.time() - days * DAY_S
    os.utime(path, (at, at))
    return path


def treatments(found: StaleLogs) -> dict[str, str]:
    return {file.path: file.treatment for file in found.files}


def outcomes(reading: Reading) -> dict[str, str]:
    grid = reading.grid("clear_files")
    rows = grid.rows if grid else ()
    return {str(row.cells[0]).partition("/")[2]: str(row.cells[4]) for row in rows}


def fact(reading: Reading, name: str) -> Any:
    known = reading.fact(name)
    return known.value if known else None


@contextmanager
def holding(lab: Lab, path: Path) -> Iterator[None]:
    """A process of the account that has the file open."""
    process = lab.account.spawn(["tail", "-f", path], cwd=lab.root, environment=lab.ground.mark)
    try:
        while str(path) not in links(process.pid):
            assert process.poll() is None
        yield
    finally:
        process.kill()
        process.wait()


def links(pid: int) -> set[str]:
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            found.add(str(link.readlink()))
    return found


# --- listing ---------------------------------------------------------------------------------


async def test_lists_old_logs_and_what_becomes_of_them(
    lab: Lab, logs: Path, place: Watched
) -> None:
    old(lab, logs / "app.log.1", 40)
    old(lab, logs / "app.log.2.gz", 40)
    old(lab, logs / "deep/er/access_log.2026-01-02.txt", 91, TEXT * 3)
    old(lab, logs / "new.log", 3)
    old(lab, logs / "conf.properties", 400)
    old(lab, logs / ".hidden.log", 400)
    old(lab, logs / "empty.log", 40, b"")
    old(lab, logs / "both.log", 40)
    old(lab, logs / "both.log.gz", 40)
    found = await list_stale(place.context(), ASKED)
    assert treatments(found) == {
        "deep/er/access_log.2026-01-02.txt": "delete",
        "app.log.1": "compress",
    }
    assert found.files[0].size == len(TEXT) * 3
    assert found.used_percent is not None
    assert (found.open_files, found.more) == ((), 0)


async def test_leaves_open_files_links_and_the_services_own_log_alone(
    lab: Lab, node: LabNode, logs: Path
) -> None:
    held = old(lab, logs / "held $(x).log", 200)
    old(lab, logs / "own.log", 200)
    outside = old(lab, lab.root / "outside/real.log", 200)
    (logs / "link.log").symlink_to(outside)
    (logs / "folder").symlink_to(outside.parent)
    os.mkfifo(logs / "fifo.log")
    old(lab, logs / "new\nline.log", 200)
    place = watched(node, logs, logs=(LogSpec(name="own", path=str(logs / "own.log")),))
    with holding(lab, held):
        found = await list_stale(place.context(), ASKED)
        assert (found.files, found.open_files) == ((), (held.name,))
        assert found.more == 1  # a name that no plan can carry
        fake = StaleFile(
            folder=str(logs),
            path="own.log",
            size=len(TEXT),
            mtime=int((logs / "own.log").stat().st_mtime),
            treatment="delete",
        )
        seen = fake.model_copy(update={"path": held.name, "mtime": int(held.stat().st_mtime)})
        reading = await clear_stale(place.context(), ClearStale(files=(fake, seen)))
    assert outcomes(reading) == {"own.log": "clear_protected", held.name: "clear_open"}
    assert held.exists()
    assert (logs / "own.log").exists()
    assert outside.exists()


@pytest.mark.parametrize("lacking", [("find",), ("find", "fuser"), ("fuser", "lsof")], ids=" ".join)
async def test_sees_open_files_by_whatever_the_server_has(
    lacking: tuple[str, ...], lab: Lab, logs: Path
) -> None:
    options = SshdOptions(without=lacking)
    server = lab.nodes(1, options=options, web=False, prefix="-".join(("no", *lacking))).nodes[0]
    held, free = old(lab, logs / "held (1).log", 200), old(lab, logs / "free.log", 200)
    with holding(lab, held):
        found = await list_stale(watched(server, logs).context(), ASKED)
    assert found.open_files == (held.name,)
    assert [file.path for file in found.files] == [free.name]


async def test_clears_nothing_where_nothing_tells_what_is_open(lab: Lab, logs: Path) -> None:
    options = SshdOptions(without=("find", "fuser", "lsof"))
    server = lab.nodes(1, options=options, web=False, prefix="blind").nodes[0]
    kept = old(lab, logs / "a.log", 200)
    with pytest.raises(OperationFailed) as refused:
        await list_stale(watched(server, logs).context(), ASKED)
    assert refused.value.code == "open_files_unknown"
    assert kept.exists()


async def test_lists_nothing_where_the_profile_names_no_folder(node: LabNode) -> None:
    with pytest.raises(OperationFailed) as refused:
        await list_stale(Watched(access=node.access()).context(), ASKED)
    assert refused.value.code == "nothing_clearable"


async def test_a_server_for_files_only_is_left_alone(lab: Lab) -> None:
    ftp = lab.ftp_node("ftp01")
    profile = NodeProfile(clearable=(f"{ftp.ftp.visible_root}/htdocs",))
    with pytest.raises(OperationFailed) as refused:
        await list_stale(Watched(access=ftp.access(profile=profile)).context(), ASKED)
    assert refused.value.code == "no_shell"


# --- clearing --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gzip", "no gzip"])
async def test_compresses_verifies_and_removes(
    kind: str, lab: Lab, node: LabNode, bare: LabNode, logs: Path
) -> None:
    place = watched(node if kind == "gzip" else bare, logs)
    kept = old(lab, logs / "app.log.1", 40)
    gone = old(lab, logs / "app.log.2", 100)
    kept.chmod(0o640)
    written = kept.stat().st_mtime
    found = await list_stale(place.context(), ASKED)
    cleared = ClearStale(files=found.files)
    assert await is_cleared(place.context(), cleared) is Verified.NOT_DONE
    reading = await clear_stale(place.context(), cleared)
    packed = logs / "app.log.1.gz"
    assert sorted(path.name for path in logs.iterdir()) == [packed.name]
    assert gzip.decompress(packed.read_bytes()) == TEXT
    assert packed.stat().st_mode & 0o777 == 0o640
    assert int(packed.stat().st_mtime) == int(written)
    assert packed.owner() == lab.account.name
    assert not gone.exists()
    assert (fact(reading, "clear_compressed"), fact(reading, "clear_deleted")) == (1, 1)
    assert fact(reading, "clear_freed") == 2 * len(TEXT) - packed.stat().st_size
    assert reading.level == "normal"
    assert await is_cleared(place.context(), cleared) is Verified.DONE
    assert any(run[0] == "gzip" for run in place.ran)


async def test_leaves_files_that_changed_after_the_approval(
    lab: Lab, logs: Path, place: Watched
) -> None:
    for name in ("grown.log", "touched.log", "gone.log", "packed.log", "link.log"):
        old(lab, logs / name, 40)
    found = await list_stale(place.context(), ASKED)
    with (logs / "grown.log").open("ab") as file:
        file.write(b"more\n")
    os.utime(logs / "touched.log")
    (logs / "gone.log").unlink()
    old(lab, logs / "packed.log.gz", 1, b"somebody's own")
    (logs / "link.log").rename(logs / "elsewhere")
    (logs / "link.log").symlink_to(logs / "elsewhere")
    reading = await clear_stale(place.context(), ClearStale(files=found.files))
    assert outcomes(reading) == {
        "grown.log": "clear_changed",
        "touched.log": "clear_changed",
        "gone.log": "clear_gone",
        "packed.log": "clear_exists",
        "link.log": "clear_changed",
    }
    assert (logs / "packed.log.gz").read_bytes() == b"somebody's own"
    assert (logs / "elsewhere").read_bytes() == TEXT
    assert reading.level == "warning"


async def test_names_that_mean_something_to_a_shell_are_only_names(
    lab: Lab, logs: Path, place: Watched, tmp_path: Path
) -> None:
    mark = tmp_path / "pwn"
    names = [name.replace("{mark}", "x") for name in NAMES]
    for number, name in enumerate(names):
        old(lab, logs / name, 40 if number % 2 else 100)
    found = await list_stale(place.context(), ASKED)
    assert {file.path for file in found.files} == set(names)
    reading = await clear_stale(place.context(), ClearStale(files=found.files))
    assert set(outcomes(reading).values()) == {"clear_done"}
    assert {path.name for path in logs.iterdir()} == {f"{name}.gz" for name in names[1::2]}
    assert not mark.exists()
    known = {"ln": 4, "gzip": 4, "date": 2}  # arguments of each template, the program included
    for run in place.ran:
        if run[0] == "ln":
            assert run[1] == "--"
            assert run[2] in {str(logs / name) for name in names}
        if run[0] in known and run[0] != "gzip":
            assert len(run) == known[run[0]]
        if run[0] == "gzip":
            assert run[1:-1] in (["-f", "--"], ["-t", "--"])
            assert run[-1].startswith(f"{logs}/.guardia-")


async def test_a_folder_outside_of_the_profile_is_refused(
    lab: Lab, logs: Path, place: Watched
) -> None:
    other = old(lab, lab.root / "other/app.log", 100)
    file = StaleFile(
        folder=str(other.parent),
        path=other.name,
        size=len(TEXT),
        mtime=int(other.stat().st_mtime),
        treatment="delete",
    )
    with pytest.raises(OperationFailed) as refused:
        await clear_stale(place.context(), ClearStale(files=(file,)))
    assert refused.value.code == "not_in_profile"
    assert other.exists()


async def test_says_which_files_it_could_not_treat_and_does_the_others(
    lab: Lab, logs: Path, place: Watched
) -> None:
    old(lab, logs / "fine.log", 100)
    stuck = old(lab, logs / "closed/stuck.log", 100)
    found = await list_stale(place.context(), ASKED)
    stuck.parent.chmod(0o555)
    with pytest.raises(OperationFailed) as failed:
        await clear_stale(place.context(), ClearStale(files=found.files))
    stuck.parent.chmod(0o755)
    assert failed.value.code == "clear_incomplete"
    assert isinstance(failed.value.result, Reading)
    assert outcomes(failed.value.result) == {
        "fine.log": "clear_done",
        "closed/stuck.log": "clear_permission_denied",
    }
    assert stuck.exists()


async def test_a_clearing_that_was_cut_off_is_taken_up_where_it_was(
    lab: Lab, logs: Path, place: Watched
) -> None:
    first, second = old(lab, logs / "a.log", 40), old(lab, logs / "b.log", 40)
    found = await list_stale(place.context(), ASKED)
    # As it is when the line breaks while gzip runs: the twin, and half of what it becomes.
    name = f".guardia-{hashlib.sha256(str(second).encode()).hexdigest()[:12]}"
    os.link(second, logs / name)
    lab.ground.write(logs / f"{name}.gz", gzip.compress(TEXT)[:50])
    operation = ClearStale(files=found.files)
    assert await is_cleared(place.context(), operation) is Verified.NOT_DONE
    reading = await clear_stale(place.context(), operation)
    assert set(outcomes(reading).values()) == {"clear_done"}
    assert sorted(path.name for path in logs.iterdir()) == ["a.log.gz", "b.log.gz"]
    assert gzip.decompress((logs / "b.log.gz").read_bytes()) == TEXT
    assert await is_cleared(place.context(), operation) is Verified.DONE
    again = await clear_stale(place.context(), operation)
    assert set(outcomes(again).values()) == {"clear_gone"}
    assert not first.exists()


async def test_a_log_that_grows_while_it_is_compressed_is_left_alone(
    lab: Lab, logs: Path, place: Watched
) -> None:
    log = old(lab, logs / "a.log", 40)
    found = await list_stale(place.context(), ASKED)
    place.after["gzip", "-t"] = lambda: log.write_bytes(TEXT + b"one more\n")
    with pytest.raises(OperationFailed) as failed:  # what was packed is not what lies there
        await clear_stale(place.context(), ClearStale(files=found.files))
    assert failed.value.values["reason"] == "pack_damaged"
    assert log.read_bytes() == TEXT + b"one more\n"
    assert [path.name for path in logs.iterdir()] == ["a.log"]


async def test_a_log_that_is_touched_at_the_last_moment_is_left_alone(
    lab: Lab, logs: Path, place: Watched
) -> None:
    log = old(lab, logs / "a.log", 40)
    found = await list_stale(place.context(), ASKED)
    place.after["sha256sum", "--"] = lambda: log.write_bytes(TEXT)  # the same, but written now
    reading = await clear_stale(place.context(), ClearStale(files=found.files))
    assert outcomes(reading) == {"a.log": "clear_changed"}
    assert [path.name for path in logs.iterdir()] == ["a.log"]


async def test_a_damaged_copy_never_replaces_a_log(lab: Lab, logs: Path, place: Watched) -> None:
    log = old(lab, logs / "a.log", 40)
    found = await list_stale(place.context(), ASKED)

    def damage() -> None:
        (twin,) = logs.glob(".guardia-*.gz")
        twin.write_bytes(gzip.compress(TEXT.replace(b"line", b"lime")))

    place.after["gzip", "-t"] = damage
    with pytest.raises(OperationFailed) as failed:
        await clear_stale(place.context(), ClearStale(files=found.files))
    assert failed.value.values["reason"] == "pack_damaged"
    assert log.read_bytes() == TEXT
    assert [path.name for path in logs.iterdir()] == ["a.log"]


async def test_a_name_in_another_charset_does_not_hide_the_others(
    lab: Lab, logs: Path, place: Watched
) -> None:
    odd = os.fsencode(logs) + "/한글.log".encode("cp949")
    Path(os.fsdecode(odd)).write_bytes(TEXT)
    old(lab, logs / "a.log", 40)
    found = await list_stale(place.context(), ASKED)
    assert [file.path for file in found.files] == ["a.log"]


async def test_a_full_disk_is_cleared_without_room_for_a_copy(lab: Lab, node: LabNode) -> None:
    disk = lab.disk("small", size=4 << 20)
    folder = lab.account.make_folder(disk.path / "logs")
    old(lab, folder / "large.log", 40, TEXT * 200)
    disk.fill(leave=400_000)
    place = watched(node, folder)
    found = await list_stale(place.context(), ASKED)
    reading = await clear_stale(place.context(), ClearStale(files=found.files))
    assert outcomes(reading) == {"large.log": "clear_done"}
    assert fact(reading, "clear_used_after") < fact(reading, "clear_used_before")


# --- healing ---------------------------------------------------------------------------------


def counted(place: Watched, ledger: Ledger, job: str, at: datetime) -> StepContext:
    """A step whose turns are counted as the executor counts them."""
    context = place.context()

    async def allow(name: str, most: int, within: timedelta) -> bool:
        step = (job, "s1")
        return ledger.take_turn(name, step=step, most=most, since=at - within, at=at)

    return replace(context, job_id=job, allow=allow)


async def heal(context: StepContext, used: int, found: StaleLogs) -> Reading:
    return await heal_disk(context, HealDisk(used=used, files=found.files))


async def test_heals_a_full_disk_at_most_twice_an_hour(
    lab: Lab, node: LabNode, tmp_path: Path
) -> None:
    disk = lab.disk("heal", size=4 << 20)
    folder = lab.account.make_folder(disk.path / "logs")
    place = watched(node, folder)
    now = datetime(2026, 5, 23, 3, tzinfo=UTC)
    path = tmp_path / "ledger.sqlite"
    for number, minutes in enumerate((0, 20), start=1):
        old(lab, folder / f"{number}.log", 100, b"x" * (3 << 20))
        found = await list_stale(place.context(), ASKED)
        ledger = Ledger(path)  # a restart forgets nothing
        at = now + timedelta(minutes=minutes)
        reading = await heal(counted(place, ledger, f"J{number}", at), 70, found)
        again = await heal(counted(place, ledger, f"J{number}", at), 70, found)
        ledger.close()
        assert fact(reading, "clear_used_before") >= 70 > fact(reading, "clear_used_after")
        assert [remark.code for remark in again.remarks] == ["heal_not_needed"]
    old(lab, folder / "3.log", 100, b"x" * (3 << 20))
    found = await list_stale(place.context(), ASKED)
    with pytest.raises(OperationFailed) as capped:
        await heal(counted(place, Ledger(path), "J3", now + timedelta(minutes=59)), 70, found)
    assert capped.value.code == "heal_capped"
    assert (folder / "3.log").exists()
    late = counted(place, Ledger(path), "J4", now + timedelta(minutes=61))
    assert (await heal(late, 70, found)).level == "normal"
    assert not (folder / "3.log").exists()


async def test_says_so_where_the_disk_stays_full(lab: Lab, node: LabNode, tmp_path: Path) -> None:
    disk = lab.disk("full", size=4 << 20)
    folder = lab.account.make_folder(disk.path / "logs")
    old(lab, folder / "small.log", 100)
    disk.fill(leave=100_000)
    place = watched(node, folder)
    found = await list_stale(place.context(), ASKED)
    now = datetime(2026, 5, 23, 3, tzinfo=UTC)
    reading = await heal(counted(place, Ledger(tmp_path / "l.sqlite"), "J1", now), 90, found)
    assert reading.level == "critical"
    assert reading.remarks[0].code == "heal_still_full"


async def test_nothing_is_healed_where_nobody_counts(lab: Lab, logs: Path, place: Watched) -> None:
    kept = old(lab, logs / "a.log", 100)
    found = await list_stale(place.context(), ASKED)
    used = int(found.used_percent or 0)
    if used < 51:
        reading = await heal(place.context(), 99, found)
        assert [remark.code for remark in reading.remarks] == ["heal_not_needed"]
    else:
        with pytest.raises(OperationFailed) as refused:
            await heal(place.context(), 50, found)
        assert refused.value.code == "heal_capped"
    assert kept.exists()
