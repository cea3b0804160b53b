"""Reports fit into Slack's limits, whatever is in them, and nothing in them is markup."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.slack.outbound import MAX_VALUE, shape
from bot.core.domain.report import (
    Button,
    ButtonStyle,
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
from tests.fakes.block_kit import buttons_of, fault_of, links_of, words_of
from tests.fakes.sample_reports import (
    decided_plan_report,
    failure_report,
    final_report,
    plan_report,
    progress_report,
)

TEXTS = load_texts("ko")
LONG = "가" * 9000

words = st.text(max_size=400)
long_words = st.one_of(words, st.integers(0, 9000).map(lambda count: "설" * count))
cells = st.tuples(words, words, words)
sections: st.SearchStrategy[Section] = st.one_of(
    st.builds(Paragraph, text=long_words),
    st.builds(Notice, text=long_words, tone=st.sampled_from(Tone)),
    st.builds(Facts, rows=st.lists(st.tuples(words, long_words), max_size=30).map(tuple)),
    st.builds(Lines, lines=st.lists(long_words, max_size=30).map(tuple), title=words),
    st.builds(
        Table,
        columns=st.just(("경로", "크기", "결과")),
        rows=st.lists(cells, max_size=60).map(tuple),
        title=words,
        folded=st.booleans(),
    ),
    st.builds(
        Checklist,
        rows=st.lists(
            st.builds(
                ChecklistRow,
                state=st.sampled_from(["pending", "failed", "new"]),
                label=words,
                detail=words,
                elapsed_ms=st.one_of(st.none(), st.integers(0, 10**8)),
            ),
            max_size=60,
        ).map(tuple),
        title=words,
    ),
)


@pytest.mark.parametrize(
    "report",
    [
        plan_report(),
        decided_plan_report(),
        progress_report(5),
        progress_report(3, failed=True),
        final_report(),
        failure_report(),
    ],
)
def test_what_the_bot_says_fits_whole(report: Report) -> None:
    shaped = shape(report, TEXTS)
    assert fault_of(shaped.blocks) is None
    assert shaped.spills == ()
    assert report.title in words_of(shaped.blocks)
    assert report.footer in words_of(shaped.blocks)
    assert [b["text"]["text"] for b in buttons_of(shaped.blocks)] == [
        button.label for button in report.buttons
    ]


@settings(max_examples=60, deadline=None)
@given(
    st.builds(
        Report,
        title=long_words,
        summary=long_words,
        tone=st.sampled_from(Tone),
        sections=st.lists(sections, max_size=70).map(tuple),
        footer=long_words,
        buttons=st.lists(
            st.builds(
                Button,
                button=st.just("choose"),
                value=st.text(max_size=MAX_VALUE),
                label=long_words.filter(bool),
                style=st.sampled_from(ButtonStyle),
                confirm=long_words,
            ),
            max_size=60,
        ).map(tuple),
    )
)
def test_anything_fits(report: Report) -> None:
    shaped = shape(report, TEXTS)
    assert fault_of(shaped.blocks) is None
    assert len(shaped.text) <= 3000


def test_a_long_log_shows_its_end_and_lies_whole_in_a_file() -> None:
    lines = tuple(f"{number:05d} WARN pool exhausted" for number in range(2000))
    report = Report(
        title="로그", summary="로그입니다.", sections=(Lines(lines=lines, title="was01"),)
    )
    shaped = shape(report, TEXTS)
    assert fault_of(shaped.blocks) is None
    shown = words_of(shaped.blocks)
    assert lines[-1] in shown
    assert lines[0] not in shown
    [spill] = shaped.spills
    assert spill.name == "02-was01.txt"
    assert spill.name in shown
    assert spill.content.decode().splitlines()[2:] == list(lines)


def test_a_long_folded_table_shows_its_first_rows_and_lies_whole_in_a_file() -> None:
    rows = tuple((f"WEB-INF/classes/a/C{n}.class", "1 KB", f"{n:064x}") for n in range(300))
    table = Table(title="파일 300개", columns=("경로", "크기", "SHA-256"), rows=rows, folded=True)
    shaped = shape(Report(title="계획", summary="300개", sections=(table,)), TEXTS)
    assert fault_of(shaped.blocks) is None
    assert "C7.class" in words_of(shaped.blocks)
    assert "C8.class" not in words_of(shaped.blocks)
    [spill] = shaped.spills
    assert f"{299:064x}" in spill.content.decode()


def test_the_same_section_is_the_same_file_after_an_edit() -> None:
    lines = Lines(lines=tuple("x" * 100 for _ in range(500)))
    report = Report(title="계획", summary="s", sections=(lines,))
    decided = replace(report, title="결정", tone=Tone.GOOD)
    assert shape(report, TEXTS).spills[0].digest == shape(decided, TEXTS).spills[0].digest


def test_a_section_after_a_long_one_is_not_lost() -> None:
    lines = Lines(lines=tuple("x" * 100 for _ in range(500)))
    report = Report(
        title="실패",
        summary="실패했습니다.",
        sections=(lines, Notice(text="지금은 2대 모두 정상입니다.")),
    )
    shaped = shape(report, TEXTS)
    everything = words_of(shaped.blocks) + "".join(s.content.decode() for s in shaped.spills)
    assert "지금은 2대 모두 정상입니다." in everything


def test_nothing_in_a_report_can_mention_or_link_or_format() -> None:
    evil = "<!channel> <@U1> *bold* <http://evil.example|여기> &lt;!here&gt; :fire:"
    report = Report(
        title=evil,
        summary=evil,
        sections=(Paragraph(text=f"{evil}!"), Facts(rows=((evil, evil),)), Lines(lines=(evil,))),
        footer=evil,
    )
    shaped = shape(report, TEXTS)
    assert "<!" not in shaped.text
    assert "<@" not in shaped.text
    assert "mrkdwn" not in json.dumps(shaped.blocks)
    assert '"emoji": true' not in json.dumps(shaped.blocks)
    assert words_of(shaped.blocks).count(evil) == 6


def test_links_of_our_own_pages_are_links() -> None:
    report = Report(
        title="작업",
        summary="s",
        link=Link(url="https://guardia.example.go.kr/jobs/J1", label="작업 보기"),
        links=(Link(url="https://guardia.example.go.kr/act/x", label="승인"),),
    )
    assert links_of(shape(report, TEXTS).blocks) == {
        "작업 보기": "https://guardia.example.go.kr/jobs/J1",
        "승인": "https://guardia.example.go.kr/act/x",
    }


def test_a_card_that_says_its_summary_says_it_once() -> None:
    report = Report(title="질문", summary="어디에?", sections=(Paragraph(text="어디에?"),))
    assert words_of(shape(report, TEXTS).blocks).count("어디에?") == 1


def test_thirty_choices_are_thirty_buttons() -> None:
    buttons = tuple(Button(button="choose", value=f"{n}", label=f"시스템 {n}") for n in range(30))
    shaped = shape(Report(title="질문", summary="?", buttons=buttons), TEXTS)
    assert fault_of(shaped.blocks) is None
    assert [b["value"] for b in buttons_of(shaped.blocks)] == [f"{n}" for n in range(30)]


def test_more_choices_than_a_message_holds_are_said_to_be_more() -> None:
    buttons = tuple(
        Button(button="choose", value="x" * 200, label=f"{n} " + "시" * 70) for n in range(90)
    )
    shaped = shape(Report(title="질문", summary="?", buttons=buttons), TEXTS)
    assert fault_of(shaped.blocks) is None
    shown = len(buttons_of(shaped.blocks))
    assert 5 < shown < 90
    assert TEXTS.say("slack.more_buttons", count=90 - shown) in words_of(shaped.blocks)
