"""What a text says about one verb: wanted, denied, only talked of.

Owns: the endings by which Korean tells a wish from news, questions, plans and refusals. Works on
text without spaces in which names of the estate are masked. Must not know actions or targets.
"""

from __future__ import annotations

import re
from enum import StrEnum

from intents.phrase import PAST

RESTART = (
    r"재기동|재시작|재구동|리스타트|restart|재가동|재실행|리부트|껐다(?:가)?다?시?켜|끄고다?시?켜"
    r"|내렸다(?:가)?(?:다시)?(?:올[려리]|켜|띄[워우])|다시띄[워우]"
)
DEPLOY = r"배포|반영|디플로이|deploy|upload|패치(?!노트)|릴리즈|업로드"
ROLLBACK = (
    r"롤백|되돌려|되돌리|원복|원상복구|rollback|roll□*back|revert|undo"
    r"|(?:이전|예전|옛날|직전|기존|(?<![이직오])전|원래|어제|먼저|전에쓰던|저번)"
    r"(?:에쓰던|에올린)?(?:버전|파일|상태|소스|걸|것|거)?(?:으)?로(?:다시)?"
    r"(?=돌[려리]|바꿔|복|해놔|해줘|해주|원|롤|가|$)|원래대로|복원|(?:도로|다시)(?:빼|물러)|물러줘"
)
# What may follow a verb that makes it no wish: past, question, condition, plan, noun.
_NO_WISH = (
    r"(?:은|는|을|를|이|가|도|만|건|한거|랑|와|과)?(?:이라고|면(?!서|좋겠|감사|고맙)|(?:은|는)[가-힣0-9]{0,8}하는(?:게|것|거|편)|(?:한번|두번)하는|했(?!으면(?:합니다|해요|하는데요|좋겠(?:어요|습니다)))|후에도|뒤에도|후로|뒤로|시켰|시킨|시키는|시키면"
    r"|잘됐|잘되|잘된|잘했|하였|됐|되었|된|되어|되고|돼있|하다|한(?!다음|뒤|후|번|(?:벌|본|부|방|장|개)(?:만|씩|떠|받|뜨|해|더|미리|좀|부탁|$))|한(?:다음|뒤|후)(?:로|부터|에도|에계속)"
    r"|하던|하려|할예정|할계획|할때|할수|할까|할지|할뻔|할생각|할작정|할거|할꺼|할듯|할필요|할만|할모양|할텐데|할테니|하면서|하고(?:나서부터|부터|나니)|하더|하시죠|하시지|하자고|하자는|하잔|하느라"
    r"|하겠|할게|할께|하신|하셨|하면|해야|해도|하나요|하는(?!걸로해[줘주])|되는|되나|될"
    r"|안되|안돼|이안|안하기로|안하신|이력|내역|기록|현황|히스토리|방법|절차|순서(?!대로)|동결|금지"
    r"|작업(?:은|이)?(?:언제|무슨|몇|가능|있)|기준|승인|규칙|지시|담당|누가|누구|성공|여부|결과|목록"
    r"|예정|일정|언제|몇|실패|중(?:이|인|입|에)|자(?!동)|이유|왜|필요한|필요하|완료|끝|직후|이후|전에"
    r"|하기(?!바라|바랍|바람|부탁|요망|요청|$)|하고나|하고서|하니|하래|하랬|하라던|하라네|하라는|하라고(?!요|!|$|니까|좀)|해달라(?!고요|고!|고$|니까|구요|구!|고했잖)"
    r"|시간|권한|어떻게|방식|란|이란|이뭐|뭐|도(?:돼|되|될|괜찮)|놨|놓|뒀|진(?!행)|졌|져(?!줘)|갔|간|드렸|드립"
    r"|드릴|요청했|요청하였|요청받|요청이|요청들어|요청왔|부탁했|부탁받|부탁이|의뢰했|의뢰받|의뢰가|의뢰들어|의뢰왔|필요(?!없)|가능|준비|계획"
    r"|테스트|확인|점검|대상|문서|전$|전(?!체|부|환)|팀|관련|버전|스크립트|매뉴얼|상태|로그|서버(?:가|는|의)"
    r"|알림|공지|일지|창|시점|덕분|탓|야(?:하나|되나|돼|할지|할까|하는)|줬|줄게|줄께|준다|줘서|줘도|줘야|달라고(?:했|하|들|요청)|달래|달라(?:했|하[셨시더던네]|던|는|네|더라)"
    r"|파일(?!들?(?:을|를|도)?(?:반영|배포|올려|적용|교체|받|떠|생성|만들))|때문|빈도|주기|계정|화면|이슈|에러|오류)"
)
# What may follow a verb's noun so that it is a wish: the end, a request, where to do it.
_WISH = (
    r"(?:작업|처리|진행|실행|실시|건|좀|을|를|도|만|이|은|는|까지|한번|다시|바로|빨리|즉시"
    r"|지금|당장|같이|먼저|꼭|얼른|시|및|랑|와|과|부터|으로|로|급히|긴급|신속히|조속히|하고|무조건|제발|일단|미리|직접)*"
    r"(?:$|[^가-힣ㄱ-ㅎ]|했으면|해|하|합|할|후|한|돌게|돌도록|돌아가게|시급|급합|급해|급함|부탁|요|이요|요청|의뢰|협조|신청|바랍|바람|처리|진행|실행|실시"
    r"|시켜|시키|주|줘|라|달|봐|돌려|ㄱ|ㅂ|고고|예약(?!됐|했|한|된|취소|목록|이력|자)|가능할까|가자"
    r"|웹|와스|디비|운영|개발|스테이징|검증|서버|전체|전부|모두|둘다|[일이삼사오]번|무중단"
    r"|(?:때려|갈겨|쏴|날려)(?=줘|주[라세십시실]|라|요|봐|달|$)|때립시다|순차|롤링|그리고|그다음|다음|뒤|재기동|재시작|배포|반영|롤백|복구|톰캣|아파치|엔진|서비스|프로세스"
    r"|받|떠|뜨|하나|[한두](?:벌|본|부|방|장|개)(?:만|씩|떠|받|뜨|해|더|미리|좀|부탁|$)|걸어|파일(?=받|떠|생성|만들)|매일|매주|매월|내일|오늘|새벽)"
)
# What was done, in whatever verbs: "백업 받아놨어요", "정리해둠", "반영 끝"; not "했으면 합니다".
_LIGHT = (
    r"(?:하|해|시키|시켜|받|받아|뜨|떠|돌리|돌려|걸|걸어|넣|넣어|올리|올려|올라|내리|내려|치|쳐|끝|끝내|마치|처리|진행|실행"
    r"|완료|조치|들어|날려|지워|끊어|밀어|잡아|나|나가|끝나|켜|띄워|살려|바꿔|갈아)"
)
_DONE = re.compile(
    r"(?:을|를|이|가|도|만|은|는|다|잘|싹|좀|전부|모두|이미|벌써|방금|막|새로|까지|\s)*"
    rf"{_LIGHT}{{0,2}}(?:놓|놔|두|주|버|드리|드|보|내|먹)?"
    rf"(?:{PAST}(?!으면|던|을경우|을때|겠)|(?:둠|드림|놓음|놈|함|됨|시킴|버림|끝|완료)(?!하|해|시|되면))"
)
# Between a verb's noun and what is said of it: "배포 작업 하지 마세요".
_WORK = re.compile(
    r"(?:작업|처리|진행|실행|실시|건)(?=은|는|을|를|도|하지|하진|안|금지|보류|말|마)"
)
_CONJUGATED = re.compile(
    "[고려어꿔아워써여켜꺼놔리로올둬돌줘러빼우띄묶져혀쳐]$|다시올|복원|복구|원상"
)
_DENIED = (
    r"(?:은|는|을|를|도|까지|까진)?(?:절대로?|아직|지금은|일단은?|제발|굳이)?(?:하지(?:는"
    r"|도)?(?:마|말)|하진(?:마|말)|하지않|안해|안하(?!기로|신)|않|말고|말아|마(?:라|세요|시)|없이|금지"
    r"|불필요|보류|연기(?!금)|미뤄|미루|미룹|미룬|홀드|no(?![a-z])|노노|필요없|필요는없"
    r"|필요도없|빼고|제외|생략|ㄴㄴ|놉|못하게|시키지(?:마|말)"
    r"|돌리지(?:마|말)|리지(?:마|말)|지(?:는|도)?(?:마|말))"
)
# "if it fails, roll it back": a change that waits for something is not made now.
_UNLESS = re.compile(
    r"(?:실패|문제|이상|안되|안돼|에러|오류|장애|잘못되|심하|높으|끝나|떨어지|승인나|승인되|결재나|통과되|통과하|완료되|완료하|터지|멈추|뻗으|느리|죽|많으|있으|없으|(?<![일주달월년])(?:넘|초과하)|도달하|떨어지|오르|찍으|막히|심해지|차|나)[가-힣]{0,6}"
    r"(?:면|시|경우)(?:에|엔|에는)?,?(?:was|와스|톰캣|바로|자동|즉시|자동으로|다시|한번|그냥|그때|그땐|그때는|그때가서|그제서야|제가|내가|저희가|따로|또|우선|일단)*$"
)
_NOT_AT_ALL = re.compile(
    r"(?<![업법노사실의총])무$|(?<!잘)못$"
)  # "무재기동", but not "업무 재기동"


_CHAIN = re.compile(rf"(?:(?:및|,|/|·|후)?(?:{RESTART}|{DEPLOY}|{ROLLBACK}|적용|교체))+")

_JOINED = re.compile(rf"(?:(?:및|/|·)?(?:{RESTART}|{DEPLOY}|{ROLLBACK}))+")


class Wish(StrEnum):
    """What a text says about one verb."""

    WANTED = "wanted"
    DENIED = "denied"
    MENTIONED = "mentioned"  # told or asked about
    BOTH = "both"
    ABSENT = "absent"


def wish_for(verb: str, text: str) -> Wish:
    """Whether a verb is asked for, forbidden, or only talked about."""
    seen = {_said(match, text) for match in re.finditer(verb, text)}
    for wish in (Wish.WANTED, Wish.DENIED):
        if wish in seen:
            both = {Wish.WANTED, Wish.DENIED} <= seen
            return Wish.BOTH if both else wish
    return Wish.MENTIONED if seen else Wish.ABSENT


def _said(match: re.Match[str], text: str) -> Wish:
    before, rest = text[: match.start()], text[match.end() :]
    worked = _WORK.match(rest)
    rest = rest[worked.end() :] if worked else rest
    if is_refused(rest) or _NOT_AT_ALL.search(before):
        return Wish.DENIED
    if tells_of_it(rest) or _UNLESS.search(before):
        return Wish.MENTIONED
    # A noun that nobody asks for: "배포 체크리스트", "배포 들어갑니다".
    asked = _CONJUGATED.search(match.group()) or re.match(_WISH, rest)
    return Wish.WANTED if asked else Wish.MENTIONED


# "껐다 켜는 게 최고", "내렸다 올리니까 살아나더라".
_OF_A_STEM = re.compile(
    r"니까|더니|던|도(?!록)(?=[가-힣]{0,3}(?:똑같|소용|안|그대로|마찬가지|매한가지|되|돼|괜찮))|는(?:게|건|것|거(?!로)|법|사람|중|데|동안|바람에)"
)


def tells_of_it(rest: str) -> bool:
    """Whether what follows a verb tells of it. Of two verbs in a row the last one is conjugated."""
    chained = _CHAIN.match(rest)
    rest = rest[chained.end() :] if chained else rest
    return bool(re.match(_NO_WISH, rest) or _DONE.match(rest) or _OF_A_STEM.match(rest))


def is_refused(rest: str) -> bool:
    """Whether what follows a verb forbids it, alone or with another verb right behind it."""
    joined = _JOINED.match(rest)
    return bool(re.match(_DENIED, rest) or (joined and re.match(_DENIED, rest[joined.end() :])))


def was_done(rest: str) -> bool:
    """Whether what follows a verb tells that it was done."""
    return _DONE.match(rest) is not None


def restart_wish(text: str) -> Wish:
    """What a text says about restarting ("무중단 재기동" is a restart)."""
    return wish_for(RESTART, re.sub(r"무중단", "", text))
