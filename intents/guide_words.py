"""What people call the things that guides are about.

Owns: words that mean the same in a question and in a guide, and words of a question that ask
without saying what about. Names of institutions and systems are the CMDB's, not ours.
"""

from __future__ import annotations

import re

# One group a line. A word stands for every inflection that begins with it.
_THINGS = """
중계 서버|점프 서버|점프|배스천|배스쳔|베스천|bastion|jump|경유
vpn|브이피엔|업무망
방화벽|firewall|출발지|오픈|firewall policy
otp|일회용 비밀번호|오티피|2차 인증|이차 인증|이중 인증|2fa
비밀번호|패스워드|비번|암호|password
계정|아이디|account|사번
인증서|ssl|certificate|cert
동결|배포 금지|프리즈|freeze|못 하|막혀|막힌
ssh 키|공개키|ssh key|public key
마스킹|가림|가려|비식별
개인정보|주민등록번호|진료
백업|backup
테이프|tape
복구|복원|restore
야간|밤에|밤|새벽|휴일|주말|당직
장애|사고|다운|incident
재기동|재시작|리스타트|restart
연계|esb|eai|인터페이스
미처리|재전송|안 넘어간|안넘어간
누락|빠졌|빠진|안 들어온|안들어온
"""
# What is done with things. Every guide has some of them: they tell less.
_DEEDS = """
접속|접근|로그인|들어가|들어갈|들어간|붙으려|붙을|login|log in|access|connect
잠기|잠긴|잠겼|잠겨|잠김|잠금|locked|lock
틀리|틀려|틀렸|틀린|오류 횟수
해제|풀어|풀려|풀고|푸는|unlock|초기화
신청|요청|신청서
갱신|만료|renew|교체
언제|시간|몇 시|요일|when
작업|변경|maintenance
긴급|급하|급한|urgent
등록|추가|올려|올리|register
반출|내려받|다운로드|가져가|꺼내|추출|빼내
파기|삭제|폐기|지워
연락|전화|비상 연락|누구한테|누구에게|담당자|책임자|당직자|보고|연결|넘어가|에스컬레이션|안 받|안받
"""

# What asks, and says nothing of what about. Longest first where one holds another.
_IDLE = (
    r"어떻게\s*(?:하나요|하는지|해야\s*(?:돼|되|하)\S*|하면|되\S*|돼\S*|해\S*|합니까|하지)?"
    r"|어떡해|어디서|어디에|어디다|어디로|어디|무엇을|무엇|무슨|뭐부터|뭐가|뭘|뭐|왜|어떤|얼마나"
    r"|(?<![가-힣])(?:에서|에|말고|빼고|좀|그|이|저|제가|저희|우리|혹시|이번에|새로|원래|지금|대체|도대체|처음|신규로|안녕하세요|수고하십니다)(?![가-힣])"
    r"|알려\s*(?:주세요|주시\S*|줘\S*|주라|달라\S*)?|가르쳐\s*\S*|보여\s*(?:주세요|줘\S*)?|찾아\s*(?:주세요|줘\S*)?"
    r"|안내\s*(?:해\s*\S*|부탁\S*|바랍\S*)?|문의\s*(?:드립\S*|해\S*)?|부탁\s*(?:드립\S*|드려\S*|해\S*)?"
    r"|궁금\S*|설명\s*(?:해\S*|부탁\S*)?"
    r"|방법|절차|가이드|매뉴얼|메뉴얼|설명서|규정|지침|사용법|쓰는\s*법|하는\s*법|사용|이용|정보|관련|대한|대해서?"
    r"|하나요|합니까|하나|하려면|하려고|하면|하는|해야|해요|해줘|해주세요|할\s*수|되나요|됩니까|되나|되는|돼요|돼|되"
    r"|있어\S*|있나\S*|있습니까|있는|있으면|없어\S*|없나\S*|싶\S*|써야|쓰면|쓰려면|쓰나\S*|필요\S*|받으려면|받나\S*|받아야"
    r"|던데|주세요|주십시오|에도|려면|으면|나면|봐야|써도|내야|맞죠|맞나|에요|어요|안내서"
    r"|서버|시스템|장비|(?<![a-z])(?:was|web|db|server)(?![a-z])|와스|웹|디비"
    r"|인가요|인지|이야|예요|이에요|건가\S*|거야|거예요|가능\S*|까요|나요"
    r"|(?<![a-z])(?:how|do|does|i|we|to|the|a|an|is|are|get|can|should|what|where|which|for|of|in|on|my|me"
    r"|please|tell|show|guide|procedure|with|and|it|need)(?![a-z])"
)
IDLE = re.compile(_IDLE)
PARTICLE = re.compile(
    r"(?<=[가-힣a-z0-9]{2})(?:에서는|에서|에는|에게|한테|으로|로|은|는|이|가|을|를|의|와|과|도|만|까지|부터|라도|이라도|하고|랑)$"
)

# What is left of a known word that is inflected: "휴일인데", "장애났는데".
SUFFIX = re.compile(
    r"(?:인데|이라|이라서|이고|이며|이면|이나|자|자가|자는|자의|자들|들|중|중에|중인데|때|때문|때문에|시|날|나서|났는데|난|나는|째)"
)
# A verb or adjective by its ending: mostly filler, since deeds are listed above.
PREDICATE = re.compile(
    r"(?:니다|니까|는데|은데|던데|아야|어야|려고|거나|해서|하고|이고|하면|으면|네요|어요|아요|세요|까요"
    r"|[가-힣](?:다|된|던|래|죠|요|지|며|까|함|임|음))$"
)
# An institution by its form. One that the asking person does not see is in no vocabulary of theirs.
PLACE = re.compile(r"[가-힣]{2,}(?:부|청|처|위원회|공단|공사|진흥원)$")


def things() -> tuple[tuple[str, ...], ...]:
    """Words of one meaning, one tuple each."""
    return _groups(_THINGS)


def deeds() -> tuple[tuple[str, ...], ...]:
    """The same for what is done with things."""
    return _groups(_DEEDS)


def _groups(lines: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(line.split("|")) for line in lines.strip().splitlines())
