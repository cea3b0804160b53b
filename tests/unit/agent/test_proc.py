"""Texts below /proc, of kernels from 2.4 to now."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from agent.operations import proc
from agent.operations.filesystems import by_filesystem, read_df
from agent.operations.ping import arguments, read_echo
from agent.transports.transport import Capacity

CASES = sorted((Path(__file__).parents[2] / "cases" / "proc").glob("*.toml"))


def case(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text("utf-8"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_reads_what_the_kernel_says(path: Path) -> None:
    told = case(path)
    texts, expect = told["texts"], told["expect"]
    memory = proc.memory(texts["meminfo"])
    before, after = proc.cpu_times(texts["stat"]), proc.cpu_times(texts["later"])
    load = proc.load(texts["loadavg"])
    found = {
        "cpu": proc.busy_percent(before, after),
        "processors": proc.processors(texts["stat"]),
        "booted": proc.booted_at(texts["stat"]),
        "memory": proc.memory_percent(memory),
        "swap": proc.swap_percent(memory),
        "load": load[0] if load else None,
    }
    assert {name: value for name, value in found.items() if value is not None} == expect


@pytest.mark.parametrize("text", ["", "cpu\n", "cpu  1 2\n", "nonsense", "cpu a b c d\n"])
def test_a_text_that_says_nothing_gives_nothing(text: str) -> None:
    assert proc.cpu_times(text) is None
    assert proc.memory_percent(proc.memory(text)) is None
    assert proc.load(text) is None


def test_no_time_between_two_looks_is_no_share() -> None:
    times = proc.CpuTimes(busy=5, total=10)
    assert proc.busy_percent(times, times) is None
    assert proc.busy_percent(times, None) is None


def test_a_counter_that_ran_back_stays_within_bounds() -> None:
    before, after = proc.CpuTimes(busy=50, total=100), proc.CpuTimes(busy=40, total=110)
    assert proc.busy_percent(before, after) == 0.0


@pytest.mark.parametrize(
    ("stat", "expected"),
    [
        (
            "4711 (sshd) S 4700 4711 4711 0 -1 4194624 1 0 0 0 0 0 0 0 20 0 1 0 2589844 9 1",
            proc.Process(command="sshd", state="S", parent=4700, started=2589844),
        ),
        (
            "12 (a) b) (c) R 1 12 12 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 77 9 1",
            proc.Process(command="a) b) (c", state="R", parent=1, started=77),
        ),
        ("12 (short) R 1 2 3", None),
        ("", None),
    ],
)
def test_reads_a_process(stat: str, expected: proc.Process | None) -> None:
    assert proc.process(stat) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Filesystem     1024-blocks     Used Available Capacity Mounted on\n"
            "/dev/vda         264212084 29092288  77298624      28% /\n",
            Capacity(
                size=264212084 * 1024, used=29092288 * 1024, free=77298624 * 1024, identity="/"
            ),
        ),
        (  # a long name, as of LVM and NFS
            "Filesystem 1024-blocks Used Available Capacity Mounted on\n"
            "nas.example:/export/a b 100 90 -5 106% /data x\n",
            Capacity(size=102400, used=92160, free=0, identity="/data x"),
        ),
        ("df: /gone: No such file or directory\n", None),
        ("", None),
    ],
)
def test_reads_df(text: str, expected: Capacity | None) -> None:
    assert read_df(text) == expected


def on(identity: str) -> Capacity:
    return Capacity(size=100, used=50, free=50, identity=identity)


def test_a_filesystem_is_told_once_by_its_outermost_paths() -> None:
    found = {
        "/": on("a"),
        "/app": on("b"),
        "/app/budget/backup": on("b"),
        "/apple": on("b"),
        "/app/budget/logs": on("c"),
        "/gone": None,
        "/dump": on(""),  # nobody says which filesystem these are
        "/dump/old": on(""),
    }
    assert list(by_filesystem(found)) == [
        "/",
        "/app, /apple",
        "/app/budget/logs",
        "/gone",
        "/dump",
        "/dump/old",
    ]


def test_how_full_is_what_df_says() -> None:
    row = read_df("h\n/dev/vda 264212084 29092288 77298624 28% /\n")
    assert row is not None
    assert row.used_percent == 27.3


@pytest.mark.parametrize(
    ("status", "said", "state", "milliseconds"),
    [
        (0, b"64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=0.339 ms\n", "answered", 0.339),
        (0, b"64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=12 ms\n", "answered", 12.0),
        (0, b"64 bytes from 10.0.0.1: seq=0 ttl=64 time<1 ms\n", "answered", 1.0),
        (0, b"", "answered", None),
        (1, b"1 packets transmitted, 0 received\n", "silent", None),
        (2, b"", "unknown", None),
        (None, b"", "unknown", None),
    ],
)
def test_reads_an_echo(
    status: int | None, said: bytes, state: str, milliseconds: float | None
) -> None:
    echo = read_echo(status, said)
    assert (echo.state, echo.milliseconds) == (state, milliseconds)


def test_the_host_is_one_argument_after_all_options() -> None:
    assert arguments("-f") == ["ping", "-c", "1", "-W", "2", "--", "-f"]
