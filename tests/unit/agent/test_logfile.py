"""The log since a mark: through rotation, truncation, charsets and a logger that is late."""

from __future__ import annotations

import asyncio
import gzip
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from agent.operations import log
from agent.operations.context import OperationFailed, StepContext
from agent.operations.logfile import decode
from agent.wire import operations as wire
from agent.wire.results import LogFindings, LogMark, Result
from tests.fakes.agent import FakeNode, LocalTransport, a_context, a_step, a_target

SUCCESS = "서비스 기동 완료"
SCAN = wire.ScanLog(since="m")


class Logged:
    """A node's log file and the context of a scan since a mark in it."""

    def __init__(self, root: Path, *, shell: bool = True, **service: object) -> None:
        self.path = root / "home/logs/catalina.out"
        self.path.parent.mkdir(parents=True)
        target = a_target(root)
        target = target.model_copy(
            update={"service": target.service.model_copy(update=service), "charset": "cp949"}
        )
        node = FakeNode(transport=LocalTransport(shell=shell))
        self.marks: dict[str, Result] = {}
        made = a_context(target, node, steps=[a_step("m", wire.MarkLog())])
        self.context: StepContext = replace(made, earlier=self.marks)

    def write(self, text: str, charset: str = "utf-8") -> None:
        with self.path.open("ab") as file:
            file.write(text.encode(charset))

    async def mark(self) -> LogMark:
        made = await log.mark(self.context, wire.MarkLog())
        self.marks["m"] = made
        return made

    def rotate(self, name: str, *, packed: bool) -> None:
        """As logrotate does at night, at once: the log under another name, and a new one."""
        aside = self.path.with_name(name)
        self.path.rename(aside)
        if packed:
            aside.with_name(f"{name}.gz").write_bytes(gzip.compress(aside.read_bytes()))
            aside.unlink()
        self.path.touch()

    async def found(self) -> LogFindings:
        return await log.scan(self.context, SCAN)

    async def failure(self) -> OperationFailed:
        with pytest.raises(OperationFailed) as failed:
            await log.scan(self.context, SCAN)
        return failed.value


@pytest.mark.parametrize("new_name", ["catalina.out.1", "catalina.out-20260401", "catalina.1.out"])
async def test_a_log_rotated_after_the_mark_is_read_on_in_both_files(
    tmp_path: Path, new_name: str
) -> None:
    logged = Logged(tmp_path)
    logged.write("SEVERE long ago\n")
    assert (await logged.mark()).inode == logged.path.stat().st_ino
    logged.write("OutOfMemoryError before rotation\n")
    logged.path.rename(logged.path.with_name(new_name))
    logged.path.with_name("catalina.out.2").write_text("SEVERE of last week\n")
    logged.write("SEVERE after rotation, longer than what was there at the mark\n")
    found = (await logged.failure()).result
    assert isinstance(found, LogFindings)
    assert found.suspicious == (
        "OutOfMemoryError before rotation",
        "SEVERE after rotation, longer than what was there at the mark",
    )


async def test_a_log_that_was_moved_away_is_read_from_the_new_beginning_and_says_what_is_lost(
    tmp_path: Path,
) -> None:
    logged = Logged(tmp_path)
    logged.write("SEVERE long ago\n" * 9)
    await logged.mark()
    logged.path.rename(logged.path.with_name("elsewhere"))
    logged.write("SEVERE new\n" * 99)
    failed = await logged.failure()
    assert failed.values["count"] == "99"
    assert isinstance(failed.result, LogFindings)
    assert failed.result.lost == "moved"


async def test_a_log_rotated_and_packed_after_the_mark_is_read_on_where_it_lies(
    tmp_path: Path,
) -> None:
    logged = Logged(tmp_path)
    logged.write("".join(f"INFO of last week {number}\n" for number in range(9000)))
    logged.rotate("catalina.out.2", packed=True)  # longer than the place of the mark
    logged.write("".join(f"SEVERE of yesterday {number}\n" for number in range(3000)))
    await logged.mark()
    logged.write("OutOfMemoryError before rotation\n")
    logged.rotate("catalina.out.1", packed=True)
    logged.write("SEVERE after rotation\n")
    found = (await logged.failure()).result
    assert isinstance(found, LogFindings)
    assert found.suspicious == ("OutOfMemoryError before rotation", "SEVERE after rotation")
    assert found.lost == ""


async def test_a_log_copied_away_and_emptied_is_read_on_in_the_copy(tmp_path: Path) -> None:
    logged = Logged(tmp_path)
    logged.write("SEVERE long ago\n" * 99)
    await logged.mark()
    logged.write("OutOfMemoryError before it was emptied\n")
    shutil.copyfile(logged.path, logged.path.with_name("catalina.out.1"))
    logged.path.write_bytes(b"")
    logged.write("INFO new\n" * 999)  # longer again than it was at the mark
    found = (await logged.failure()).result
    assert isinstance(found, LogFindings)
    assert found.suspicious == ("OutOfMemoryError before it was emptied",)
    assert found.lost == ""


async def test_a_log_that_was_emptied_without_a_copy_says_what_is_lost(tmp_path: Path) -> None:
    logged = Logged(tmp_path)
    logged.write("INFO before\n" * 9)
    assert (await logged.mark()).proof
    logged.path.with_name("catalina.out.1.gz").write_bytes(b"no archive")
    logged.path.write_bytes(b"INFO new\n" * 99)
    found = await logged.found()
    assert (found.suspicious, found.lost) == ((), "moved")


async def test_a_log_that_only_grew_has_lost_nothing(tmp_path: Path) -> None:
    logged = Logged(tmp_path)
    logged.write("SEVERE long ago\n" * 999)
    await logged.mark()
    logged.write("INFO new\n")
    assert await logged.found() == LogFindings(started=False, suspicious=())


async def test_a_log_truncated_in_place_is_read_from_its_beginning(tmp_path: Path) -> None:
    logged = Logged(tmp_path)
    logged.write("SEVERE long ago\n" * 9)
    await logged.mark()
    logged.path.write_bytes(b"SEVERE new\n")
    assert (await logged.failure()).values["count"] == "1"


async def test_where_no_inode_is_told_the_length_must_do(tmp_path: Path) -> None:
    logged = Logged(tmp_path, shell=False)
    logged.write("SEVERE long ago\n" * 9)
    assert (await logged.mark()).inode is None
    logged.write("SEVERE new\n")
    assert (await logged.failure()).values["count"] == "1"


async def test_a_log_that_did_not_exist_at_the_mark_is_read_whole(tmp_path: Path) -> None:
    logged = Logged(tmp_path)
    assert await logged.mark() == LogMark(size=0)
    logged.write("SEVERE from the first line on")  # not even a line end
    assert (await logged.failure()).lines == ("SEVERE from the first line on",)


async def test_the_service_has_words_of_its_own(tmp_path: Path) -> None:
    logged = Logged(tmp_path, log_failures=("기동 실패 [E9",))
    await logged.mark()
    logged.write("INFO 기동 시작\nWARN 기동 실패 [E99] 설정 없음\n", "cp949")
    failed = await logged.failure()
    assert (failed.code, failed.lines) == ("log_errors", ("WARN 기동 실패 [E99] 설정 없음",))


async def test_a_sign_is_shown_with_the_lines_that_follow_it(tmp_path: Path) -> None:
    logged = Logged(tmp_path)
    await logged.mark()
    logged.write("INFO a\nSEVERE b\n\tat c\n\tat d\n\tat e\nINFO f\njava.lang.XException g\n")
    failed = await logged.failure()
    assert [line.strip() for line in failed.lines] == [
        "SEVERE b",
        "at c",
        "at d",
        "at e",
        "java.lang.XException g",
    ]


async def test_success_that_the_log_shows_late_is_waited_for(tmp_path: Path) -> None:
    logged = Logged(tmp_path, log_success=SUCCESS)
    logged.write(f"{SUCCESS} of yesterday\n")
    await logged.mark()
    logged.write("starting\n")
    scan = asyncio.create_task(log.scan(logged.context, SCAN))
    done, _ = await asyncio.wait({scan}, timeout=1.5)
    assert not done
    logged.write(SUCCESS[:3], "cp949")
    logged.write(f"{SUCCESS[3:]} 12 ms\n", "cp949")
    assert (await scan).started


async def test_a_start_that_the_log_never_shows_has_failed(tmp_path: Path) -> None:
    logged = Logged(tmp_path, log_success=SUCCESS)
    logged.write(f"{SUCCESS} of yesterday\n")
    await logged.mark()
    logged.write("Server startup in 9 ms\n")
    failed = await logged.failure()
    assert (failed.code, failed.values["expected"]) == ("start_not_logged", SUCCESS)
    assert failed.lines == ("Server startup in 9 ms",)


async def test_a_failure_is_not_waited_with(tmp_path: Path) -> None:
    logged = Logged(tmp_path, log_success=SUCCESS)
    await logged.mark()
    logged.write("SEVERE at once\n")
    async with asyncio.timeout(8):
        assert (await logged.failure()).code == "log_errors"


async def test_all_that_was_written_is_kept_for_the_page(tmp_path: Path) -> None:
    logged = Logged(tmp_path)
    await logged.mark()
    logged.write("".join(f"INFO {number}\n" for number in range(300)))
    assert not (await log.scan(logged.context, SCAN)).suspicious
    assert len(logged.context.output) == 300


def test_lines_of_two_charsets_in_one_file_are_both_read() -> None:
    body = "가나다 utf-8\n".encode() + "라마바 euc-kr\n".encode("euc-kr") + b"\xff\xfe\xff none\n"
    lines = decode(body, "cp949").split("\n")
    assert lines[:2] == ["가나다 utf-8", "라마바 euc-kr"]
    assert lines[2].endswith(" none")
