"""A survey that fails is told as a step's failure is: what, where, and what to do next."""

from __future__ import annotations

from bot.core.cards import refusal_report
from bot.core.errors import OperationError
from bot.core.texts import load_texts

TEXTS = load_texts("ko")


def test_names_the_node_the_reason_and_what_it_needs() -> None:
    error = OperationError(
        "survey_failed", node="was01", code="name_not_encodable", path="a.png", charset="cp949"
    )
    report = refusal_report(error, texts=TEXTS)
    assert report.summary.startswith("was01의 현재 상태를 읽지 못했습니다. 서버의 문자 집합")
    assert report.summary.count("was01") == 1
    assert "a.png" in report.summary
    assert "cp949" in report.summary


def test_names_no_address() -> None:
    error = OperationError("survey_failed", node="was01", code="unreachable", host="10.20.30.40")
    report = refusal_report(error, texts=TEXTS)
    assert "접속할 수 없습니다" in report.summary
    assert "10." not in report.summary


def test_says_the_code_of_what_it_has_no_sentence_for() -> None:
    error = OperationError("survey_failed", node="was01", code="never_heard_of")
    assert "never_heard_of" in refusal_report(error, texts=TEXTS).summary
