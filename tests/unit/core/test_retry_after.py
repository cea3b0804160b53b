"""When a service says to come again: seconds or a date, from whoever stands between as well."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.retry_after import MOST_S, retry_after_s

NOW = "Sun, 22 Nov 2026 03:00:00 GMT"


@pytest.mark.parametrize(
    ("told", "date", "seconds"),
    [
        ("30", None, 30),
        (" 1.5 ", None, 1.5),
        ("0", None, 0),
        ("99999999", None, MOST_S),
        ("Sun, 22 Nov 2026 03:00:45 GMT", NOW, 45),
        ("Sunday, 22-Nov-26 03:00:45 GMT", NOW, 45),
        ("Sun Nov 22 03:00:45 2026", NOW, None),
        ("Sun, 22 Nov 2026 02:59:00 GMT", NOW, 0),
        ("Sun, 22 Nov 2099 03:00:00 GMT", NOW, MOST_S),
        ("Sun, 22 Nov 2026 03:00:45 GMT", None, None),
        ("Sun, 22 Nov 2026 03:00:45 GMT", "today", None),
        ("soon", NOW, None),
        ("-5", NOW, None),
        ("٣٠", NOW, None),
        ("", NOW, None),
    ],
)
def test_seconds_or_a_date(told: str, date: str | None, seconds: float | None) -> None:
    headers = {"Retry-After": told} | ({"Date": date} if date is not None else {})
    assert retry_after_s(headers) == seconds
    assert retry_after_s({name.lower(): value for name, value in headers.items()}) == seconds


def test_a_service_that_says_nothing_has_said_nothing() -> None:
    assert retry_after_s({}) is None


@given(st.text(), st.text())
def test_no_header_is_an_error(told: str, date: str) -> None:
    wait = retry_after_s({"Retry-After": told, "Date": date})
    assert wait is None or 0 <= wait <= MOST_S
