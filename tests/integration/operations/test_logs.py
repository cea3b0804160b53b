"""Logs of real servers: time windows, rotated and packed files, charsets, hostile patterns."""

from __future__ import annotations

import gzip
import os
import tempfile
import tomllib
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.operations import log_files
from agent.operations.context import OperationFailed
from agent.operations.log_search import search
from agent.transports.transport import TransportError
from agent.wire.checks import SearchLog
from agent.wire.profile import LogSpec, NodeProfile
from agent.wire.readings import Reading
from tests.integration.operations.at_node import Watched, fact
from tests.lab import Lab, LabNode, SshdOptions

PATTERNS = tomllib.loads(
    (Path(__file__).parents[2] / "cases/operations/log_patterns.toml").read_text("utf-8")
)["literal"]
SEOUL = timedelta(hours=9)
NOON = datetime(2026, 5, 23, 3, tzinfo=UTC)  # 12:00 in Seoul


@pytest.fixture(scope="module")
def node() -> Iterator[LabNode]:
    """A server whose clock shows Seoul's time."""
    with Lab() as lab:
        marks = " ".join(f"{name}={value}" for name, value in lab.ground.mark.items())
        options = SshdOptions(lines=(f"SetEnv TZ=Asia/Seoul {marks}",))
        yield lab.nodes(1, options=options, web=False).nodes[0]


@pytest.fixture
def logs(node: LabNode) -> Path:
    """A folder of logs of the test's own."""
    folder = Path(tempfile.mkdtemp(dir=node.deploy_path.parent))
    folder.chmod(0o755)
    return folder


def watched(node: LabNode, path: Path, *, charset: str = "utf-8", **more: object) -> Watched:
    """The node, with this as its service's log."""
    service = node.service.spec.model_copy(update={"log_path": str(path)})
    return Watched(access=node.access(service=service, charset=charset, **more))


async def found(
    node: LabNode, path: Path, *, hours: float = 1, until: datetime = NOON, **more: Any
) -> Reading:
    charset = more.pop("charset", "utf-8")
    asked = SearchLog(since=until - timedelta(hours=hours), until=until, **more)
    return await search(watched(node, path, charset=charset).context(), asked)


def lines_of(reading: Reading) -> tuple[str, ...]:
    return reading.excerpts[0].lines if reading.excerpts else ()


def seoul(at: datetime, form: str) -> str:
    return (at + SEOUL).strftime(form)


# One line each: before the window, in it, after it, as each program writes it.
FORMS = {
    "tomcat": ("%d-%b-%Y %H:%M:%S.123 INFO [main] ", "catalina.out"),
    "iso": ("%Y-%m-%dT%H:%M:%S.5+09:00 INFO ", "app.log"),
    "log4j": ("[%Y-%m-%d %H:%M:%S,123] [INFO ] ", "app.log"),
    "level first": ("INFO  %Y-%m-%d %H:%M:%S ", "app.log"),
    "nginx error": ("%Y/%m/%d %H:%M:%S [error] 12#12: ", "error.log"),
    "nginx access": (
        '203.0.113.7 - - [%d/%b/%Y:%H:%M:%S +0900] "GET / HTTP/1.1" 200 ',
        "access.log",
    ),
    "syslog": ("%b %d %H:%M:%S was01 java[7]: ", "messages"),
    "java.util.logging": ("%b %d, %Y %I:%M:%S %p org.apache.X y INFO: ", "catalina.out"),
    "apache": ("[Sat %b %d %H:%M:%S.123456 %Y] [core:error] ", "error_log"),
}


@pytest.mark.parametrize("form", FORMS)
async def test_takes_lines_of_the_window_by_the_stamps_of_each_program(
    form: str, node: LabNode, logs: Path
) -> None:
    stamp, name = FORMS[form]
    moments = {"early": -61, "inside": -30, "late": 1}  # minutes from the end of the window
    lines = [
        seoul(NOON + timedelta(minutes=minutes), stamp) + word + "\n  belongs to " + word
        for word, minutes in moments.items()
    ]
    (logs / name).write_text("\n".join(lines) + "\n")
    reading = await found(node, logs / name)
    assert len(lines_of(reading)) == 2
    assert lines_of(reading)[0].endswith("inside")
    assert lines_of(reading)[1].strip() == "belongs to inside"
    assert fact(reading, "log_since") == "2026-05-23T11:00:00+09:00"


async def test_reads_rotated_and_packed_files_that_the_window_reaches(
    node: LabNode, logs: Path
) -> None:
    def line(day: int, hour: int, word: str) -> bytes:
        return f"2026-05-{day} {hour:02}:00:00 ERROR {word}\n".encode()

    log = logs / "catalina.out"
    log.write_bytes(line(23, 11, "now") + line(23, 11, "now again"))
    packed = gzip.compress(line(22, 13, "yesterday")) + gzip.compress(line(22, 14, "two members"))
    (logs / "catalina.out.2.gz").write_bytes(packed)
    (logs / "catalina.out.1").write_bytes(line(23, 1, "rotated"))
    (logs / "catalina.2026-05-22.log").write_bytes(line(22, 12, "by day") + line(23, 11, "now"))
    (logs / "catalina.out.9.gz").write_bytes(gzip.compress(line(23, 2, "too old by its time")))
    (logs / "other.log").write_bytes(line(23, 11, "another log"))
    (logs / "catalina.out.3.xz").write_bytes(b"\xfd7zXZ")
    for name, at in {
        "catalina.out.9.gz": NOON - timedelta(days=9),
        "catalina.2026-05-22.log": NOON - timedelta(hours=12),
        "catalina.out.2.gz": NOON - timedelta(hours=13),
        "catalina.out.1": NOON - timedelta(hours=10),
        "catalina.out": NOON,
    }.items():
        os.utime(logs / name, (at.timestamp(), at.timestamp()))
    reading = await found(node, log, hours=24)
    said = [shown.rpartition("ERROR ")[2] for shown in lines_of(reading)]
    assert said == ["by day", "yesterday", "two members", "rotated", "now", "now again"]
    assert [remark.code for remark in reading.remarks] == ["log_other_packers"]
    assert reading.level == "warning"


async def test_counts_per_hour_and_per_message(node: LabNode, logs: Path) -> None:
    log = logs / "app.log"
    rows = [
        f"2026-05-23 {10 + number // 60:02}:{number % 60:02}:00 ERROR order {number} of"
        f" 10.20.30.{number} failed, session 8f3a9c{number:02}b7d4e1f0\n"
        for number in range(60, 90)
    ]
    rows.append("2026-05-23 11:45:00 INFO fine\njava.lang.IllegalStateException: x\n\tat A.b\n")
    log.write_text("".join(rows))
    reading = await found(node, log, lines=10)
    hours, messages = reading.grid("log_per_hour"), reading.grid("log_per_message")
    assert hours is not None
    assert messages is not None
    assert [row.cells for row in hours.rows] == [("2026-05-23T11:00:00+09:00", 33, 31)]
    assert messages.rows[0].cells[:2] == (30, "ERROR order # of #.#.*.* failed, session #")
    assert len(lines_of(reading)) == 10
    assert reading.excerpts[0].more == 23
    assert "10.20.30." not in reading.model_dump_json()


async def test_finds_a_literal_pattern_with_the_lines_around_it(node: LabNode, logs: Path) -> None:
    log = logs / "app.log"
    log.write_text(
        "".join(
            f"2026-05-23 11:{minute:02}:00 INFO line {minute}{mark}\n"
            for minute in range(60)
            for mark in (" NEEDLE (a.b)*" if minute in {20, 40} else "",)
        )
    )
    reading = await found(node, log, pattern="needle (A.B)*", context=1)
    assert [shown.split("INFO ")[-1] for shown in lines_of(reading)] == [
        "line 19",
        "line 20 NEEDLE (a.b)*",
        "line 21",
        "--",
        "line 39",
        "line 40 NEEDLE (a.b)*",
        "line 41",
    ]
    assert (fact(reading, "log_found"), reading.level) == (2, "normal")
    assert (await found(node, log, pattern="NEEDLE .a.b.")).excerpts == ()


async def test_reads_korean_in_either_charset_and_lines_of_neither(
    node: LabNode, logs: Path
) -> None:
    log = logs / "catalina.out"
    stamp = b"23-5\xbf\xf9-2026 11:30:00.000 "
    log.write_bytes(
        stamp
        + "심각: 결재 연동 실패\n".encode("cp949")
        + "2026-05-23 11:31:00 결재 연동 실패\n".encode()
        + b"2026-05-23 11:32:00 \xff\xfe\x00 broken\n"
        + "2026-05-23 11:33:00 정상\n".encode("cp949")
    )
    reading = await found(node, log, pattern="결재 연동 실패", charset="cp949")
    assert fact(reading, "log_found") == 2
    assert all("결재 연동 실패" in shown for shown in lines_of(reading))
    assert reading.level == "warning"
    assert fact(await found(node, log), "log_found") == 4


async def test_reads_a_part_of_a_log_of_2_gb(node: LabNode, logs: Path) -> None:
    log = logs / "catalina.out"
    at = NOON - timedelta(days=40)
    block = 128 << 10
    with log.open("wb") as file:  # mostly holes
        while at < NOON + timedelta(days=1):
            file.write(seoul(at, "%Y-%m-%d %H:%M:%S ERROR tick\n").encode())
            file.seek((file.tell() // block + 1) * block - 1)
            file.write(b"\n")
            at += timedelta(minutes=3.6)
    assert log.stat().st_size > 2_000 << 20
    seen = watched(node, log)
    asked = SearchLog(since=NOON - timedelta(hours=1), until=NOON)
    reading = await search(seen.context(), asked)
    assert fact(reading, "log_found") in {16, 17}
    assert seen.read_bytes < 64 << 20


async def test_reads_the_newest_part_of_a_window_that_is_too_large(
    node: LabNode, logs: Path
) -> None:
    log = logs / "app.log"
    line = "2026-05-23 11:30:00 INFO " + "x" * 1000 + "\n"
    log.write_text(
        "2026-05-23 11:30:00 ERROR first\n" + line * 70_000 + "2026-05-23 11:30:01 ERROR last\n"
    )
    reading = await found(node, log, pattern="ERROR")
    assert [shown[-4:] for shown in lines_of(reading)] == ["last"]
    assert [remark.code for remark in reading.remarks] == ["log_cut"]
    assert fact(reading, "log_read") < log_files.READ_BYTES + (4 << 20)


async def test_a_packed_bomb_stops_at_the_bound(node: LabNode, logs: Path) -> None:
    log = logs / "app.log"
    log.write_text("2026-05-23 11:59:00 ERROR here\n")
    machine = zlib.compressobj(9, wbits=31)
    body = machine.compress(b"2026-05-23 11:00:00 ERROR bomb\n")
    zeros = bytes(16 << 20)
    body += b"".join(machine.compress(zeros) for _ in range(12)) + machine.flush()
    (logs / "app.log.1.gz").write_bytes(body)
    (logs / "app.log.2.gz").write_bytes(b"\x1f\x8b\x08 not really")
    reading = await found(node, log, pattern="ERROR")
    assert [shown[-4:] for shown in lines_of(reading)] == ["bomb", "here"]
    assert [remark.code for remark in reading.remarks] == ["log_cut"]
    assert "app.log.1.gz" in reading.remarks[0].values["files"]


@pytest.mark.parametrize("pattern", PATTERNS)
async def test_a_hostile_pattern_is_looked_for_and_reaches_no_command(
    pattern: str, node: LabNode, logs: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "pwn"
    pattern = pattern.replace("{mark}", str(mark))
    log = logs / "app.log"
    log.write_text(f"2026-05-23 11:30:00 <{pattern}>\n2026-05-23 11:31:00 {'a' * 4000}!\n")
    seen = watched(node, log)
    asked = SearchLog(pattern=pattern, since=NOON - timedelta(hours=1), until=NOON)
    reading = await search(seen.context(), asked)
    assert fact(reading, "log_found") == 1
    assert [run for run in seen.ran if run[0] != "echo"] == [["date", "+%s %z"]]
    assert not mark.exists()


async def test_masks_addresses_and_secrets_before_a_line_leaves_the_server(
    node: LabNode, logs: Path
) -> None:
    log = logs / "app.log"
    log.write_text(
        "2026-05-23 11:30:00 ERROR login of 203.0.113.77 from 2001:db8::7 with password=s3cret!,"
        " jdbc://app:hunter2@db/x, Authorization: Bearer abcdefgh12345, 900101-1234567\n"
    )
    said = (await found(node, log)).model_dump_json()
    assert "203.0.*.*" in said
    hidden = ("113.77", "2001:db8", "s3cret", "hunter2", "abcdefgh12345", "1234567")
    assert [secret for secret in hidden if secret in said] == []


async def test_a_log_of_the_profile_is_named_and_no_other(node: LabNode, logs: Path) -> None:
    (logs / "access.log").write_text(
        '1.2.3.4 - - [23/May/2026:11:30:00 +0900] "GET /orders/16/x HTTP/1.1" 200 1\n'
        '1.2.3.4 - - [23/May/2026:11:30:00 +0900] "GET /orders/17/x?token=abc HTTP/1.1" 500 1\n'
    )
    profile = NodeProfile(logs=(LogSpec(name="access", path=str(logs / "access.log")),))
    context = watched(node, logs / "none.log", profile=profile).context()
    window = {"since": NOON - timedelta(hours=1), "until": NOON}
    reading = await search(context, SearchLog(log="access", **window))
    messages = reading.grid("log_per_message")
    assert messages is not None
    assert [row.cells[1] for row in messages.rows] == ["GET /orders/#/x 500", "GET /orders/#/x 200"]
    assert reading.level == "warning"
    with pytest.raises(OperationFailed) as refused:
        await search(context, SearchLog(log="shadow", **window))
    assert (refused.value.code, refused.value.values) == ("not_in_profile", {"name": "shadow"})


async def test_a_log_that_is_a_link_out_of_its_folders_is_not_read(
    node: LabNode, logs: Path
) -> None:
    (logs / "secret").mkdir()
    (logs / "secret/file").write_text("2026-05-23 11:30:00 hidden\n")
    (logs / "app").mkdir()
    (logs / "app/app.log").symlink_to(logs / "secret/file")
    (logs / "app/app.log.1").symlink_to(logs / "secret/file")
    with pytest.raises(OperationFailed) as refused:
        await found(node, logs / "app/app.log")
    assert refused.value.code == "log_escapes"
    (logs / "app/real.log").write_text("2026-05-23 11:30:00 shown\n")
    (logs / "app/app.log").unlink()
    (logs / "app/app.log").symlink_to("real.log")
    reading = await found(node, logs / "app/app.log")
    assert [shown[-5:] for shown in lines_of(reading)] == ["shown"]


async def test_a_log_without_stamps_is_read_at_its_end_and_said_so(
    node: LabNode, logs: Path
) -> None:
    log = logs / "console.out"
    log.write_text("".join(f"step {number} done\n" for number in range(500)))
    reading = await found(node, log, lines=3)
    assert lines_of(reading) == ("step 497 done", "step 498 done", "step 499 done")
    assert [remark.code for remark in reading.remarks] == ["log_undated"]


async def test_reads_the_last_hour_of_a_server_whose_clock_is_wrong() -> None:
    with Lab() as lab:
        options = SshdOptions(clock_offset_s=-7200)
        late = lab.nodes(1, options=options, web=False, prefix="late").nodes[0]
        log = lab.root / "app.log"
        moments = [datetime.now(UTC) - timedelta(minutes=minutes) for minutes in (200, 150, 30)]
        rows = [f"{at:%Y-%m-%dT%H:%M:%SZ} line {number}\n" for number, at in enumerate(moments)]
        lab.ground.write(log, "".join(rows))
        reading = await found(late, log, until=datetime.now(UTC))
    assert [shown[-6:] for shown in lines_of(reading)] == ["line 1"]  # 2 to 3 hours ago, by ours
    assert [remark.code for remark in reading.remarks] == ["log_clock_behind"]
    assert 7140 <= int(reading.remarks[0].values["seconds"]) <= 7260


async def test_says_that_there_is_no_log_or_no_server(node: LabNode, logs: Path) -> None:
    with pytest.raises(OperationFailed) as missing:
        await found(node, logs / "none.log")
    assert missing.value.code == "log_missing"
    seen = watched(node, logs / "none.log", port=1)
    with pytest.raises(TransportError) as away:
        await search(seen.context(), SearchLog(since=NOON - timedelta(hours=1), until=NOON))
    assert away.value.code == "unreachable"


async def test_names_in_another_charset_hide_no_part_of_a_log(node: LabNode, logs: Path) -> None:
    (logs / "app.log").write_text("2026-05-23 11:30:00 here\n")
    odd = os.fsencode(logs) + "/app.log.백업".encode("cp949")
    Path(os.fsdecode(odd)).write_text("2026-05-23 11:29:00 in an odd place\n")
    Path(os.fsdecode(odd + b".xz")).write_text("packed")
    reading = await found(node, logs / "app.log")
    assert [shown.rpartition(":00 ")[2] for shown in lines_of(reading)] == [
        "in an odd place",
        "here",
    ]
    assert reading.model_dump_json()


async def test_logs_are_read_over_ftp_in_koreas_time() -> None:
    with Lab() as lab:
        ftp = lab.ftp_node()
        lab.ground.write(ftp.deploy_path / "app.log", "2026-05-23 11:30:00 ERROR over ftp\n")
        path = f"{ftp.ftp.visible_root}/htdocs/app.log"
        service = ftp.service.spec.model_copy(update={"log_path": path})
        seen = Watched(access=ftp.access(service=service))
        asked = SearchLog(since=NOON - timedelta(hours=1), until=NOON)
        reading = await search(seen.context(), asked)
    assert [shown[-8:] for shown in lines_of(reading)] == ["over ftp"]
    assert [remark.code for remark in reading.remarks] == ["log_zone_assumed"]
    assert seen.ran == []
