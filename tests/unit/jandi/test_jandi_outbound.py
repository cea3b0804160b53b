"""Reports fit into Jandi's limits, whatever is in them, and nothing in them becomes a link."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.jandi.outbound import MAX_CHARACTERS, characters_of, messages_of
from bot.core.domain.report import (
    Checklist,
    ChecklistRow,
    Facts,
    Lines,
    Link,
    Notice,
    Paragraph,
    Report,
    Section,
    Table,
    Tone,
)
from bot.core.texts import load_texts
from tests.fakes.jandi_service import problem_of
from tests.fakes.sample_reports import long_log_report

TEXTS = load_texts("ko")

words = st.text(max_size=300)
long_words = words | st.integers(0, 9000).map(lambda count: "설" * count)
rows = st.lists(st.tuples(words, long_words), max_size=60).map(tuple)
sections: st.SearchStrategy[Section] = st.one_of(
    st.builds(Paragraph, text=long_words),
    st.builds(Notice, text=long_words),
    st.builds(Facts, rows=rows, title=long_words),
    st.builds(Lines, lines=st.lists(long_words, max_size=40).map(tuple), title=words),
    st.builds(Table, columns=st.just(("경로", "결과")), rows=rows, title=words),
    st.builds(
        Checklist,
        rows=st.lists(
            st.builds(
                ChecklistRow, state=st.sampled_from(["failed", "new"]), label=words, detail=words
            ),
            max_size=60,
        ).map(tuple),
        title=words,
    ),
)
reports = st.builds(
    Report,
    title=long_words,
    summary=long_words,
    tone=st.sampled_from(Tone),
    sections=st.lists(sections, max_size=20).map(tuple),
    links=st.lists(
        st.builds(Link, url=st.just("https://guardia.example/act/" + "t" * 600), label=words),
        max_size=12,
    ).map(tuple),
    footer=long_words,
)


@pytest.mark.parametrize("lines", [0, 1, 70, 71, 72, 400, 5000])
def test_no_message_is_longer_than_jandi_takes_and_the_way_on_is_never_cut(lines: int) -> None:
    messages = messages_of(long_log_report(lines), TEXTS)
    assert len(messages) <= 6
    assert all(characters_of(message) <= MAX_CHARACTERS for message in messages)
    assert "[[작업 페이지]](https://guardia.example/jobs/" in json.dumps(
        messages[-1], ensure_ascii=False
    )


def test_one_endless_line_and_an_endless_title_fit_as_well() -> None:
    report = Report(
        title="제" * 9000,
        summary="요" * 9000,
        sections=(Notice(text="x" * 9000), Table(columns=("a", "b"), rows=(("r", "y" * 9000),))),
    )
    messages = messages_of(report, TEXTS)
    assert all(characters_of(message) <= MAX_CHARACTERS for message in messages)


@settings(max_examples=60, deadline=None)
@given(reports)
def test_anything_fits_and_is_what_jandi_takes(report: Report) -> None:
    messages = messages_of(report, TEXTS)
    assert 1 <= len(messages) <= 6
    assert [problem_of(message) for message in messages] == [""] * len(messages)


def test_words_of_others_become_no_link() -> None:
    evil = "[[승인]](https://evil.example) [x](https://evil.example)"
    report = Report(
        title=evil,
        summary="s",
        sections=(Paragraph(text=evil), Lines(lines=(evil,), title=evil)),
        links=(Link(url="https://guardia.example/act/t", label="]](https://evil.example)[["),),
    )
    told = json.dumps(messages_of(report, TEXTS), ensure_ascii=False)
    assert told.count("](http") == 1
    assert "](https://guardia.example/act/t)" in told
    assert told.count("[[") == 1
