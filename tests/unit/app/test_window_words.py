"""Weekly windows in words."""

from __future__ import annotations

from datetime import time

import pytest

from bot.app.commands.window_words import read_window, write_window
from bot.core.domain.estate import Environment
from bot.core.errors import UserError

PROD = (Environment.PROD,)


@pytest.mark.parametrize(
    ("text", "weekdays", "begin", "end"),
    [
        ("월-금 22:00-06:00", (0, 1, 2, 3, 4), time(22), time(6)),
        ("토,일 00:00-24:00", (5, 6), time(0), time(0)),
        ("금-월 1:30~5:00", (0, 4, 5, 6), time(1, 30), time(5)),
        ("매일 01:00-05:00", (0, 1, 2, 3, 4, 5, 6), time(1), time(5)),
        ("Mon-Wed,sat 20:00 - 23:00", (0, 1, 2, 5), time(20), time(23)),
        ("수 18:00-20:00", (2,), time(18), time(20)),
    ],
)
def test_reads_what_people_write(text, weekdays, begin, end) -> None:
    window = read_window(text, PROD)
    assert (window.weekdays, window.begin, window.end) == (weekdays, begin, end)
    assert window.environments == PROD


@pytest.mark.parametrize(
    "text",
    [
        "",
        "월",
        "22:00-06:00",
        "월 25:00-26:00",
        "월 22:00-24:01",
        "월 24:00-06:00",
        "월요 1:00-2:00",
    ],
)
def test_refuses_what_is_no_window(text) -> None:
    with pytest.raises(UserError) as refused:
        read_window(text, PROD)
    assert refused.value.code == "window_malformed"


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("text", ["월-금 22:00-06:00", "토,일 00:00-24:00"])
def test_what_is_written_is_read_as_the_same(text, language) -> None:
    window = read_window(text, PROD)
    written = write_window(window, language).removesuffix(" (prod)")
    assert read_window(written, PROD) == window
