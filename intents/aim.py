"""Does a message leave its target to the place it is said in?

Owns: the words that say nothing of a target. Where a message is made of nothing else ("WAS 1번
재기동해줘"), its thread or channel may tell which system is meant; a single word that is not
understood may be the name of another one, and then somebody has to be asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable


def _either(words: Iterable[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


_LONGEST = 80  # squeezed characters; a longer message says more than a bare wish
_WORDS = (
    *("was", "web", "db", "와스", "왓스", "웹", "디비", "데이터베이스", "서버", "노드", "호기"),
    *("운영", "개발", "스테이징", "스테이지", "검증", "prod", "stage", "staging", "dev", "환경"),
    *(
        "전체",
        "전부",
        "모두",
        "모든",
        "다",
        "둘",
        "두",
        "세",
        "네",
        "한",
        "대씩",
        "대",
        "번",
        "각각",
    ),
    *("이전", "버전", "직전", "방금", "아까", "지금", "바로", "빨리", "얼른", "다시", "한번", "좀"),
    *("이", "그", "저", "이거", "그거", "이것", "그것", "여기", "우리", "시스템", "거", "것", "건"),
    *(
        "배포한",
        "반영한",
        "올린",
        "배포",
        "반영",
        "적용",
        "업로드",
        "올려",
        "패치",
        "파일들",
        "파일",
    ),
    *(
        "롤백",
        "원복",
        "되돌려",
        "되돌리",
        "복구",
        "rollback",
        "deploy",
        "restart",
        "health",
        "check",
    ),
    *("재기동", "재시작", "리스타트", "무중단", "기동", "중지", "중단", "정지", "시작", "켜", "꺼"),
    *("내려", "헬스체크", "헬스", "체크", "상태", "확인", "점검", "조회", "살아있는지", "살아있어"),
    *("살아", "있는지", "있나", "정상인지", "정상", "인지", "정보", "목록", "내역", "이력", "현황"),
    *("서비스", "톰캣", "tomcat", "nginx", "엔진엑스", "httpd", "아파치", "프로세스"),
    *("해줘요", "해줘", "해주세요", "해주십시오", "해주라", "해", "하고", "하기", "하자", "합시다"),
    *("주세요", "주십시오", "줘요", "줘", "줄래", "주라", "부탁드립니다", "부탁드려요", "부탁해요"),
    *("부탁해", "부탁", "바랍니다", "보여", "봐", "알려", "돌려", "처리", "진행", "실행", "작업"),
    *("은", "는", "가", "을", "를", "의", "도", "만", "로", "으로", "에서", "에", "과", "와", "들"),
)
# What the checks are about. Right before "서버" or "시스템" such a word may be the name of one.
_THINGS = (
    *(
        "디스크",
        "용량",
        "사용량",
        "사용률",
        "공간",
        "cpu",
        "씨피유",
        "메모리",
        "자원",
        "리소스",
        "부하",
    ),
    *(
        "로그",
        "에러",
        "설정",
        "구성",
        "무결성",
        "위변조",
        "변조",
        "검사",
        "기준선",
        "기준값",
        "베이스라인",
    ),
    *(
        "기록",
        "인증서",
        "ssl",
        "만료일",
        "만료",
        "보안",
        "포트",
        "크론탭",
        "크론",
        "crontab",
        "cron",
    ),
    *(
        "백업",
        "덤프",
        "락",
        "lock",
        "커넥션",
        "쿼리",
        "접속자",
        "접속",
        "로그인",
        "세션",
        "터미널",
        "pid",
    ),
)
# When, how much, and what is done with these.
_ABOUT_THEM = (
    *(
        "파일시스템",
        "여유",
        "남은",
        "남았어",
        "얼마나",
        "기간",
        "이상",
        "이내",
        "넘은",
        "동안",
        "최근",
    ),
    *(
        "오늘",
        "어제",
        "현재",
        "지난",
        "오래된",
        "시간",
        "분",
        "일",
        "줄",
        "오류",
        "열린",
        "내부",
        "새로",
    ),
    *("압축", "삭제", "지워", "정리", "찾아", "등록", "누가", "끊어", "끊고", "종료", "kill", "킬"),
)
_ONLY_WORDS = re.compile(
    rf"(?:(?!(?:{_either(_THINGS)})(?:서버|시스템))"
    rf"(?:{_either((*_WORDS, *_THINGS, *_ABOUT_THEM))}|[0-9]|[.,!?~#/·=%:-]))++"
)


def says_no_name(word: str) -> bool:
    """Whether a word without white space is one of these, or several written as one."""
    return _ONLY_WORDS.fullmatch(word) is not None


def leaves_target_open(squeezed: str) -> bool:
    """Whether a text without white space consists of such words only.

    The repetition is possessive: no text makes it slow, and a word that would need a second
    reading counts as not understood.
    """
    return len(squeezed) <= _LONGEST and says_no_name(squeezed)
