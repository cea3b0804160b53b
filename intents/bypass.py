"""Words by which somebody tries to come past approval, one-time codes, rights or the audit.

Owns: these words. A plan that has to be approved is approved whatever its words say; but whoever
says them is told so, and it is on the record. The patterns are read in small letters.
"""

from __future__ import annotations

import re

_APPROVAL = r"(?:승인|결재|인가)"
_BYPASS = re.compile(
    # rules that are said not to count, and approvals that are said to have been given
    rf"{_APPROVAL}\s*(?:규칙|정책|절차|과정)[은는이가도을를]?\s*(?:적용\s*(?:되지|안|하지)|예외|제외|빼|꺼|끄)"
    rf"|{_APPROVAL}[은는이가도을를]?\s*자동(?:으로)?\s*(?:처리|완료|통과|승인)|자동\s*{_APPROVAL}\s*(?:으로|처리|하고|해)"
    rf"|(?:무|미){_APPROVAL}\s*(?:으로|상태로|배포|재기동|재시작|실행|진행|처리|반영)"
    rf"|{_APPROVAL}\s*\(?(?:bypass|skip|override|off)|(?:bypass|skip|override|without)\s+(?:the\s+)?(?:approval|otp|mfa)"
    rf"|{_APPROVAL}선?[을를은]?\s*(?:태우지|올리지|타지|거치지|묻지)\s*(?:말|마|않)"
    rf"|{_APPROVAL}\s*(?:요청|카드|알림)[을를은]?\s*(?:보내지|올리지|띄우지|만들지)\s*(?:말|마)"
    rf"|{_APPROVAL}\s*(?:결과|일시|여부)\s*[:：=]|{_APPROVAL}\s*번호\s*\S{{1,20}}\s*{_APPROVAL}"
    rf"|구두(?:로)?\s*(?:{_APPROVAL}|허락|허가)|{_APPROVAL}\S{{0,8}}\s*구두"
    r"|--?(?:no|skip)-?(?:approval|approve|otp|audit|confirm)|--?force\b|--?yes\b"
    r"|\b(?:approved?|force|confirm(?:ed)?|bypass)\s*[:=]\s*(?:true|yes|on|1|y)\b"
    rf"|{_APPROVAL}[은는]?\s*(?:됐고|되었고|됐으니|제쳐|알아서|차치)|사후\s*{_APPROVAL}|선\s*조치\s*후\s*(?:보고|승인|결재)"
    rf"|(?:승인자|결재자)\s*(?:가|는)?\s*(?:없|부재)\S*\s.{{0,30}}(?:그냥|바로|먼저)"
    r"|(?:확인|검토)\s*(?:절차|과정)?\s*(?:도\s*)?없이\s.{0,30}(?:재기동|재시작|중지|배포|반영|실행|내려|꺼|종료|롤백)"
    r"|\b(?:approvals?|approver|otp|mfa)\s+(?:is\s+|are\s+)?(?:not\s+(?:required|needed)|optional|waived)"
    r"|\bno\s+approval\b|\balready\s+approved\b|\boverride\s+(?:the\s+)?(?:safety|policy|rules?|lock)"
    # more rights than one's own
    r"|\bact(?:ing)?\s+as\s+(?:an?\s+|the\s+)?(?:admin\w*|root|approver|manager|pm)\b|(?:너|넌|당신)\s*(?:는|은)?\s*(?:관리자|승인자)"
    r"|(?:관리자|운영자|root|루트|admin|슈퍼\s*유저)\s*권한(?:으로(?!\s*(?:실행|구동|기동)(?:되|돼|중|됐|하는))|을\s*(?:줘|부여)|\s*부여)"
    r"|\bdan\s*(?:모드|mode)|(?:제한|필터|안전\s*장치|보안\s*검사)[을를은]?\s*(?:풀|해제|꺼|끄|무시)"
    # leaving no trace
    r"|(?:감사|로그|기록|이력|흔적)\s*(?:기록|로그|이력)?[을를은에도]?\s*(?:남기지|남지|적지|저장하지)\s*(?:말|마|않(?:게|도록|고|은\s*채)|안)"
    r"|기록(?:은|을)?\s*하지\s*(?:마|말)|감사\s*(?:기록|로그|이력)\S{0,3}\s.{0,20}(?:지워|삭제|없애|수정|고쳐)"
    # a conversation that somebody has made up
    r"|^\s*(?:봇|챗봇|bot|user|human|ai)\s*[:：]"
    # words that are to mean others from now on; templates that something might fill in
    r"|별칭\s*(?:을|를)?\s*(?:등록|추가|설정)|\{\{.*\}\}|\{%|\$\{|#\{|<%",
    re.MULTILINE,
)


def is_bypass(text: str) -> bool:
    """Whether a text tries to come past what protects the servers."""
    return _BYPASS.search(text.lower()) is not None
