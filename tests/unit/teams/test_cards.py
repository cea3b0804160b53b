"""Cards stay within what Teams takes, whatever a report holds, and no words become markup."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.teams.cards import (
    MAX_CARD_BYTES,
    SMALL_CARD_BYTES,
    activity_of,
    card_of,
    plain_text,
    size_of,
)
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
    Table,
    Tone,
)
from bot.core.texts import load_texts
from tests.fakes.adaptive_cards import actions_of, fault_of, words_of

TEXTS = load_texts("ko")
WORDS = st.text(max_size=400) | st.sampled_from(["가" * 9000, "[a](https://evil.test)", "\n\n"])
SECTIONS = st.one_of(
    st.builds(lambda text: Paragraph(text=text), WORDS),
    st.builds(lambda text, tone: Notice(text=text, tone=tone), WORDS, st.sampled_from(Tone)),
    st.builds(
        lambda rows: Facts(rows=tuple(rows), title="사실"),
        st.lists(st.tuples(WORDS, WORDS), max_size=40),
    ),
    st.builds(
        lambda rows: Table(columns=("가", "나"), rows=tuple(rows)),
        st.lists(st.tuples(WORDS, WORDS), max_size=80),
    ),
    st.builds(
        lambda rows: Checklist(
            rows=tuple(ChecklistRow(state="failed", label=text, elapsed_ms=12) for text in rows)
        ),
        st.lists(WORDS, max_size=60),
    ),
    st.builds(lambda rows: Lines(lines=tuple(rows)), st.lists(WORDS, max_size=120)),
)
REPORTS = st.builds(
    lambda title, summary, sections, count: Report(
        title=title,
        summary=summary,
        sections=tuple(sections),
        buttons=tuple(
            Button(button="b", value=str(number), label=f"단추 {number}") for number in range(count)
        ),
        footer="J260401-ABCDEF",
        link=Link(url="https://console.test/jobs/1", label="작업 화면"),
    ),
    WORDS,
    WORDS,
    st.lists(SECTIONS, max_size=12),
    st.integers(0, 9),
)


def made(report: Report, limit: int = MAX_CARD_BYTES) -> tuple[dict[str, Any], bool]:
    card, whole = card_of(report, TEXTS, limit)
    return dict(card), whole


@settings(max_examples=60, deadline=None)
@given(REPORTS, st.sampled_from([MAX_CARD_BYTES, SMALL_CARD_BYTES]))
def test_every_report_fits_into_a_message_with_its_buttons(report: Report, limit: int) -> None:
    card, whole = made(report, limit)
    assert size_of(card) <= limit
    assert fault_of(card) is None
    assert len(actions_of(card)) == len(report.buttons) + 1
    primary = [a for a in card["actions"] if a.get("mode") != "secondary"]
    assert len(primary) <= 6
    assert json.loads(json.dumps(activity_of(report, TEXTS)))["type"] == "message"
    if not whole:
        assert report.title.strip() in plain_text(report)


def test_facts_are_no_table_whose_first_row_teams_would_make_a_heading() -> None:
    facts = Facts(rows=(("대상", "was01"), ("환경", "운영")), title="대상")
    card, whole = made(Report(title="t", summary="s", sections=(facts,)))
    rows = [element for element in card["body"] if element["type"] == "ColumnSet"]
    assert whole
    assert [words_of(row) for row in rows] == [["대상", "was01"], ["환경", "운영"]]
    assert '"Table"' not in json.dumps(card)


def test_only_text_runs_carry_words() -> None:
    report = Report(
        title="t", summary="s", sections=(Table(columns=("a",), rows=(("**b**",),)),), footer="f"
    )
    text = json.dumps(card_of(report, TEXTS)[0])
    assert '"TextBlock"' not in text
    assert '"FactSet"' not in text


def test_a_short_report_is_whole_and_says_everything() -> None:
    report = Report(
        title="점검",
        summary="이상이 없습니다.",
        tone=Tone.GOOD,
        sections=(
            Facts(rows=(("대상", "was01"),), title="대상"),
            Lines(lines=("a b", ""), title="로그"),
            Checklist(rows=(ChecklistRow(state="succeeded", label="백업", detail="12 MB"),)),
        ),
        footer="J1",
    )
    card, whole = card_of(report, TEXTS)
    assert whole
    words = " ".join(words_of(card))
    for told in ("점검", "이상이 없습니다.", "대상", "was01", "a b", "✓ 백업", "12 MB", "J1"):
        assert told in words
        assert told in plain_text(report) or told == "✓ 백업"


def test_a_dangerous_button_looks_so_and_asks_once_more() -> None:
    button = Button(
        button="b", value="v", label="중단", style=ButtonStyle.DANGER, confirm="정말입니까?"
    )
    card, _ = made(Report(title="t", summary="s", buttons=(button,)))
    [action] = card["actions"]
    assert (action["type"], action["style"]) == ("Action.ShowCard", "destructive")
    assert words_of(action["card"]) == ["정말입니까?"]
    [again] = action["card"]["actions"]
    assert again["fallback"]["data"] == again["data"] == {"guardia": {"button": "b", "value": "v"}}
