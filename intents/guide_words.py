"""What people call the things that guides are about.

Owns: words that mean the same in a question and in a guide, and words of a question that ask
without saying what about. Names of institutions and systems are the CMDB's, not ours.
"""

from __future__ import annotations

import re

# One group a line. A word stands for every inflection that begins with it.
_GROUPS = """
중계 서버|점프 서버|점프|배스천|배스쳔|베스천|bastion|jump|경유
접속|접근|로그인|들어가|들어갈|들어간|붙으려|붙을|login|log in|access|connect
vpn|브이피엔|업무망
방화벽|firewall|출발지|오픈
otp|일회용 비밀번호|오티피|2차 인증|이차 인증|이중 인증|2fa
비밀번호|패스워드|비번|암호|password
잠기|잠긴|잠겼|잠겨|잠김|잠금|locked|lock
틀리|틀려|틀렸|틀린|오류 횟수
해제|풀어|풀려|풀고|푸는|unlock|초기화
계정|아이디|account|사번
신청|요청|승인|신청서
인증서|ssl|certificate|cert
갱신|만료|renew|교체
언제|시간|몇 시|몇시|요일|when
작업|변경|maintenance
긴급|급하|urgent
동결|배포 금지|프리즈|freeze|못 하|막혀|막힌
ssh 키|공개키|ssh key|public key
등록|추가|올려|올리
반출|내려받|다운로드|가져가|꺼내|추출|빼내
마스킹|가림|가려|비식별
파기|삭제|폐기|지워
개인정보|주민등록번호|진료
백업|backup|소산|테이프
복구|복원|restore
야간|밤에|밤|새벽|휴일|주말|당직
연락|전화|누구한테|누구에게|담당자|보고
장애|사고|다운|incident
재기동|재시작|리스타트|restart
연계|esb|eai|인터페이스
미처리|재전송|안 넘어간|안넘어간
로그|log
누락|빠졌|빠진|안 들어온|안들어온
"""

# What asks, and says nothing of what about. Longest first where one holds another.
_IDLE = (
    r"어떻게\s*(?:하나요|하는지|해야\s*(?:돼|되|하)\S*|하면|되\S*|돼\S*|해\S*|합니까|하지)?"
    r"|어떡해|어디서|어디에|어디다|어디로|어디|무엇을|무엇|무슨|뭐부터|뭐가|뭘|뭐|왜|어떤|얼마나"
    r"|(?<![가-힣])(?:좀|그|이|저|제가|저희|우리|혹시|지금|대체|도대체|처음|신규로|안녕하세요|수고하십니다)(?![가-힣])"
    r"|알려\s*(?:주세요|주시\S*|줘\S*|주라|달라\S*)?|가르쳐\s*\S*|보여\s*(?:주세요|줘\S*)?|찾아\s*(?:주세요|줘\S*)?"
    r"|안내\s*(?:해\s*\S*|부탁\S*|바랍\S*)?|문의\s*(?:드립\S*|해\S*)?|부탁\s*(?:드립\S*|드려\S*|해\S*)?"
    r"|궁금\S*|설명\s*(?:해\S*|부탁\S*)?"
    r"|방법|절차|가이드|매뉴얼|메뉴얼|설명서|규정|지침|사용법|쓰는\s*법|하는\s*법|사용|이용|정보|관련|대한|대해서?"
    r"|하나요|합니까|하나|하려면|하려고|하면|하는|해야|해요|해줘|해주세요|할\s*수|되나요|됩니까|되나|되는|돼요|돼|되"
    r"|있어\S*|있나\S*|있습니까|있는|있으면|없어\S*|없나\S*|싶\S*|써야|쓰려면|쓰나\S*|필요\S*|받으려면|받나\S*|받아야"
    r"|인가요|인지|이야|예요|이에요|건가\S*|거야|거예요|가능\S*|까요|나요"
    r"|(?<![a-z])(?:how|do|does|i|we|to|the|a|an|is|are|get|can|should|what|where|which|for|of|in|on|my|me"
    r"|please|tell|show|guide|procedure|with|and|it|need)(?![a-z])"
)
IDLE = re.compile(_IDLE)
PARTICLE = re.compile(
    r"(?<=[가-힣a-z0-9]{2})(?:에서는|에서|에는|에게|한테|으로|로|은|는|이|가|을|를|의|와|과|도|만|까지|부터|라도|이라도|하고|랑)$"
)


def groups() -> tuple[tuple[str, ...], ...]:
    """Words of one meaning, one tuple each."""
    return tuple(tuple(line.split("|")) for line in _GROUPS.strip().splitlines())
