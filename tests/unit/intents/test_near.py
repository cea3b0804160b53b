"""Misspelled names: found where one can be meant, asked about where two can, left alone else."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bench.estates import grown, reread
from bot.core.domain.estate import InstitutionEntry, SystemEntry, Vocabulary
from cmdb.importers.estate import vocabulary_of
from cmdb.importers.estate_csv import read_estate
from intents.jamo import distance, letters
from intents.lexicon import lexicon_of
from intents.resolve import read_slots

ROOT = Path(__file__).parents[3]
VOCABULARY = vocabulary_of(read_estate(ROOT / "bot/app/demo/data"), None)


def target_of(text: str, vocabulary: Vocabulary = VOCABULARY) -> tuple[str | None, str | None]:
    selector = read_slots(text, vocabulary).selector
    return selector.institution, selector.system


def test_takes_syllables_apart():
    assert letters("홈택스 was") == "ㅎㅗㅁㅌㅐㄱㅅㅡ was"
    assert letters("값") == "ㄱㅏㅂㅅ"


@pytest.mark.parametrize(
    ("left", "right", "apart"),
    [
        ("홈텍스", "홈택스", 0.5),  # ㅔ and ㅐ are one sound
        ("국세쳥", "국세청", 0.5),
        ("예삭", "예산", 1.0),
        ("예사", "예산", 1.0),
        ("청국", "청국", 0.0),
        ("나라장더", "나라장터", 0.5),
        ("발사", "예산", 4.0),
    ],
)
def test_counts_letters_and_not_syllables(left: str, right: str, apart: float):
    assert distance(left, right) == apart
    assert distance(right, left) == apart


def test_swapped_letters_are_one_slip():
    assert distance("ㅏㄱ", "ㄱㅏ") == 1.0


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("홈텍쓰 상태", ("국세청", "홈택스")),
        ("국세쳥 홈택스 상태", ("국세청", "홈택스")),
        ("기재부 예삭시스템 상태", ("기획재정부", "예산시스템")),
        ("기획제정부 예산 시스템에서 로그", ("기획재정부", "예산시스템")),
        ("나라장더는 어때", ("조달청", "나라장터")),
        ("유니페스 상태", ("관세청", "통관시스템")),
        ("복지부 업무포탈 상태", ("보건복지부", "업무포털")),
        ("행안부 주민등룍시스템 상태", ("행정안전부", "주민등록시스템")),
        ("국민건강보혐공단 요양급여 상태", ("국민건강보험공단", "요양급여시스템")),
    ],
)
def test_finds_the_one_name_that_is_near(text: str, target: tuple[str, str]):
    assert target_of(text) == target


@pytest.mark.parametrize(
    "text",
    [
        "우주항공청 발사시스템 상태",
        "발사시스템 상태",
        "국가시스템 상태",
        "통제시스템 상태",
        "전자결제시스템 상태",
        "사업부 상태",
        "문제부터 봐줘",
        "인사차 들렀습니다",
        "검찰청 사건시스템 상태",
        "예악 상태",
    ],
)
def test_a_stranger_that_is_spelled_right_is_nobody_elses_name(text: str):
    assert target_of(text) == (None, None)
    assert read_slots(text, VOCABULARY).offers == ()


def test_an_institution_does_not_get_a_system_that_is_merely_near():
    for text in ("기재부 국가시스템 상태", "외교부 전자결제 상태"):
        assert target_of(text)[1] is None


def test_a_misspelled_institution_does_not_get_another_ones_system():
    assert target_of("국세쳥 통관시스템 상태") == ("국세청", None)


def test_little_of_its_own_and_nobody_beside_it_is_only_offered():
    slots = read_slots("예삭시스템 상태", VOCABULARY)
    assert slots.selector.system is None
    assert slots.offers == ("예산시스템",)


def two(left: str, right: str) -> Vocabulary:
    return Vocabulary(
        institutions=(InstitutionEntry(name="국세청", code="NTS"),),
        systems=(
            SystemEntry(institution="국세청", name=left, code="NTS-A"),
            SystemEntry(institution="국세청", name=right, code="NTS-B"),
        ),
    )


def test_two_that_are_near_are_both_offered_and_none_is_taken():
    slots = read_slots("국세청 근로징려 상태", two("근로장려", "근로정려"))
    assert slots.selector.system is None
    assert set(slots.offers) == {"근로장려", "근로정려"}


def test_of_two_names_the_one_that_is_spelled_right_is_meant():
    assert target_of("근로장려 상태", two("근로장려", "근로정려")) == ("국세청", "근로장려")


def test_a_second_system_is_asked_about_though_it_is_misspelled():
    slots = read_slots("통관시스템이랑 홈텍쓰 재기동", VOCABULARY)
    assert slots.selector.system is None
    assert slots.rivals == ("통관시스템", "홈택스")


def test_beside_an_exact_pair_a_word_like_an_institution_is_a_word():
    assert target_of("국세청 홈택스 통일뷰 화면 상태") == ("국세청", "홈택스")


def test_a_misspelled_name_that_is_left_out_is_left_out():
    assert target_of("홈텍쓰 말고 나라장터 상태") == ("조달청", "나라장터")


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("MOEF-BUDGET 상태", ("기획재정부", "예산시스템")),
        ("moef 예산시스템 상태", ("기획재정부", "예산시스템")),
        ("NTS 홈택스 상태", ("국세청", "홈택스")),
        ("restart NTS-HOMETAX prod was", ("국세청", "홈택스")),
        ("KMA 통관시스템 상태", ("기상청", None)),
        ("show me 홈택스", ("국세청", "홈택스")),  # ME is a code, and an English word
        ("MOU 체결 건 문의", (None, None)),
        ("홈택스 NTS-ETAX 상태", (None, None)),
    ],
)
def test_codes_are_names(text: str, target: tuple[str | None, str | None]):
    assert target_of(text.lower()) == target


def test_an_estate_is_arranged_once_though_it_is_read_anew():
    again = reread(VOCABULARY)
    assert again is not VOCABULARY
    assert lexicon_of(again) is lexicon_of(VOCABULARY)
    assert lexicon_of(grown(VOCABULARY, 2_000)) is not lexicon_of(VOCABULARY)


def test_what_one_person_may_not_see_is_in_nobody_elses_lexicon_of_theirs():
    few = Vocabulary(institutions=VOCABULARY.institutions[:1], systems=VOCABULARY.systems[:1])
    assert target_of("국세쳥 홈텍쓰 상태", few) == (None, None)
    assert target_of("국세쳥 홈텍쓰 상태") == ("국세청", "홈택스")


@pytest.mark.parametrize(
    "piece", ["이랑", "에서는", "기관", "재기동은", "좀", "1번 ", "로그", "이나 1"]
)
def test_no_repetition_makes_it_slow(piece: str):
    started = time.perf_counter()
    read_slots(f"홈택스{piece * (2000 // len(piece))}뷁", VOCABULARY)
    assert time.perf_counter() - started < 60
