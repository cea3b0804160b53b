"""Output of servers: decoded whatever it is, bounded, and free of what a terminal would obey."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.transports.output import LINE_LIMIT, BoundedBytes, clean, plain


def test_korean_of_a_cp949_server_reads_as_korean() -> None:
    assert clean("파일이 없습니다\n".encode("cp949"), "cp949") == "파일이 없습니다\n"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"\x1b[31mred\x1b[0m", "red"),
        (b"\x1b]0;title\x07text", "text"),
        (b"\x1b]8;;http://evil/\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"a\x00b\x08c\x7f", "abc"),
        (b"one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("a\u202eb\u200bc".encode(), "abc"),
        (b"tab\tstays", "tab\tstays"),
    ],
)
def test_control_sequences_are_gone(raw: bytes, shown: str) -> None:
    assert clean(raw, "utf-8") == shown


@given(st.binary(max_size=200), st.sampled_from(["utf-8", "cp949"]))
def test_no_bytes_make_decoding_fail_or_leave_an_escape(raw: bytes, charset: str) -> None:
    assert "\x1b" not in clean(raw, charset)


def test_long_output_keeps_head_and_tail() -> None:
    bounded = BoundedBytes(100)
    for number in range(1000):
        bounded.add(b"%04d\n" % number)
    text = bounded.text("utf-8")
    assert text.startswith("0000\n")
    assert text.endswith("0999\n")
    assert "[... 4900 bytes ...]" in text


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_short_output_is_kept_whole(pieces: list[bytes]) -> None:
    bounded = BoundedBytes(1000)
    for piece in pieces:
        bounded.add(piece)
    assert bounded.text("utf-8") == clean(b"".join(pieces), "utf-8")


def test_a_line_is_one_line_of_bounded_length() -> None:
    assert plain("a\nb\x1b[1m") == "a b"
    assert len(plain("x" * 10_000)) == LINE_LIMIT
    assert plain("bad \udcff") == "bad ?"
