"""Behind a value stands the particle that it wants; values themselves stay as they are."""

from __future__ import annotations

import pytest

from bot.core.texts import Texts

SAID = Texts(
    {
        "object": "‘{name}’을(를) 삭제했습니다.",
        "topic": "{name}은(는) 없습니다.",
        "subject": "{name}이(가) 연결되지 않았습니다.",
        "way": "`{name}`(으)로 저장했습니다.",
        "called": "‘{name}’(이)라는 작업",
    },
    "ko",
)


@pytest.mark.parametrize(
    ("key", "name", "said"),
    [
        ("object", "야간점검", "‘야간점검’을 삭제했습니다."),
        ("object", "헬스체크", "‘헬스체크’를 삭제했습니다."),
        ("topic", "국세청 홈택스", "국세청 홈택스는 없습니다."),
        ("topic", "예산시스템", "예산시스템은 없습니다."),
        ("subject", "was01", "was01이 연결되지 않았습니다."),
        ("subject", "was02", "was02가 연결되지 않았습니다."),
        ("way", "야간점검", "`야간점검`으로 저장했습니다."),
        ("way", "헬스체크", "`헬스체크`로 저장했습니다."),
        ("way", "서울", "`서울`로 저장했습니다."),
        ("called", "메모", "‘메모’라는 작업"),
        ("called", "점검", "‘점검’이라는 작업"),
    ],
)
def test_a_particle_fits_the_last_syllable(key: str, name: str, said: str) -> None:
    assert SAID.say(key, name=name) == said


@pytest.mark.parametrize("name", ["budget.zip", "", "(주)", "😀"])
def test_both_forms_stay_behind_what_nobody_knows_how_to_read(name: str) -> None:
    assert SAID.say("topic", name=name) == f"{name}은(는) 없습니다."


def test_a_value_that_looks_like_a_place_of_a_value_stays_as_it_is() -> None:
    assert SAID.say("topic", name="{name}은(는) 점검") == "{name}은(는) 점검은 없습니다."
