"""One wording for what is said in many: the form of a text that the classifier learns from.

Owns: synonyms, and which words say nothing of what is wanted (politeness, haste, environments,
numbers). Works on text in which names of the estate are masked. Must not know actions.
"""

from __future__ import annotations

import re
import unicodedata

VERSION = 3  # raise it with the form of texts or the estimator: other models are not taken

_SAME: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), word)
    for pattern, word in (
        (r"와스|왓스", "was"),
        (r"디비|데이터베이스|database", "db"),
        (
            r"톰캣|톰켓|tomcat|제우스|jeus|jboss|제이보스|웹로직|weblogic|wildfly",
            "톰캣",
        ),
        (r"엔진엑스|nginx|아파치|apache|httpd|웹투비|webtob|레디스|redis", "웹데몬"),
        (r"디스크|disk|하드|스토리지|볼륨|파티션|파일시스템|저장공간|df-h", "디스크"),
        (r"배포|반영|deploy(?:ed|s|ment)?|디플로이|패치|릴리즈|업로드", "배포"),
        (
            r"재기동|재시작|리스타트|restart(?:ed)?|재가동|재구동|재실행|리부트|껐다켜|껏다켜|내렸다올"
            r"|내렸다가올|다시띄우|다시띄워|다시올려",
            "재기동",
        ),
        (r"롤백|원복|되돌려|되돌리|rollback|revert|원상복구|돌려놔", "롤백"),
        (r"에스알|서비스요청", "sr"),
        (r"씨피유|시피유|씨퓨", "cpu"),
        (r"메모리|memory|램(?!프)", "메모리"),
        (r"heap", "힙"),
        (r"크론(?:탭|잡)?|cron(?:tab|job)?s?", "크론"),
        (r"스케쥴|스케줄|schedules?", "스케줄"),
        (r"로그(?!인|아웃)|(?<![a-z])logs?(?!in|out|ged)", "로그"),
        (r"ssl|tls|https|cert(?:ificate)?", "인증서"),
        (r"아이피|(?<![a-z])ip(?![a-z])", "ip"),
        (r"메시지큐|mq|큐", "큐"),
        (
            r"락(?=걸|이|을|있|상태|잡|풀|때문|확|홀|대기|조회|$)|데드락|블로킹|블락|블럭|(?<![b-df-z])lock",
            "락",
        ),
        (r"끊어|kill|킬(?=해|$|좀)|죽여|terminate", "종료"),
        (r"삭제|지워|지우|비워|치워|청소|제거|날려", "정리"),
        (r"젠킨스|jenkins|앤서블|앤시블|ansible|awx|파이프라인|pipeline", "파이프라인"),
        (r"백업|덤프|dump|backup", "백업"),
        (r"헬스(?:체크|첵)?|헬쓰(?:체크)?|health(?:check)?|핑(?:테스트)?|(?<![a-z])ping", "헬스"),
        (r"매일|매주|매월|매달|마다|every(?:day|week)?|간격으로|정기적으로|주기적으로", "매번"),
        (r"누가|누구|사람|놈|who", "누구"),
    )
)
_POLITE = re.compile(
    r"부탁(?:드립니다|드려요|드리겠습니다|해요|합니다|해)?|바랍니다|바람|요망"
    r"|요청(?:드립니다|드려요|합니다)|해주(?:시기|시겠어요|시겠습니까|시면감사하겠습니다|세요|십시오|라|실래요)"
    r"|해줄래|해줘요?|주세요|주십시오|주시기|줘요?|줄래|주라|(?<![가-힣])좀|please|한번|ㄱㄱ?$|빨리|급해|지금|혹시"
)
_PLACES = re.compile(
    r"운영(?!팀|자)|개발(?!자|완|팀)|스테이징|prod(?![a-z])|(?:was|web|웹|db)?0번(?!$)"
)
_SR = re.compile(r"sr-?\d{4}-\d+")


def canonical(masked: str) -> str:
    """The text in one wording, without spaces of its own; parts that were replaced stand alone."""
    text = unicodedata.normalize("NFKC", masked).lower()
    text = re.sub(r"[\s□]+", "", text)
    text = re.sub(r"\d+", "0", _SR.sub("§", text))
    text = _POLITE.sub(" ", text)
    for pattern, word in _SAME:
        text = pattern.sub(f" {word} ", text)
    text = re.sub(r"[.,!~]+|0(?:번|호기)", " ", _PLACES.sub(" ", text))
    text = re.sub(r"(.)\1{2,}", r"\1\1", text)
    return " ".join(text.split()) or "_"
