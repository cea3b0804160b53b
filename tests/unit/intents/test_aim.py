"""Which messages leave their system to the place they are said in."""

from __future__ import annotations

import pytest

from intents.aim import leaves_target_open


@pytest.mark.parametrize(
    "text",
    [
        "재기동해줘",
        "WAS 1번 재기동해줘",
        "운영 WAS 1, 2번에 이 파일들 반영하고 무중단 재기동해줘",
        "헬스체크",
        "롤백해줘",
        "방금 배포한 거 이전 버전으로 되돌려줘",
        "서버 정보 알려줘",
        "톰캣 상태 확인 부탁드립니다",
        "설정 기준선 기록해줘",
        "WAS 1번 24817 세션 끊어줘",
        "디스크 얼마나 남았어?",
        "30일 지난 로그 압축하고 90일 지난 로그 삭제해줘",
        "DB 락 조회해줘",
        "인증서 만료일 확인해줘",
    ],
)
def test_bare_wishes_do(text: str) -> None:
    assert leaves_target_open(text.lower().replace(" ", ""))


@pytest.mark.parametrize(
    "text",
    [
        "우주항공청 발사시스템 WAS 재기동해줘",
        "전자결재 재기동",
        "홈텍스 WAS 1번 재기동",
        "그 민원 서버 재기동해줘",
        "재기동해도 되나",
        "옆팀 서버 롤백해줘",
        "백업 서버 재기동",
        "로그시스템 확인해줘",
        "../B기관/전자결재 재기동",
    ],
)
def test_a_word_that_may_be_a_name_does_not(text: str) -> None:
    assert not leaves_target_open(text.lower().replace(" ", ""))


def test_no_text_makes_it_slow() -> None:
    assert not leaves_target_open("이그저" * 26 + "꽥")
