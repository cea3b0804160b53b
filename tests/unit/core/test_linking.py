"""Linking codes: how they look, and what a message must say to be one."""

from __future__ import annotations

import pytest

from bot.core.linking import code_digest, code_said, new_code


def test_codes_differ_and_are_said_as_they_are_shown():
    codes = {new_code() for _ in range(200)}
    assert len(codes) == 200
    for code in codes:
        said = code_said(f"연결 {code}")
        assert said is not None
        assert code_digest(said) == code_digest(code)


@pytest.mark.parametrize(
    "text",
    [
        "연결 ABCD-EFGH",
        "  연결:  abcd efgh ",
        "link abcdefgh",
        "LINK ABCD-EFGH",
        "연결 A B C D-E F G H",
    ],
)
def test_a_code_may_be_typed_in_many_ways(text: str):
    said = code_said(text)
    assert said is not None
    assert code_digest(said) == code_digest("ABCD-EFGH")


@pytest.mark.parametrize(
    "text",
    [
        "연결",
        "연결 상태 확인",
        "연결 ABCD",
        "연결 ABCD-EFGH-IJKL",
        "link the database to was01",
        "DB 연결 ABCD-EFGH",
        "연결 ABCD-EFGH 해줘",
        "link " + "A" * 5000,
    ],
)
def test_what_is_no_code_is_a_request_like_any_other(text: str):
    assert code_said(text) is None
