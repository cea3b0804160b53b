"""What is never a request: instructions to the bot's maker, shell text, reports, questions.

Owns: telling text that only looks like a request from one. It refuses more than it must; a
refused sentence can be said again in plain words. Rights are not decided here.
"""

from __future__ import annotations

import re

from intents.bypass import is_bypass
from intents.news import ends_as_news, tells
from intents.phrase import sentences

_ATTACK = re.compile(
    r"(?:이전|위의?|앞선?|기존)\s*의?\s*(?:모든\s*)?(?:지시|명령|규칙|프롬프트"
    r"|지침).{0,12}(?:무시|잊|버려|취소)"
    r"|(?:지시|명령|프롬프트|지침)(?:사항)?[은는을를]?\s*(?:모두|전부|다)?\s*(?:무시|잊어)"
    r"|ignore\b.{0,30}\b(?:instruction|previous|above|rule)"
    r"|disregard\b.{0,30}\b(?:instruction|previous)"
    r"|\brm\s+-|\bsudo\b|\bsu\s+-|/etc/|/proc/|\bcat\s+/|\bchmod\b|\bcurl\s|\bwget\s"
    r"|\bnc\s+-|\bbash\b|\bsh\s+-c"
    r"|\bmkfs|\bdd\s+if=|\breboot\b|\bkill\s+-9|\$\(|\$\{|&&|\|\||[;|]\s*(?:rm|cat|sh|id"
    r"|touch|kill|shutdown)\b"
    r"|drop\s+table|delete\s+from|select\s.+\sfrom\s|insert\s+into|update\s+\w+\s+set"
    r"|<\s*script|union\s+select"
    r"|\[/?inst\]|<\|.*?\|>|#{2,}\s*(?:assistant|system|user)|^\s*(?:system|assistant"
    r"|시스템)\s*[:：]"
    r"|규칙(?:이|을|은)?\s*(?:없는|없이|잊|무시|어기)|(?:너는|넌|당신은)\s*(?:이제|지금부터|오늘부터)|(?:이제|지금)부터\s*(?:너는|넌|당신)"
    r"|forget\b.{0,24}\b(?:instruction|rule)|disregard\b|임의의?\s*(?:명령|코드|스크립트)|승인자?\s*권한|승인(?:을)?\s*(?:받은|된|난|완료된)\s*(?:걸로|것으로|셈|척|거로)|승인\s*처리(?:하고|한\s*(?:뒤|다음))|(?:내가|나는|난|제가)\s*(?:승인자|관리자)|승인은?\s*(?:나중|이따|추후)"
    r"|^\s*\[?(?:error|warn(?:ing)?|info|debug|fatal)\]?\s+(?!logs?\b)[a-z\[][^가-힣\n]*$"
    r"|base64|시스템\s*프롬프트|system\s*prompt|verbatim|(?:비밀번호|비번|패스워드|password)(?!\s*(?:를|을|가|이)?\s*(?:\S{1,6}\s*번\s*)?.{0,6}"
    r"(?:초기화|틀|까먹|잊|잠|만료|변경|재설정|바꾸|분실))|jailbreak|탈옥"
    r"|(?:승인|otp|인증|결재)(?:\s*(?:절차|과정|단계|코드))?[은는이가을를]?\s*(?:없이"
    r"|생략|건너|스킵|비활성|무시|면제|해제|빼고|우회|안\s*받)"
    r"|라고\s*(?:하면|말하면|치면).{0,20}(?:알아들|실행|처리|이해)|번역해|관리자\s*모드"
    r"|developer\s*mode"
    r"|\bsystemctl\b|\bjournalctl\b|\bservice\s+[\w-]+\s+(?:start|stop|restart)\b"
    r"|[#@*>]\s*(?:system|assistant|시스템)\s*[:：]"
    r"|승인(?:을|도)?\s*(?:대신\s*)?(?:눌러|찍어)\s*(?:줘|주|라|버려)|(?<![가-힣])(?:네|니|너|봇)가\s*(?:대신\s*)?승인"
    r"|^\s*\[?(?:관리자|시스템|슈퍼유저|root|admin)\]?\s*(?:의\s*)?(?:명령|지시|공지|메시지)\s*[:：]"
    r"|(?:당신|너|네|봇|챗봇)(?:의)?\s*(?:정책|규칙|규정|지침)(?:상|에\s*따르면|\s*제?\d+\s*조|에\s*의하면)"
    r"|되묻지\s*(?:말|마)|확인(?:은|을|도)?\s*(?:묻지|받지|하지)\s*말고|묻지도\s*따지지도"
    r"|\.\.[/\\]|<\s*/?\s*(?:system|assistant|user|instructions?|prompt)\b|<!--"
    r"|승인[은이가도을]?\s*(?:필요\s*없|불필요)|(?:내가|제가)\s*(?:이미|벌써|대신|방금)?\s*승인\s*(?:했|하였|해\s*뒀)",
    re.MULTILINE,
)
_JSON = re.compile(r"[{\[]\s*[\"']?\w+[\"']?\s*[:,]|^\s*[{\[].*[}\]]\s*$", re.DOTALL)
_REPORTED_TEXT = re.compile(
    r"\d{4}-\d\d-\d\d[ t]\d\d:\d\d:\d\d\S*\s+(?:error|warn|info|debug|fatal)|user-agent:"
    r"|\b(?:action|operation|intent)\s*[:=]\s*\w|\btarget=|^\s*[a-z]{3}\s+\d{1,2}\s+\d\d:\d\d:\d\d\s|\bsystemd\["
)
_ASKS = re.compile(
    r"줘(?!서|야|도)|주라|해\s*주|주시(?:면|기|겠)|주실|감사하겠|고맙겠|부탁|의뢰|주세요|바랍|바람|요청"
    r"|줄래|달라|해라|시켜|해\s*봐|봐\s*줘|알려"
    r"|보여|좀\s|해요\??$"
    r"|누구|누가|얼마|며칠|무슨|어느|왜|뭐|언제|몇|어떻게|어디|\?|있어$|있나|인가|니$"
    r"|나요|까요|내역|이력"
)


_LOOKS = re.compile(r"확인|점검|체크|조회|파악|살펴")
_TO_THE_ROOM = re.compile(
    r"(?:아시는|계신|있으신|하실|가실|드실|주실)\s*분(?:들)?[가-힣\s]*[?~!.\s]*$"
    r"|다들\s.{0,20}(?:보세요|하세요|하시나요|어때요|어떠세요|어떻습니까|되세요|되시나요|되시죠)[?~!.\s]*"
    r"|(?<![가-힣])(?:누가|누구|어느\s*분).{0,30}(?:안\s*해\s*주나|해\s*줄\s*사람|중이(?:신가요|세요|십니까))[?~!.\sㅠㅜ]*$"
    r"|(?:자제|양해|유의|주의|숙지|참석|지참|준수)(?:를|을)?\s*(?:부탁|바랍|바람|요청|해\s*주)\S*[?~!.\s]*$"
    r"|(?:기다려|조심해)\s*(?:주|줘|봐)\S*[?~!.\s]*$"
)
_BOT = re.compile(r"(?<![가-힣])(?:봇|챗봇)(?:님|아|이|한테)?(?![가-힣])")
_COMPLAINS = re.compile(
    r"(?:보입니다|깨집니다|안\s*됩니다|증상입니다|원하시네요|원하십니다|원하세요|원합니다"
    r"|유의\s*바랍니다|참고\s*바랍니다|참고하세요"
    r"|공유드립니다|알려드립니다)[\s~!.ㅠㅜ]*$"
)
_QUESTION_ENDS = re.compile(
    r"(?:나요|려나|려나요|까요?|가요|니까|냐|죠|지요|는지요?|을지|(?<![가-힣])왜|[가-힣](?:니|나"
    r"|지)(?=\s*\?)|\?)[\s?!~.ㅠㅜㅋㅎ]*$"
)
_REQUESTS = re.compile(
    r"줘|주세요|주십시오|주실|주시|줄래|줄\s*수|부탁|바랍|바람|달라|달란|시켜라|하세요"
    r"|하십시오|해라|해\s*봐|봐\s*주|please"
    r"|(?:could|can|would|will)\s+you"
)
# "ESB가 뭐예요?": a question about a word, of nobody's system.
_CONCEPTS = (
    r"esb|크론|cron|락|데드락|와스|was|재기동|재시작|배포|무중단\s*배포|롤백|톰캣|힙|스왑|세션|ssl|인증서"
    r"|무결성|mes|타임라인|sr|큐|리스너|백업|덤프|vpn|배스천|otp|자가\s*치유|가디아|드레인|리로드"
)
_DEFINES = re.compile(
    rf"^(?:저기|근데|혹시|그|참|아)?[,\s]*(?:{_CONCEPTS})\s*(?:이|가|란|은|는|라는\s*게)?\s*(?:도대체\s*)?"
    r"(?:뭐예요|뭐에요|뭐야|뭔가요|뭐죠|뭐임|무엇인가요|뭔데|뭔지\s*(?:모르|설명|아|궁금)|무슨\s*(?:뜻|의미))"
    rf"|(?:{_CONCEPTS})(?:랑|이랑|하고|과|와)\s*\S{{1,12}}\s*(?:차이|뭐가\s*더)|의?\s*약자|무슨\s*뜻"
)
_FORWARDED = re.compile(
    r"^\s*\[?(?:회신|전달|공지|안내|알림|알람|경보|봇|alert|alarm|notice|re|fwd?)\]?\s*[:：\]]"
)
# "since the release the button does nothing": what a change did to somebody, and no wish.
_AFTERMATH = re.compile(
    r"(?:배포|반영|패치|재기동|재시작|롤백|업데이트|올린|적용)(?:된|한|하고|후|이후|하니|했는데|되고|\s?다음|\s?뒤|\s?몇\s?번)"
    r"\S*\s.{0,40}(?:안\s*[가-힣]+|깨[져지진]\S*|느려\S*|느린\S*|오류\S*|에러\S*|이상\S*|하얗\S*|먹통\S*|죽\S*|똑같\S*|여전\S*)"
    r"(?:\s*[가-힣]{1,6})?[\s.!~ㅠㅜ]*$"
)
_PAPERS = re.compile(
    r"(?:비용|단가|가격|견적)(?:이|은|가|는)?\s*(?:얼마|어떻게|언제)|"
    r"(?:분석|회의|테스트|검토)\s*(?:결과|자료|내용)(?:을|를)?\s*(?:공유|보고|정리해)|"
    r"(?:견적서?|제안서|발주|구매|초안|회의록|보고서|계약서|산출물|교육자료)(?:을|를|이|가)?\s*(?:요청|공유|작성|보내|제출|받|검토|나왔|준비)"
)
_THANKS = re.compile(
    r"^(?:네|넵|예|응|ㅇㅇ|아|오)?[,.\s]*(?:감사(?!\s*(?:로그|기록|이력|내역|팀|추적|자))|고마|고생|수고|땡큐|thanks?|ok|오케이"
    r"|알겠|확인했|좋아|굿|ㅋ|ㅎ|ㅠ|안녕|반가)"
)


def is_attack(text: str) -> bool:
    """Whether a text tries to be more than a person's request."""
    if is_bypass(text):
        return True
    return bool(_ATTACK.search(text) or _JSON.search(text) or _REPORTED_TEXT.search(text))


def requests_in(text: str) -> str:
    """The text without sentences that report, announce or thank."""
    called = bool(_BOT.search(text))
    return " \n ".join(
        part
        for part in sentences(text)
        if not is_report(part) or (called and _TO_THE_ROOM.search(part) and not tells(part))
    )


def asks_something(text: str) -> bool:
    """Whether words of asking stand in a text."""
    return bool(_ASKS.search(text) or _LOOKS.search(text))


def only_asks(sentence: str) -> bool:
    """Whether a sentence asks something and requests nothing: "하나요?", but not "해 주실래요?"."""
    return bool(_QUESTION_ENDS.search(sentence)) and not _REQUESTS.search(sentence)


def is_report(sentence: str) -> bool:
    """Whether a sentence tells what was or will be done rather than asking for it."""
    if _THANKS.match(sentence) and not _ASKS.search(sentence):
        return True
    if _COMPLAINS.search(sentence) or _TO_THE_ROOM.search(sentence) or tells(sentence):
        return True
    if _PAPERS.search(sentence) or (_AFTERMATH.search(sentence) and not _ASKS.search(sentence)):
        return True
    if _DEFINES.search(sentence) or _FORWARDED.match(sentence):
        return True
    return ends_as_news(sentence) and not _ASKS.search(sentence)
