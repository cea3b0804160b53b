"""Old logs on real disks: listed, compressed, verified, deleted."""

from __future__ import annotations

import gzip
import hashlib
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from agent.operations.clearing import clear_stale, is_cleared
from agent.operations.context import OperationFailed, Verified
from agent.operations.stale import list_stale
from agent.wire.checks import ClearStale, StaleFile, StaleLogs
from agent.wire.profile import LogSpec, NodeProfile
from agent.wire.readings import Reading
from tests.integration.operations.at_node import Watched, fact
from tests.integration.operations.old_logs import (
    ASKED,
    TEXT,
    logs,
    node,
    old,
    place,
    watched,
)
from tests.lab import Lab, LabNode, SshdOptions

__all__ = ["logs", "node", "place"]

NAMES = tomllib.loads(
    (Path(__file__).parents[2] / "cases/operations/file_names.toml").read_text("utf-8")
)["names"]


@pytest.fixture(scope="module")
def bare(module_lab: Lab) -> LabNode:
    """A server without gzip."""
    options = SshdOptions(without=("gzip",))
    return module_lab.nodes(1, options=options, web=False, prefix="old").nodes[0]


def treatments(found: StaleLogs) -> dict[str, str]:
    return {file.path: file.treatment for file in found.files}


def outcomes(reading: Reading) -> dict[str, str]:
    grid = reading.grid("clear_files")
    rows = grid.rows if grid else ()
    return {str(row.cells[0]).partition("/")[2]: str(row.cells[4]) for row in rows}


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
    module_lab: Lab, logs: Path, place: Watched
) -> None:
    old(module_lab, logs / "app.log.1", 40)
    old(module_lab, logs / "app.log.2.gz", 40)
    old(module_lab, logs / "deep/er/access_log.2026-01-02.txt", 91, TEXT * 3)
    old(module_lab, logs / "new.log", 3)
    old(module_lab, logs / "conf.properties", 400)
    old(module_lab, logs / ".hidden.log", 400)
    old(module_lab, logs / "empty.log", 40, b"")
    old(module_lab, logs / "both.log", 40)
    old(module_lab, logs / "both.log.gz", 40)
    found = await list_stale(place.context(), ASKED)
    assert treatments(found) == {
        "deep/er/access_log.2026-01-02.txt": "delete",
        "app.log.1": "compress",
    }
    assert found.files[0].size == len(TEXT) * 3
    assert found.used_percent is not None
    assert (found.open_files, found.more) == ((), 0)


async def test_leaves_open_files_links_and_the_services_own_log_alone(
    module_lab: Lab, node: LabNode, logs: Path
) -> None:
    held = old(module_lab, logs / "held $(x).log", 200)
    old(module_lab, logs / "own.log", 200)
    outside = old(module_lab, module_lab.root / "outside/real.log", 200)
    (logs / "link.log").symlink_to(outside)
    (logs / "folder").symlink_to(outside.parent)
    os.mkfifo(logs / "fifo.log")
    old(module_lab, logs / "new\nline.log", 200)
    place = watched(node, logs, logs=(LogSpec(name="own", path=str(logs / "own.log")),))
    with holding(module_lab, held):
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
    lacking: tuple[str, ...], module_lab: Lab, logs: Path
) -> None:
    options = SshdOptions(without=lacking)
    server = module_lab.nodes(
        1, options=options, web=False, prefix="-".join(("no", *lacking))
    ).nodes[0]
    held, free = (
        old(module_lab, logs / "held (1).log", 200),
        old(module_lab, logs / "free.log", 200),
    )
    with holding(module_lab, held):
        found = await list_stale(watched(server, logs).context(), ASKED)
    assert found.open_files == (held.name,)
    assert [file.path for file in found.files] == [free.name]


async def test_clears_nothing_where_nothing_tells_what_is_open(module_lab: Lab, logs: Path) -> None:
    options = SshdOptions(without=("find", "fuser", "lsof"))
    server = module_lab.nodes(1, options=options, web=False, prefix="blind").nodes[0]
    kept = old(module_lab, logs / "a.log", 200)
    with pytest.raises(OperationFailed) as refused:
        await list_stale(watched(server, logs).context(), ASKED)
    assert refused.value.code == "open_files_unknown"
    assert kept.exists()


async def test_lists_nothing_where_the_profile_names_no_folder(node: LabNode) -> None:
    with pytest.raises(OperationFailed) as refused:
        await list_stale(Watched(access=node.access()).context(), ASKED)
    assert refused.value.code == "nothing_clearable"


async def test_a_server_for_files_only_is_left_alone(module_lab: Lab) -> None:
    ftp = module_lab.ftp_node("ftp01")
    profile = NodeProfile(clearable=(f"{ftp.ftp.visible_root}/htdocs",))
    with pytest.raises(OperationFailed) as refused:
        await list_stale(Watched(access=ftp.access(profile=profile)).context(), ASKED)
    assert refused.value.code == "no_shell"


# --- clearing --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gzip", "no gzip"])
async def test_compresses_verifies_and_removes(
    kind: str, module_lab: Lab, node: LabNode, bare: LabNode, logs: Path
) -> None:
    place = watched(node if kind == "gzip" else bare, logs)
    kept = old(module_lab, logs / "app.log.1", 40)
    gone = old(module_lab, logs / "app.log.2", 100)
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
    assert packed.owner() == module_lab.account.name
    assert not gone.exists()
    assert (fact(reading, "clear_compressed"), fact(reading, "clear_deleted")) == (1, 1)
    assert fact(reading, "clear_freed") == 2 * len(TEXT) - packed.stat().st_size
    assert reading.level == "normal"
    assert await is_cleared(place.context(), cleared) is Verified.DONE
    assert any(run[0] == "gzip" for run in place.ran)


async def test_leaves_files_that_changed_after_the_approval(
    module_lab: Lab, logs: Path, place: Watched
) -> None:
    for name in ("grown.log", "touched.log", "gone.log", "packed.log", "link.log"):
        old(module_lab, logs / name, 40)
    found = await list_stale(place.context(), ASKED)
    with (logs / "grown.log").open("ab") as file:
        file.write(b"more\n")
    os.utime(logs / "touched.log")
    (logs / "gone.log").unlink()
    old(module_lab, logs / "packed.log.gz", 1, b"somebody's own")
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
    module_lab: Lab, logs: Path, place: Watched, tmp_path: Path
) -> None:
    mark = tmp_path / "pwn"
    names = [name.replace("{mark}", "x") for name in NAMES]
    for number, name in enumerate(names):
        old(module_lab, logs / name, 40 if number % 2 else 100)
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
    module_lab: Lab, logs: Path, place: Watched
) -> None:
    other = old(module_lab, module_lab.root / "other/app.log", 100)
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
    module_lab: Lab, logs: Path, place: Watched
) -> None:
    old(module_lab, logs / "fine.log", 100)
    stuck = old(module_lab, logs / "closed/stuck.log", 100)
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
    module_lab: Lab, logs: Path, place: Watched
) -> None:
    first, second = old(module_lab, logs / "a.log", 40), old(module_lab, logs / "b.log", 40)
    found = await list_stale(place.context(), ASKED)
    # As it is when the line breaks while gzip runs: the twin, and half of what it becomes.
    name = f".guardia-{hashlib.sha256(str(second).encode()).hexdigest()[:12]}"
    os.link(second, logs / name)
    module_lab.ground.write(logs / f"{name}.gz", gzip.compress(TEXT)[:50])
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
    module_lab: Lab, logs: Path, place: Watched
) -> None:
    log = old(module_lab, logs / "a.log", 40)
    found = await list_stale(place.context(), ASKED)
    place.after["gzip", "-t"] = lambda: log.write_bytes(TEXT + b"one more\n")
    with pytest.raises(OperationFailed) as failed:  # what was packed is not what lies there
        await clear_stale(place.context(), ClearStale(files=found.files))
    assert failed.value.values["reason"] == "pack_damaged"
    assert log.read_bytes() == TEXT + b"one more\n"
    assert [path.name for path in logs.iterdir()] == ["a.log"]


async def test_a_log_that_is_touched_at_the_last_moment_is_left_alone(
    module_lab: Lab, logs: Path, place: Watched
) -> None:
    log = old(module_lab, logs / "a.log", 40)
    found = await list_stale(place.context(), ASKED)
    place.after["sha256sum", "--"] = lambda: log.write_bytes(TEXT)  # the same, but written now
    reading = await clear_stale(place.context(), ClearStale(files=found.files))
    assert outcomes(reading) == {"a.log": "clear_changed"}
    assert [path.name for path in logs.iterdir()] == ["a.log"]


async def test_a_damaged_copy_never_replaces_a_log(
    module_lab: Lab, logs: Path, place: Watched
) -> None:
    log = old(module_lab, logs / "a.log", 40)
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
    module_lab: Lab, logs: Path, place: Watched
) -> None:
    odd = os.fsencode(logs) + "/한글.log".encode("cp949")
    Path(os.fsdecode(odd)).write_bytes(TEXT)
    old(module_lab, logs / "a.log", 40)
    found = await list_stale(place.context(), ASKED)
    assert [file.path for file in found.files] == ["a.log"]


async def test_a_full_disk_is_cleared_without_room_for_a_copy(
    module_lab: Lab, node: LabNode
) -> None:
    disk = module_lab.disk("small", size=4 << 20)
    folder = module_lab.account.make_folder(disk.path / "logs")
    old(module_lab, folder / "large.log", 40, TEXT * 200)
    disk.fill(leave=400_000)
    place = watched(node, folder)
    found = await list_stale(place.context(), ASKED)
    reading = await clear_stale(place.context(), ClearStale(files=found.files))
    assert outcomes(reading) == {"large.log": "clear_done"}
    assert fact(reading, "clear_used_after") < fact(reading, "clear_used_before")
