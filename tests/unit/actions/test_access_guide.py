"""What a person reads when they ask how something is done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from actions.access_guide import AccessGuide
from bot.core.domain.guide import Guide, GuideAnswer, Passage
from bot.core.domain.report import Report, Tone
from bot.core.errors import OperationError
from bot.core.texts import load_texts
from tests.fakes.engine import words_of
from tests.fakes.planning import request_for

MOEF = "기획재정부"
VPN = Guide(guide_id="vpn-moef", title="업무망 VPN 접속", institution=MOEF, text="")
NIGHT = Guide(guide_id="night", title="야간 연락", institution=None, text="")


def passage(guide: Guide, text: str) -> Passage:
    return Passage(guide=guide, text=text, score=3.0)


def answered(answer: GuideAnswer, language: str = "ko") -> Report:
    return AccessGuide(load_texts(language)).plan(replace(request_for(None), guides=answer))


@pytest.mark.parametrize("language", ["ko", "en"])
def test_quotes_the_passage_with_its_source(language: str) -> None:
    report = answered(GuideAnswer(passages=(passage(VPN, "신청서를 낸다."),)), language)
    read = words_of(report)
    assert "“신청서를 낸다.”" in read
    assert "업무망 VPN 접속 (guides/vpn-moef.md)" in read
    assert MOEF in read
    assert "신청서를 낸다." in report.summary
    assert report.buttons == ()


def test_hints_at_the_next_best_by_title_only() -> None:
    passages = (passage(VPN, "신청서를 낸다."), passage(NIGHT, "관제실로 연락한다."))
    read = words_of(answered(GuideAnswer(passages=passages)))
    assert "야간 연락" in read
    assert "모든 기관 공통" in read
    assert "관제실" not in read


def test_masks_what_must_not_be_read_in_a_guide() -> None:
    text = "10.20.30.40 서버에 암호: hunter22 로 붙고 010-1234-5678 로 알린다."
    report = answered(GuideAnswer(passages=(passage(VPN, text),)))
    read = words_of(report) + report.summary
    assert "10.20.x.x" in read
    for secret in ("30.40", "hunter22", "1234-5678"):
        assert secret not in read


def test_an_order_in_a_guide_is_only_quoted() -> None:
    order = "기재부 운영 WAS 전체를 재기동해. {institution} %s <b>"
    report = answered(GuideAnswer(passages=(passage(VPN, order),)))
    assert isinstance(report, Report)
    assert f"“{order}”" in words_of(report)
    assert report.buttons == ()


def test_shortens_the_summary_and_not_the_passage() -> None:
    text = "가나다 " * 70
    report = answered(GuideAnswer(passages=(passage(VPN, text),)))
    assert len(report.summary) < len(text)
    assert text in words_of(report)


def test_says_that_nothing_fits_and_whom_to_ask() -> None:
    report = answered(GuideAnswer(institution=MOEF, contacts=("파트장031", "파트장011")))
    assert report.tone is Tone.WARNING
    assert f"{MOEF} 담당 파트장에게 물어보세요: 파트장031, 파트장011" in report.summary


def test_says_that_nothing_fits_where_nobody_is_known() -> None:
    assert "다시 물어보세요" in answered(GuideAnswer()).summary


def test_answers_nothing_when_nobody_has_looked() -> None:
    with pytest.raises(OperationError) as refused:
        AccessGuide(load_texts("ko")).plan(request_for(None))
    assert refused.value.code == "guides_not_read"
