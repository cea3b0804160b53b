"""Time stamps of logs, their zones and years; and what is masked and normalised of a line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from agent.operations.log_files import kinship
from agent.operations.log_masking import mask_line
from agent.operations.log_stamps import Stamps, zone_of
from agent.operations.log_tally import normalised

SEOUL = timezone(timedelta(hours=9))
LATEST = datetime(2026, 1, 2, 12, tzinfo=SEOUL)
TEN = datetime(2026, 1, 2, 10, tzinfo=SEOUL)


@pytest.mark.parametrize(
    ("line", "at"),
    [
        (b"2026-01-02 10:00:00 x", TEN),
        (b"2026-01-02T01:00:00Z x", TEN),
        (b"2026-01-02T10:00:00.250+09:00 x", TEN + timedelta(milliseconds=250)),
        (b"2026-01-02 10:00:00,250 +0900 x", TEN + timedelta(milliseconds=250)),
        (b"2026.01.02 10:00:00 x", TEN),
        (b"[ERROR] 2026-01-02 10:00:00 x", TEN),
        (b"02-Jan-2026 10:00:00.000 x", TEN),
        ("02-1월-2026 10:00:00.000 x".encode("cp949"), TEN),
        ("1월 02, 2026 10:00:00 오전 x".encode(), TEN),
        ("1월 02, 2026 10:00:00 오후 x".encode("cp949"), TEN + timedelta(hours=12)),
        (b"Jan 02, 2026 12:00:00 AM x", TEN - timedelta(hours=10)),
        (b"<34>Jan  2 10:00:00 host x", TEN),
        (b"Dec 31 10:00:00 host x", datetime(2025, 12, 31, 10, tzinfo=SEOUL)),  # last year's
        (b"Jan  3 10:00:00 host x", datetime(2026, 1, 3, 10, tzinfo=SEOUL)),  # a clock ahead
        (b"Feb 30 10:00:00 host x", None),
        (b"2026-13-45 10:00:00 x", None),
        (b"9999-12-31 23:59:59.999999999 x", None),  # rounded, it would be in the year 10000
        (b"2026-01-02 25:61:00 x", None),
        (b"  at 2026-01-02 10:00:00", None),
        (b"Caused by: x at 2026-01-02 10:00:00", None),
        (b"\tat kr.go.A.b(A.java:7)", None),
        (b"", None),
        (b"\xff\xfe\x00", None),
        (b"- " * 5000 + b"[02/Jan/2026:10:00:00 +0900]", None),
    ],
)
def test_reads_when_a_line_was_written(line: bytes, at: datetime | None) -> None:
    stamps = Stamps(SEOUL, LATEST)
    assert stamps.of(line) == at
    assert stamps.of(line) == at  # by the form that it was found by


@pytest.mark.parametrize(
    ("text", "ahead"),
    [("+0900\n", 9.0), ("-0330", -3.5), ("+09:00", 9.0), ("KST", None), ("", None)],
)
def test_reads_the_zone_of_a_server(text: str, ahead: float | None) -> None:
    zone = zone_of(text)
    assert (zone is None) == (ahead is None)
    if zone is not None:
        assert zone.utcoffset(None) == timedelta(hours=ahead or 0)


def test_finds_the_first_and_the_last_stamp_of_a_piece() -> None:
    stamps = Stamps(UTC, LATEST)
    piece = (
        b"1-02 09:00:00 cut\n2026-01-02 10:00:00 a\nmore\n2026-01-02 11:00:00 b\n2026-01-02 12:0"
    )
    assert stamps.first(piece) == datetime(2026, 1, 2, 10, tzinfo=UTC)
    assert stamps.last(piece) == datetime(2026, 1, 2, 11, tzinfo=UTC)
    assert stamps.first(b"no stamp\nat all") is None


@pytest.mark.parametrize(
    ("name", "other", "kin"),
    [
        ("catalina.out", "catalina.out.1", False),
        ("catalina.out", "catalina.out-20260522.gz", False),
        ("catalina.out", "catalina.2026-05-22.log", True),
        ("catalina.out", "catalina.2026-05-22.log.gz", True),
        ("catalina.out", "catalina.out", None),
        ("catalina.out", "localhost.2026-05-22.log", None),
        ("app.log", "app.1.log", False),
        ("app.log", "app-2026-05-22.log", False),
        ("app.log", "app.2026-05-22.3.log.gz", False),
        ("app.log", "application.log", None),
        ("app.log", "app.log.d", False),
        ("access_log.txt", "access_log.2026-05-22.txt", False),
        ("messages", "messages-20260522", False),
        ("messages", "message", None),
        ("a+b.log", "a+b.1.log", False),
    ],
)
def test_knows_the_earlier_parts_of_a_log(name: str, other: str, kin: bool | None) -> None:
    assert kinship(name, other) is kin


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("from 203.0.113.77:443", "from 203.0.*.*:443"),
        ("version 1.2.3 at 10:00:00", "version 1.2.3 at 10:00:00"),
        ("peer fe80::1:2 left", "peer fe80:* left"),
        ("password=abc", "password=***"),
        ('{"accessToken": "abc"}', '{"accessToken": ***}'),
        ("비밀번호: 1234", "비밀번호: ***"),
        ("Authorization: Basic YWJjZA==", "Authorization: ***"),
        ("JSESSIONID=ABCDEF.node1;", "JSESSIONID=***;"),
        ("redis://user:pw@host", "redis://user:***@host"),
        ("주민 900101-1234567", "주민 900101-***"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.abc sent", "*** sent"),
    ],
)
def test_masks_what_must_not_leave_the_server(line: str, masked: str) -> None:
    assert mask_line(line) == masked


def test_masking_takes_no_longer_for_lines_made_to_hurt() -> None:
    for evil in ("a" * 4096, "a." * 2048, ":" * 4096, "1." * 2048, "password" * 512, "x://" * 1024):
        assert len(mask_line(evil)) > 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2026-05-23 10:00:00,123 ERROR order 42 failed", "ERROR order # failed"),
        ("23-May-2026 10:00:00.123 SEVERE [http-1] x", "SEVERE [http-#] x"),
        ("java.lang.X: id 0x7f3a at Foo@1a2b3c4d", "java.lang.X: id # at Foo@#"),
        ("user 123e4567-e89b-12d3-a456-426614174000 left", "user # left"),
        ('1.2.3.4 - - [x] "GET /a/17?p=1 HTTP/1.1" 404 12', "GET /a/# 404"),
        ("   ", "-"),
    ],
)
def test_counts_messages_that_differ_in_numbers_as_one(line: str, message: str) -> None:
    assert normalised(line) == message
